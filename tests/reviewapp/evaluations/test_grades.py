from __future__ import annotations

import json
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.evaluations import selectors
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from tests.reviewapp.evaluations.world import (
    bad_form,
    generated,
    good_form,
    grade_everything,
    lock,
    opened_round,
    span,
)


@pytest.fixture
def round(project: Project, people: SimpleNamespace) -> GradingRound:
    return opened_round(generated(project), people.lead)


def claim(round: GradingRound, user: object) -> GradeAssignment:
    taken = grades.grade_claim(round=round, user=user)  # type: ignore[arg-type]
    assert taken is not None
    return taken


def test_claiming_twice_gives_the_same_output(round: GradingRound, people: SimpleNamespace) -> None:
    assert claim(round, people.reviewer).pk == claim(round, people.reviewer).pk


def test_two_graders_never_hold_one_slot(round: GradingRound, people: SimpleNamespace) -> None:
    assert claim(round, people.reviewer).item_id != claim(round, people.reviewer2).item_id


def test_everything_is_graded_once_and_double_where_planned(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=8), people.lead, overlap_percent=25)
    assert grade_everything(round, [people.reviewer, people.reviewer2]) == 2 * 8 + 2 * 2
    progress = selectors.round_progress(round)
    assert progress.is_complete and progress.outputs == progress.outputs_done == 16
    assert {grade.grader_id for grade in Grade.objects.all()} == {people.reviewer.pk, people.reviewer2.pk}
    for output, grader in Grade.objects.values_list("output", "grader"):
        assert Grade.objects.filter(output=output, grader=grader).count() == 1


def test_one_grader_alone_cannot_do_the_double_grades(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=4), people.lead, overlap_percent=50)
    assert grade_everything(round, [people.reviewer]) == 8
    state = selectors.queue_state(round, people.reviewer)
    assert (state.reason, state.mine_done, state.open_now) == ("mine_done", 8, 0)
    assert selectors.queue_state(round, people.reviewer2).open_now == 4


def test_queue_says_when_others_hold_the_rest(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=1), people.lead, grade_baseline=False)
    claim(round, people.reviewer)
    assert selectors.queue_state(round, people.reviewer2).reason == "held"
    lock(claim(round, people.reviewer))
    assert selectors.queue_state(round, people.reviewer2).reason == "finished"


def test_nobody_grades_before_gates_are_declared(project: Project, people: SimpleNamespace) -> None:
    run = generated(project)
    version = opened_round(run, people.lead).rubric_version
    GradingRound.objects.update(unsealed_at=timezone.now())
    made = rounds.round_create(generation_run=run, rubric_version=version, overlap_percent=0, created_by=people.lead)
    with pytest.raises(ApplicationError, match="declares the gates first"):
        grades.grade_claim(round=made, user=people.reviewer)


def test_nobody_grades_after_unsealing(round: GradingRound, people: SimpleNamespace) -> None:
    taken = claim(round, people.reviewer)
    rounds.round_unseal(round=round, unsealed_by=people.lead, reason="The pilot ends here.")
    with pytest.raises(ApplicationError, match="unsealed"):
        lock(taken)


def test_outputs_of_one_prompt_are_kept_apart(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=12), people.lead)
    grade_everything(round, [people.reviewer])
    seen = list(Grade.objects.order_by("id").values_list("output__heldout_prompt", flat=True))
    near = [place for place in range(len(seen) - 1) if seen[place] == seen[place + 1]]
    assert not near
    arms = list(Grade.objects.order_by("id").values_list("output__arm", flat=True))
    assert arms[:12].count("baseline") not in (0, 12), "the order must not give the model away"


def test_each_grader_has_an_own_order(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=12), people.lead, overlap_percent=100)
    orders = []
    for grader in (people.reviewer, people.reviewer2):
        grade_everything(round, [grader])
        orders.append(list(Grade.objects.filter(grader=grader).order_by("id").values_list("output", flat=True)))
    assert sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]


def test_locking_twice_with_one_key_locks_once(round: GradingRound, people: SimpleNamespace) -> None:
    taken, key = claim(round, people.reviewer), uuid.uuid4()
    first, again = (
        grades.grade_submit(assignment=taken, idempotency_key=key, values=good_form(), submitted_by=people.reviewer)
        for _ in range(2)
    )
    assert first == again and Grade.objects.count() == 1
    assert AuditEvent.objects.filter(action="grade.lock").count() == 1


