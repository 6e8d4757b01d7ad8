"""A person's own keys: read from the settings page, refused where they clash, never lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.template import Context, Template
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.accounts.keymap import ACTIONS, TAKEN, KeysInvalid, cheat_sheet, field_of, key_rows, keymap_read
from reviewapp.accounts.models import User
from tests import factories

ClientFor = Callable[[User], Client]
ROOT = Path(__file__).resolve().parents[3]
SAVE = "/accounts/keys/save/"


def test_an_empty_form_is_the_usual_keys() -> None:
    assert keymap_read({}) == {}


def test_only_what_differs_is_kept() -> None:
    given_keys = {field_of("review", "f"): "X", field_of("review", "n"): "n", field_of("grade", "f"): "ü"}

    assert keymap_read(given_keys) == {"review": {"f": "x"}, "grade": {"f": "ü"}}


def test_two_acts_may_swap_their_keys() -> None:
    swapped = keymap_read({field_of("review", "f"): "s", field_of("review", "s"): "f"})

    assert swapped == {"review": {"f": "s", "s": "f"}}


@pytest.mark.parametrize(
    ("page", "key", "words"),
    [
        ("review", "s", "also the key for"),
        ("review", "4", "always has another meaning"),
        ("review", "?", "always has another meaning"),
        ("grade", "y", "always has another meaning"),
        ("review", "ab", "one letter or sign"),
        ("review", "\u200b", "one letter or sign"),
    ],
)
def test_a_key_that_cannot_be_used_says_why(page: str, key: str, words: str) -> None:
    with pytest.raises(KeysInvalid) as refusal:
        keymap_read({field_of(page, "f"): key})

    assert words in refusal.value.problems[field_of(page, "f")]


def test_a_clash_is_told_at_both_fields() -> None:
    with pytest.raises(KeysInvalid) as refusal:
        keymap_read({field_of("review", "f"): "s"})

    assert set(refusal.value.problems) == {field_of("review", "f"), field_of("review", "s")}


@given(st.dictionaries(st.sampled_from(sorted(ACTIONS["review"])), st.text(max_size=2)))
def test_whatever_is_accepted_has_one_act_for_each_key(wanted: dict[str, str]) -> None:
    try:
        own = keymap_read({field_of("review", usual): key for usual, key in wanted.items()}).get("review", {})
    except KeysInvalid:
        return
    keys = [own.get(usual, usual) for usual in ACTIONS["review"]]
    assert len(set(keys)) == len(keys)
    assert not TAKEN["review"].intersection(keys)
    assert all(len(key) == 1 and not key.isdigit() for key in keys)


def test_no_usual_key_is_taken_or_used_twice() -> None:
    for page, acts in ACTIONS.items():
        assert not TAKEN[page].intersection(acts)
        assert keymap_read({field_of(page, usual): usual for usual in acts}) == {}


def test_a_refused_form_is_shown_as_it_was_typed() -> None:
    rows = dict(key_rows({}, {"key-review-f": "s"}, {"key-review-f": "Give one."}))["Reviewing samples"]
    row = next(row for row in rows if row.field == "key-review-f")

    assert (row.now, row.problem) == ("s", "Give one.")


def test_the_list_of_keys_holds_every_act() -> None:
    listed = {keys[0] for keys, _words in cheat_sheet("review")}

    assert {key.upper() for key in ACTIONS["review"]} <= listed


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("review", ["templates/reviews/review_edit.html", "static/reviews/review_edit.js"]),
        ("grade", ["templates/evaluations/grade.html"]),
    ],
)
def test_every_key_of_a_page_can_be_changed(page: str, names: list[str]) -> None:
    shared = sorted((ROOT / "templates" / "components").glob("bench_*.html"))
    files = [*(ROOT / name for name in names), *shared]
    found = {key for path in files for key in re.findall(r'hotkey(?:="|\s=\s")([^"{]+)"', path.read_text("utf-8"))}

    assert found
    assert found <= set(ACTIONS[page])


def test_keys_are_saved_and_reset(client_for: ClientFor) -> None:
    ana = factories.user("ana")
    browser = client_for(ana)

    browser.post(SAVE, {"key-review-f": "x", "break_minutes": "25", "break_items": ""})

    ana.refresh_from_db()
    assert (ana.keymap, ana.has_single_keys, ana.break_minutes, ana.break_items) == (
        {"review": {"f": "x"}},
        False,
        25,
        0,
    )
    browser.post("/accounts/keys/reset/")
    ana.refresh_from_db()
    assert (ana.keymap, ana.break_minutes) == ({}, 25)


def test_nothing_is_saved_when_something_is_wrong(client_for: ClientFor) -> None:
    ana = factories.user("ana")

    response = client_for(ana).post(SAVE, {"key-review-f": "s", "key-review-e": "x", "break_minutes": "soon"})

    page = response.content.decode()
    assert response.status_code == 422
    assert "Nothing was saved yet" in page
    assert "whole number from 0 to 480" in page
    assert 'name="key-review-e" value="x"' in page
    ana.refresh_from_db()
    assert ana.keymap == {}


def test_a_keymap_cannot_break_out_of_its_attribute() -> None:
    hostile = {"review": {"f": '"'}, "grade": {"f": "<"}}
    shown = Template('{% load own_keys %}<p data-keymap="{{ keymap|as_json }}">').render(Context({"keymap": hostile}))

    assert shown.count('"') == 2
    assert "<" not in shown[2:]
    unescaped = shown.split('"')[1].replace("&quot;", '"').replace("&lt;", "<")
    assert json.loads(unescaped) == hostile
