from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from reviewapp.audit.models import AuditEvent
from reviewapp.audit.services import chain_verify
from reviewapp.core.exceptions import ApplicationError, ImmutableError, LeaseLost
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import ReviewInvalid
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors import reviews_effective, reviews_for_sample, samples_accepted
from reviewapp.reviews.selectors.reviews import review_undoable
from reviewapp.reviews.services import assignments_expire, review_submit, review_undo, sample_reopen
from reviewapp.samples.models import Revision, Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import TEXT, claim, expire, given, review, state_of


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project)


def submit(assignment: Assignment, key: uuid.UUID | None = None, **values: Any) -> Review:
    return review_submit(assignment=assignment, given=given(**values), idempotency_key=key or uuid.uuid4())


def test_an_accepted_sample_keeps_its_revision(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    sample = Sample.objects.get(pk=made.sample_id)
    assert (made.decision, made.revision_after, sample.state) == ("accept", made.revision_before, "accepted")
    assert {score.criterion.key: score.value for score in made.scores.all()} == {"wrong_fact": 0, "complete": 4}
    assert list(samples_accepted(w.project)) == [sample]
    assert list(reviews_for_sample(sample)) == [made]


def test_a_fix_makes_a_revision_by_its_author(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann, given(completion="Reason: knee pain.\n\nPlan: rest and ice."))
    sample = Sample.objects.get(pk=made.sample_id)
    assert sample.revision is not None
    assert (made.decision, sample.revision) == ("fix", made.revision_after)
    assert (sample.revision.number, sample.revision.reason, sample.revision.created_by) == (2, "fix", w.ann)
    assert sample.revision.completion.endswith("rest and ice.")
    assert sample.revision.actions == [{"action": "edited", "field": "completion"}]
    assert sample.revisions.get(number=1).completion == TEXT


@pytest.mark.parametrize(("decision", "state"), [("return", "returned"), ("reject", "rejected")])
def test_a_sample_is_turned_down_with_a_reason(w: SimpleNamespace, decision: str, state: str) -> None:
    made = review(w.project, w.ann, given(decision))
    assert (state_of(made.sample), made.reason) == (state, "Not about a visit.")
    assert not samples_accepted(w.project)


def test_an_incomplete_review_stores_nothing(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    with pytest.raises(ReviewInvalid, match="Say why you reject it"):
        submit(assignment, decision="reject", reason="")
    with pytest.raises(ReviewInvalid, match="nothing to learn from"):
        submit(assignment, completion="")
    assert not Review.objects.exists() and state_of(assignment.sample) == "ready"
    assert Assignment.objects.get().is_live


def test_not_applicable_is_stored_as_missing_with_its_reason(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann, given(complete=None))
    assert made.scores.get(criterion__key="complete").value is None
    assert made.scores.get(criterion__key="complete").reason == "evidence"


def test_the_same_form_twice_is_one_review(w: SimpleNamespace) -> None:
    assignment, key = claim(w.project, w.ann), uuid.uuid4()
    assert submit(assignment, key) == submit(assignment, key)
    assert Review.objects.count() == 1 and Revision.objects.count() == 3


def test_a_second_decision_about_the_same_sample_is_refused(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    submit(assignment)
    with pytest.raises(ApplicationError, match="Undo the decision to change it"):
        submit(assignment)


def test_a_form_of_another_sample_is_refused(w: SimpleNamespace) -> None:
    key = uuid.uuid4()
    submit(claim(w.project, w.ann), key)
    with pytest.raises(ApplicationError, match="used for another sample"):
        submit(claim(w.project, w.ann), key)


def test_a_decision_leaves_a_trace_that_holds(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    event = AuditEvent.objects.get(action="review.submit")
    assert (event.actor, event.data["review"], event.data["outcome"]) == (w.ann, made.pk, "accepted")
    assert chain_verify().holds


def test_a_review_never_changes(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    made.reason = "Other"
    with pytest.raises(ImmutableError):
        made.save()


# ---- leases that ran out


def test_a_lease_that_ran_out_still_counts_while_nobody_took_the_sample(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    expire(assignment)
    assignments_expire()
    assert submit(assignment).sample == assignment.sample


def test_what_others_took_meanwhile_is_not_taken_back(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    expire(assignment)
    other = claim(w.project, w.bob)
    assert other.sample == assignment.sample
    with pytest.raises(LeaseLost, match="kept on this page"):
        submit(assignment)
    submit(other)
    with pytest.raises(LeaseLost, match="kept on this page"):
        submit(assignment)
    assert Review.objects.count() == 1


def test_with_overlap_a_late_review_takes_the_other_place(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    late = claim(project, w.ann)
    expire(late)
    review(project, w.bob)
    assert submit(late).assignment.slot == 1
    assert state_of(late.sample) == "accepted"


# ---- several reviewers


def test_the_sample_waits_for_all_its_reviews(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    one = review(project, w.ann, given(completion="Better."))
    sample = Sample.objects.get(pk=one.sample_id)
    assert (sample.state, sample.revision) == ("in_review", one.revision_before)
    two = review(project, w.bob, given(completion="Better."))
    sample.refresh_from_db()
    assert (sample.state, sample.revision) == ("accepted", two.revision_after)


@pytest.mark.parametrize(
    "other",
    [
        given("reject"),
        given("return"),
        given(completion="Other words."),
        given(complete=2),
        given(wrong_fact=1),
    ],
)
def test_reviews_that_differ_go_to_adjudication(project: Project, other: Any) -> None:
    w = reviewing.world(project, overlap=2)
    one = review(project, w.ann)
    review(project, w.bob, other)
    assert state_of(one.sample) == "adjudicate"


def test_a_reviewer_never_sees_what_another_wrote(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    one = review(project, w.ann, given(completion="Ann's words."))
    two = claim(project, w.bob)
    assert (two.sample, two.revision) == (one.sample, one.revision_before)


# ---- undo


def test_undo_takes_the_decision_back_as_a_new_row(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann, given(completion="Better.", complete=None))
    assignment = review_undo(review=made, idempotency_key=uuid.uuid4())
    sample = Sample.objects.get(pk=made.sample_id)
    assert (sample.state, sample.revision) == ("ready", made.revision_before)
    assert not reviews_effective().exists() and Review.objects.count() == 2
    assert assignment.is_live and assignment.draft == {
        "completion": "Better.",
        "score-wrong_fact": "0",
        "note-wrong_fact": "evidence",
        "score-complete": "na",
        "note-complete": "evidence",
    }


def test_after_undo_the_sample_is_decided_again(w: SimpleNamespace) -> None:
    first = review(w.project, w.ann, given("reject"))
    assignment = review_undo(review=first, idempotency_key=uuid.uuid4())
    second = submit(assignment)
    assert second.supersedes is not None and second.supersedes.supersedes == first
    assert list(reviews_effective()) == [second]
    assert state_of(first.sample) == "accepted"


def test_what_was_frozen_is_not_undone(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    factories.version(w.project, [Sample.objects.get(pk=made.sample_id)], frozen_by=w.ann, drafted_by=w.ann)
    with pytest.raises(ApplicationError, match="was frozen with this sample"):
        review_undo(review=made, idempotency_key=uuid.uuid4())
    assert review_undoable(w.ann, w.project) is None


def test_the_same_undo_twice_is_one_row(w: SimpleNamespace) -> None:
    made, key = review(w.project, w.ann), uuid.uuid4()
    assert review_undo(review=made, idempotency_key=key) == review_undo(review=made, idempotency_key=key)
    assert Review.objects.count() == 2
    with pytest.raises(ApplicationError, match="already undone"):
        review_undo(review=made, idempotency_key=uuid.uuid4())


def test_an_old_decision_stays(w: SimpleNamespace, settings: Any) -> None:
    made = review(w.project, w.ann)
    assert review_undoable(w.ann, w.project) == made
    settings.UNDO_MINUTES = 0
    assert review_undoable(w.ann, w.project) is None
    made.submitted_at = timezone.now() - timedelta(minutes=1)
    with pytest.raises(ApplicationError, match="this one is older"):
        review_undo(review=made, idempotency_key=uuid.uuid4())


def test_undo_of_one_of_two_reviews_reopens_the_sample(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    review(project, w.ann)
    two = review(project, w.bob, given("reject"))
    review_undo(review=two, idempotency_key=uuid.uuid4())
    assert state_of(two.sample) == "in_review"


def test_only_the_own_last_decision_is_offered_for_undo(w: SimpleNamespace) -> None:
    first = review(w.project, w.ann)
    second = review(w.project, w.ann)
    review(w.project, w.bob)
    assert review_undoable(w.ann, w.project) == second
    review_undo(review=second, idempotency_key=uuid.uuid4())
    assert review_undoable(w.ann, w.project) == first


# ---- returned samples


def test_a_returned_sample_is_opened_in_a_new_round(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann, given("return"))
    sample_reopen(sample=made.sample, reopened_by=w.cleo)
    again = claim(w.project, w.ann)
    assert (again.sample, again.round) == (made.sample, 2)
    assert submit(again).round == 2 and state_of(made.sample) == "accepted"
    with pytest.raises(ApplicationError, match="earlier round"):
        review_undo(review=Review.objects.get(pk=made.pk), idempotency_key=uuid.uuid4())
    with pytest.raises(ApplicationError, match="Only a returned sample"):
        sample_reopen(sample=made.sample, reopened_by=w.cleo)


# ---- at once


def _at_once(n: int, work: Callable[[int], object]) -> list[object]:
    barrier = Barrier(n)

    def run(number: int) -> object:
        try:
            barrier.wait(timeout=30)
            return work(number)
        except ApplicationError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


@pytest.mark.django_db(transaction=True)
def test_eight_sends_of_one_form_store_one_review() -> None:
    w = reviewing.world(factories.project("eight"), samples=1)
    assignment, key = claim(w.project, w.ann), uuid.uuid4()
    answers = _at_once(8, lambda n: submit(assignment, key, completion="Better."))
    assert set(answers) == {Review.objects.get()}
    assert Revision.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_last_reviews_at_once_settle_the_sample() -> None:
    w = reviewing.world(factories.project("two"), samples=4, overlap=2)
    for _ in range(4):
        held = [claim(w.project, w.ann), claim(w.project, w.bob)]
        assert held[0].sample == held[1].sample
        _at_once(2, lambda n, held=held: submit(held[n], completion=f"Text of {n}."))  # type: ignore[misc]
    assert Counter(Sample.objects.values_list("state", flat=True)) == {"adjudicate": 4}
    numbers = Revision.objects.filter(sample=w.samples[0]).values_list("number", flat=True)
    assert sorted(numbers) == [1, 2, 3]
    assert chain_verify().holds


@pytest.mark.django_db(transaction=True)
def test_undo_and_submit_of_the_other_reviewer_at_once_leave_one_truth() -> None:
    w = reviewing.world(factories.project("race"), samples=1, overlap=2)
    one = review(w.project, w.ann)
    two = claim(w.project, w.bob)
    _at_once(2, lambda n: submit(two) if n else review_undo(review=one, idempotency_key=uuid.uuid4()))
    assert state_of(one.sample) == "in_review"
    assert reviews_effective().get().reviewer == w.bob
