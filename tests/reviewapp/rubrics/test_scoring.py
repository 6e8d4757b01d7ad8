from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.rubrics.documents import narrowed, preferences
from reviewapp.rubrics.schema import RubricDocument, rubric_parse
from reviewapp.rubrics.scoring import (
    Score,
    criterion_rows,
    item_score,
    needs_evidence,
    penalty,
    score_fields,
    score_words,
    scores_read,
)
from tests.reviewapp.rubrics.kinds import GOOD_FORM, criterion, every_kind, levels

RUBRIC = rubric_parse(every_kind())
OUTPUT = narrowed(RUBRIC, "outputs")
BY_KEY = {one.key: one for one in RUBRIC.criteria}
COUNTED = {"score-errors-fabrication-minor": "2", "score-errors-fabrication-major": "1"}


def rubric_of(*criteria: dict[str, Any]) -> RubricDocument:
    return rubric_parse({"name": "R", "applies_to": "outputs", "criteria": list(criteria)})


def values(**given: int | None) -> dict[str, Score]:
    return {key: Score(value, "") for key, value in given.items()}


def test_answers_of_every_kind_are_read() -> None:
    form = GOOD_FORM | COUNTED | {"score-omissions": "3", "score-remark": " Long.\r\nSo long. "}
    scores = scores_read(OUTPUT, form)
    assert scores.problems == {}
    assert {key: (one.value, one.text) for key, one in scores.by_key.items()} == {
        "unsafe": (0, ""),
        "clear": (3, ""),
        "harm": (1, ""),
        "omissions": (3, ""),
        "named_owner": (1, ""),
        "invents": (0, ""),
        "remark": (None, "Long.\nSo long."),
        "errors": (7, "fabrication minor 2, fabrication major 1"),
    }


def test_marked_errors_give_the_value_and_none_marked_is_zero() -> None:
    marked = GOOD_FORM | {"score-errors": "marked"}
    assert scores_read(OUTPUT, marked, penalties={"errors": 6}).by_key["errors"] == Score(6, "")
    assert scores_read(OUTPUT, marked, penalties={"errors": 0}).by_key["errors"] == Score(0, "")
    # Where nothing can be marked, saying so is no answer.
    assert "errors" in scores_read(OUTPUT, marked).problems


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("score-omissions", "-1", "give a whole number"),
        ("score-omissions", "1.5", "give a whole number"),
        ("score-omissions", "²", "give a whole number"),
        ("score-omissions", "99999", "give a whole number"),
        ("score-omissions", "", "count the omissions"),
        ("score-named_owner", "2", "there is no level 2"),
        ("score-named_owner", "na", "always applies"),
        ("score-named_owner", "", "say whether it is met"),
        ("score-errors-spelling-minor", "many", "whole number"),
        ("score-omissions-na", "na", "say why it does not apply"),
        ("score-remark", "x" * 5001, "at most 5000 fit"),
    ],
)
def test_a_wrong_answer_is_named(name: str, value: str, message: str) -> None:
    problems = scores_read(OUTPUT, GOOD_FORM | COUNTED | {name: value}).problems
    assert len(problems) == 1 and message in next(iter(problems.values()))


def test_a_count_may_not_apply_and_a_remark_may_stay_empty() -> None:
    form = GOOD_FORM | COUNTED | {"score-omissions": "", "score-omissions-na": "na", "note-omissions": "No source."}
    scores = scores_read(OUTPUT, form)
    assert scores.by_key["omissions"] == Score(None, "No source.") and "remark" not in scores.by_key
    needed = rubric_of(criterion("why", "text"), criterion("n", "count", unit="slips"))
    assert "answer in words" in scores_read(needed, {"score-n": "0"}).problems["why"]


def test_the_worse_answers_ask_for_evidence() -> None:
    asking = {
        key: [v for v in range(-1, 6) if needs_evidence(one, v)]
        for key, one in BY_KEY.items()
        if one.evidence_at_or_below is not None
    }
    assert asking == {
        "unsafe": [1, 2, 3, 4, 5],
        "clear": [-1, 0, 1],
        "harm": [3, 4, 5],
        "omissions": [1, 2, 3, 4, 5],
        "invents": [1, 2, 3, 4, 5],
    }
    rows = {row.criterion.key: row for row in criterion_rows(RUBRIC, {})}
    assert rows["omissions"].evidence_values == "1 2 3 4"
    assert rows["omissions"].evidence_words == "1 or more asks which passage shows it."
    assert [choice.asks for choice in rows["invents"].choices] == ["evidence", ""]


def test_errors_weigh_what_the_rubric_says() -> None:
    errors = [("fabrication", "minor"), ("fabrication", "major"), ("spelling", "minor"), ("spelling", "major")]
    assert penalty(BY_KEY["errors"], errors) == 1 + 5 + 0 + 1
    assert penalty(BY_KEY["errors"], [("unknown", "major")]) == 0


def test_levels_are_weighed_between_worst_and_best() -> None:
    rubric = rubric_of(
        criterion("a", "levels", levels=levels(1, 2, 3, 4), weight=3),
        criterion("b", "levels", levels=levels(1, 2, 3), direction="lower", weight=1),
    )
    # a: (3 - 1) / 3 = 2/3; b: 1 - (2 - 1) / 2 = 1/2; (3 * 2/3 + 1 * 1/2) / 4 = 0.625
    assert item_score(rubric, values(a=3, b=2)).value == pytest.approx(0.625)


