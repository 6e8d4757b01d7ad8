"""Pages of duplicates, the limit and benchmarks: what they show, who may act, bad input, queries."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reviewapp.curation.duplicates import clusters as duplicates
from reviewapp.curation.models import Benchmark, DuplicateDecision, DuplicateLimit, LimitMeasurement
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.test_dups import NOTE, texts
from tests.reviewapp.curation.test_dups_services import cluster, pool, states
from tests.reviewapp.curation.test_views import body, url

__all__ = ["pool"]

Clients = Callable[[Any], Client]
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


def form(sample: Sample, **values: Any) -> dict[str, Any]:
    return {"idempotency_key": str(uuid.uuid4()), "seal": cluster(sample).seal, **values}


def test_the_list_shows_clusters_by_kind(lead: Client, pool: dict[str, Sample]) -> None:
    page = body(lead.get(url("duplicate_list")))
    assert page.count("3 samples alike") == 2
    assert "Only figures differ" in page and "The same to the letter" in page
    assert body(lead.get(url("duplicate_list"), {"kind": "exact"})).count("samples alike") == 1
    assert body(lead.get(url("duplicate_list"), {"kind": "<b>"})).count("samples alike") == 2


def test_queries_of_the_list_do_not_grow_with_it(lead: Client, project: Project) -> None:
    def fill(n: int) -> None:
        for number in range(n):
            one = factories.sample(project, prompt=f"Text {number}")
            for _ in range(2):
                factories.finding(
                    factories.sample(project, prompt=f"Text {number}."), check_name="near_duplicates",
                    kind="near_duplicate", related_sample=one, start=None, end=None, suggestion=None, score=0.9,
                )  # fmt: skip

    counts = []
    for n in (2, 9):
        fill(n)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            lead.get(url("duplicate_list"))
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 16


def test_the_page_of_a_cluster_shows_both_sides_and_their_difference(lead: Client, pool: dict[str, Sample]) -> None:
    page = body(lead.get(url("duplicate_detail", pool["b"].pk)))
    assert '<mark class="cs-span" data-kind="finding">400</mark>' in page
    assert '<mark class="cs-span" data-kind="finding">600</mark>' in page
    assert "Keep only a" in page and "Keep only c" in page and "Keep the ticked ones" in page
    turned = body(lead.get(url("duplicate_detail", pool["b"].pk), {"keep": pool["c"].pk, "start": "999"}))
    assert "Keep only c <kbd>" in turned


def test_a_large_cluster_is_compared_in_parts_and_named_whole(lead: Client, project: Project) -> None:
    first = factories.sample(project, external_id="first")
    for number in range(13):
        factories.finding(
            factories.sample(project, external_id=f"copy-{number}"), check_name="exact_duplicates",
            kind="exact_duplicate", related_sample=first, start=None, end=None, suggestion=None, score=1.0,
        )  # fmt: skip
    page = body(lead.get(url("duplicate_detail", first.pk)))
    assert page.count(" beside ") == 10 and "1 to 10 of 13 others" in page
    assert page.count('name="keep"') == 14 and "Also in this cluster" in page
    last = body(lead.get(url("duplicate_detail", first.pk), {"start": "10"}))
    assert last.count(" beside ") == 3 and "11 to 13 of 13 others" in last


def test_a_sample_without_duplicates_leads_back_to_the_list(
    lead: Client, pool: dict[str, Sample], project: Project
) -> None:
    assert lead.get(url("duplicate_detail", pool["z"].pk)).headers["Location"] == url("duplicate_list")
    strange = factories.sample(factories.project("other"))
    assert lead.get(url("duplicate_detail", strange.pk)).status_code == 404


def test_texts_are_shown_as_text(lead: Client, project: Project) -> None:
    one, other = (factories.sample(project, prompt=f"{NASTY} {NOTE} {n}", external_id=f"{NASTY}{n}") for n in (1, 2))
    factories.finding(
        other, check_name="near_duplicates", kind="near_numbers", related_sample=one, start=None, end=None, score=0.9
    )
    for name, *args in (("duplicate_list",), ("duplicate_detail", other.pk)):
        page = body(lead.get(url(name, *args)))
        assert NASTY not in page and "&lt;script&gt;" in page


def test_one_click_keeps_one_and_goes_to_the_next(lead: Client, pool: dict[str, Sample]) -> None:
    done = lead.post(url("duplicate_decide", pool["b"].pk), form(pool["b"], only=pool["a"].pk))
    assert done.headers["Location"] == url("duplicate_detail", cluster(pool["x2"]).key)
    assert states(pool["a"].project)["b"] == states(pool["a"].project)["c"] == "rejected"
    last = lead.post(url("duplicate_decide", pool["x"].pk), form(pool["x"], act="all"))
    assert last.headers["Location"] == url("duplicate_list")
    assert "No duplicates are open" in body(lead.get(url("duplicate_list")))

    decision = DuplicateDecision.objects.get(act="keep_one")
    assert "Kept one: 2 samples withdrawn" in body(lead.get(url("duplicate_decisions")))
    lead.post(url("duplicate_undo", decision.pk))
    assert states(pool["a"].project)["b"] == "ready"
    assert "Undone by Lead" in body(lead.get(url("duplicate_decisions")))


def test_the_ticked_ones_are_kept(lead: Client, pool: dict[str, Sample]) -> None:
    ticked = [pool["a"].pk, pool["c"].pk, "nonsense", "9" * 30]
    lead.post(url("duplicate_decide", pool["b"].pk), form(pool["b"], act="chosen", keep=ticked))
    assert {name for name, state in states(pool["a"].project).items() if state == "rejected"} == {"b"}


def test_judged_samples_are_asked_about(lead: Client, pool: dict[str, Sample]) -> None:
    Sample.objects.filter(pk=pool["c"].pk).update(state="accepted")
    sent = form(pool["b"], only=pool["a"].pk)
    asked = lead.post(url("duplicate_decide", pool["b"].pk), sent)
    page = body(asked)
    assert asked.status_code == 422 and "Withdraw judged samples?" in page and "c: Accepted" in page
    assert states(pool["a"].project)["c"] == "accepted"
    assert f'name="keep" value="{pool["a"].pk}"' in page and sent["idempotency_key"] in page
    yes = {**sent, "only": "", "keep": [pool["a"].pk], "act": "chosen", "confirmed": "1"}
    assert lead.post(url("duplicate_decide", pool["b"].pk), yes).status_code == 302
    assert states(pool["a"].project)["c"] == "rejected"


@pytest.mark.parametrize("wrong", [{"seal": "x"}, {"idempotency_key": "x"}, {"act": "chosen"}])
def test_a_refusal_changes_nothing(lead: Client, pool: dict[str, Sample], wrong: dict[str, str]) -> None:
    sent = {**form(pool["b"], **({} if "act" in wrong else {"only": pool["a"].pk})), **wrong}
    response = lead.post(url("duplicate_decide", pool["b"].pk), sent)
    assert response.status_code == 422 and 'role="alert"' in body(response)
    assert "rejected" not in states(pool["a"].project).values()


def test_annotators_keep_all_and_withdraw_nothing(
    people: SimpleNamespace, client_for: Clients, pool: dict[str, Sample]
) -> None:
    annotator = client_for(people.annotator)
    page = body(annotator.get(url("duplicate_detail", pool["b"].pk)))
    assert "Keep all" in page and "Keep only" not in page
    sent = form(pool["b"], only=pool["a"].pk)
    assert annotator.post(url("duplicate_decide", pool["b"].pk), sent).status_code == 403
    assert annotator.get(url("duplicate_exact")).status_code == 403
    done = annotator.post(url("duplicate_decide", pool["b"].pk), form(pool["b"], act="all"))
    assert done.status_code == 302 and "rejected" not in states(pool["a"].project).values()


def test_the_exact_ones_are_shown_before_they_go(lead: Client, pool: dict[str, Sample]) -> None:
    page = body(lead.get(url("duplicate_exact")))
    assert "Withdraw 2 copies" in page and "x2" in page
    key = str(uuid.uuid4())
    assert lead.post(url("duplicate_keep_first"), {"n": "7", "idempotency_key": key}).status_code == 422
    for _ in range(2):
        assert lead.post(url("duplicate_keep_first"), {"n": "2", "idempotency_key": key}).status_code == 302
    assert states(pool["a"].project)["x2"] == "rejected"
    assert "Nothing to withdraw" in body(lead.get(url("duplicate_exact")))
    assert DuplicateDecision.objects.count() == 1


# ---- the limit


def test_the_limit_is_measured_shown_and_set(lead: Client, project: Project) -> None:
    assert "Not measured on your samples yet" in body(lead.get(url("duplicate_limit")))
    assert "At least 20" in body(lead.post(url("limit_measure"), {"idempotency_key": str(uuid.uuid4())}))
    for text in texts(25):
        factories.sample(project, prompt=text, completion="Seen.")
    key = str(uuid.uuid4())
    for _ in range(2):
        assert lead.post(url("limit_measure"), {"idempotency_key": key}).status_code == 302
    assert LimitMeasurement.objects.count() == 1
    page = body(lead.get(url("duplicate_limit")))
    assert "<svg" in page and "3 letters in 100 misread" in page and "Measured on 25 of 25 samples" in page
    assert lead.post(url("limit_set"), {"limit": "60"}).status_code == 302
    assert duplicates.near_limit(project) == 0.6
    assert "60%" in body(lead.get(url("duplicate_list")))


@pytest.mark.parametrize("wrong", ["", "49", "0.6", "-70", "999999", "²", NASTY])
def test_a_wrong_limit_is_refused(lead: Client, project: Project, wrong: str) -> None:
    response = lead.post(url("limit_set"), {"limit": wrong})
    assert response.status_code == 422 and "Choose a limit" in body(response)
    assert not DuplicateLimit.objects.exists()


# ---- benchmarks


def test_a_benchmark_is_declared_and_removed(lead: Client, project: Project) -> None:
    key, content = str(uuid.uuid4()), b"question\nHow many ducks are in the pond today?\n"
    for _ in range(2):
        sent = {"name": "Ducks", "file": SimpleUploadedFile("ducks.csv", content), "idempotency_key": key}
        assert lead.post(url("benchmark_declare"), sent).status_code == 302
    page = body(lead.get(url("benchmark_list")))
    made = Benchmark.objects.get()
    assert "Ducks" in page and made.file_sha256[:12] in page and "pond" not in page
    lead.post(url("benchmark_remove", made.pk))
    assert "No benchmark is declared" in body(lead.get(url("benchmark_list")))
    assert lead.post(url("benchmark_remove", made.pk)).status_code == 302  # a second click changes nothing


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "x"}, "Choose a file."),
        ({"name": "", "file": SimpleUploadedFile("a.txt", b"One row of words\n")}, "required"),
        ({"name": "x", "file": SimpleUploadedFile("a.zip", b"PK\x03\x04")}, "file name ends in"),
        ({"name": "x", "file": SimpleUploadedFile("a.txt", b"")}, "no row with words"),
    ],
)
def test_a_wrong_benchmark_is_refused_in_words(
    lead: Client, project: Project, sent: dict[str, Any], words: str
) -> None:
    for file in sent.values():
        if hasattr(file, "seek"):
            file.seek(0)
    response = lead.post(url("benchmark_declare"), {**sent, "idempotency_key": str(uuid.uuid4())})
    assert response.status_code == 422 and words in body(response)
    assert not Benchmark.objects.exists()
