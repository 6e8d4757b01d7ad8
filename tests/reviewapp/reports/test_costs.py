"""Time and cost: what an output takes of machine and experts, how much of it is changed, gates on it, the saving."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Output
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from reviewapp.reports import services
from reviewapp.reports.behind import behind
from reviewapp.reports.cost_table import cost_tables, saving_of
from reviewapp.reports.edits import words_changed
from reviewapp.reports.models import Report
from tests import factories
from tests.reviewapp.evaluations.world import Line, bad_form, generated, good_form, is_candidate, lock
from tests.reviewapp.reports.test_services import declared

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=9)


def by_hand(first: list[str], second: list[str]) -> int:
    """Levenshtein's distance, by its definition."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        by_hand(first[1:], second) + 1,
        by_hand(first, second[1:]) + 1,
        by_hand(first[1:], second[1:]) + (first[0] != second[0]),
    )


@given(WORDS.filter(lambda words: len(words) < 6), WORDS.filter(lambda words: len(words) < 6))
def test_words_to_change_are_those_of_the_definition(first: list[str], second: list[str]) -> None:
    found = words_changed(" ".join(first), " ".join(second))
    assert found == pytest.approx(by_hand(first, second) / max(len(first), len(second), 1))
    assert found == words_changed(" ".join(second), " ".join(first))


@given(WORDS, WORDS, WORDS)
def test_words_to_change_keep_to_a_share_and_see_through_what_is_equal(
    a: list[str], b: list[str], c: list[str]
) -> None:
    found = words_changed(" ".join(a + b), " ".join(a + c))
    assert 0 <= found <= 1 and (found == 0) == (b == c)


@pytest.mark.parametrize(
    ("text", "corrected", "share"),
    [("the boy is 16", "the boy is 61", 1 / 4), ("", "", 0.0), ("one", "", 1.0), ("a b c d", "b c d", 1 / 4),
     ("s i t t i n g", "k i t t e n", 3 / 7)],
)  # fmt: skip
def test_words_to_change_of_known_pairs(text: str, corrected: str, share: float) -> None:
    assert words_changed(text, corrected) == pytest.approx(share)


def _timed(place: int, line: Line) -> Line:
    """The base takes 2 seconds and 30 tokens, the tuned model from 0.9 to 1.1 seconds and 12 tokens."""
    if line["arm"] == "baseline":
        return line | {"seconds": 2.0, "tokens": 30, "text": "Somebody was seen here."}
    return line | {"seconds": 0.9 + 0.1 * (place % 3), "tokens": 12, "text": "Somebody was seen now."}


def _form(output: Output) -> dict[str, str]:
    """Every output of the base is corrected in half of its words, one of the tuned model in a quarter."""
    if not is_candidate(output):
        return bad_form(correction="Nobody was asked here.")
    if output.heldout_prompt_id == output.generation_run.heldout_set.prompts.order_by("id")[0].pk:
        return bad_form(correction="Somebody was seen today.")
    return bad_form() if output.heldout_prompt_id % 6 == 0 else good_form()


@pytest.fixture
def report(project: Project, people: SimpleNamespace, settings: Any) -> Report:
    settings.CPU_HOUR_PRICE, settings.PRICE_CURRENCY = 1.8, "EUR"
    run = generated(project, prompts=6, alter=_timed)
    version = factories.rubric_version(project, applies_to="outputs")
    round = rounds.round_create(
        generation_run=run, rubric_version=version, overlap_percent=0, created_by=people.lead
    )  # fmt: skip
    gates = [
        {"kind": "cost_limit", "name": "Quick", "figure": "seconds_per_output", "limit": 1.2},
        {"kind": "cost_limit", "name": "Quicker", "figure": "seconds_per_output", "limit": 0.5},
        {"kind": "cost_limit", "name": "Cheap", "limit": 0.001},
    ]
    declared(round, people.lead, *gates)
    round.refresh_from_db()
    while assignment := grades.grade_claim(round=round, user=people.reviewer):
        lock(assignment, **_form(assignment.item.output))
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    return services.report_freeze(round=round, frozen_by=people.lead)


def test_means_by_model_and_what_experts_changed(report: Report) -> None:
    costs = report.data["costs"]
    assert costs["seconds"]["baseline"]["value"] == pytest.approx(2.0)
    assert costs["seconds"]["candidate"]["value"] == pytest.approx(1.0)
    assert costs["tokens"]["candidate"]["value"] == 12 and costs["tokens"]["candidate"]["n"] == 6
    base, tuned = costs["edits"]["baseline"], costs["edits"]["candidate"]
    assert (base["value"], base["n"], base["missing"]) == (pytest.approx(0.5), 6, 0)
    assert (tuned["value"], tuned["n"]) == (pytest.approx(0.25), 1)
    assert tuned["missing"] == len(report.data["usable"]["candidate"]["output_ids"]) - 1
    assert costs["experts"]["n"] + costs["experts"]["missing"] == 12


def test_gates_on_time_and_money_are_decided_by_their_bound(report: Report) -> None:
    gates = {gate["name"]: gate for gate in report.data["gates"]}
    assert (gates["Quick"]["result"], gates["Quicker"]["result"]) == ("pass", "fail")
    assert gates["Cheap"]["result"] == "pass" and gates["Cheap"]["words"]["estimate"] == "0.0005"
    assert gates["Cheap"]["statistic"]["high"] == pytest.approx(gates["Quick"]["statistic"]["high"] / 3600 * 1.8)


def test_without_a_price_a_gate_on_money_stays_open_and_says_why(report: Report, settings: Any) -> None:
    settings.CPU_HOUR_PRICE = 0
    data = services.report_data(report.round, report.gate_set)
    cheap = next(gate for gate in data["gates"] if gate["name"] == "Cheap")
    assert cheap["result"] == "unknown" and "the operator set no price of an hour" in cheap["words"]["more"]
    assert data["costs"]["hour_price"] is None
    (table,) = cost_tables(data)
    assert len(table.rows) == 4 and "No price of a machine's hour is set" in table.note


def test_page_files_and_trends_tell_the_saving(
    report: Report, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    client = client_for(people.observer)
    page = client.get(reverse("reports:report_detail", args=["letters", report.pk])).text
    assert "Time and cost" in page and "words to change where one was corrected: 25% (base 50%)" in page
    assert "EUR for 1,000 outputs" in page
    (table,) = cost_tables(report.data)
    assert table.rows[-1][1].startswith("1") and table.rows[-1][2].startswith("0.5 (")
    assert (
        "Time and cost" in client.get(reverse("reports:report_export", args=["letters", report.pk, "report.html"])).text
    )
    trends = client.get(reverse("reports:report_trends", args=["letters"])).text
    assert "Words to change" in trends and "25%" in trends
    old = {key: value for key, value in report.data.items() if key != "costs"}
    assert saving_of(old) == "" and cost_tables(old) == []


def test_a_gate_on_time_opens_the_outputs_that_took_longest(report: Report) -> None:
    number = [gate["name"] for gate in report.data["gates"]].index("Quick")
    found = behind(report.data, f"gate-{number}")
    assert found is not None and len(found.output_ids) == 6
    seconds = [Output.objects.get(pk=one).seconds for one in found.output_ids]
    assert seconds == sorted(seconds, reverse=True) and found.words(found.output_ids[0]) == "1.1 s, 12"
