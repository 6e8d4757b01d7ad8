from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError, LeaseLost
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment, QueueFigure
from reviewapp.reviews.selectors.queue_states import queue_state
from reviewapp.reviews.selectors.queues import sample_next, samples_open_for
from reviewapp.reviews.services import (
    assignment_claim,
    assignment_flag,
    assignment_leave,
    assignment_recuse,
    assignment_release,
    assignment_renew,
    assignment_skip,
    assignments_expire,
    queue_settings_update,
)
from reviewapp.rubrics.models import RubricVersion
from reviewapp.rubrics.services import rubric_activate
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, expire, given, review


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project)


def test_the_first_sample_is_leased_with_what_it_is_judged_by(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    assert (assignment.sample, assignment.revision) == (w.samples[0], w.samples[0].revision)
    assert (assignment.rubric_version, assignment.slot, assignment.is_live) == (w.version, 0, True)
    assert RubricVersion.objects.get().used_at is not None
    assert AuditEvent.objects.filter(action="assignment.claim", target_id=str(w.samples[0].pk)).count() == 1


def test_claiming_again_gives_the_sample_one_is_on(w: SimpleNamespace) -> None:
    assert claim(w.project, w.ann) == claim(w.project, w.ann)


@pytest.mark.parametrize("is_waiting", [True, False])
def test_the_query_that_is_written_once_finds_the_first_of_the_open_ones(project: Project, is_waiting: bool) -> None:
    """For each project, person, filter and expertise; what one of them asked before changes nothing for another."""
    w, other = reviewing.world(project, overlap=2), factories.project("wards")
    factories.sample(other)
    Sample.objects.filter(pk=w.samples[0].pk).update(language="de", expertise="cardiology")
    Sample.objects.filter(pk=w.samples[1].pk).update(language="de")
    claim(project, w.ann)
    assignment_recuse(assignment=claim(project, w.bob), reason="A relative")
    figure, tagged = QueueFigure(expertise=[]), QueueFigure(expertise=["cardiology"])
    found = set()
    for language in ("", "de"):
        project.filter_language = language
        for place, person in ((project, w.ann), (project, w.bob), (project, w.cleo), (other, w.ann)):
            for known, tags in ((figure, ""), (tagged, ""), (tagged, "cardiology")):
                with transaction.atomic():
                    first = sample_next(place, person, tags, known, is_waiting=is_waiting)
                assert first == samples_open_for(place, person, tags, known).first()
                found.add(first)
    assert len(found) == 3


def test_two_people_get_two_samples(w: SimpleNamespace) -> None:
    assert claim(w.project, w.ann).sample != claim(w.project, w.bob).sample


def test_with_overlap_two_people_share_a_sample_and_a_third_gets_the_next(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    one, two, three = claim(project, w.ann), claim(project, w.bob), claim(project, w.cleo)
    assert one.sample == two.sample != three.sample
    assert {one.slot, two.slot} == {0, 1}


def test_the_database_refuses_a_second_taker_of_a_slot(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(
            sample=held.sample, revision=held.revision, rubric_version=held.rubric_version, round=1, slot=0,
            holder=w.bob, lease_expires_at=timezone.now(),
        )  # fmt: skip


def test_a_begun_sample_is_finished_before_a_new_one_is_begun(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    review(project, w.ann)
    assert claim(project, w.bob).sample == w.samples[0]


def test_an_expired_lease_is_given_to_the_next_person(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    expire(held)
    assert claim(w.project, w.bob).sample == held.sample
    held.refresh_from_db()
    assert held.state == Assignment.State.EXPIRED


def test_a_draft_comes_back_to_its_writer(w: SimpleNamespace) -> None:
    claim(w.project, w.bob)
    held = claim(w.project, w.ann)
    Assignment.objects.filter(pk=held.pk).update(draft={"reason": "Half a thought"}, draft_version=3)
    assignment_release(assignment=held)
    again = claim(w.project, w.ann)
    assert (again.sample, again.draft, again.draft_version) == (held.sample, {"reason": "Half a thought"}, 3)
    assert again.pk != held.pk


def test_leaving_keeps_the_sample_for_a_minute(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    assignment_leave(assignment=held)
    held.refresh_from_db()
    assert held.is_live and (held.lease_expires_at - timezone.now()).total_seconds() <= 60
    expire(held)
    assignment_leave(assignment=held)
    held.refresh_from_db()
    assert not held.is_live


def test_a_lease_that_ran_out_is_renewed_while_nobody_took_the_sample(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    expire(held)
    assignments_expire()
    assert assignment_renew(assignment=held) > timezone.now()
    assert Assignment.objects.get().is_live
    expire(held)
    claim(w.project, w.bob)
    with pytest.raises(LeaseLost, match="others have taken this sample"):
        assignment_renew(assignment=held)


def test_what_was_given_back_or_decided_is_not_renewed(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    assignment_release(assignment=held)
    with pytest.raises(LeaseLost, match="no longer yours"):
        assignment_renew(assignment=held)
    with pytest.raises(LeaseLost):
        assignment_renew(assignment=review(w.project, w.ann).assignment)


def test_a_skipped_sample_goes_to_others_and_not_back(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    assignment_skip(assignment=held, reason="I know this patient.")
    assert claim(w.project, w.ann).sample != held.sample
    assert claim(w.project, w.bob).sample == held.sample
    held.refresh_from_db()
    assert held.skip_reason == "I know this patient."
    assert queue_state(w.project, w.ann).mine_skipped == 1


def test_a_skip_needs_a_reason_and_an_open_decision(w: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="why you skip"):
        assignment_skip(assignment=claim(w.project, w.ann), reason=" ")
    decided = review(w.project, w.ann)
    with pytest.raises(ApplicationError, match="already decided"):
        assignment_skip(assignment=decided.assignment, reason="Late.")


def test_a_flag_is_set_and_taken_away(w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    for is_flagged in (True, False):
        assignment_flag(assignment=held, is_flagged=is_flagged)
        assert Assignment.objects.get().is_flagged is is_flagged


def test_all_reviews_of_a_round_use_one_rubric_version(project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    review(project, w.ann)
    other = factories.rubric_version(project)
    rubric_activate(rubric=other.rubric, activated_by=w.cleo)
    assert claim(project, w.bob).rubric_version == w.version
    assert claim(project, w.ann).rubric_version == other


def test_without_a_rubric_nothing_is_claimed(project: Project, people: SimpleNamespace) -> None:
    factories.sample(project)
    with pytest.raises(ApplicationError, match="no rubric for samples"):
        assignment_claim(project=project, user=people.annotator)


# ---- why a queue is empty


def _no_samples(w: SimpleNamespace) -> None:
    Sample.objects.update(project=factories.project("away"))


def _no_rubric(w: SimpleNamespace) -> None:
    w.version.rubric.delete()


def _not_cleaned(w: SimpleNamespace) -> None:
    Sample.objects.update(state=Sample.State.IMPORTED)


def _leased(w: SimpleNamespace) -> None:
    claim(w.project, w.bob)


def _mine_done(w: SimpleNamespace) -> None:
    assignment_skip(assignment=claim(w.project, w.ann), reason="Not mine.")


def _finished(w: SimpleNamespace) -> None:
    review(w.project, w.ann)


@pytest.mark.parametrize("make_empty", [_no_samples, _no_rubric, _not_cleaned, _leased, _mine_done, _finished])
def test_an_empty_queue_says_why(project: Project, make_empty: Callable[[SimpleNamespace], None]) -> None:
    w = reviewing.world(project, samples=1)
    assert queue_state(project, w.ann).reason == ""
    make_empty(w)
    assert queue_state(project, w.ann).reason == make_empty.__name__.removeprefix("_")


def test_a_queue_tells_until_when_others_hold_it(project: Project) -> None:
    w = reviewing.world(project, samples=1)
    held = claim(project, w.bob)
    state = queue_state(project, w.ann)
    assert (state.leased_by_others, state.leased_until) == (1, held.lease_expires_at)


def test_progress_counts_own_and_open_samples(w: SimpleNamespace) -> None:
    review(w.project, w.ann)
    review(w.project, w.bob)
    state = queue_state(w.project, w.ann)
    assert (state.mine_done, state.mine_total, state.reviewed, state.total) == (1, 2, 2, 3)


def test_asking_for_fewer_reviews_settles_what_has_enough(project: Project) -> None:
    w = reviewing.world(project, samples=1, overlap=2)
    review(project, w.ann, given(completion="Better."))
    queue_settings_update(project=project, updated_by=w.cleo, review_overlap=1)
    assert assignment_claim(project=project, user=w.bob) is None
    sample = Sample.objects.get()
    assert sample.state == Sample.State.ACCEPTED
    assert sample.revision is not None and sample.revision.completion == "Better."


# ---- at once


def _at_once(n: int, work: Callable[[int], object]) -> list[object]:
    barrier = Barrier(n)

    def run(number: int) -> object:
        try:
            barrier.wait(timeout=30)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("overlap", [1, 2])
def test_eight_people_at_once_never_exceed_the_overlap(overlap: int) -> None:
    project = factories.project("crowd", review_overlap=overlap)
    reviewing.rubric(project)
    for _ in range(8 // overlap):
        factories.sample(project)
    people = [factories.member(project, "annotator") for _ in range(8)]
    claimed = _at_once(8, lambda n: assignment_claim(project=project, user=people[n]))
    per_sample = Counter(Assignment.objects.values_list("sample_id", flat=True))
    assert None not in claimed
    assert set(per_sample.values()) == {overlap}
    assert Assignment.objects.values("sample", "slot").distinct().count() == 8


@pytest.mark.django_db(transaction=True)
def test_eight_people_race_for_the_last_sample() -> None:
    project = factories.project("last")
    reviewing.rubric(project)
    factories.sample(project)
    people = [factories.member(project, "annotator") for _ in range(8)]
    claimed = _at_once(8, lambda n: assignment_claim(project=project, user=people[n]))
    assert sum(assignment is not None for assignment in claimed) == 1


@pytest.mark.django_db(transaction=True)
def test_one_person_in_eight_tabs_holds_one_sample() -> None:
    project = factories.project("tabs")
    reviewing.rubric(project)
    for _ in range(8):
        factories.sample(project)
    person: User = factories.member(project, "annotator")
    _at_once(8, lambda n: assignment_claim(project=project, user=person))
    assert Assignment.objects.live().count() == 1
