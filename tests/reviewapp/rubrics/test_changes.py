from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.rubrics.changes import change_kind, rubric_change, words_changed
from reviewapp.rubrics.schema import RubricDocument, rubric_parse
from tests.reviewapp.rubrics.kinds import criterion, every_kind, levels

RUBRIC = rubric_parse(every_kind())


def with_change(key: str, **values: Any) -> RubricDocument:
    document = every_kind()
    next(one for one in document["criteria"] if one["key"] == key).update(values)
    return rubric_parse(document)


def worded(*values: int) -> list[dict[str, Any]]:
    return [level | {"anchor": f"Exactly {level['anchor']}"} for level in levels(*values)]


@pytest.mark.parametrize(
    ("key", "values", "kind"),
    [
        ("clear", {"name": "Clarity"}, "wording"),
        ("clear", {"description": "Read it once."}, "wording"),
        ("clear", {"levels": worded(1, 2, 3)}, "wording"),
        ("omissions", {"name": "Gaps", "weight": 2}, "weighting"),
        ("clear", {"is_critical": True}, "weighting"),
        ("named_owner", {"points": 9}, "weighting"),
        ("clear", {"levels": levels(1, 2, 3, 4)}, "structural"),
        ("clear", {"evidence_at_or_below": 2}, "structural"),
        ("clear", {"evidence_at_or_below": None}, "wording"),
        ("clear", {"allow_na": False}, "structural"),
        ("harm", {"allow_na": True}, "wording"),
        ("harm", {"direction": "higher", "evidence_at_or_below": None}, "structural"),
        ("omissions", {"unit": "gaps"}, "structural"),
        ("omissions", {"most": 8}, "structural"),
        ("omissions", {"evidence": ["source"]}, "structural"),
        ("errors", {"error_types": [{"key": "fabrication", "name": "Invented"}]}, "structural"),
        ("clear", {"applies_to": "outputs"}, "wording"),
    ],
)
def test_a_change_keeps_judgements_or_not(key: str, values: dict[str, Any], kind: str) -> None:
    change = rubric_change(RUBRIC, with_change(key, **values))
    assert {one.key: one.kind for one in change.criteria if one.kind != "same"} == {key: kind}
    assert change.is_structural == (kind == "structural")
    assert next(one for one in change.criteria if one.key == key).fields


def test_a_criterion_that_comes_or_goes_is_structural() -> None:
    document = every_kind()
    document["criteria"] = document["criteria"][1:] + [criterion("new", "gate", levels=levels(1, 0))]
    change = rubric_change(RUBRIC, rubric_parse(document))
    assert [(one.key, one.state) for one in change.structural] == [("new", "added"), ("unsafe", "removed")]
    assert "no judgement of it" in change.structural[0].words


def test_guidelines_and_order_are_wording() -> None:
    reordered = dataclasses.replace(RUBRIC, criteria=RUBRIC.criteria[::-1], guidelines="Read twice.")
    change = rubric_change(RUBRIC, reordered)
    assert change.is_reordered and not change.is_structural and not change.is_empty
    assert change.texts[0].pieces == (("ins", "Read twice."),)


def test_nothing_changed_is_nothing() -> None:
    assert rubric_change(RUBRIC, RUBRIC).is_empty
    assert all(change_kind(one, one) == "same" for one in RUBRIC.criteria)


def test_a_change_is_told_word_by_word() -> None:
    pieces = words_changed("One omission, or two.", "Two omissions, or two.")
    assert pieces == (
        ("del", "One"),
        ("ins", "Two"),
        ("same", " "),
        ("del", "omission"),
        ("ins", "omissions"),
        ("same", ", or two."),
    )


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_pieces_hold_both_texts(old: str, new: str) -> None:
    pieces = words_changed(old, new)
    assert "".join(text for kind, text in pieces if kind != "ins") == old
    assert "".join(text for kind, text in pieces if kind != "del") == new
