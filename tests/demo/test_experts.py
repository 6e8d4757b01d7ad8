from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from demo import experts
from demo.world.build import World, world_build

MENDED = {"identifier", "mojibake", "wrong_completion", "judging_wording", "form_default"}
REVIEWERS = ("Reviewer one", "Reviewer two")


@pytest.fixture(scope="module")
def world() -> World:
    return world_build(7)


@pytest.fixture(scope="module")
def truth(world: World) -> dict[str, list[experts.TruthEntry]]:
    return experts.truth_by_sample(world.truth)


def _decide(
    rows: Iterable[dict[str, Any]], truth: dict[str, list[experts.TruthEntry]], expert: str, care: float
) -> dict[str, experts.ReviewDecision]:
    return {row["id"]: experts.review_decision(row, truth.get(row["id"], []), expert=expert, care=care) for row in rows}


def _grade(row: dict[str, Any], output: str, expert: str = "A") -> experts.OutputGrade:
    return experts.output_grade(
        output, prompt=row["prompt"], facts=row["facts"], reference=row["reference"], expert=expert, item=row["id"]
    )


class TestReviews:
    def test_same_expert_says_the_same_again(self, world: World, truth: dict[str, list[experts.TruthEntry]]) -> None:
        assert _decide(world.samples, truth, "A", 0.8) == _decide(world.samples, truth, "A", 0.8)

    def test_ideal_expert_mends_or_rejects_every_defect(
        self, world: World, truth: dict[str, list[experts.TruthEntry]]
    ) -> None:
        decisions = _decide(world.samples, truth, "A", 1.0)
        for sample, entries in truth.items():
            decision = decisions[sample]
            if entries[0]["kind"] in MENDED:
                assert decision.decision == "fix"
                mended = {"prompt": decision.prompt, "completion": decision.completion}
                assert mended[entries[0]["field"]] == entries[0]["original"]
            else:
                assert decision.decision == "reject"
            assert decision.reason
            assert "{" not in decision.reason

    def test_nearly_all_sound_samples_are_accepted_unchanged(
        self, world: World, truth: dict[str, list[experts.TruthEntry]]
    ) -> None:
        decisions = _decide(world.samples, truth, "A", 1.0)
        sound = [row for row in world.samples if row["id"] not in truth]
        accepted = [row for row in sound if decisions[row["id"]].decision == "accept"]
        assert 0.97 < len(accepted) / len(sound) < 1.0
        assert all(decisions[row["id"]].completion == row["completion"] for row in accepted)

    def test_less_care_misses_more(self, world: World, truth: dict[str, list[experts.TruthEntry]]) -> None:
        wrong = [row for row in world.samples if row["id"] in truth]
        missed = [
            sum(decision.decision == "accept" for decision in _decide(wrong, truth, "A", care).values())
            for care in (1.0, 0.4)
        ]
        assert missed[0] == 0 < missed[1]

    def test_experts_disagree_a_little(self, world: World, truth: dict[str, list[experts.TruthEntry]]) -> None:
        one, two = (_decide(world.samples, truth, expert, 0.9) for expert in REVIEWERS)
        same = sum(one[sample].decision == two[sample].decision for sample in one)
        assert 0.9 < same / len(one) < 1.0

    def test_mojibake_that_cleaning_repaired_is_accepted(self, truth: dict[str, list[experts.TruthEntry]]) -> None:
        sample, entries = next((s, e) for s, e in truth.items() if e[0]["kind"] == "mojibake")
        row = {"id": sample, "prompt": entries[0]["original"], "completion": "HPI: fine."}
        assert experts.review_decision(row, entries, expert="A", care=1.0).decision == "accept"

    def test_scores_use_the_keys_of_the_rubric(self, world: World, truth: dict[str, list[experts.TruthEntry]]) -> None:
        for decision in _decide(world.samples, truth, "A", 1.0).values():
            assert set(decision.scores) == {"wrong_fact", "faithful", "complete", "wording"}
            assert decision.scores["wrong_fact"] in (0, 1)


class TestGrades:
    def test_references_are_graded_well(self, world: World) -> None:
        grades = [_grade(row, row["reference"]) for row in world.heldout]
        accuracy = Counter(grade.scores["factual_accuracy"] for grade in grades)
        assert accuracy[4] > 0.93 * len(grades)
        assert all(not [e for e in grade.evidence if e.slot] for grade in grades)
        assert sum(grade.scores["safety"] for grade in grades) < 0.05 * len(grades)

    def test_note_of_another_visit_is_refused_with_evidence(self, world: World) -> None:
        for row, other in zip(world.heldout[:100], world.heldout[1:101], strict=True):
            output = other["reference"]
            grade = _grade(row, output)
            assert grade.scores["factual_accuracy"] <= 2
            assert grade.correction == row["reference"]
            for one in grade.evidence:
                assert 0 <= one.start < one.end <= len(output)
                assert output[one.start : one.end] == one.excerpt
                if one.source:
                    assert row["prompt"][one.source[0] : one.source[1]] == one.source_excerpt

    def test_sources_of_wrong_facts_are_found_in_the_prompt(self, world: World) -> None:
        evidence = [e for row in world.heldout for e in _grade(row, "HPI: a patient.").evidence if e.slot]
        assert all(one.source for one in evidence)

    def test_one_wrong_dose_is_pointed_at(self, world: World) -> None:
        row = next(r for r in world.heldout if " mg " in r["reference"].split("Medication:")[1])
        dose = next(fact for fact in row["facts"] if fact["slot"] == "dose")
        output = row["reference"].replace(dose["value"], "777 mg")
        (one,) = [e for e in _grade(row, output).evidence if e.slot]
        assert (one.slot, one.severity, one.excerpt) == ("dose", "major", "777 mg")
        assert one.source_excerpt == dose["value"]

    def test_wrong_allergy_closes_the_gate(self, world: World) -> None:
        row = next(r for r in world.heldout if "no known allergies" not in r["reference"])
        allergy = next(fact for fact in row["facts"] if fact["slot"] == "allergy")["value"]
        output = row["reference"].replace(f"Allergies: {allergy}", "Allergies: no known allergies")
        assert experts.true_scores(row["facts"], output)["safety"] == 1
        assert experts.true_scores(row["facts"], row["reference"])["safety"] == 0

    def test_talk_instead_of_a_note_is_off_the_task(self, world: World) -> None:
        row = world.heldout[0]
        scores = experts.true_scores(row["facts"], "Student: How old?\nTutor: 5.\nStudent: How old?")
        assert scores["relevance"] == 1
        assert scores["tone"] == 2
        assert scores["factual_accuracy"] == 1

    def test_empty_output_is_graded_without_evidence_that_cannot_exist(self, world: World) -> None:
        grade = _grade(world.heldout[0], "")
        assert grade.scores["factual_accuracy"] <= 2
        assert all(one.start == one.end == 0 for one in grade.evidence)

    def test_judging_words_lower_the_tone(self, world: World) -> None:
        row = world.heldout[0]
        assert experts.true_scores(row["facts"], row["reference"] + " Poor historian.")["tone"] == 1

    def test_graders_mostly_agree(self, world: World) -> None:
        outputs = [row["reference"] if i % 2 else "HPI: a patient." for i, row in enumerate(world.heldout)]
        pairs = [
            (_grade(row, text, "A").scores["factual_accuracy"], _grade(row, text, "B").scores["factual_accuracy"])
            for row, text in zip(world.heldout, outputs, strict=True)
        ]
        same = sum(a == b for a, b in pairs)
        assert 0.85 < same / len(pairs) < 1.0
