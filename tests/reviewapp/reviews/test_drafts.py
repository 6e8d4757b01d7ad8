"""Drafts of two windows, answers for the page's own script, and forms that a rubric has left behind."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.core.exceptions import LeaseLost
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors.workbench import diff_since_import, notes_left_over
from reviewapp.reviews.services.drafts import DraftConflict, draft_keep
from reviewapp.samples.models import Revision
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import RUBRIC, claim, review


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project)


@pytest.fixture
def ann(client: Client, w: SimpleNamespace) -> Client:
    client.force_login(w.ann, backend="django.contrib.auth.backends.ModelBackend")
    return client


def keep(assignment: Assignment, words: str, *, window: str, version: int, name: str = "block-1") -> Assignment:
    return draft_keep(assignment=assignment, changes={name: words}, window=window, version=version)


def url(name: str, held: Assignment) -> str:
    return reverse(f"reviews:{name}", args=["letters", held.key])


def test_one_window_writes_on_whatever_version_it_knows(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    keep(held, "a", window="desk", version=0)

    # the answer to the first was lost, so this window still believes in version 0
    assert keep(held, "ab", window="desk", version=0).draft["block-1"] == "ab"


def test_another_window_is_not_written_over(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    keep(held, "at the desk", window="desk", version=0)

    with pytest.raises(DraftConflict) as refusal:
        keep(held, "on the ward", window="ward", version=0)

    assert refusal.value.version == 1
    assert "Changed in another window" in refusal.value.message
    assert Assignment.objects.get(pk=held.pk).draft["block-1"] == "at the desk"
    # with the version that the refusal told, it is what the person wants
    assert keep(held, "on the ward", window="ward", version=1).draft["block-1"] == "on the ward"


def test_two_windows_may_write_different_fields(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    keep(held, "at the desk", window="desk", version=0)

    both = keep(held, "3", window="ward", version=0, name="score-complete").draft

    assert (both["block-1"], both["score-complete"]) == ("at the desk", "3")


def test_the_same_words_are_no_conflict(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    keep(held, "same", window="desk", version=0)

    assert keep(held, "same", window="ward", version=0).draft_version == 2


def test_a_decided_sample_takes_no_draft(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)

    with pytest.raises(LeaseLost):
        keep(made.assignment, "late", window="desk", version=0)


def test_the_browser_is_told_of_the_conflict(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    keep(held, "at the desk", window="desk", version=0)

    answer = ann.post(url("draft_save", held), {"changes": '{"block-1": "x"}', "window": "ward", "version": "0"})

    assert answer.status_code == 409
    assert (answer.json()["conflict"], answer.json()["version"]) == (True, 1)


def form(**values: str) -> dict[str, str]:
    scores = {"score-wrong_fact": "0", "score-complete": "4", "decision": "accept"}
    return {**scores, "idempotency_key": str(uuid.uuid4()), **values}


def test_the_pages_script_is_told_where_to_go(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)

    answer = ann.post(url("review_submit", held), form(), headers={"Accept": "application/json"})

    following = Assignment.objects.get(sample=w.samples[1])
    assert answer.json() == {"next": url("review_edit", following), "is_item": True}


def test_a_page_that_was_ahead_learns_what_it_could_not_know(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)

    told = ann.post(url("review_submit", held), form(ahead="1"), headers={"Accept": "application/json"}).json()

    made = Review.objects.get()
    assert told["undo"] == {"review": made.pk, "words": f"Undo: accepted {made.sample}"}
    assert (told["position"], told["total"]) == (2, 3)


def test_a_form_of_another_rubric_is_shown_again_with_its_words(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)

    answer = ann.post(
        url("review_submit", held), form(rubric="999999", **{"note-complete": "kept", "note-gone": "kept too"})
    )

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The rubric was changed since you opened this page" in page
    assert "kept too" in page and ">\nkept</textarea>" in page
    assert not Review.objects.exists()


@pytest.mark.parametrize(
    ("given", "left"),
    [({"note-complete": "x"}, []), ({"note-gone": " "}, []), ({"note-gone": "x"}, [("gone", "x")])],
)
def test_only_words_without_a_criterion_are_left_over(given: dict[str, str], left: list[Any]) -> None:
    assert notes_left_over(given, RUBRIC) == left


def test_what_became_of_a_text_before_the_reviewer_saw_it(w: SimpleNamespace) -> None:
    sample = w.samples[0]
    first = sample.revision
    assert diff_since_import(first) is None
    second = Revision.objects.create(
        sample=sample, number=2, prompt=first.prompt, completion="Reason: knee pain.\n\nPlan: sleep.",
        reason="finding", content_hash=factories.sha("second"),
    )  # fmt: skip

    diff = diff_since_import(second)

    assert diff is not None
    assert (diff.words_in, diff.words_out) == (1, 1)
