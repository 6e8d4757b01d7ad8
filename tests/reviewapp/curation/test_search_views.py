"""Search by meaning and similar samples, as people see them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviewapp.curation import services
from reviewapp.curation.meaning.searching import index_current, index_folder
from reviewapp.curation.models import TextIndex
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.test_indexes import built, change, fill

Clients = Callable[[Any], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


@pytest.fixture
def annotator(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.annotator)


def url(name: str, *args: object) -> str:
    return reverse(f"curation:{name}", args=["letters", *args])


def body(response: Any) -> str:
    text: str = response.content.decode()
    return " ".join(text.split())


def test_results_come_by_nearness_with_the_value(project: Project, annotator: Client) -> None:
    fill(project)
    built(project)
    shown = body(annotator.get(url("meaning_search"), {"q": "troponin and angina"}))
    assert 0 < shown.index("heart-") < shown.index("knee-")
    assert "Nearness" in shown and "Up to date" in shown and "The 9 nearest of 9 samples." in shown
    assert "Build the index" not in shown and "Look for changes" not in shown


def test_filters_of_the_list_come_along(project: Project, annotator: Client) -> None:
    fill(project)
    Sample.objects.filter(external_id="skin-2").update(state="accepted", language="en")
    built(project)
    shown = body(annotator.get(url("meaning_search"), {"q": "knee", "state": "accepted", "language": "en"}))
    assert "skin-2" in shown and "knee-0" not in shown and 'name="language" value="en"' in shown


@pytest.mark.parametrize(("q", "says"), [("qqqq zzzz", "knows none of these words"), ("", "Write what you look for")])
def test_what_finds_nothing_says_why(project: Project, annotator: Client, q: str, says: str) -> None:
    fill(project)
    built(project)
    assert says in body(annotator.get(url("meaning_search"), {"q": q}))


def test_without_an_index_it_says_how_to_get_one(project: Project, annotator: Client, lead: Client) -> None:
    fill(project)
    assert "A lead builds it here" in body(annotator.get(url("meaning_search"), {"q": "knee"}))
    assert "Build the index" in body(lead.get(url("meaning_search")))


def test_a_lead_builds_it_and_sees_it_wait(project: Project, lead: Client) -> None:
    fill(project)
    shown = body(lead.post(url("index_request"), follow=True))
    assert "Waiting" in shown and "Build the index" not in shown
    assert lead.get(url("index_live"), headers=HTMX).status_code == 200
    assert lead.post(url("index_request")).status_code == 422
    assert TextIndex.objects.count() == 1


def test_the_waiting_page_loads_again_when_it_is_built(project: Project, lead: Client) -> None:
    fill(project)
    built(project)
    answer = lead.get(url("index_live"), headers=HTMX)
    assert (answer.status_code, answer["HX-Refresh"]) == (286, "true")
    assert lead.get(url("index_live")).status_code == 302


def test_an_index_that_is_behind_or_damaged_says_so(project: Project, lead: Client) -> None:
    samples = fill(project)
    built(project)
    change(samples["knee"][0], "A wrist.")
    shown = body(lead.get(url("meaning_search"), {"q": "knee"}))
    assert "1 text newer than the index is not found yet" in shown and "Bring it up to date" in shown
    row = index_current(project)
    assert row is not None
    (index_folder(row) / "terms.npy").unlink()
    shown = body(lead.get(url("meaning_search"), {"q": "knee"}))
    assert "Damaged" in shown and "terms.npy is missing" in shown and "Build the index" in shown


def test_a_lead_removes_it(project: Project, lead: Client) -> None:
    fill(project)
    assert lead.post(url("index_remove")).status_code == 422
    built(project)
    assert "There is no index" in body(lead.post(url("index_remove"), follow=True))
    assert not TextIndex.objects.exists()


@pytest.mark.parametrize("name", ["index_request", "index_remove"])
def test_only_leads_build_and_remove_and_nothing_happens_on_get(
    project: Project, annotator: Client, lead: Client, name: str
) -> None:
    fill(project)
    assert annotator.post(url(name)).status_code == 403
    assert lead.get(url(name)).status_code == 405
    assert not TextIndex.objects.exists()


def test_similar_samples_have_their_value_and_state(project: Project, annotator: Client) -> None:
    samples = fill(project)
    one, twin, _ = samples["knee"]
    change(twin, "The knee hurts and is swollen.")
    built(project)
    part = body(annotator.get(url("similar_list", one.pk), headers=HTMX))
    assert "nearness 1.00" in part and "the same text" in part and "Ready for review" in part
    assert part.index(twin.external_id) < part.index("heart-") and "<html" not in part
    assert "<html" in body(annotator.get(url("similar_list", one.pk)))


def test_similar_samples_without_an_index_say_so(project: Project, annotator: Client) -> None:
    one = fill(project)["knee"][0]
    assert "There is no index" in body(annotator.get(url("similar_list", one.pk), headers=HTMX))


def test_texts_of_others_are_escaped_and_other_projects_are_not_there(
    project: Project, people: SimpleNamespace, annotator: Client
) -> None:
    fill(project)
    factories.sample(project, prompt="<script>alert(1)</script> knee", completion="<b>x</b>")
    built(project)
    shown = body(annotator.get(url("meaning_search"), {"q": "knee <script>alert(2)</script>"}))
    assert "<script>alert" not in shown and "&lt;script&gt;alert(1)" in shown
    other = factories.sample(Project.objects.get(slug="elsewhere"))
    assert annotator.get(url("similar_list", other.pk)).status_code == 404


def test_the_sample_page_and_the_list_lead_here(project: Project, annotator: Client) -> None:
    one = fill(project)["knee"][0]
    page = body(annotator.get(reverse("samples:sample_detail", args=["letters", one.pk])))
    assert f'hx-get="{url("similar_list", one.pk)}"' in page
    assert f'formaction="{url("meaning_search")}"' in body(
        annotator.get(reverse("samples:sample_list", args=["letters"]))
    )


@pytest.mark.parametrize("more", [0, 20])
def test_the_queries_do_not_grow_with_the_samples(project: Project, annotator: Client, more: int) -> None:
    one = fill(project)["knee"][0]
    for n in range(more):
        factories.sample(project, prompt=f"The knee again, number {n}.", completion="")
    built(project)
    for address, query, most in ((url("meaning_search"), "?q=knee", 10), (url("similar_list", one.pk), "", 11)):
        annotator.get(address + query)
        with CaptureQueriesContext(connection) as queries:
            annotator.get(address + query)
        assert len(queries) <= most, [each["sql"] for each in queries]


def test_a_row_that_is_begun_without_a_job_is_no_build(project: Project, lead: Client) -> None:
    fill(project)
    services.index_begin(project=project, requested_by=None)
    assert "Build the index" in body(lead.get(url("meaning_search")))
