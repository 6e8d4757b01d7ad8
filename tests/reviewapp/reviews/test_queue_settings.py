"""How samples are handed out: order, share, filters, expertise, extra reviewers, and what an empty queue says."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.reviews import services
from reviewapp.reviews.majority import majority_of, outcome_with_extra
from reviewapp.reviews.outcomes import ReviewFacts
from reviewapp.reviews.ranking import (
    LAST,
    confidence_of,
    margin_of,
    number_of,
    reviewers_needed,
    tags_cover,
    tags_of,
)
from reviewapp.reviews.selectors.queue_states import queue_state
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, given, review, state_of

ClientFor = Callable[[User], Client]
URL = "/projects/letters/reviews/settings/"


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project, samples=0)


def sample(w: SimpleNamespace, **values: Any) -> Sample:
    return factories.sample(w.project, completion=reviewing.TEXT, **values)


def update(w: SimpleNamespace, **values: Any) -> None:
    services.queue_settings_update(project=w.project, updated_by=w.cleo, **values)
    w.project.refresh_from_db()


def order(w: SimpleNamespace) -> list[str]:
    """The ids of samples as one person gets them."""
    got = []
    while (held := services.assignment_claim(project=w.project, user=w.ann)) is not None:
        got.append(held.sample.external_id)
        services.assignment_skip(assignment=held, reason="Only looking.")
    return got


# ---- order


def by_score(w: SimpleNamespace, scores: list[Any]) -> list[str]:
    return [sample(w, metadata={} if one is None else {"model": one}).external_id for one in scores]


def test_priority_takes_the_highest_number_first_and_what_has_none_last(w: SimpleNamespace) -> None:
    low, none, high, text = by_score(w, [1, None, 9, "5"])
    update(w, queue_strategy="priority", queue_field="model")
    assert order(w) == [high, text, low, none]


def test_the_least_confident_comes_first(w: SimpleNamespace) -> None:
    sure, none, unsure, classes = by_score(w, [0.99, "n/a", 0.4, {"a": 0.6, "b": 0.4}])
    update(w, queue_strategy="confidence", queue_field="model")
    assert order(w) == [unsure, classes, sure, none]


def test_the_smallest_margin_comes_first(w: SimpleNamespace) -> None:
    wide, narrow, binary = by_score(w, [[0.9, 0.05, 0.05], [0.4, 0.35, 0.25], 0.55])
    update(w, queue_strategy="margin", queue_field="model")
    assert order(w) == [narrow, binary, wide]


def test_the_mix_takes_one_of_each_group_in_turn(w: SimpleNamespace) -> None:
    made = [sample(w, group_key=group, metadata={"p": p}) for group, p in (("a", 0.1), ("a", 0.2), ("b", 0.9))]
    update(w, queue_strategy="diversity", queue_field="p")
    assert order(w) == [made[n].external_id for n in (0, 2, 1)]


def test_the_gravest_findings_come_first(w: SimpleNamespace) -> None:
    none, low, high = (sample(w) for _ in range(3))
    factories.finding(low, severity="low")
    factories.finding(high, severity="high")
    update(w, queue_strategy="findings")
    assert order(w) == [high.external_id, low.external_id, none.external_id]


def test_the_longest_waiting_comes_first(w: SimpleNamespace) -> None:
    first, second = sample(w), sample(w, state_at=factories.long_ago())
    update(w, queue_strategy="oldest")
    assert order(w) == [second.external_id, first.external_id]


def test_the_random_order_is_the_same_for_one_seed_and_another_for_another(w: SimpleNamespace) -> None:
    names = [sample(w).external_id for _ in range(12)]

    def ranked(seed: int) -> list[str]:
        update(w, queue_strategy="random", queue_seed=seed)
        return list(w.project.samples.order_by("queue_rank").values_list("external_id", flat=True))

    one, again, other = ranked(1), ranked(1), ranked(2)
    assert one == again != other
    assert names not in (one, other) and sorted(one) == sorted(names)


def test_samples_that_come_later_are_ranked_when_they_come(w: SimpleNamespace) -> None:
    update(w, queue_strategy="priority", queue_field="model")
    low, high = by_score(w, [1, 5])
    assert claim(w.project, w.ann).sample.external_id == high
    highest = by_score(w, [9])[0]
    assert claim(w.project, w.bob).sample.external_id == highest
    assert claim(w.project, w.cleo).sample.external_id == low


def test_an_order_by_a_field_needs_its_name(w: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="name of the metadata field"):
        update(w, queue_strategy="margin")
    with pytest.raises(ApplicationError, match="no setting colour"):
        update(w, colour="red")
    with pytest.raises(ValidationError):
        update(w, review_overlap=9)


# ---- how many reviewers


def test_a_share_of_the_samples_gets_more_reviewers(w: SimpleNamespace) -> None:
    rare = sample(w, row_hash="0" * 64)
    common = sample(w, row_hash="f" * 64)
    update(w, overlap_more=3, overlap_more_percent=20)
    assert [Sample.objects.get(pk=one.pk).slots_needed for one in (rare, common)] == [3, 1]
    update(w, overlap_more_percent=100)
    assert set(Sample.objects.values_list("slots_needed", flat=True)) == {3}


def test_asking_for_more_opens_what_one_person_had_taken(w: SimpleNamespace) -> None:
    sample(w)
    claim(w.project, w.ann)
    assert services.assignment_claim(project=w.project, user=w.bob) is None
    update(w, review_overlap=2)
    assert claim(w.project, w.bob).slot == 1


def test_reviews_that_differ_ask_for_one_more_and_the_majority_holds(w: SimpleNamespace) -> None:
    one = sample(w)
    update(w, review_overlap=2, extra_reviewers=1)
    review(w.project, w.ann)
    review(w.project, w.bob, given("reject"))
    assert state_of(one) == "in_review"
    review(w.project, w.cleo)
    assert state_of(one) == "accepted"


def test_without_a_majority_the_sample_is_adjudicated(w: SimpleNamespace) -> None:
    one = sample(w)
    update(w, review_overlap=2, extra_reviewers=1)
    review(w.project, w.ann)
    review(w.project, w.bob, given("reject"))
    review(w.project, w.cleo, given("return"))
    assert state_of(one) == "adjudicate"


def _facts(*decisions: str) -> list[ReviewFacts]:
    return [ReviewFacts(decision=d, revision=n, text_hash="t", scores={}) for n, d in enumerate(decisions)]


@hypothesis_given(st.lists(st.sampled_from(["accept", "fix", "return", "reject"]), max_size=6), st.integers(0, 3))
def test_a_majority_agrees_and_is_more_than_half(decisions: list[str], extra: int) -> None:
    reviews = _facts(*decisions)
    most = majority_of(reviews, {})
    if most:
        assert len(most) * 2 > len(reviews)
        assert len({"accept" if one.decision == "fix" else one.decision for one in most}) == 1
    outcome, needed = outcome_with_extra(reviews, base=2, extra=extra, kinds={})
    assert needed <= max(2, len(reviews)) + 1
    if outcome.result == "open":
        assert len(reviews) < needed


# ---- who gets what


def test_a_sample_with_tags_goes_to_those_who_have_them_all(w: SimpleNamespace) -> None:
    heart = sample(w, metadata={"expertise": ["Cardiology", "paediatrics"]})
    plain = sample(w)
    services.expertise_set(project=w.project, user=w.bob, expertise="paediatrics, cardiology", set_by=w.cleo)
    services.expertise_set(project=w.project, user=w.cleo, expertise="cardiology", set_by=w.cleo)
    assert claim(w.project, w.ann).sample == plain
    assert services.assignment_claim(project=w.project, user=w.cleo) is None
    assert claim(w.project, w.bob).sample == heart


@pytest.mark.parametrize(
    ("setting", "value", "values"),
    [("filter_language", "de", {"language": "de"}), ("filter_origin", "feedback", {"origin": "feedback"})],
)
def test_a_filter_shows_only_what_it_names(
    w: SimpleNamespace, setting: str, value: str, values: dict[str, str]
) -> None:
    sample(w)
    wanted = sample(w, **values)
    update(w, **{setting: value})
    assert order(w) == [wanted.external_id]


def test_a_filter_by_check_shows_what_has_an_open_finding_of_it(w: SimpleNamespace) -> None:
    sample(w)
    found = sample(w)
    factories.finding(found, check_name="identifiers")
    update(w, filter_check="identifiers")
    assert order(w) == [found.external_id]


def _filtered(w: SimpleNamespace) -> None:
    sample(w)
    update(w, filter_language="de")


def _not_assigned(w: SimpleNamespace) -> None:
    sample(w, metadata={"expertise": "law"})
    services.queue_order(project=w.project)


def _recused(w: SimpleNamespace) -> None:
    sample(w)
    services.assignment_recuse(assignment=claim(w.project, w.ann), reason="I act for this party.")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_filtered, "The filter of this queue hides what is left"),
        (_not_assigned, "What is left asks for other expertise"),
        (_recused, "You stepped back from what is left"),
    ],
)
def test_an_empty_queue_says_what_keeps_samples_from_a_person(
    w: SimpleNamespace, client_for: ClientFor, make: Callable[[SimpleNamespace], None], words: str
) -> None:
    make(w)
    state = queue_state(w.project, w.ann)
    assert (state.reason, state.hidden) == (make.__name__.removeprefix("_"), 1)
    assert words in client_for(w.ann).get("/projects/letters/reviews/").content.decode()


# ---- the screen


def form(**values: Any) -> dict[str, Any]:
    base = {"review_overlap": 1, "overlap_more": 2, "overlap_more_percent": 0, "extra_reviewers": 0}
    return {**base, "queue_strategy": "in_order", "queue_seed": 1, **values}


def test_a_lead_sets_the_rules_and_they_are_recorded(
    w: SimpleNamespace, people: SimpleNamespace, client_for: ClientFor
) -> None:
    sample(w, language="de")
    client = client_for(people.lead)
    page = client.get(URL).content.decode()
    assert "How samples are handed out" in page and '<option value="de">' in page
    assert client.post(URL, form(review_overlap=2, filter_language="de")).status_code == 302
    w.project.refresh_from_db()
    assert (w.project.review_overlap, w.project.filter_language) == (2, "de")
    assert AuditEvent.objects.filter(action="queue.update").count() == 1
    refused = client.post(URL, form(queue_strategy="margin"))
    assert refused.status_code == 422 and b"needs the name of the metadata field" in refused.content


def test_a_lead_says_who_is_expert_in_what(w: SimpleNamespace, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.lead)
    answer = client.post(f"{URL}expertise/{w.ann.pk}/", {"expertise": "Law,  Tax , law"}, follow=True)
    assert 'value="law,tax"' in answer.content.decode()


# ---- plain arithmetic


@hypothesis_given(st.lists(st.text(max_size=8), max_size=6))
def test_tags_have_one_form(parts: list[str]) -> None:
    tags = tags_of(parts)
    assert tags_of(tags) == tags == tags_of(list(reversed(parts)))
    assert tags_cover(tags, tags) and tags_cover(tags, "")
    if tags:
        assert not tags_cover("", tags)


@hypothesis_given(st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(0, 100))
def test_a_share_grows_with_its_percent(digest: str, percent: int) -> None:
    def more(share: int) -> bool:
        return reviewers_needed(digest, overlap=1, more=2, more_percent=share) == 2

    assert not more(0) and more(100)
    assert more(percent) == (int(digest[:8], 16) < percent * 16**8 // 100)


@pytest.mark.parametrize("value", [None, True, "x", [], {"a": "b"}, float("nan"), 7, -1, [2, 3]])
def test_what_is_no_confidence_is_ranked_last(value: Any) -> None:
    assert confidence_of(value) is None and margin_of(value) is None


def test_numbers_are_read_as_written() -> None:
    assert (number_of(" 3.5 "), number_of(4), number_of("1e400"), number_of("10" * 400)) == (3.5, 4.0, None, None)
    assert (confidence_of([0.2, 0.7]), margin_of([0.2, 0.7]), margin_of(0.5)) == (0.7, 0.49999999999999994, 0.0)
    assert LAST > 1e9