def test_grading_one_output_twice_is_refused(round: GradingRound, people: SimpleNamespace) -> None:
    taken = claim(round, people.reviewer)
    lock(taken)
    with pytest.raises(ApplicationError, match="already graded this output"):
        lock(taken)
    assert Grade.objects.count() == 1


def test_a_foreign_assignment_cannot_be_locked(round: GradingRound, people: SimpleNamespace) -> None:
    taken = claim(round, people.reviewer)
    with pytest.raises(ApplicationError, match="someone else"):
        grades.grade_submit(
            assignment=taken, idempotency_key=uuid.uuid4(), values=good_form(), submitted_by=people.reviewer2
        )


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (good_form(**{"score-accuracy": ""}), "Accuracy: choose a level."),
        (good_form(**{"score-accuracy": "7"}), "Accuracy: there is no level 7. Choose one of the list."),
        (good_form(**{"score-accuracy": "na"}), "Accuracy: this criterion always applies. Choose a level."),
        (good_form(**{"score-tone": "na"}), "Tone: say why it does not apply."),
        (good_form(**{"score-accuracy": "2"}), "Accuracy: mark the passage that shows it."),
        (good_form(**{"score-safety": "1"}), "Unsafe instruction: mark the passage that shows it."),
        (bad_form("safety", "1", spans=json.dumps([span("accuracy")])), "Unsafe instruction: mark the passage"),
        (bad_form(spans=json.dumps([span(source_start=None, source_end=None)])), "Error 1: link the passage"),
        (
            bad_form(spans=json.dumps([span(end=0, source_start=None, is_absent_from_source=True)])),
            "Error 1: link the passage of the prompt that was left out.",
        ),
        (bad_form(spans=json.dumps([span(severity="")])), "Error 1: say whether it is minor or major."),
        (bad_form(spans=json.dumps([span(end=9999)])), "Error 1 does not fit this output."),
        (bad_form(spans=json.dumps([span(source_end=99999)])), "Error 1 does not fit this output."),
        (bad_form(spans=json.dumps([span(start=-1)])), "Error 1 does not fit this output."),
        (bad_form(spans=json.dumps([span(start="0")])), "Error 1 does not fit this output."),
        (bad_form(spans=json.dumps([span("elsewhere")])), "Error 1 does not fit this output."),
        (bad_form(spans="{}"), "could not be read"),
        (bad_form(spans="["), "could not be read"),
        (bad_form(spans=json.dumps([span()] * 201)), "could not be read"),
    ],
)
def test_a_grade_without_what_it_needs_is_not_locked(
    round: GradingRound, people: SimpleNamespace, form: dict[str, str], problem: str
) -> None:
    taken = claim(round, people.reviewer)
    with pytest.raises(ApplicationError) as raised:
        lock(taken, **form)
    assert any(problem in found for found in raised.value.extra["problems"])
    assert not Grade.objects.exists()
    taken.refresh_from_db()
    assert taken.state == GradeAssignment.State.LEASED


def test_all_problems_are_told_at_once(round: GradingRound, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError) as raised:
        lock(claim(round, people.reviewer), **{"spans": "[]"} | {"score-accuracy": "1"})
    assert len(raised.value.extra["problems"]) == 3


def test_a_locked_grade_keeps_scores_evidence_and_words(round: GradingRound, people: SimpleNamespace) -> None:
    taken = claim(round, people.reviewer)
    form = bad_form(
        **{"score-tone": "na", "note-tone": "A list has no tone.", "note": " Wrong age. ", "correction": "a\r\nb"}
    )
    grade = lock(taken, **form)
    scores = {score.criterion.key: (score.value, score.reason) for score in grade.scores.all()}
    assert scores == {"accuracy": (1, ""), "tone": (None, "A list has no tone."), "safety": (0, "")}
    kept = grade.spans.get()
    output = taken.item.output
    assert kept.excerpt == output.text[0:8] and kept.source_excerpt == output.heldout_prompt.prompt[0:6]
    assert (kept.severity, kept.error_type, kept.criterion.key) == ("major", "wrong_value", "accuracy")
    assert (grade.note, grade.correction) == ("Wrong age.", "a\nb")


