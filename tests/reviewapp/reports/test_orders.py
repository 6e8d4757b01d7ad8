"""Gates on agreement, machine figures and facts open the outputs that they stand on, the worst first."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Output, SuiteRun
from reviewapp.evaluations.services import rounds
from reviewapp.projects.models import Project
from reviewapp.reports import services
from reviewapp.reports.behind import behind, gate_places, gate_suites
from reviewapp.reports.models import Report
from tests import factories
from tests.reviewapp.evaluations.world import Line, bad_form, generated, good_form, is_candidate, write_grades
from tests.reviewapp.reports.test_services import declared

GATES: list[dict[str, Any]] = [
    {"kind": "agreement_floor", "name": "Agreement", "criterion": "accuracy", "floor": 0.667},
    {"kind": "improvement", "name": "ROUGE-L better", "metric": "rougeL"},
    {"kind": "magnitude", "name": "Less perplexed", "metric": "perplexity", "margin": 0.5},
    {"kind": "leak_zero", "name": "Copied"},
    {"kind": "slot_floor", "name": "Facts", "floor": 0.9},
    {"kind": "improvement", "name": "Safer", "criterion": "safety"},
    {"kind": "forgetting_limit", "name": "Forgets little", "limit": 0.05, "figure": "forgetting_change"},
]


def place_of(report: Report, name: str) -> str:
    """The place of a gate, '' where it opens nothing."""
    names = [gate["name"] for gate in report.data["gates"]]
    return gate_places(report.data)[names.index(name)]


def _forms(output: Output, grader: User) -> dict[str, str]:
    """Graders of tuned outputs are one level apart at every third prompt, three apart at every sixth."""
    if not is_candidate(output):
        return bad_form("safety", "1") if output.heldout_prompt_id % 10 == 0 else good_form()
    if output.heldout_prompt_id % 3 or grader.username != "reviewer2":
        return good_form()
    return bad_form() if output.heldout_prompt_id % 2 == 0 else good_form(**{"score-accuracy": "3"})


def _measured(place: int, line: Line) -> Line:
    """Tuned outputs lose against the base by their place; the first has no value and of the second no base has."""
    is_tuned = line["arm"] == "candidate"
    rouge: float | None = 0.5 + 0.01 * (place % 7) - 0.03 if is_tuned else 0.5
    if place == (0 if is_tuned else 1):
        rouge = None
    values = {"rougeL": rouge, "perplexity": 10.0 + (place % 5 if is_tuned else 0)}
    return line | {"metrics": line["metrics"] | values | {"verbatim_overlap": float(place == 4 and is_tuned)}}


@pytest.fixture
def report(project: Project, people: SimpleNamespace) -> Report:
    run = generated(project, prompts=30, alter=_measured)
    round = rounds.round_create(
        generation_run=run, rubric_version=factories.rubric_version(project, applies_to="outputs"),
        overlap_percent=100, created_by=people.lead,
    )  # fmt: skip
    figure = {"name": "Forgetting", "about": "", "unit": "share", "better": "higher", "low": None, "high": None,
              "missing": 0, "method": "", "reason": "", "n": 4}  # fmt: skip
    SuiteRun.objects.create(
        project=project, number=3, baseline=run.baseline, candidate=run.candidate, result={}, suites=["forgetting"],
        idempotency_key=run.idempotency_key,
        figures={"forgetting": [
            {**figure, "key": "forgetting", "arm": "candidate", "value": 0.5, "failing": ["a", "b"]},
            {**figure, "key": "forgetting", "arm": "change", "value": -0.25, "failing": ["b"]},
        ]},
    )  # fmt: skip
    declared(round, people.lead, *GATES)
    write_grades(round, [people.reviewer, people.reviewer2], _forms)
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    return services.report_freeze(round=round, frozen_by=people.lead)


def opened(report: Report, name: str) -> list[Output]:
    found = behind(report.data, place_of(report, name))
    assert found is not None
    rows = {output.pk: output for output in Output.objects.select_related("heldout_prompt")}
    return [rows[pk] for pk in found.output_ids]


def test_agreement_opens_where_graders_differ_most(report: Report) -> None:
    rows = report.data["orders"]["agreement"]["accuracy"]
    assert len(rows) == 60 == next(row for row in report.data["agreement"] if row["key"] == "accuracy")["alpha"]["n"]
    spreads = [high - low for _, (low, high) in rows]
    assert spreads == sorted(spreads, reverse=True) and set(spreads) == {3, 1, 0}
    outputs = opened(report, "Agreement")
    assert all(one.heldout_prompt_id % 6 == 0 and is_candidate(one) for one in outputs[: spreads.count(3)])
    found = behind(report.data, "agreement-accuracy")
    assert found is not None and found.words(outputs[0].pk) == "1, 4" and found.words(outputs[-1].pk) == "4, 4"


def test_a_metric_opens_the_largest_loss_first(report: Report) -> None:
    base = {
        one.heldout_prompt_id: one.metrics for one in report.round.generation_run.outputs.filter(arm="baseline")
    }  # fmt: skip
    outputs = opened(report, "ROUGE-L better")
    assert len(outputs) == 29 and all(is_candidate(one) for one in outputs), "what has no value is not listed"
    known = [one.metrics["rougeL"] - (base[one.heldout_prompt_id]["rougeL"] or 9) for one in outputs[:-1]]
    assert known == sorted(known) and known[0] == pytest.approx(-0.03)
    assert base[outputs[-1].heldout_prompt_id]["rougeL"] is None, "without a value of the base it stands last"
    worse = [one.metrics["perplexity"] for one in opened(report, "Less perplexed")]
    assert worse == sorted(worse, reverse=True) and worse[0] == 14.0, "of perplexity less is better"


def test_leaks_facts_and_faults_open_too(report: Report) -> None:
    (leak,) = opened(report, "Copied")
    assert leak.metrics["verbatim_overlap"] == 1.0 and is_candidate(leak)
    shares = [one.metrics["slots"][0]["right"] for one in opened(report, "Facts")]
    assert shares == sorted(shares) and len(shares) == 30 and shares[0] is False
    assert place_of(report, "Safer") == "", "no tuned output is at fault, so none stands behind it"
    assert place_of(report, "Complete") == "", "every output is graded"


def test_a_figure_of_a_suite_leads_to_its_items(
    report: Report, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    names = [gate["name"] for gate in report.data["gates"]]
    found = gate_suites(report.data)[names.index("Forgets little")]
    assert found == {"run": 3, "suite": "forgetting", "figure": "forgetting", "arm": "change"}
    items = reverse("evaluations:suite_items", args=["letters", 3])
    page = client_for(people.lead).get(reverse("reports:report_detail", args=["letters", report.pk])).content.decode()
    assert f'{items}?suite=forgetting&amp;figure=forgetting&amp;arm=change">Forgets little</a>' in page
    assert f'{items}?suite=forgetting&amp;figure=forgetting&amp;arm=candidate">50.0%</a>' in page
    other = client_for(people.observer).get(reverse("reports:report_detail", args=["letters", report.pk]))
    assert items not in other.content.decode()


def test_the_page_says_what_was_given_and_measured(
    report: Report, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    def text(place: str) -> str:
        return client_for(people.lead).get(
            reverse("reports:report_items", args=["letters", report.pk, place])
        ).content.decode()  # fmt: skip

    first = text(place_of(report, "Agreement"))
    assert "Those on which graders differ most stand first." in first and "<span>1, 4</span>" in first
    assert "<span>47.0; base 50.0</span>" in text("metric-rougeL")
    assert "<span>0 of 1</span>" in text("facts")
    old = {key: value for key, value in report.data.items() if key != "orders"}
    assert behind(old, "agreement-accuracy") is None and behind(old, "metric-rougeL") is None
    assert not any(gate_places(old)[1:3]), "a report from before opens what it held then"
