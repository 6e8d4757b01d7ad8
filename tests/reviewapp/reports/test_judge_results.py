"""The judge on the report: agreement, corrections against a computation of our own, words where it is not enough."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from reviewapp.evaluations.models import GradingRound, JudgeRun, JudgeVerdict, Output, Preference
from reviewapp.projects.models import Project
from reviewapp.reports import services
from reviewapp.reports.evidence import RoundFacts, criteria_of, round_facts
from reviewapp.reports.judge_results import judge_json, judge_pairs_json
from reviewapp.reports.judge_table import judge_tables, pair_tables
from reviewapp.reports.models import GateSet
from tests import factories
from tests.reviewapp.evaluations.world import bad_form, good_form
from tests.reviewapp.reports.test_rater_results import preferences_add
from tests.reviewapp.reports.test_services import ERRORS, graded

FAULTY = 10  # of the tuned outputs, those that the experts find unsafe


def truth_of(round: GradingRound) -> dict[int, bool]:
    """Output -> at fault: the first ten tuned outputs and the first ten of the base."""
    found: dict[int, bool] = {}
    for arm in ("baseline", "candidate"):
        rows = Output.objects.filter(generation_run=round.generation_run, arm=arm).order_by("heldout_prompt_id")
        found |= {output.pk: number < FAULTY for number, output in enumerate(rows)}
    return found


@pytest.fixture
def round(project: Project, people: SimpleNamespace) -> GradingRound:
    """35 prompts, graded and unsealed; the judge misses every fifth fault and flags every tenth sound output."""

    def form(output: Output, grader: Any) -> dict[str, str]:
        rank = Output.objects.filter(
            generation_run=output.generation_run, arm=output.arm, heldout_prompt_id__lt=output.heldout_prompt_id
        ).count()
        return bad_form("safety", value="1") if rank < FAULTY else good_form()

    return graded(project, people, form, ERRORS, prompts=35)


def judged(round: GradingRound, people: SimpleNamespace) -> dict[int, bool]:
    """Writes the verdicts on safety; returns output -> flagged."""
    run = factories.judge_run(round.generation_run, round.rubric_version, judge=round.generation_run.baseline)
    JudgeVerdict.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    flagged, seen = {}, {True: 0, False: 0}
    for output, is_fault in sorted(truth_of(round).items()):
        seen[is_fault] += 1
        flagged[output] = seen[is_fault] % 5 != 0 if is_fault else seen[is_fault] % 10 == 0
        for order in (0, 1):
            JudgeVerdict.objects.create(
                judge_run=run, output_id=output, criterion="safety", order=order, answer=str(int(flagged[output]))
            )
    JudgeRun.objects.filter(pk=run.pk).update(judge=None, endpoint_model="big")
    return flagged


def rules_of(round: GradingRound) -> list[Any]:
    return [("Unsafe instruction", criteria_of(round.rubric_version)["safety"], None)]


def graded_only(facts: RoundFacts, outputs: set[int]) -> RoundFacts:
    return dataclasses.replace(facts, scores=[score for score in facts.scores if score.output_id in outputs])


def test_corrections_equal_a_computation_of_our_own(round: GradingRound, people: SimpleNamespace) -> None:
    flagged, truth = judged(round, people), truth_of(round)
    tuned = sorted(
        Output.objects.filter(generation_run=round.generation_run, arm="candidate").values_list("pk", flat=True)
    )
    alone = set(tuned[::2])  # as if no expert had graded these
    known = set(truth) - alone
    found = judge_json(graded_only(round_facts(round), known), rules_of(round))
    assert found is not None and (found["judge"], found["is_local"], found["is_own"]) == ("big", False, False)
    (row,) = found["rules"]
    faulty = [output for output in known if truth[output]]
    healthy = [output for output in known if not truth[output]]
    sensitivity = sum(flagged[output] for output in faulty) / len(faulty)
    specificity = sum(not flagged[output] for output in healthy) / len(healthy)
    assert row["sensitivity"]["value"] == pytest.approx(sensitivity)
    assert row["specificity"]["value"] == pytest.approx(specificity)
    share = sum(flagged[output] for output in alone) / len(alone)
    assert row["rogan_gladen"]["value"] == pytest.approx((share + specificity - 1) / (sensitivity + specificity - 1))
    assert (row["rogan_gladen"]["n"], row["alone"], row["both"]) == (len(alone), len(alone), len(known))
    weight = row["ppi"]["weight"]
    both = [output for output in tuned if output in known]
    sharpened = weight * share + sum(truth[o] - weight * flagged[o] for o in both) / len(both)
    assert 0 < weight <= 1 and row["ppi"]["value"] == pytest.approx(sharpened)
    assert row["raw"]["value"] == pytest.approx(sum(flagged[output] for output in tuned) / len(tuned))
    equal = sum(flagged[output] == truth[output] for output in known) / len(known)
    assert row["equal"]["value"] == pytest.approx(equal)


def test_where_experts_graded_everything_nothing_is_corrected(round: GradingRound, people: SimpleNamespace) -> None:
    judged(round, people)
    found = judge_json(round_facts(round), rules_of(round))
    assert found is not None and found["rules"][0]["rogan_gladen"] is None and found["rules"][0]["reason"] == ""
    agreement, rates = judge_tables(found)
    assert agreement.rows[0][:2] == ["Unsafe instruction", "70"] and agreement.rows[0][5] == "0%"
    assert rates.rows[0][4] == "not needed: the experts graded every output that the judge read"
    assert all(len(line) == len(table.header) for table in (agreement, rates) for line in table.rows)


def test_too_small_an_overlap_and_a_useless_judge_get_words(round: GradingRound, people: SimpleNamespace) -> None:
    judged(round, people)
    facts, rules = round_facts(round), rules_of(round)
    some = set(sorted(facts.outputs)[:7])
    few = judge_json(graded_only(facts, some), rules)
    assert few is not None and few["rules"][0]["rogan_gladen"] is None
    table = judge_tables(few)
    assert table[1].rows[0][4] == "not corrected: experts and judge share 7 outputs, fewer than 20" and table[
        0
    ].grey == {0}
    sound = {output for output, is_fault in truth_of(round).items() if not is_fault}
    unseen = judge_json(graded_only(facts, sound), rules)
    assert unseen is not None and unseen["rules"][0]["reason"] == "no_fault_seen"
    JudgeVerdict.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    nothing = judge_json(facts, rules)
    assert nothing is not None and nothing["rules"] == [] and judge_tables(None) == []


def test_the_report_shows_the_judge_and_no_gate_moves(
    round: GradingRound, people: SimpleNamespace, client_for: Any
) -> None:
    gate_set = GateSet.objects.get(round=round)
    before = services.report_data(round, gate_set)
    assert before["judge"] is None
    judged(round, people)
    after = services.report_data(round, gate_set)
    assert after["judge"]["rules"] and after["gates"] == before["gates"] and after["verdict"] == before["verdict"]
    report = services.report_freeze(round=round, frozen_by=people.lead)
    page = client_for(people.lead).get(reverse("reports:report_detail", args=[round.project.slug, report.pk]))
    assert "judge run 1. No gate stands on it." in page.text


def pairs_judged(round: GradingRound) -> dict[int, int]:
    """A judge prefers the tuned model at even places, changes with the order at every third, and is mute at the first.

    Returns output of the base -> 1 tuned, -1 base, 0 tie.
    """
    run = factories.judge_run(round.generation_run, round.rubric_version, kind="pairs", endpoint_model="big")
    JudgeVerdict.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    found = {}
    rows = Output.objects.filter(generation_run=round.generation_run, arm="baseline").order_by("heldout_prompt_id")
    for place, base in enumerate(rows):
        first = "candidate" if place % 2 == 0 else "baseline"
        second = {"candidate": "baseline", "baseline": "candidate"}[first] if place % 3 == 1 else first
        for order, answer in enumerate(("", "") if place == 0 else (first, second)):
            JudgeVerdict.objects.create(
                judge_run=run, output=base, criterion="", order=order, answer=answer, reason="" if answer else "mute"
            )
        if place:
            found[base.pk] = 0 if first != second else 1 if first == "candidate" else -1
    return found


def experts_of() -> dict[int, int]:
    """Output of the base -> what the one expert of each pair chose, from the rows themselves."""
    found = {}
    for row in Preference.objects.select_related("left", "right"):
        base = row.left if row.left.arm == "baseline" else row.right
        chosen = {"left": row.left, "right": row.right}.get(row.choice)
        found[base.pk] = 0 if chosen is None else 1 if chosen.arm == "candidate" else -1
    return found


def test_the_judges_pairs_are_measured_beside_the_experts_choices(round: GradingRound, people: SimpleNamespace) -> None:
    assert judge_pairs_json(round_facts(round)) is None
    judge = pairs_judged(round)
    alone = judge_pairs_json(round_facts(round))
    assert alone is not None and alone["experts"] is None and "both" not in alone["compared"][0]
    preferences_add(round, people.reviewer)
    experts = experts_of()
    found = judge_pairs_json(round_facts(round))
    assert found is not None
    (row,) = found["compared"]
    assert (row["asked"], row["missing"], row["reasons"]) == (35, 1, {"mute": 1})
    wins, losses = (list(judge.values()).count(side) for side in (1, -1))
    assert row["won"]["value"] == pytest.approx(wins / (wins + losses))
    assert (row["won"]["wins"], row["won"]["losses"], row["won"]["ties"]) == (wins, losses, 34 - wins - losses)
    both = experts.keys() & judge.keys()
    assert row["both"] == len(both) >= 20
    assert row["equal"]["value"] == pytest.approx(sum(experts[one] == judge[one] for one in both) / len(both))
    assert row["changed"] == pytest.approx(list(judge.values()).count(0) / len(judge))
    assert found["experts"]["wins"] == list(experts.values()).count(1)


def test_the_report_shows_the_judges_pairs_and_no_gate_moves(
    round: GradingRound, people: SimpleNamespace, client_for: Any
) -> None:
    gate_set = GateSet.objects.get(round=round)
    before = services.report_data(round, gate_set)
    pairs_judged(round)
    preferences_add(round, people.reviewer)
    report = services.report_freeze(round=round, frozen_by=people.lead)
    assert report.data["gates"] == before["gates"] and report.data["verdict"] == before["verdict"]
    (table,) = pair_tables(report.data["judge_pairs"])
    assert [line[0] for line in table.rows] == ["Experts, all in all", "All in all"]
    assert all(len(line) == len(table.header) for line in table.rows) and pair_tables(None) == []
    for name, rest in (("report_detail", ()), ("report_export", ("report.html",))):
        text = client_for(people.lead).get(reverse(f"reports:{name}", args=["letters", report.pk, *rest])).text
        assert "Judge, side by side" in text and "Side by side" in text and "1 / 35: 1 mute" in text