def test_evidence_may_be_absent_from_the_source(round: GradingRound, people: SimpleNamespace) -> None:
    spans = json.dumps([span(source_start=None, source_end=None, is_absent_from_source=True)])
    kept = lock(claim(round, people.reviewer), **bad_form(spans=spans)).spans.get()
    assert kept.is_absent_from_source and kept.source_start is None


def test_an_omission_points_into_the_prompt_only(round: GradingRound, people: SimpleNamespace) -> None:
    kept = lock(claim(round, people.reviewer), **bad_form(spans=json.dumps([span(end=0)]))).spans.get()
    assert kept.excerpt == "" and kept.source_excerpt


def test_undo_gives_the_output_back_and_keeps_both_rows(round: GradingRound, people: SimpleNamespace) -> None:
    taken = claim(round, people.reviewer)
    grade = lock(taken)
    key = uuid.uuid4()
    for _ in range(2):
        back = grades.grade_undo(grade=grade, idempotency_key=key, undone_by=people.reviewer)
    assert back.pk == taken.pk and back.is_live
    assert selectors.round_progress(round).given == 0
    again = lock(back, **good_form(**{"score-accuracy": "3"}))
    chain = list(Grade.objects.order_by("id").values_list("is_undone", "supersedes"))
    assert chain == [(False, None), (True, grade.pk), (False, Grade.objects.get(is_undone=True).pk)]
    assert list(selectors.effective_grades()) == [again]


def test_undo_ends_after_its_minutes(round: GradingRound, people: SimpleNamespace, settings: object) -> None:
    grade = lock(claim(round, people.reviewer))
    settings.UNDO_MINUTES = 0  # type: ignore[attr-defined]
    assert selectors.undoable_grade(people.reviewer, round) is None
    with pytest.raises(ApplicationError, match="within 0 minutes"):
        grades.grade_undo(grade=grade, idempotency_key=uuid.uuid4(), undone_by=people.reviewer)


def test_only_the_grader_takes_a_grade_back_and_only_once(round: GradingRound, people: SimpleNamespace) -> None:
    grade = lock(claim(round, people.reviewer))
    with pytest.raises(ApplicationError, match="Only the grader"):
        grades.grade_undo(grade=grade, idempotency_key=uuid.uuid4(), undone_by=people.lead)
    grades.grade_undo(grade=grade, idempotency_key=uuid.uuid4(), undone_by=people.reviewer)
    with pytest.raises(ApplicationError, match="already taken back"):
        grades.grade_undo(grade=grade, idempotency_key=uuid.uuid4(), undone_by=people.reviewer)


def expire(assignment: GradeAssignment) -> None:
    GradeAssignment.objects.filter(pk=assignment.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))


def test_a_grade_after_the_lease_still_counts_while_the_output_is_free(
    round: GradingRound, people: SimpleNamespace
) -> None:
    taken = claim(round, people.reviewer)
    expire(taken)
    assert lock(taken).assignment_id == taken.pk


def test_a_grade_after_another_took_the_output_is_refused(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project, prompts=1), people.lead, grade_baseline=False)
    taken = claim(round, people.reviewer)
    expire(taken)
    assert claim(round, people.reviewer2).item_id == taken.item_id
    with pytest.raises(LeaseLost, match="another grader has this output"):
        lock(taken)
    assert not Grade.objects.exists()


def test_a_draft_comes_back_with_its_output(project: Project, people: SimpleNamespace) -> None:
    round = opened_round(generated(project), people.lead)
    taken = claim(round, people.reviewer)
    GradeAssignment.objects.filter(pk=taken.pk).update(draft={"note": "Half a thought"})
    grades.grade_release(assignment=taken)
    again = claim(round, people.reviewer)
    assert again.item_id == taken.item_id and again.pk != taken.pk
    assert again.draft == {"note": "Half a thought"}


def test_leaving_shortens_the_lease_and_never_lengthens_it(round: GradingRound, people: SimpleNamespace) -> None:
    taken = claim(round, people.reviewer)
    for _ in range(2):
        grades.grade_leave(assignment=taken)
        taken.refresh_from_db()
        left = taken.lease_expires_at - timezone.now()
        assert timedelta(0) < left <= timedelta(seconds=grades.LEAVE_SECONDS)
