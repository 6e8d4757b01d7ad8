from __future__ import annotations

import pytest

from reviewapp.reviews.judging import (
    ReviewGiven,
    ReviewInvalid,
    draft_changes,
    draft_from_form,
    review_problems,
    review_read,
    text_from_form,
    text_to_form,
)
from reviewapp.reviews.reading import blocks_of
from reviewapp.rubrics.scoring import Score
from reviewapp.rubrics.selectors import rubrics_builtin

RUBRIC = rubrics_builtin()["clinical_note"]
PROMPT, TEXT = "Doctor: Age?\nPatient: 54.", "Reason: knee pain.\n\nPlan: rest."
GOOD = {"score-wrong_fact": "0", "score-faithful": "4", "score-complete": "3", "score-wording": "4"}


def problems_of(**form: str) -> dict[str, str]:
    with pytest.raises(ReviewInvalid) as caught:
        review_read(GOOD | {"decision": "accept"} | form, RUBRIC, PROMPT, TEXT)
    return caught.value.problems


def read(**form: str) -> ReviewGiven:
    return review_read(GOOD | {"decision": "accept"} | form, RUBRIC, PROMPT, TEXT)


def test_it_works() -> None:
    given = read()
    assert (given.decision, given.completion) == ("accept", TEXT)
    assert given.scores["complete"] == Score(3, "")


def test_edited_blocks_make_the_new_text() -> None:
    given = read(**{"block-1": "Reason: knee pain.", "block-2": "Plan: rest\r\nand ice.", "decision": "fix"})
    assert (given.decision, given.completion) == ("accept", "Reason: knee pain.\n\nPlan: rest\nand ice.")


def test_a_whole_text_may_come_instead_of_blocks() -> None:
    assert read(completion="New.\r\n").completion == "New.\n"


def test_blocks_of_another_text_are_refused_in_words() -> None:
    assert "The text changed since you opened this page" in problems_of(**{"block-1": "Only one."})[""]
    assert text_from_form({}, TEXT) == TEXT


def test_every_criterion_is_asked_for_to_accept() -> None:
    assert set(problems_of(**{"score-faithful": "", "score-wording": ""})) == {"faithful", "wording"}


@pytest.mark.parametrize("value", ["7", "-1", "four", "1.0", "na"])
def test_a_level_that_does_not_exist_is_refused(value: str) -> None:
    assert set(problems_of(**{"score-wording": value})) == {"wording"}


def test_not_applicable_asks_for_a_reason() -> None:
    assert "say why it does not apply" in problems_of(**{"score-complete": "na"})["complete"]
    assert read(**{"score-complete": "na", "note-complete": "One-line note."}).scores["complete"].value is None


def test_a_low_level_with_an_unchanged_text_asks_which_passage() -> None:
    assert "which passage" in problems_of(**{"score-faithful": "2"})["faithful"]
    assert "which passage" in problems_of(**{"score-wrong_fact": "1"})["wrong_fact"]
    assert read(**{"score-faithful": "2", "note-faithful": "rest"}).scores["faithful"].note == "rest"
    assert read(**{"score-wrong_fact": "1", "completion": "Fixed."}).scores["wrong_fact"].value == 1


@pytest.mark.parametrize("decision", ["return", "reject"])
def test_to_turn_a_sample_down_a_reason_is_enough(decision: str) -> None:
    given = review_read({"decision": decision, f"reason-{decision}": " Off topic. "}, RUBRIC, PROMPT, TEXT)
    assert (given.decision, given.reason, given.scores) == (decision, "Off topic.", {})
    assert problems_of(decision=decision) == {"": f"Say why you {decision} it."}


def test_half_filled_scores_of_a_rejection_are_kept() -> None:
    form = {"decision": "reject", "reason-reject": "Off topic.", "score-wording": "1", "score-faithful": "9"}
    with pytest.raises(ReviewInvalid, match="no level 9"):
        review_read(form, RUBRIC, PROMPT, TEXT)
    assert list(review_read(form | {"score-faithful": ""}, RUBRIC, PROMPT, TEXT).scores) == ["wording"]


@pytest.mark.parametrize("decision", ["", "undone", "delete"])
def test_an_unknown_decision_is_refused(decision: str) -> None:
    assert "Choose what to do" in problems_of(decision=decision)[""]


def test_an_empty_completion_is_never_accepted() -> None:
    assert "nothing to learn from" in problems_of(completion=" \n ")[""]


def test_a_score_for_a_strange_criterion_is_refused() -> None:
    given = ReviewGiven(decision="reject", prompt=PROMPT, completion=TEXT, scores={"x": Score(1, "")}, reason="No.")
    assert review_problems(given, RUBRIC, PROMPT, TEXT) == {"x": "There is no criterion 'x' in this rubric."}


@pytest.mark.parametrize(
    ("edited", "fields"),
    [
        (TEXT, {}),
        ("Reason: knee pain.\n\nPlan: ice.", {"block-2": "Plan: ice."}),
        ("One text.", {"completion": "One text."}),
        ("Reason: knee pain.\n\n\nPlan: rest.", {"completion": "Reason: knee pain.\n\n\nPlan: rest."}),
    ],
)
def test_a_text_goes_back_into_the_form(edited: str, fields: dict[str, str]) -> None:
    assert text_to_form(TEXT, edited) == fields
    blocks = {f"block-{block.number}": block.text for block in blocks_of(TEXT)}
    assert text_from_form(fields if "completion" in fields else blocks | fields, TEXT) == edited


def test_a_draft_holds_the_fields_of_the_form() -> None:
    assert draft_changes('{"score-tone": "4", "note-tone": ""}') == {"score-tone": "4", "note-tone": ""}
    assert draft_changes('{"block-1": "x"}') == {"block-1": "x", "completion": None}
    assert draft_from_form({"block-1": "x", "decision": "accept", "csrfmiddlewaretoken": "t"}) == {"block-1": "x"}


@pytest.mark.parametrize("text", ["", "[]", "null", '{"score-x": 4}', '{"holder": "me"}', '{"block-1": null}', "{"])
def test_anything_else_is_no_draft(text: str) -> None:
    with pytest.raises(ReviewInvalid, match="cannot be read"):
        draft_changes(text)
