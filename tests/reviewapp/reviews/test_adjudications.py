from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError, ImmutableError, LeaseLost
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import ReviewInvalid
from reviewapp.reviews.models import Assignment, CriterionScore, Review
from reviewapp.reviews.selectors.agreements import agreement_rows, rating_set
from reviewapp.reviews.selectors.queues import samples_to_adjudicate
from reviewapp.reviews.selectors.reviews import review_undoable
from reviewapp.reviews.services import Cause, adjudication_claim, adjudication_submit, review_undo
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import TEXT, given, review, state_of


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    """One sample that Ann and Bob fixed differently."""
    world = reviewing.world(project, samples=1, overlap=2)
    world.one = review(project, world.ann, given(completion="Ann's words.", complete=2))
    world.two = review(project, world.bob, given(completion="Bob's words.", complete=4))
    return world


def take(w: SimpleNamespace, user: Any) -> Assignment:
    assignment = adjudication_claim(project=w.project, user=user)
    assert assignment is not None
    return assignment


def settle(
    assignment: Assignment, answer: Any, cause: str = "slip", key: uuid.UUID | None = None, note: str = ""
) -> Review:
    return adjudication_submit(
        assignment=assignment,
        given=answer,
        cause=Cause(kind=cause, note=note),
        idempotency_key=key or uuid.uuid4(),
        seconds=5,
    )


def test_somebody_else_settles_it_with_a_cause(w: SimpleNamespace) -> None:
    made = settle(take(w, w.cleo), given(completion="Bob's words."), cause="true_judgement")
    sample = Sample.objects.get()
    assert (made.is_adjudication, made.cause, made.reviewer) == (True, "true_judgement", w.cleo)
    assert (sample.state, sample.revision) == ("accepted", w.two.revision_after)
    assert set(Review.objects.filter(is_adjudication=False)) == {w.one, w.two}
    assert AuditEvent.objects.get(action="sample.adjudicate").data["cause"] == "true_judgement"


def test_a_third_text_is_a_revision_of_its_own(w: SimpleNamespace) -> None:
    made = settle(take(w, w.cleo), given(completion="Cleo's words."))
    assert (made.decision, made.revision_after.reason, made.revision_after.created_by) == (
        "fix",
        "adjudication",
        w.cleo,
    )


def test_the_text_as_it_came_may_be_right(w: SimpleNamespace) -> None:
    made = settle(take(w, w.cleo), given())
    assert (made.decision, made.revision_after.completion) == ("accept", TEXT)


@pytest.mark.parametrize(("decision", "state"), [("return", "returned"), ("reject", "rejected")])
def test_it_may_be_turned_down(w: SimpleNamespace, decision: str, state: str) -> None:
    settle(take(w, w.cleo), given(decision))
    assert state_of(w.one.sample) == state


def test_reviewers_do_not_settle_their_own_sample(w: SimpleNamespace) -> None:
    assert adjudication_claim(project=w.project, user=w.ann) is None
    assert not samples_to_adjudicate(w.project, w.bob)
    stolen = take(w, w.cleo)
    Assignment.objects.filter(pk=stolen.pk).update(holder=w.ann)
    with pytest.raises(ApplicationError, match="somebody else settles it"):
        settle(stolen, given())


def test_one_person_at_a_time_settles_it(w: SimpleNamespace) -> None:
    assert take(w, w.cleo) == take(w, w.cleo)
    lead = factories.member(w.project, "lead")
    assert adjudication_claim(project=w.project, user=lead) is None


def test_a_cause_is_asked_for(w: SimpleNamespace) -> None:
    with pytest.raises(ReviewInvalid, match="why the reviews differed"):
        settle(take(w, w.cleo), given(), cause="whim")
    assert state_of(w.one.sample) == "adjudicate"


def test_the_same_form_twice_settles_once(w: SimpleNamespace) -> None:
    assignment, key = take(w, w.cleo), uuid.uuid4()
    assert settle(assignment, given(), key=key) == settle(assignment, given(), key=key)
    assert Review.objects.filter(is_adjudication=True).count() == 1


def test_an_adjudicated_review_is_not_undone_but_the_adjudication_is(w: SimpleNamespace) -> None:
    made = settle(take(w, w.cleo), given())
    with pytest.raises(ApplicationError, match="adjudicated since"):
        review_undo(review=w.two, idempotency_key=uuid.uuid4())
    assert review_undoable(w.bob, w.project) is None
    again = review_undo(review=made, idempotency_key=uuid.uuid4())
    assert (state_of(w.one.sample), again.is_adjudication) == ("adjudicate", True)
    settle(again, given("reject"))
    assert state_of(w.one.sample) == "rejected"


def test_a_reviewer_who_takes_the_decision_back_ends_the_adjudication(w: SimpleNamespace) -> None:
    assignment = take(w, w.cleo)
    review_undo(review=w.two, idempotency_key=uuid.uuid4())
    assert state_of(w.one.sample) == "in_review"
    with pytest.raises(LeaseLost, match="settled meanwhile"):
        settle(assignment, given())


def test_an_ambiguity_of_the_rubric_asks_what_is_left_open_and_keeps_it(w: SimpleNamespace) -> None:
    assignment = take(w, w.cleo)
    with pytest.raises(ReviewInvalid, match="what the rubric leaves open"):
        settle(assignment, given(), cause="rubric_ambiguous")
    made = settle(assignment, given(), cause="rubric_ambiguous", note="Is sleep a plan?")
    assert (made.cause, made.cause_note) == ("rubric_ambiguous", "Is sleep a plan?")


def test_a_note_belongs_to_an_ambiguity_only(w: SimpleNamespace) -> None:
    assert settle(take(w, w.cleo), given(), cause="slip", note="Typed, then another cause was chosen.").cause_note == ""


def test_raw_reviews_are_never_overwritten(w: SimpleNamespace) -> None:
    before = list(Review.objects.filter(is_adjudication=False).values())
    scores = list(CriterionScore.objects.filter(review__is_adjudication=False).values())
    settle(take(w, w.cleo), given(completion="Cleo's words.", complete=1))
    assert list(Review.objects.filter(is_adjudication=False).values()) == before
    assert list(CriterionScore.objects.filter(review__is_adjudication=False).values()) == scores
    with pytest.raises(ImmutableError):
        w.one.delete()


@pytest.mark.parametrize(
    ("ann", "bob", "differs"),
    [
        ({"wrong_fact": 1}, {"wrong_fact": 0}, True),
        ({"complete": 4}, {"complete": 2}, True),
        ({"complete": 4}, {"complete": 3}, False),
        ({"complete": None}, {"complete": 1}, False),
    ],
)
def test_the_queue_fills_itself_by_the_rule_that_is_reported(
    project: Project, ann: dict[str, Any], bob: dict[str, Any], differs: bool
) -> None:
    world = reviewing.world(project, samples=1, overlap=2)
    review(project, world.ann, given(completion="Fixed.", **ann))
    review(project, world.bob, given(completion="Fixed.", **bob))
    assert samples_to_adjudicate(project, world.cleo).exists() == differs
    counted = sum(row.measures.n_apart for row in agreement_rows(rating_set(project, world.version)))
    assert (counted > 0) == differs
