"""The queue in the order of the model that learned from the decisions, and its card on the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.models import LearnedModel, LearnedScore
from reviewapp.curation.services import learning_request
from reviewapp.reviews.ranking import LAST, QueueFacts, ranks_of
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.test_learned import decide, learned
from tests.reviewapp.reviews.test_queue_settings import URL, order, sample, update, w

__all__ = ["w"]
NOW = factories.long_ago(0)


def scored(w: Any, percent: int, said: list[list[float] | None]) -> list[str]:
    """Samples that the model scored like this, in the order of their diversity; None: it did not."""
    model = LearnedModel.objects.create(project=w.project, number=1, random_percent=percent, made_at=NOW)
    names = []
    for place, probabilities in enumerate(said):
        one = sample(w)
        names.append(one.external_id)
        if probabilities:
            LearnedScore.objects.create(
                sample=one, model=model, probabilities=probabilities, least_confident=0, margin=0, entropy=0,
                diverse_place=len(said) - place,
            )  # fmt: skip
    return names


def test_the_least_confident_of_the_model_comes_first_and_what_has_no_score_last(w: Any) -> None:
    sure, none, unsure, middle = scored(w, 0, [[0.05, 0.95], None, [0.5, 0.5], [0.7, 0.3]])
    update(w, queue_strategy="confidence")
    assert order(w) == [unsure, middle, sure, none]


def test_the_smallest_margin_of_the_model_comes_first(w: Any) -> None:
    wide, narrow = scored(w, 0, [[0.5, 0.3, 0.2], [0.4, 0.39, 0.21]])
    update(w, queue_strategy="margin")
    assert order(w) == [narrow, wide]


def test_the_mix_takes_what_is_unsure_and_what_is_far_from_all_in_turn(w: Any) -> None:
    unsure, middle, sure, far = scored(w, 0, [[0.5, 0.5], [0.6, 0.4], [0.9, 0.1], [0.99, 0.01]])
    update(w, queue_strategy="diversity")
    assert order(w) == [unsure, far, middle, sure]


def test_an_order_without_field_or_model_has_nothing_to_go_by(w: Any) -> None:
    with pytest.raises(ApplicationError, match="or a model that learned"):
        update(w, queue_strategy="diversity")
    scored(w, 0, [[0.5, 0.5]])
    update(w, queue_strategy="diversity")
    with pytest.raises(ApplicationError, match="holds the number"):
        update(w, queue_strategy="priority")


def test_learning_puts_the_queue_in_its_order_by_itself(w: Any) -> None:
    decide(w.project, factories.rubric_version(w.project, used=True), 60)
    factories.sample(w.project, completion="Rash on both arms, itching.")
    factories.sample(w.project, completion="Lorem unreadable fragment and cough.")
    learned(w.project, 0)
    update(w, queue_strategy="confidence")
    ranks = set(Sample.objects.filter(queue_place=2).values_list("queue_rank", flat=True))
    assert len(ranks) == 2 and all(0.5 <= rank <= 1 for rank in ranks)


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(0, 0.999)), min_size=1, max_size=30))
def test_a_random_place_is_within_the_order_and_moves_nobody_else(facts: list[tuple[float, float | None]]) -> None:
    queue = [
        QueueFacts(id=number, group=1, waiting_since=NOW, score=[score, 1 - score], random_place=place)
        for number, (score, place) in enumerate(facts)
    ]
    ranks = ranks_of(queue, "confidence")
    placed = {number for number, (_, place) in enumerate(facts) if place is None}
    plain = ranks_of([one for one in queue if one.id in placed], "confidence")
    assert {number: ranks[number] for number in placed} == plain and len(ranks) == len(facts)
    if placed:
        assert min(plain.values()) <= min(ranks.values()) and max(ranks.values()) <= max(plain.values())
    assert all(rank < LAST for rank in ranks.values())


def test_the_settings_show_which_model_and_how_good(w: Any, client_for: Callable[..., Client]) -> None:
    client = client_for(factories.member(w.project, "lead"))
    assert "50 with both outcomes are needed" in client.get(URL).content.decode()
    decide(w.project, factories.rubric_version(w.project, used=True), 60)
    learned(w.project, 20)
    shown = " ".join(client.get(URL).content.decode().split())
    assert "60 decisions: changed 20, unchanged 40" in shown and "AUC 1.00" in shown and "n 60, five folds" in shown
    assert "unknown: none was decided" in shown and 'value="20"' in shown


def test_too_few_decisions_are_said_on_the_settings(w: Any, client_for: Callable[..., Client]) -> None:
    decide(w.project, factories.rubric_version(w.project, used=True), 10)
    learned(w.project)
    shown = client_for(factories.member(w.project, "lead")).get(URL).content.decode()
    assert "Unknown: 10 of at least 50 decisions" in shown


@pytest.mark.parametrize(("given_percent", "made"), [("15", 1), ("99", 0), ("x", 0), ("", 0)])
def test_a_lead_asks_for_learning(w: Any, client_for: Callable[..., Client], given_percent: str, made: int) -> None:
    url = "/projects/letters/curation/learning/request/"
    client = client_for(factories.member(w.project, "lead"))
    shown = client.post(url, {"random_percent": given_percent}, follow=True).content.decode()
    assert LearnedModel.objects.count() == made
    assert ("A worker learns" in shown) if made else ("0 to 50 percent" in shown)
    assert client_for(w.ann).post(url, {"random_percent": "10"}).status_code == 403


def test_an_error_of_the_worker_is_shown(w: Any, client_for: Callable[..., Client]) -> None:
    model = learning_request(project=w.project, requested_by=w.cleo)
    assert model.job is not None
    model.job.state, model.job.message = "failed", "The index could not be made."
    model.job.save()
    assert "The index could not be made." in client_for(factories.member(w.project, "lead")).get(URL).content.decode()
