from __future__ import annotations

from types import SimpleNamespace

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import selectors
from reviewapp.evaluations.models import GradingRound, RoundItem
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import RubricVersion
from tests import factories
from tests.reviewapp.evaluations.world import generated, grade_everything, lock, opened_round


def make(project: Project, people: SimpleNamespace, **values: object) -> GradingRound:
    version = factories.rubric_version(project, applies_to="outputs")
    values = {"rubric_version": version, "overlap_percent": 25, "created_by": people.lead} | values
    return rounds.round_create(generation_run=generated(project, prompts=8), **values)  # type: ignore[arg-type]


def test_a_round_holds_every_output_and_doubles_whole_prompts(project: Project, people: SimpleNamespace) -> None:
    round = make(project, people)
    items = RoundItem.objects.select_related("output")
    assert items.count() == 16
    double = {item.output.heldout_prompt_id for item in items if item.slots == 2}
    assert len(double) == 2
    assert all(item.slots == 2 for item in items if item.output.heldout_prompt_id in double)
    assert selectors.round_progress(round).needed == 20
    event = AuditEvent.objects.get(action="grading_round.create")
    assert event.data["grades"] == 20 and event.data["seed"] == round.seed


def test_numbers_of_outputs_follow_the_random_order(project: Project, people: SimpleNamespace) -> None:
    round = make(project, people)
    numbers = selectors.output_numbers(round)
    assert sorted(numbers.values()) == list(range(1, 17))
    item = round.items.order_by("order_key")[4]
    assert numbers[item.output_id] == 5
    candidates = [numbers[item.output_id] for item in round.items.filter(output__arm="candidate")]
    assert sorted(candidates) != list(range(9, 17)), "numbers must not tell the models apart"


def test_the_candidate_alone_can_be_graded(project: Project, people: SimpleNamespace) -> None:
    assert make(project, people, grade_baseline=False).items.count() == 8


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"overlap_percent": 101}, "from 0 to 100 percent"),
        ({"rubric": "samples"}, "applies to outputs"),
        ({"rubric": "elsewhere"}, "applies to outputs"),
        ({"rubric": "empty"}, "has no criteria"),
    ],
)
def test_a_round_that_cannot_be_graded_is_refused(
    project: Project, people: SimpleNamespace, values: dict[str, object], part: str
) -> None:
    kind = values.pop("rubric", None)
    if kind == "samples":
        values["rubric_version"] = factories.rubric_version(project)
    if kind == "elsewhere":
        values["rubric_version"] = factories.rubric_version(factories.project("other"), applies_to="outputs")
    if kind == "empty":
        version = factories.rubric_version(project, applies_to="outputs")
        version.criteria.all().delete()
        values["rubric_version"] = version
    with pytest.raises(ApplicationError, match=part):
        make(project, people, **values)
    assert not GradingRound.objects.exists()


def test_outputs_are_in_one_sealed_round_at_a_time(project: Project, people: SimpleNamespace) -> None:
    round = make(project, people)
    with pytest.raises(ApplicationError, match="still sealed"):
        rounds.round_create(
            generation_run=round.generation_run,
            rubric_version=round.rubric_version,
            overlap_percent=0,
            created_by=people.lead,
        )


def test_opening_closes_the_rubric_version_for_changes(project: Project, people: SimpleNamespace) -> None:
    round = make(project, people)
    opened = rounds.round_open(round=round, opened_by=people.lead)
    assert opened.opened_at
    assert RubricVersion.objects.get(pk=round.rubric_version_id).used_at
    with pytest.raises(ApplicationError, match="already open"):
        rounds.round_open(round=round, opened_by=people.lead)


def test_a_complete_round_unseals_confirmatory(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=2), people.lead)
    grade_everything(round, [people.reviewer])
    done = rounds.round_unseal(round=round, unsealed_by=people.lead)
    assert done.unsealed_at and not done.is_early_unseal
    assert AuditEvent.objects.filter(action="grading_round.unseal").exists()
    with pytest.raises(ApplicationError, match="already unsealed"):
        rounds.round_unseal(round=round, unsealed_by=people.lead)


def test_an_early_unsealing_needs_a_reason_and_is_logged(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=2), people.lead)
    taken = grades.grade_claim(round=round, user=people.reviewer)
    assert taken is not None
    lock(taken)
    with pytest.raises(ApplicationError, match="3 of 4 grades are missing"):
        rounds.round_unseal(round=round, unsealed_by=people.lead, reason="  ")
    done = rounds.round_unseal(round=round, unsealed_by=people.lead, reason="The model is withdrawn.")
    assert done.is_early_unseal and done.unseal_reason == "The model is withdrawn."
    event = AuditEvent.objects.get(action="grading_round.unseal_early")
    assert (event.data["given"], event.data["needed"]) == (1, 4)


def test_a_round_without_gates_cannot_be_unsealed(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="no gates yet"):
        rounds.round_unseal(round=make(project, people), unsealed_by=people.lead, reason="x")
