from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.reviews import agreement
from reviewapp.reviews.models import Review
from reviewapp.reviews.selectors.agreements import (
    AgreementRow,
    adjudication_counts,
    agreement_rows,
    ambiguities,
    named_pairs,
    rating_set,
    slice_fields,
    slices_of,
    versions_reviewed,
)
from reviewapp.reviews.services import Cause, adjudication_submit, review_undo
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import given, review
from tests.reviewapp.reviews.test_adjudications import take

ClientFor = Callable[[User], Client]

# (Ann's level, Bob's level) of each sample; None is not applicable
PAIRS = [(4, 4), (3, 4), (2, 2), (1, 2), (4, 1), (None, 3)]
LANGUAGES = ["en", "de", "en", "de", "en", "de"]


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    world = reviewing.world(project, samples=len(PAIRS), overlap=2)
    for sample, language in zip(world.samples, LANGUAGES, strict=True):
        Sample.objects.filter(pk=sample.pk).update(language=language, metadata={"ward": language * 2, "id": sample.pk})
    for ann, bob in PAIRS:
        review(project, world.ann, given(complete=ann, completion="Fixed."))
        review(project, world.bob, given(complete=bob, completion="Fixed.", wrong_fact=1 if bob == 1 else 0))
    return world


def rows_of(w: SimpleNamespace) -> list[AgreementRow]:
    return agreement_rows(rating_set(w.project, w.version))


def url() -> str:
    return reverse("reviews:agreement", args=["letters"])


def test_rows_are_the_decision_and_each_criterion(w: SimpleNamespace) -> None:
    rows = rows_of(w)
    assert [row.rated.name for row in rows] == ["Decision", "Wrong fact", "Complete"]
    table = [[ann for ann, _ in PAIRS], [bob for _, bob in PAIRS]]
    measures = rows[2].measures
    assert measures.alpha.value == pytest.approx(agreement.krippendorff_alpha(table).value)
    assert measures.gwet.value == pytest.approx(agreement.gwet(table, [1, 2, 3, 4], "quadratic").value)
    assert (measures.alpha.n_units, measures.alpha.n_raters, measures.alpha.missing) == (5, 2, 1)


def test_what_is_counted_to_settle_is_what_waits_to_be_settled(w: SimpleNamespace) -> None:
    rows = rows_of(w)
    assert [row.measures.n_apart for row in rows] == [0, 1, 1]
    assert Sample.objects.filter(state=Sample.State.ADJUDICATE).count() == 1
    ratings = rating_set(w.project, w.version)
    assert (ratings.n_texts, ratings.n_texts_apart) == (6, 0)


def test_texts_that_differ_are_counted_apart(project: Project) -> None:
    world = reviewing.world(project, samples=2, overlap=2)
    for words in ("One.", "One.", "Another."):
        person = world.ann if words == "One." else world.bob
        review(project, person, given(completion=words))
    ratings = rating_set(project, world.version)
    assert (ratings.n_texts, ratings.n_texts_apart) == (1, 1)


def test_unanimous_decisions_say_why_there_is_no_alpha(w: SimpleNamespace) -> None:
    decision = rows_of(w)[0].measures
    assert (decision.percent.value, decision.alpha.value, decision.alpha.reason) == (1.0, None, "no_variation")
    assert decision.gwet.value == 1.0 and decision.reading == ("unknown", "Not defined")


def test_gate_items_are_read_by_positive_agreement(w: SimpleNamespace) -> None:
    gate = rows_of(w)[1]
    assert gate.is_gate and gate.measures.positive is not None and gate.measures.positive.value == 0.0
    assert gate.measures.reading == ("unknown", "Unknown: 6 of 50 rated twice")


def test_adjudication_changes_no_agreement(w: SimpleNamespace) -> None:
    before = [row.measures for row in rows_of(w)]
    adjudication_submit(
        assignment=take(w, w.cleo), given=given(), cause=Cause(kind="slip"), idempotency_key=uuid.uuid4()
    )
    assert [row.measures for row in rows_of(w)] == before
    counts = adjudication_counts(w.project)
    assert counts.adjudicated == 1 and dict(counts.causes)["A slip of one reviewer"] == 1
    assert not ambiguities(w.project)