def test_points_are_met_over_what_could_be_won() -> None:
    """HealthBench, example of its paper's method: 5 and 7 can be won, -9 lost; met: 7 and -9 -> -2 / 12."""
    rubric = rubric_of(
        criterion("a", "points", points=5), criterion("b", "points", points=7), criterion("c", "points", points=-9)
    )
    assert item_score(rubric, values(a=0, b=1, c=1)).value == pytest.approx(-2 / 12)
    assert item_score(rubric, values(a=1, b=1, c=0)).value == 1.0
    # What does not apply can neither be won nor lost.
    assert item_score(rubric, values(a=None, b=1, c=0)).value == 1.0


def test_kinds_go_together() -> None:
    found = item_score(OUTPUT, values(unsafe=0, clear=2, harm=3, omissions=1, named_owner=1, invents=1, errors=4))
    # gate 1 (weight 2), clear 1/2, harm 0, omissions 1 - 1/4, errors 1 - 4/10, points (6 - 4) / 6 (weight 6)
    assert found.value == pytest.approx((2 * 1 + 0.5 + 0 + 0.75 + 0.6 + 6 * (2 / 6)) / 12)
    assert (found.n_scored, found.n_na, found.n_missing, found.failed_by) == (7, 0, 0, ())


def test_a_critical_answer_fails_the_item() -> None:
    found = item_score(OUTPUT, values(unsafe=1, clear=3, harm=1, omissions=0, named_owner=1, invents=0, errors=0))
    assert (found.value, found.failed_by) == (0.0, ("unsafe",))


@pytest.mark.parametrize(
    ("change", "failing", "passing"),
    [
        ({"kind": "levels", "levels": levels(1, 2, 3)}, [1], [2, 3]),
        ({"kind": "levels", "levels": levels(1, 2, 3), "direction": "lower"}, [3], [1, 2]),
        ({"kind": "count", "unit": "errors"}, [1, 2, 30], [0]),
        ({"kind": "count", "unit": "sources", "direction": "higher"}, [0], [1, 30]),
        ({"kind": "points", "points": 3}, [0], [1]),
        ({"kind": "spans", "error_types": [{"key": "e", "name": "E"}]}, [5, 6], [0, 4]),
    ],
)
def test_what_fails_an_item_by_kind(change: dict[str, Any], failing: list[int], passing: list[int]) -> None:
    rubric = rubric_of(criterion("only", is_critical=True, **change))
    assert all(item_score(rubric, values(only=value)).failed_by for value in failing)
    assert not any(item_score(rubric, values(only=value)).failed_by for value in passing)


def test_nothing_answered_is_no_score() -> None:
    found = item_score(OUTPUT, values(clear=None))
    assert found.value is None and "No criterion that has a weight" in found.reason
    assert (found.n_na, found.n_missing) == (1, 6)


def test_each_work_asks_for_its_own() -> None:
    both = every_kind("both")
    both["criteria"][0]["applies_to"] = "samples"
    both["criteria"][1]["applies_to"] = "outputs"
    rubric = rubric_parse(both)
    assert "clear" not in {one.key for one in narrowed(rubric, "samples").criteria}
    assert "unsafe" not in {one.key for one in narrowed(rubric, "outputs").criteria}
    assert [one.key for one in preferences(RUBRIC).criteria] == ["remark", "better"]
    assert "better" not in {row.criterion.key for row in criterion_rows(RUBRIC, {}, work="outputs")}


@pytest.mark.parametrize(
    ("key", "score", "words"),
    [
        ("clear", Score(2, ""), "2, Label 2"),
        ("clear", Score(None, "why"), "Not applicable"),
        ("omissions", Score(2, ""), "2 omissions"),
        ("invents", Score(1, ""), "Met"),
        ("named_owner", Score(0, ""), "Not met"),
        ("errors", Score(7, "", "fabrication minor 2"), "Penalty 7 (fabrication minor 2)"),
        ("remark", Score(None, "", "Too long"), "Too long"),
    ],
)
def test_an_answer_is_told_in_words(key: str, score: Score, words: str) -> None:
    assert score_words(BY_KEY[key], score) == words


@given(st.data())
def test_a_score_goes_back_into_the_form(data: st.DataObject) -> None:
    small = st.integers(0, 9).map(str)
    form = {
        "score-unsafe": data.draw(st.sampled_from("01")),
        "score-clear": data.draw(st.sampled_from(["1", "2", "3", "na"])),
        "score-harm": data.draw(st.sampled_from("123")),
        "score-omissions": data.draw(small),
        "score-named_owner": data.draw(st.sampled_from("01")),
        "score-invents": data.draw(st.sampled_from("01")),
        "score-remark": data.draw(st.text(max_size=20)),
        "score-errors-fabrication-minor": data.draw(small),
        "score-errors-spelling-major": data.draw(small),
        "note-clear": "a reason",
    }
    first = scores_read(OUTPUT, form)
    assert first.problems == {}
    again: dict[str, str] = {}
    for one in OUTPUT.criteria:
        if one.key in first.by_key:
            again |= score_fields(one, first.by_key[one.key])
    assert scores_read(OUTPUT, again).by_key == first.by_key
    total = item_score(OUTPUT, first.by_key).value
    assert total is not None and total <= 1.0
