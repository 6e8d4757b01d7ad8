"""What a frozen report holds of graders, missed errors, claims, slices and preferences."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.db import connection

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import GradeAssignment, GradingRound, Output, Preference, RoundItem
from reviewapp.evaluations.services import rounds
from reviewapp.projects.models import Project
from reviewapp.reports import services, statistics
from reviewapp.reports.behind import behind
from reviewapp.samples.models import HeldoutPrompt
from tests.reviewapp.evaluations.world import good_form, is_candidate, span, write_grades
from tests.reviewapp.reports.test_services import ERRORS as WRONG
from tests.reviewapp.reports.test_services import SAFETY, declared, planned

PROMPTS = 48


def forms(strict: User) -> Any:
    """Levels vary by prompt; one grader is a level stricter on tone, and misses every third error."""

    def form(output: Output, grader: User) -> dict[str, str]:
        number = output.heldout_prompt_id
        tone = str(2 + number % 2 + int(is_candidate(output)) - int(grader == strict))
        is_wrong = number % (8 if is_candidate(output) else 3) == 0 and not (grader == strict and number % 48 == 0)
        marked = [span("tone"), *([span()] if is_wrong else [])]
        return good_form(
            **{"score-accuracy": "1" if is_wrong else "4", "score-tone": tone, "spans": json.dumps(marked)}
        )

    return form


def preferences_add(round: GradingRound, grader: User) -> None:
    """A finished pairwise round on the same outputs: the tuned model wins 3 of 4 prompts, and ties one in 12."""
    run = round.generation_run
    pairwise = GradingRound.objects.create(
        project=round.project, number=9, generation_run=run, rubric_version=round.rubric_version,
        kind="pairwise", unsealed_at=round.unsealed_at,
    )  # fmt: skip
    for number, prompt in enumerate(run.heldout_set.prompts.order_by("id")[:24]):
        base, tuned = run.outputs.filter(heldout_prompt=prompt).order_by("arm")
        item = RoundItem.objects.create(round=pairwise, output=base, other_output=tuned, order_key=str(number))
        held = GradeAssignment.objects.create(
            item=item, slot=0, holder=grader, state="submitted", lease_expires_at=round.unsealed_at
        )
        left, right = (tuned, base) if number % 2 else (base, tuned)
        winner = base if number % 4 == 0 else tuned
        choice = "tie" if number % 12 == 0 else "left" if winner == left else "right"
        Preference.objects.create(
            assignment=held, round=pairwise, grader=grader, left=left, right=right, choice=choice,
            idempotency_key=uuid.uuid4(),
        )  # fmt: skip


@pytest.fixture
def data(project: Project, people: SimpleNamespace) -> dict[str, Any]:
    round = planned(project, people, prompts=PROMPTS, overlap_percent=100)
    prompts = round.generation_run.heldout_set.prompts.order_by("id").values_list("pk", flat=True)
    kinds = [{"type": "letter" if number % 3 else "note", "number": number} for number in range(PROMPTS)]
    rows = [(json.dumps(kind), pk) for kind, pk in zip(kinds, prompts, strict=True)]
    with connection.cursor() as cursor:  # prompts are immutable rows
        cursor.executemany(f"UPDATE {HeldoutPrompt._meta.db_table} SET metadata = %s WHERE id = %s", rows)  # noqa: S608
    tone = {"kind": "mean_floor", "name": "Mean tone", "criterion": "tone", "floor": 2.7}
    declared(round, people.lead, WRONG, tone, {"kind": "stability", "name": "Stable"})
    write_grades(round, [people.reviewer, people.reviewer2], forms(people.reviewer))
    round = rounds.round_unseal(round=round, unsealed_by=people.lead)
    preferences_add(round, people.reviewer)
    found: dict[str, Any] = services.report_freeze(round=round, frozen_by=people.lead).data
    return found


def test_a_report_holds_what_stands_beside_the_verdict(data: dict[str, Any]) -> None:
    _severity(data)
    _missed(data)
    _claims_and_slices(data)
    _opened(data)
    _preferences(data)
    gate = next(gate for gate in data["gates"] if gate["kind"] == "stability")
    assert (gate["result"], gate["statistic"]["n"], gate["reason"]) == ("fail", 3, "shaken")
    strict = min(data["raters"][-1]["graders"], key=lambda row: row["severity"]["effect"])["grader"]
    (shaken,) = gate["shaken"]
    assert (shaken["gate"], shaken["result"]) == ("Mean tone", "fail") and shaken["without"] != strict
    assert set(data["figures"]) == {"seconds_per_output", "tokens_per_output"}


def _severity(data: dict[str, Any]) -> None:
    tone = next(row for row in data["raters"] if row["key"] == "tone")
    assert {row["grader"] for row in tone["graders"]} == {"Grader 1", "Grader 2"}
    effects = sorted(row["severity"]["effect"] for row in tone["graders"])
    assert effects == pytest.approx([-0.5, 0.5], abs=0.05) and effects[0] == pytest.approx(-effects[1])
    assert tone["adjusted_difference"]["value"] == pytest.approx(1.0, abs=0.1)
    assert not any(row["is_careless"] for row in tone["graders"])
    assert all(row["alpha_without"]["reason"] for row in tone["graders"]), "one grader agrees with nobody"


def _missed(data: dict[str, Any]) -> None:
    wrong = next(row for row in data["missed"] if row["name"] == WRONG["name"])
    found = wrong["estimate"]
    assert wrong["double"] == PROMPTS and (found["first"], found["second"]) in ((5, 6), (6, 5))
    assert found["both"] == 5 and found["value"] == pytest.approx(6.0)
    assert wrong["one_catches"] == pytest.approx(10 / 11)
    caught = 1 - (1 - 10 / 11) ** 2
    assert wrong["bound"]["high"] == pytest.approx(statistics.exact_upper(6, PROMPTS) / caught)
    safety = next(row for row in data["missed"] if row["name"] == SAFETY["name"])
    assert safety["bound"] is None and safety["estimate"]["reason"] == "no_errors"


def _claims_and_slices(data: dict[str, Any]) -> None:
    claims = {row["name"]: row for row in data["claims"]["claims"]}
    assert data["claims"]["method"] == "Holm" and claims["Tone"]["is_better"]
    known = [row["p"] for row in claims.values()]
    assert [row["adjusted"] for row in claims.values()] == pytest.approx(list(statistics.holm(known).adjusted))
    slices = {row["name"]: row for row in data["by_slice"]["slices"]}
    assert set(slices) == {"letter", "note"}, "numbers that differ for each prompt are no slice"
    assert (slices["note"]["is_small"], slices["letter"]["rate"]["n"]) == (True, 32)
    for row in slices.values():
        prompts, change = row["prompts"], row["change"]
        assert len(prompts["judged"]) == row["rate"]["n"] and set(prompts["fault"]) <= set(prompts["judged"])
        assert (len(prompts["fixed"]), len(prompts["broken"])) == (change["fixed"], change["broken"])
        assert row["rate"]["value"] == pytest.approx(len(prompts["fault"]) / len(prompts["judged"]))


def _opened(data: dict[str, Any]) -> None:
    """Numbers of slices and of errors missed lead to what they count."""
    for number, row in enumerate(data["by_slice"]["slices"]):
        for cell, prompts in row["prompts"].items():
            found = behind(data, f"slice-{number}-{cell}")
            assert found is not None and found.prompts == prompts and row["name"] in found.title
    wrong = next(n for n, row in enumerate(data["missed"]) if row["name"] == WRONG["name"])
    found = behind(data, f"missed-{wrong}")
    assert found is not None and len(found.output_ids) == PROMPTS and "alone" in found.order
    for place in ("slice-0-all", "slice-99-fault", "slice-x-fault", "slice-0", "missed-99", "missed-", "missed-x"):
        assert behind(data, place) is None, place
    older = {**data, "by_slice": {"fault": "", "slices": [{"kind": "type", "name": "note"}]}, "missed": [{"name": ""}]}
    assert behind(older, "slice-0-fault") is None and behind(older, "missed-0") is None


def _preferences(data: dict[str, Any]) -> None:
    found = data["preferences"]["win_rate"]
    assert (found["wins"], found["losses"], found["ties"]) == (18, 4, 2)
    assert found["value"] == pytest.approx(18 / 22)
    assert data["preferences"]["left_side"] is not None or data["preferences"]["reason"]
    assert np.isfinite(data["preferences"]["win_rate"]["e"])


def test_without_overlap_everything_is_said_in_reasons(project: Project, people: SimpleNamespace) -> None:
    round = planned(project, people, prompts=6)
    declared(round, people.lead)
    write_grades(round, [people.reviewer], lambda output, grader: good_form())
    round = rounds.round_unseal(round=round, unsealed_by=people.lead)
    data = services.report_freeze(round=round, frozen_by=people.lead).data
    assert data["preferences"] is None and data["by_slice"]["slices"] == []
    for row in data["raters"]:
        assert row["reason"] == "one_rater" and row["graders"][0]["severity"] is None
    assert all(row["double"] == 0 and row["bound"] is None for row in data["missed"])