def test_ambiguities_lead_to_a_draft_of_the_rubric(client_for: ClientFor, w: SimpleNamespace) -> None:
    cause = Cause(kind="rubric_ambiguous", note="Is 3 & 4 the same?")
    adjudication_submit(assignment=take(w, w.cleo), given=given(), cause=cause, idempotency_key=uuid.uuid4())
    page = client_for(factories.member(w.project, "lead")).get(url()).content.decode()
    assert "Is 3 &amp; 4 the same?" in page
    link = reverse("rubrics:rubric_edit", args=["letters", w.version.rubric_id])
    assert f'href="{link}?note=Is%203%20%26%204%20the%20same%3F"' in page
    assert "Open a draft" not in client_for(w.cleo).get(url()).content.decode()


def test_an_undone_review_no_longer_counts(w: SimpleNamespace) -> None:
    last = Review.objects.filter(reviewer=w.bob).order_by("-pk")[0]
    review_undo(review=last, idempotency_key=uuid.uuid4())
    assert rows_of(w)[0].measures.alpha.n_units == len(PAIRS) - 1


def test_versions_that_were_used_can_be_chosen(w: SimpleNamespace, project: Project) -> None:
    assert list(versions_reviewed(project)) == [w.version]


def test_pairs_are_named_in_the_order_of_names(w: SimpleNamespace) -> None:
    ratings = rating_set(w.project, w.version)
    (pair,) = named_pairs(ratings, ratings.rated[2])
    assert (pair.one, pair.other, pair.pair.n_units) == ("Ann", "Bob", 5)
    assert pair.pair.mean_difference == pytest.approx(sum(a - b for a, b in PAIRS if a and b) / 5)
    User.objects.filter(pk=w.ann.pk).update(display_name="Zoe")
    (pair,) = named_pairs(ratings, ratings.rated[2])
    assert (pair.one, pair.other) == ("Bob", "Zoe")
    assert pair.pair.mean_difference == pytest.approx(sum(b - a for a, b in PAIRS if a and b) / 5)


def test_slices_are_languages_origins_and_metadata_of_few_values(w: SimpleNamespace) -> None:
    ratings = rating_set(w.project, w.version)
    fields = slice_fields(w.project, w.version, ratings)
    assert fields.choices == [("language", "Language"), ("meta:id", "id"), ("meta:ward", "ward")]
    slices = {one.value: one.measures for one in slices_of(ratings.rated[2], fields.by_field["language"][1])}
    english = [[4, 2, 4], [4, 2, 1]]
    assert slices["en"].alpha.value == pytest.approx(agreement.krippendorff_alpha(english).value)
    assert (slices["en"].n_apart, slices["de"].n_apart, slices["de"].alpha.n_units) == (1, 0, 2)


def test_a_field_with_one_value_slices_nothing(w: SimpleNamespace) -> None:
    Sample.objects.update(language="en", metadata={})
    assert slice_fields(w.project, w.version, rating_set(w.project, w.version)).choices == []


def test_the_page_tells_it(client_for: ClientFor, w: SimpleNamespace) -> None:
    lead = factories.member(w.project, "lead")
    page = client_for(lead).get(url()).content.decode()
    assert "Unknown: 5 of 50 rated twice" in page and "Ann and Bob" in page and "Wrong fact in detail" in page
    assert 'role="img" aria-label="Krippendorff' in page
    detail = client_for(lead).get(url(), {"criterion": "complete", "by": "language"}).content.decode()
    assert "Complete in detail" in detail and "Cohen&#x27;s kappa, quadratic weights" in detail
    assert "ICC(2,1), absolute agreement" in detail and "By language" in detail


def test_pairs_are_for_leads(client_for: ClientFor, w: SimpleNamespace) -> None:
    for person in (w.ann, w.cleo):
        page = client_for(person).get(url()).content.decode()
        assert "Pairs of reviewers" not in page and "Bob" not in page


def test_strange_choices_fall_back(client_for: ClientFor, w: SimpleNamespace) -> None:
    strange = {"criterion": "nothing", "by": "meta:nothing", "version": "x"}
    assert client_for(w.cleo).get(url(), strange).status_code == 200


def test_a_project_without_reviews_says_so(client_for: ClientFor, project: Project) -> None:
    lead = factories.member(project, "lead")
    assert "Nothing to compare yet" in client_for(lead).get(url()).content.decode()


def test_it_costs_the_same_with_more_reviews(
    client_for: ClientFor, w: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    client = client_for(factories.member(w.project, "lead"))
    with django_assert_max_num_queries(20) as before:
        client.get(url())
    for _ in range(4):
        sample = factories.sample(w.project)
        for slot, person in enumerate((w.ann, w.bob, w.cleo)):
            factories.review(sample, person, w.version, slot=slot)
    with django_assert_max_num_queries(len(before)):
        client.get(url())
