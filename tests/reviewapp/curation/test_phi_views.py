"""The pages of identifiers and of the tagger, as people see them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviewapp.core import jobs
from reviewapp.curation.models import Finding, Redaction, TaggerUse
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.test_phi_services import checked, figures, text_of, version

Clients = Callable[[Any], Client]


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


@pytest.fixture
def annotator(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.annotator)


def url(name: str, *args: object) -> str:
    return reverse(f"curation:{name}", args=["letters", *args])


def body(response: Any) -> str:
    return " ".join(response.content.decode().split())


def given(**values: str) -> dict[str, str]:
    return {"action": "mask", "idempotency_key": str(uuid.uuid4())} | values


def test_the_page_counts_by_kind_and_states_the_risk(project: Project, lead: Client) -> None:
    assert "No identifier was found" in body(lead.get(url("identifier_list")))
    checked(project)
    factories.sample(project)
    shown = body(lead.get(url("identifier_list")))
    assert "Name of a person" in shown and "Telephone number" in shown
    assert "1 of 2" in shown and "50.0%" in shown and "names and places, if" in shown


def test_the_number_of_queries_does_not_grow(project: Project, lead: Client) -> None:
    counts = []
    for n in (1, 4):
        for _ in range(n):
            checked(project)
        for name in ("identifier_list", "redaction_preview", "tagger_list"):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert lead.get(url(name), {"action": "mask"}).status_code == 200
            counts.append(len(queries))
    assert counts[:3] == counts[3:] and max(counts) < 30


def test_the_preview_shows_what_would_stand_there_and_changes_nothing(project: Project, lead: Client) -> None:
    sample = checked(project)
    shown = body(lead.get(url("redaction_preview"), {"action": "mask", "kind": ["name"]}))
    assert '<del class="cs-del">Okonkwo</del> <ins class="cs-ins">[NAME]</ins>' in shown and "[PHONE]" not in shown
    assert "Nothing is changed yet" in shown
    assert "Good morning" in text_of(sample)[0] and not Redaction.objects.exists()
    assert lead.get(url("redaction_preview"), {"action": "burn"}).status_code == 422
    assert lead.get(url("redaction_preview"), {"action": "mask", "sample": "none"}).status_code == 422
    made = body(
        lead.get(url("redaction_preview"), {"action": "surrogate", "kind": ["name"], "sample": sample.external_id})
    )
    assert '<del class="cs-del">Okonkwo</del>' in made and "[NAME]" not in made


def test_a_lead_redacts_all_and_takes_it_back(project: Project, lead: Client) -> None:
    sample, values = checked(project), given()
    for _ in range(2):
        assert lead.post(url("redaction_request"), values).status_code == 302
    row = Redaction.objects.get()
    assert row.job is not None
    assert "Redact" in body(lead.get(url("identifier_list")))
    assert lead.get(url("identifier_live", row.job.pk), headers={"HX-Request": "true"}).status_code == 200
    jobs.execute(row.job.pk)
    assert "[NAME]" in text_of(sample)[0]
    assert lead.get(url("identifier_live", row.job.pk), headers={"HX-Request": "true"}).status_code == 286
    assert "Undo" in body(lead.get(url("identifier_list")))
    assert lead.post(url("redaction_undo", row.pk)).status_code == 302
    assert lead.post(url("redaction_undo", row.pk)).status_code == 422
    assert lead.post(url("redaction_request"), {"action": "mask"}).status_code == 422


def test_an_annotator_redacts_one_sample_but_not_all(project: Project, annotator: Client) -> None:
    sample = checked(project)
    refused = annotator.post(url("redaction_request"), given())
    assert refused.status_code == 422 and "Only a lead" in body(refused)
    assert annotator.post(url("redaction_request"), given(sample=sample.external_id)).status_code == 302
    assert annotator.post(url("redaction_request"), given(sample="none")).status_code == 422


def test_words_that_were_missed_are_marked(project: Project, annotator: Client) -> None:
    sample = checked(project)
    values = {"sample": sample.external_id, "words": "Good morning", "kind": "place"}
    assert annotator.post(url("identifier_mark"), values).status_code == 302
    assert Finding.objects.get(check_name="marked_by_hand").severity == "high"
    again = annotator.post(url("identifier_mark"), values)
    assert again.status_code == 422 and 'value="Good morning"' in body(again)


def test_the_tagger_page_shows_figures_versions_and_takes_one(project: Project, lead: Client) -> None:
    row = version(project, figures(f1=1.0, worst=80))
    shown = body(lead.get(url("tagger_list")))
    assert "As it came" in shown and "West African" in shown and "<svg" in shown and "Why, although" in shown
    refused = lead.post(url("tagger_take", row.number))
    assert refused.status_code == 422 and "gap" in body(refused)
    assert lead.post(url("tagger_take", row.number), {"reason": "German letters only."}).status_code == 302
    assert TaggerUse.objects.get().version == row
    assert "German letters only." in body(lead.get(url("tagger_list")))
    assert lead.post(url("tagger_take", 0)).status_code == 302
    assert lead.post(url("tagger_take", 99)).status_code == 404
    assert lead.post(url("tagger_request")).status_code == 422


def test_nothing_of_it_is_shown_as_markup(project: Project, lead: Client) -> None:
    checked(project, prompt="Doctor: Mr. <b>Evil</b>. Mail evil@example.com <script>alert(1)</script>")
    shown = body(lead.get(url("redaction_preview"), {"action": "surrogate"}))
    assert "<script>alert" not in shown and "<b>Evil" not in shown
    assert Sample.objects.count() == 1
