"""Repeats and reference items in the stream, the reveal, a change of mind: what counts and what is only measured."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import calibrating, mixing, reliability, selectors
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound, RoundItem
from reviewapp.evaluations.services import calibrations, claims, grades, rounds
from reviewapp.projects.models import Project
from reviewapp.reports.evidence import evidence_of, round_facts
from tests import factories
from tests.reviewapp.evaluations.world import generated, good_form, grade_everything, lock

ClientFor = Callable[[User], Client]
Purpose = GradeAssignment.Purpose


def address(name: str, *args: object) -> str:
    return reverse(f"evaluations:{name}", args=["letters", *args])


def open_calibration(project: Project, people: SimpleNamespace, **sizes: int) -> GradingRound:
    """A calibration on outputs of its own, with every reference grade given."""
    run = factories.generation_run(
        project, factories.heldout_set(project, prompts=12), *models(project), result={"outputs": 24}
    )
    version = factories.rubric_version(project, applies_to="outputs")
    sizes = {"practice": 0, "exam": 0, "gold": 0, "pass_percent": 80} | sizes
    made = calibrations.calibration_create(generation_run=run, rubric_version=version, created_by=people.lead, **sizes)
    while (taken := claims.reference_claim(round=made, user=people.lead)) is not None:
        lock(taken, **good_form(note="The age stands in turn 2."))
    return calibrations.calibration_open(round=made, opened_by=people.lead)


def models(project: Project) -> tuple[object, object]:
    base = factories.base_model(project)
    return factories.model_version(project, base), factories.model_version(project, base)


def mixed_round(project: Project, people: SimpleNamespace, *, prompts: int = 20, **values: object) -> GradingRound:
    calibration = open_calibration(project, people, gold=6)
    run = factories.generation_run(
        project, factories.heldout_set(project, prompts=prompts), *models(project), result={"outputs": 2 * prompts}
    )
    made = rounds.round_create(
        generation_run=run, rubric_version=calibration.rubric_version, overlap_percent=0, created_by=people.lead,
        **({"calibration": calibration, "repeat_percent": 10, "gold_percent": 5} | values),
    )  # fmt: skip
    return rounds.round_open(round=made, opened_by=people.lead)


def test_repeats_and_references_are_mixed_in_and_count_nowhere(project: Project, people: SimpleNamespace) -> None:
    round = mixed_round(project, people)
    forms = iter(good_form(**{"score-accuracy": level}) for level in ("4", "3") * 40)
    given = grade_everything(round, [people.reviewer], lambda output, grader: next(forms))
    assert given == 40 + 4 + 2
    progress = selectors.round_progress(round)
    assert (progress.needed, progress.given, progress.is_complete) == (40, 40, True)
    assert selectors.effective_grades().filter(round=round).count() == 40
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    assert not round.is_early_unseal
    evidence = evidence_of(round_facts(round))
    assert {len(values) for by in evidence.ratings["candidate"].values() for values in by.values()} == {1}
    assert {(counts.completed, counts.missing) for counts in evidence.counts.values()} == {(20, 0)}
    pairs = selectors.repeat_pairs(project)
    assert len(pairs) == 4 * 3 and {pair.criterion for pair in pairs} == {"accuracy", "tone", "safety"}
    assert {pair.grader_id for pair in pairs} == {people.reviewer.pk} and all(pair.hours >= 0 for pair in pairs)
    outcomes = selectors.gold_outcomes(project)
    assert len(outcomes) == 2 * 3 and all(outcome.is_right for outcome in outcomes)
    assert {outcome.reference for outcome in outcomes if outcome.criterion == "accuracy"} == {4}


def test_a_repeat_in_one_sitting_is_far_from_its_first(project: Project, people: SimpleNamespace) -> None:
    round = mixed_round(project, people, gold_percent=0)
    grade_everything(round, [people.reviewer])
    for again in GradeAssignment.objects.filter(item__round=round, purpose=Purpose.REPEAT):
        first = GradeAssignment.objects.get(item=again.item_id, holder=again.holder_id, purpose=Purpose.WORK)
        assert again.number - first.number >= 20


def test_after_a_day_repeats_may_come_at_any_time(project: Project, people: SimpleNamespace) -> None:
    round = mixed_round(project, people, gold_percent=0)
    # a seed by which the 21st output is a hidden one, were one allowed: four of 24 are
    seed = next(n for n in range(1_000) if mixing.draw(n, people.reviewer.pk, 21, "repeat") < 4 / 24)
    GradingRound.objects.filter(pk=round.pk).update(seed=seed)
    round.refresh_from_db()
    for _ in range(20):
        lock(grades.grade_claim(round=round, user=people.reviewer))
    early = GradeAssignment.objects.filter(item__round=round)
    assert not early.filter(purpose=Purpose.REPEAT).exists()
    early.update(closed_at=timezone.now() - timedelta(days=1, minutes=1))
    again = grades.grade_claim(round=round, user=people.reviewer)
    assert again is not None and (again.purpose, again.number) == (Purpose.REPEAT, 21)


def test_a_hidden_output_looks_like_any_other(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    round, client, pages = mixed_round(project, people, prompts=10), client_for(people.reviewer), {}
    while (taken := grades.grade_claim(round=round, user=people.reviewer)) is not None:
        page = client.get(address("grade", taken.key)).content.decode()
        assert f"Output {taken.number}<" in page
        for words in ("repeat", "gold", "practice", "reference grade"):
            assert words not in page.lower().replace("repeat(", "")
        body = page[page.index("<main") : page.index("</main>")]
        body = body.replace(taken.item.output.text, "TEXT").replace(str(taken.key), "KEY")
        body = re.sub(r"[0-9a-f-]{36}|csrfmiddlewaretoken\" value=\"\w+\"|I am \d+", "", body)
        body = re.sub(r"<div class=\"cs-strip\".*?</form></div>", "", body, flags=re.S)
        pages.setdefault(body, set()).add(taken.purpose)
        lock(taken)
    (kinds,) = pages.values()
    assert kinds == {Purpose.WORK, Purpose.REPEAT, Purpose.GOLD}
    numbers = GradeAssignment.objects.filter(item__round=round, holder=people.reviewer).values_list("number", flat=True)
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_undoing_a_repeat_leaves_the_first_grade(project: Project, people: SimpleNamespace) -> None:
    round = mixed_round(project, people, prompts=10, gold_percent=0)
    while (taken := grades.grade_claim(round=round, user=people.reviewer)).purpose != Purpose.REPEAT:
        lock(taken)
    grade = lock(taken)
    back = grades.grade_undo(grade=grade, idempotency_key=uuid.uuid4(), undone_by=people.reviewer)
    assert back.purpose == Purpose.REPEAT and not selectors.repeat_pairs(project)
    assert selectors.effective_grades(Grade.objects.filter(output=grade.output)).count() == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"repeat_percent": 30}, "from 0 to 20 percent"),
        ({"calibration": None}, "Choose the calibration round"),
        ({"calibration": None, "gold_percent": 0, "is_pass_required": True}, "Choose the calibration round"),
    ],
)
def test_shares_that_contradict_are_refused(
    project: Project, people: SimpleNamespace, values: dict[str, object], message: str
) -> None:
    with pytest.raises(ApplicationError, match=message):
        mixed_round(project, people, **values)


def test_a_calibration_on_the_same_outputs_is_refused(project: Project, people: SimpleNamespace) -> None:
    calibration = open_calibration(project, people, gold=2)
    with pytest.raises(ApplicationError, match="graders would know them"):
        rounds.round_create(
            generation_run=calibration.generation_run, rubric_version=calibration.rubric_version, overlap_percent=0,
            created_by=people.lead, calibration=calibration, gold_percent=5,
        )  # fmt: skip


# ---- after the lock


@pytest.fixture
def locked(project: Project, people: SimpleNamespace) -> Grade:
    run = generated(project)
    version = factories.rubric_version(project, applies_to="outputs")
    made = rounds.round_create(generation_run=run, rubric_version=version, overlap_percent=0, created_by=people.lead)
    rounds.round_open(round=made, opened_by=people.lead)
    return lock(grades.grade_claim(round=made, user=people.reviewer))


def revise(grade: Grade, user: User, **changes: str) -> Grade:
    return grades.grade_revise(
        assignment=grade.assignment, idempotency_key=uuid.uuid4(), values=good_form(**changes), revised_by=user
    )


def test_a_reveal_is_logged_once_and_ends_the_undo(locked: Grade, people: SimpleNamespace) -> None:
    for _ in range(2):
        grades.grade_reveal(grade=locked, revealed_by=people.reviewer)
    assert AuditEvent.objects.filter(action="grade.reveal").count() == 1
    assert selectors.undoable_grade(people.reviewer, locked.round) is None
    with pytest.raises(ApplicationError, match="the blind grade stays"):
        grades.grade_undo(grade=locked, idempotency_key=uuid.uuid4(), undone_by=people.reviewer)
    with pytest.raises(ApplicationError, match="Lock your own grade first"):
        grades.grade_reveal(grade=locked, revealed_by=people.reviewer2)


def test_a_change_of_mind_is_kept_beside_the_blind_grade(locked: Grade, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="after it was locked and the machine's scores were seen"):
        revise(locked, people.reviewer)
    grades.grade_reveal(grade=locked, revealed_by=people.reviewer)
    first = revise(locked, people.reviewer, **{"score-accuracy": "3"})
    second = revise(locked, people.reviewer, **{"score-tone": "4"})
    assert (first.supersedes_id, second.supersedes_id) == (locked.pk, first.pk)
    assert first.is_after_reveal and second.is_after_reveal
    assert list(selectors.effective_grades()) == [locked], "estimates use the blind one"
    assert selectors.grade_locked(locked.assignment) == locked
    assert list(selectors.grade_revisions(locked.assignment)) == [first, second]
    assert selectors.round_progress(locked.round).given == 1
    rounds.round_unseal(round=locked.round, unsealed_by=people.lead, reason="Pilot")
    with pytest.raises(ApplicationError, match="unsealed"):
        revise(locked, people.reviewer)


def test_a_revision_without_what_it_needs_comes_back(
    locked: Grade, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client, key = client_for(people.reviewer), locked.assignment.key
    assert client.get(address("grade_revise", key)).status_code == 302, "not before the reveal"
    client.post(address("grade_reveal", key))
    page = client.get(address("grade_revise", key)).content.decode()
    assert "Your blind grade stays" in page and "data-lease" not in page and "data-autosave-url" not in page
    form = good_form(**{"score-accuracy": ""}) | {"idempotency_key": str(uuid.uuid4())}
    refused = client.post(address("grade_revise", key), form)
    assert refused.status_code == 422 and "Accuracy: choose a level." in refused.content.decode()
    done = client.post(address("grade_revise", key), form | {"score-accuracy": "2", "score-tone": "4"})
    assert done.status_code == 422, "a low level asks for its evidence here too"
    client.post(address("grade_revise", key), form | {"score-accuracy": "3"})
    page = client.get(address("grade_locked", key)).content.decode()
    assert "Your blind grade" in page and "After the machine scores" in page


# ---- calibration


def test_a_calibration_from_reference_to_pass(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    made = open_calibration(project, people, practice=2, exam=4, gold=1, pass_percent=75)
    client = client_for(people.reviewer)
    taken = grades.grade_claim(round=made, user=people.reviewer)
    assert taken.purpose == Purpose.PRACTICE
    assert "practice, feedback follows" in client.get(address("grade", taken.key)).content.decode()
    form = good_form(**{"score-accuracy": "3", "score-tone": "3"}) | {"idempotency_key": str(uuid.uuid4())}
    after = client.post(address("grade_submit", taken.key), form)
    assert after.url == address("grade_feedback", taken.key)
    page = client.get(after.url).content.decode()
    assert "One off, counts as right" in page and "The age stands in turn 2." in page and "Anchor 4" in page
    lock(grades.grade_claim(round=made, user=people.reviewer))
    for wrong in (False, False, True, False):
        taken = grades.grade_claim(round=made, user=people.reviewer)
        assert taken.purpose == Purpose.EXAM
        assert client.get(address("grade_feedback", taken.key)).status_code == 404
        lock(taken, **(good_form(**{"score-tone": "na", "note-tone": "A list."}) if wrong else good_form()))
    assert grades.grade_claim(round=made, user=people.reviewer) is None
    standing = calibrating.standing(made, people.reviewer)
    assert (standing.n_right, standing.exam_done, standing.is_passed) == (3, 4, True)
    assert [(criterion.key, n) for criterion, n in standing.to_read] == [("tone", 1)]
    assert "You passed" in client.get(address("round_detail", made.pk)).content.decode()
    page = client_for(people.lead).get(address("round_detail", made.pk)).content.decode()
    assert "Passed" in page and people.reviewer.display_name in page and "Tone 1" in page


def test_without_a_pass_nothing_is_queued(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    round = mixed_round(project, people, is_pass_required=True)
    calibration = open_calibration(project, people, exam=2)
    QuerySet = type(GradingRound.objects.all())
    QuerySet(GradingRound).filter(pk=round.pk).update(calibration=calibration)
    round.refresh_from_db()
    with pytest.raises(ApplicationError, match="to be passed first"):
        grades.grade_claim(round=round, user=people.reviewer)
    page = client_for(people.reviewer).get(address("round_detail", round.pk)).content.decode()
    assert "The calibration comes first" in page and "Start grading" not in page
    for _ in range(2):
        wrong = good_form(**{"score-tone": "na", "note-tone": "No tone."})
        lock(grades.grade_claim(round=calibration, user=people.reviewer), **wrong)
    page = client_for(people.reviewer).get(address("round_detail", calibration.pk)).content.decode()
    assert "Not passed yet" in page and "To read again" in page and "Anchor 1" in page
    with pytest.raises(ApplicationError, match="to be passed first"):
        grades.grade_claim(round=round, user=people.reviewer)
    for _ in range(2):
        lock(grades.grade_claim(round=calibration, user=people.reviewer2))
    assert grades.grade_claim(round=round, user=people.reviewer2) is not None


def test_a_calibration_opens_when_every_reference_is_in(project: Project, people: SimpleNamespace) -> None:
    run = generated(project, prompts=4)
    version = factories.rubric_version(project, applies_to="outputs")
    values = {"generation_run": run, "rubric_version": version, "created_by": people.lead, "pass_percent": 80}
    with pytest.raises(ApplicationError, match="answers 4 prompts, and 5 outputs"):
        calibrations.calibration_create(practice=2, exam=3, gold=0, **values)
    with pytest.raises(ApplicationError, match="at least one output"):
        calibrations.calibration_create(practice=0, exam=0, gold=0, **values)
    made = calibrations.calibration_create(practice=1, exam=2, gold=1, **values)
    prompts = made.items.values_list("output__heldout_prompt", flat=True)
    assert len(set(prompts)) == 4, "nobody meets a prompt twice"
    with pytest.raises(ApplicationError, match="4 outputs have no reference grade"):
        calibrations.calibration_open(round=made, opened_by=people.lead)
    with pytest.raises(ApplicationError, match="not open yet"):
        grades.grade_claim(round=made, user=people.reviewer)
    assert not selectors.is_sealed(run), "a calibration seals no outputs"
    while (taken := claims.reference_claim(round=made, user=people.lead)) is not None:
        lock(taken)
    calibrations.calibration_open(round=made, opened_by=people.lead)
    with pytest.raises(ApplicationError, match="its reference grades stand"):
        claims.reference_claim(round=made, user=people.lead)
    assert set(made.items.values_list("purpose", flat=True)) == {"practice", "exam", "gold"}


def test_what_is_right_against_a_reference() -> None:
    assert reliability.is_right("levels", 3, 4) and not reliability.is_right("levels", 2, 4)
    assert not reliability.is_right("gate", 0, 1) and reliability.is_right("gate", 1, 1)
    assert reliability.is_right("levels", None, None) and not reliability.is_right("levels", None, 3)
    assert reliability.is_passed(4, 5, 80) and not reliability.is_passed(3, 5, 80)
    assert not reliability.is_passed(0, 0, 1), "nothing scored is never a pass"
    assert reliability.missed_most(["b", "a", "b"]) == [("b", 2), ("a", 1)]
    assert RoundItem.Purpose.GOLD in Purpose.values


# ---- skip, flag, back to what was done


def test_skipped_outputs_do_not_come_back(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    round = mixed_round(project, people, prompts=2, repeat_percent=0, gold_percent=0)
    client, taken = client_for(people.reviewer), grades.grade_claim(round=round, user=people.reviewer)
    assert client.post(address("grade_skip", taken.key), {"reason": " "}).url == address("grade", taken.key)
    client.post(address("grade_skip", taken.key), {"reason": "I know this patient."})
    taken.refresh_from_db()
    assert (taken.state, taken.skip_reason) == ("skipped", "I know this patient.")
    given = grade_everything(round, [people.reviewer])
    assert given == 3 and selectors.queue_state(round, people.reviewer).reason == "mine_done"
    assert selectors.queue_state(round, people.reviewer2).open_now == 1
    page = client.get(address("grade_list", round.pk)).content.decode()
    assert "I know this patient." in page and "Skipped" in page and page.count("Locked") == 3
    page = client_for(people.lead).get(address("round_detail", round.pk)).content.decode()
    assert "skipped: I know this patient." in page


def test_a_flag_is_for_the_lead_and_grading_goes_on(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    round = mixed_round(project, people, prompts=2, repeat_percent=0, gold_percent=0)
    client, taken = client_for(people.reviewer), grades.grade_claim(round=round, user=people.reviewer)
    for flagged in (True, False, True):
        assert client.post(address("grade_flag", taken.key)).url == address("grade", taken.key)
        taken.refresh_from_db()
        assert taken.is_flagged is flagged
    assert "Take the flag away" in client.get(address("grade", taken.key)).content.decode()
    lock(taken)
    assert "Flagged" in client_for(people.lead).get(address("round_detail", round.pk)).content.decode()
