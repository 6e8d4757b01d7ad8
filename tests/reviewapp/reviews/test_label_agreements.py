"""Two people label the same samples: what is settled, and how far they agree."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.reviews.agreement_spans import MarkedText, Span, span_alpha, span_f1
from reviewapp.reviews.labelled import label_answers, label_spans, written_hash
from reviewapp.reviews.selectors.label_agreements import LabelRow, label_rows
from reviewapp.reviews.selectors.labels import review_given
from reviewapp.reviews.services import adjudication_claim, review_submit
from reviewapp.rubrics.selectors import version_document
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.labelling import documents as d
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, state_of

ClientFor = Callable[[User], Client]

# (class, end of the medicine) by Ann and by Bob; the medicine begins at 7
PAIRS = [(("pain", 16), ("pain", 16)), (("pain", 16), ("skin", 16)), (("sleep", 16), ("sleep", 23))]


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    world = reviewing.world(project, samples=0, overlap=2)
    world.samples = [factories.sample(project, prompt=d.PROMPT, completion="") for _ in PAIRS]
    world.schema = d.version(project, d.one_class(), d.spans())
    for pair in PAIRS:
        for person, (reason, end) in zip((world.ann, world.bob), pair, strict=True):
            label(world, person, reason, [(7, end)])
    return world


def label(w: SimpleNamespace, person: User, reason: str, spans: list[tuple[int, int]]) -> None:
    assignment = claim(w.project, person)
    marked = [{"type": "medicine", "start": start, "end": end} for start, end in spans]
    form = {
        "decision": "accept",
        "label-version": w.schema.content_hash,
        "label-reason": reason,
        "label-facts": json.dumps({"spans": marked, "relations": []}),
    }
    given = review_given(w.schema, assignment, form, version_document(assignment.rubric_version))
    review_submit(assignment=assignment, given=given, idempotency_key=uuid.uuid4())


def rows_of(w: SimpleNamespace) -> dict[str, LabelRow]:
    return {row.name: row for row in label_rows(w.project, w.version)}


def test_only_names_that_differ_and_passages_apart_are_settled(w: SimpleNamespace) -> None:
    assert [state_of(sample) for sample in w.samples] == ["accepted", "adjudicate", "accepted"]
    other = factories.sample(w.project, prompt=d.PROMPT, completion="")
    label(w, w.ann, "pain", [(7, 16)])
    label(w, w.bob, "pain", [(17, 23)])
    assert state_of(other) == "adjudicate"


def test_each_field_has_its_statistic(w: SimpleNamespace) -> None:
    rows = rows_of(w)
    reason, facts = rows["Reason"], rows["Facts"]
    assert (reason.beside.value, reason.alpha.n_units, reason.n_apart) == (pytest.approx(2 / 3), 3, 1)
    texts = [
        MarkedText(length=len(d.PROMPT), marks={n: [Span(7, end, "medicine")] for n, (_, end) in enumerate(pair)})
        for pair in PAIRS
    ]
    assert facts.alpha.value == pytest.approx(span_alpha(texts).value)
    assert facts.beside.value == span_f1(texts).value == 1.0 and facts.n_apart == 0


def test_an_adjudicator_takes_the_labels_of_one_review(w: SimpleNamespace, client_for: ClientFor) -> None:
    held = adjudication_claim(project=w.project, user=w.cleo)
    assert held is not None
    client, edit = client_for(w.cleo), reverse("reviews:adjudication_edit", args=["letters", held.key])
    page = client.get(edit).content.decode()
    assert "Label it" in page and 'value="original"' not in page
    form = {"decision": "accept", "choice": "A", "cause": "slip", "idempotency_key": str(uuid.uuid4())}
    answer = client.post(reverse("reviews:adjudication_submit", args=["letters", held.key]), form)
    assert answer.status_code == 302
    settled = Sample.objects.select_related("revision").get(pk=w.samples[1].pk)
    assert settled.state == "accepted" and settled.revision is not None and settled.revision.labels is not None
    assert label_answers(settled.revision.labels)["reason"] in ("pain", "skin")
    assert rows_of(w)["Reason"].n_apart == 1


def test_the_page_shows_labels(w: SimpleNamespace, client_for: ClientFor) -> None:
    page = client_for(factories.member(w.project, "lead")).get(reverse("reviews:agreement", args=["letters"]))
    told = page.content.decode()
    assert "By field of the label schema" in told and "Matched F1 of passages" in told


def answer(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"schema": {"version": 1}, "fields": fields}


def test_what_labels_say() -> None:
    labels = answer(
        topics={"kind": "classes", "chosen": [{"key": "b"}, {"key": "a"}]},
        best={"kind": "ranking", "ranked": ["second", "first"]},
        facts={"kind": "spans", "spans": [{"type": "dose", "start": 1, "end": 4}]},
        reply={"kind": "text", "text": "Rest."},
    )
    assert label_answers(labels) == {"topics": "a\nb", "best": "second"}
    assert label_spans(labels) == {"facts": [Span(1, 4, "dose")]}
    assert written_hash("P", labels) == written_hash("P", answer(reply={"kind": "text", "text": "Rest."}))
    assert written_hash("P", labels) != written_hash("P", answer(reply={"kind": "text", "text": "Ice."}))
    assert written_hash("P", labels) != written_hash("Q", labels)
    assert (label_answers(None), label_spans(None)) == ({}, {})
