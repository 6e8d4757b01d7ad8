"""What samples keep about their place in the queue stays right, whatever happens in whatever order."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.projects.models import Membership, Project
from reviewapp.reviews import services
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors.reviews import review_undoable
from reviewapp.reviews.selectors.slots import QueueProblem, queue_problems
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, expire

LEASED, DONE = Assignment.State.LEASED, Assignment.State.SUBMITTED


def _held(w: SimpleNamespace, user: User) -> Assignment | None:
    """What this person holds; somebody who holds nothing takes the next, so that most acts have something to act on."""
    mine = Assignment.objects.filter(holder=user, state=LEASED).order_by("is_prefetched", "-pk")
    held: Assignment | None = mine.first() or services.assignment_claim(project=w.project, user=user)
    return held


def _submit(w: SimpleNamespace, user: User, answer: str = "accept") -> None:
    held = _held(w, user)
    if held is not None:
        services.review_submit(assignment=held, given=reviewing.given(answer), idempotency_key=uuid.uuid4())


def _late(w: SimpleNamespace, user: User) -> None:
    """Hands in what had run out or was given back."""
    closed = Assignment.objects.filter(holder=user, state__in=["expired", "released"]).last()
    if closed is not None:
        services.review_submit(assignment=closed, given=reviewing.given(), idempotency_key=uuid.uuid4())


def _undo(w: SimpleNamespace, user: User) -> None:
    review = review_undoable(user, w.project)
    if review is not None:
        services.review_undo(review=review, idempotency_key=uuid.uuid4())


def _expire(w: SimpleNamespace, user: User) -> None:
    held = _held(w, user)
    if held is not None:
        expire(held)
        services.assignments_expire()


def _of_held(act: str, **values: str) -> object:
    def run(w: SimpleNamespace, user: User) -> None:
        held = _held(w, user)
        if held is not None:
            getattr(services, act)(assignment=held, **values)

    return run


def _reopen(w: SimpleNamespace, user: User) -> None:
    for sample in Sample.objects.filter(state=Sample.State.RETURNED)[:1]:
        services.sample_reopen(sample=sample, reopened_by=w.cleo)


ACTS = {
    "claim": lambda w, user: services.assignment_claim(project=w.project, user=user),
    "prefetch": lambda w, user: services.assignment_prefetch(project=w.project, user=user),
    "accept": _submit,
    "return": lambda w, user: _submit(w, user, "return"),
    "reject": lambda w, user: _submit(w, user, "reject"),
    "late": _late,
    "undo": _undo,
    "skip": _of_held("assignment_skip", reason="Not mine."),
    "recuse": _of_held("assignment_recuse", reason="I treated this patient."),
    "release": _of_held("assignment_release"),
    "renew": _of_held("assignment_renew"),
    "expire": _expire,
    "reopen": _reopen,
}


def _place(sample: Sample) -> int:
    if sample.slots_needed and sample.slots_taken >= sample.slots_needed:
        return 0
    return {Sample.State.IN_REVIEW: 1, Sample.State.READY: 2}.get(Sample.State(sample.state), 0)


def _check(w: SimpleNamespace) -> None:
    assert queue_problems() == []
    for sample in Sample.objects.all():
        assert sample.queue_place == _place(sample)
        taken = sample.assignments.filter(round=sample.review_round, state__in=[LEASED, DONE])
        assert taken.count() <= max(1, sample.slots_needed), "more people than the sample needs"
        assert taken.values("holder").distinct().count() == taken.count()
    for member in Membership.objects.filter(project=w.project):
        done = Assignment.objects.filter(holder=member.user, state=DONE, is_adjudication=False).count()
        assert member.reviews_done == done
    for user in (w.ann, w.bob, w.cleo):
        assert Assignment.objects.live().filter(holder=user, is_prefetched=True).count() <= 1


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 2)), min_size=4, max_size=14),
    overlap=st.integers(1, 3),
    extra=st.integers(0, 2),
)
@pytest.mark.slow
def test_any_history_keeps_the_slots_right(history: list[tuple[str, int]], overlap: int, extra: int) -> None:
    with transaction.atomic():
        project = factories.project("history", extra_reviewers=extra)
        w = reviewing.world(project, samples=2, overlap=overlap)
        for act, person in history:
            try:
                with transaction.atomic():
                    ACTS[act](w, (w.ann, w.bob, w.cleo)[person])  # type: ignore[operator]
            except (ApplicationError, LeaseLost):
                pass  # refused, and nothing may have changed by it
            _check(w)
        transaction.set_rollback(True)


def test_the_check_finds_what_is_wrong_and_mends_it(project: Project) -> None:
    w = reviewing.world(project)
    held = claim(project, w.ann)
    assert queue_problems(project) == []
    Sample.objects.filter(pk=held.sample_id).update(slots_taken=0)
    assert queue_problems(project) == [QueueProblem(sample=held.sample_id, kept=0, counted=1)]
    assert services.queue_repair() == 1
    assert queue_problems() == []


def test_a_submit_and_the_next_sample_take_few_queries(
    project: Project, client_for: object, django_assert_max_num_queries: object
) -> None:
    """The same number whatever the project holds: 28, with those of session and person, and once a rubric is known."""
    w = reviewing.world(project, samples=30)
    client = client_for(w.ann)  # type: ignore[operator]
    page = client.post("/projects/letters/reviews/next/").headers["Location"]
    answers = {"decision": "accept", "score-wrong_fact": "0", "score-complete": "4"}
    locks = 2 if connection.vendor == "postgresql" else 0  # of the audit chain
    for most in (32 + locks, 28 + locks):
        form = {**answers, "idempotency_key": str(uuid.uuid4())}
        with django_assert_max_num_queries(most):  # type: ignore[operator]
            page = client.post(page.replace("/edit/", "/submit/"), form).headers["Location"]
    assert Review.objects.count() == 2


# ---- taken ahead


def test_the_next_sample_is_taken_ahead_and_submitting_leads_to_it(project: Project) -> None:
    w = reviewing.world(project)
    now = claim(project, w.ann)
    ahead = services.assignment_prefetch(project=project, user=w.ann)
    assert ahead is not None and ahead.is_prefetched and ahead.sample != now.sample
    assert services.assignment_prefetch(project=project, user=w.ann) == ahead
    assert claim(project, w.ann) == now
    assert claim(project, w.bob).sample not in (now.sample, ahead.sample)
    services.review_submit(assignment=now, given=reviewing.given(), idempotency_key=uuid.uuid4())
    then = claim(project, w.ann)
    assert then == ahead and not then.is_prefetched
    assert (then.lease_expires_at - then.leased_at).total_seconds() > 600


def test_nothing_is_taken_ahead_of_nothing(project: Project) -> None:
    w = reviewing.world(project, samples=1)
    assert services.assignment_prefetch(project=project, user=w.ann) is None
    claim(project, w.ann)
    assert services.assignment_prefetch(project=project, user=w.ann) is None


def test_what_was_taken_ahead_goes_back_soon_or_with_the_one_in_hand(project: Project) -> None:
    w = reviewing.world(project, samples=2)
    now = claim(project, w.ann)
    ahead = services.assignment_prefetch(project=project, user=w.ann)
    assert ahead is not None
    assert services.assignment_claim(project=project, user=w.bob) is None
    expire(ahead)
    assert claim(project, w.bob).sample == ahead.sample
    services.assignment_release(assignment=now)
    assert claim(project, w.cleo).sample == now.sample


# ---- recusal


def test_a_group_is_never_offered_again_after_stepping_back(project: Project) -> None:
    w = reviewing.world(project, samples=0)
    first, second = (factories.sample(project, completion=reviewing.TEXT, group_key="patient-7") for _ in range(2))
    other = factories.sample(project, completion=reviewing.TEXT, group_key="patient-8")
    held = claim(project, w.ann)
    ahead = services.assignment_prefetch(project=project, user=w.ann)
    assert (held.sample, ahead and ahead.sample) == (first, second)
    services.assignment_recuse(assignment=held, reason="I treated this patient.")
    assert claim(project, w.ann).sample == other
    assert claim(project, w.bob).sample == first
    member = Membership.objects.get(user=w.ann)
    assert member.reviews_done == 0
    assert not Assignment.objects.filter(holder=w.ann, state="skipped").exists()


def test_stepping_back_needs_a_reason_and_an_open_decision(project: Project) -> None:
    w = reviewing.world(project)
    with pytest.raises(ApplicationError, match="why you must not judge"):
        services.assignment_recuse(assignment=claim(project, w.ann), reason=" ")
    decided = reviewing.review(project, w.ann)
    with pytest.raises(ApplicationError, match="already decided"):
        services.assignment_recuse(assignment=decided.assignment, reason="I act for them.")


def test_an_operator_checks_and_mends_the_queue(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    w = reviewing.world(project)
    call_command("queue_check")
    assert "right place" in capsys.readouterr().out
    held = claim(project, w.ann)
    Sample.objects.filter(pk=held.sample_id).update(slots_taken=5)
    with pytest.raises(CommandError, match="1 samples keep a wrong place"):
        call_command("queue_check")
    call_command("queue_check", "--repair")
    assert f"sample {held.sample_id}: 5 kept, 1 counted" in capsys.readouterr().out
    assert queue_problems() == []
