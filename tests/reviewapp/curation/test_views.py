from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation.models import Finding, Scan
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories

Clients = Callable[[Any], Client]
State = Finding.State
HTMX = {"HX-Request": "true"}
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def annotator(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.annotator)


@pytest.fixture
def finding(project: Project) -> Finding:
    return factories.finding(factories.sample(project, external_id="S-0001"))


def url(name: str, *args: object) -> str:
    return reverse(f"curation:{name}", args=["letters", *args])


def body(response: Any) -> str:
    text: str = response.content.decode()
    return " ".join(text.split())


# ---- who may


READ = ["finding_list", "finding_detail", "scan_list", "scan_live"]
WRITE = ["finding_accept", "finding_dismiss", "finding_reopen", "scan_request", "scan_cancel"]


def path_of(name: str, finding: Finding) -> str:
    if name in ("finding_list", "scan_list", "scan_request"):
        return url(name)
    if name in ("scan_live", "scan_cancel"):
        scan = Scan.objects.create(project=finding.sample.project, job=factories.job())
        return url(name, scan.pk)
    return url(name, finding.pk)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(("who", "status"), [("observer", 200), ("admin", 200), ("outsider", 404)])
def test_members_read(
    client_for: Clients, people: SimpleNamespace, finding: Finding, name: str, who: str, status: int
) -> None:
    response = client_for(getattr(people, who)).get(path_of(name, finding), headers=HTMX)

    assert response.status_code == status


@pytest.mark.parametrize("name", WRITE)
@pytest.mark.parametrize(("who", "status"), [("observer", 403), ("admin", 403), ("outsider", 404)])
def test_only_those_who_curate_decide(
    client_for: Clients, people: SimpleNamespace, finding: Finding, name: str, who: str, status: int
) -> None:
    response = client_for(getattr(people, who)).post(path_of(name, finding), {"reason": "No."})

    finding.refresh_from_db()
    assert response.status_code == status
    assert finding.state == State.OPEN


@pytest.mark.parametrize("name", WRITE)
def test_nothing_happens_on_get(annotator: Client, finding: Finding, name: str) -> None:
    assert annotator.get(path_of(name, finding)).status_code == 405


@pytest.mark.parametrize("name", ["finding_detail", "finding_accept", "finding_dismiss", "finding_reopen"])
def test_a_finding_of_another_project_is_not_there(annotator: Client, people: SimpleNamespace, name: str) -> None:
    other = factories.finding(factories.sample(Project.objects.get(slug="elsewhere")))

    response = annotator.get(url(name, other.pk)) if "detail" in name else annotator.post(url(name, other.pk))

    assert response.status_code == 404


def test_strangers_are_sent_to_sign_in(client: Client, finding: Finding) -> None:
    assert client.get(url("finding_list")).status_code == 302


# ---- the list


def test_the_list_shows_a_finding_in_its_place(annotator: Client, finding: Finding) -> None:
    page = body(annotator.get(url("finding_list")))

    assert "S-0001" in page
    assert '<del class="cs-del">Doctor</del> <ins class="cs-ins">[TELEPHONE]</ins>: What brings you in today?' in page
    assert "Accept" in page
    assert 'name="reason"' in page


def test_an_observer_sees_no_buttons(client_for: Clients, people: SimpleNamespace, finding: Finding) -> None:
    page = body(client_for(people.observer).get(url("finding_list")))

    assert "S-0001" in page
    assert "/accept/" not in page
    assert "/dismiss/" not in page


def test_filters_live_in_the_url(annotator: Client, finding: Finding) -> None:
    other = factories.finding(factories.sample(finding.sample.project, external_id="S-0002"), severity="low")

    page = body(annotator.get(url("finding_list") + "?severity=low"))

    assert f'id="finding-{other.pk}"' in page
    assert f'id="finding-{finding.pk}"' not in page
    assert '<option value="low" selected>Low, 1</option>' in page


def test_the_list_says_why_it_is_empty(annotator: Client, project: Project) -> None:
    assert "have not been checked yet" in body(annotator.get(url("finding_list")))
    Scan.objects.create(project=project, finished_at=factories.long_ago())
    assert "No open findings" in body(annotator.get(url("finding_list")))
    assert "No finding fits these filters" in body(annotator.get(url("finding_list") + "?check=whitespace"))


def test_the_list_asks_the_database_a_fixed_number_of_times(
    annotator: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    held = factories.heldout_set(project, prompts=1).prompts.get()
    for number in range(30):
        sample = factories.sample(project)
        related = {"related_sample": factories.sample(project)} if number % 2 else {"related_heldout": held}
        factories.finding(sample, **related)

    with django_assert_max_num_queries(9):
        response = annotator.get(url("finding_list"))

    assert response.content.count(b'<article class="cs-found"') == 20
    assert b"1 to 20 of 30" in response.content


def test_hostile_text_stays_text(annotator: Client, project: Project) -> None:
    sample = factories.sample(project, prompt=f"Doctor: {NASTY}\u202e", completion=NASTY, external_id=NASTY)
    twin = factories.sample(project, prompt=f"Doctor: {NASTY} again", external_id=f"{NASTY}2")
    finding = factories.finding(
        sample, start=8, end=33, excerpt=NASTY, suggestion=NASTY.upper(), message=NASTY, related_sample=twin,
        state=State.DISMISSED, reason=NASTY, check_name=NASTY,
    )  # fmt: skip

    pages = [
        body(annotator.get(url("finding_list") + "?state=all&sample=%3Cscript%3E")),
        body(annotator.get(url("finding_list") + "?state=all")),
        body(annotator.get(url("finding_detail", finding.pk))),
    ]

    assert all("<script>alert" not in page.lower() for page in pages)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[1]
    assert all("\u202e" not in page for page in pages)
    assert "‹right-to-left override›" in pages[1]


# ---- one finding


def test_a_duplicate_is_shown_beside_its_twin(annotator: Client, project: Project) -> None:
    twin = factories.sample(project, external_id="S-0002", prompt="Doctor: Hello.\nPatient: My left hip.")
    sample = factories.sample(project, prompt="Doctor: Hello.\nPatient: My right hip.")
    finding = factories.finding(sample, related_sample=twin, start=None, end=None, suggestion=None)

    page = body(annotator.get(url("finding_detail", finding.pk)))

    assert "Side by side" in page
    assert '<mark class="cs-span" data-kind="finding">right</mark>' in page
    assert '<mark class="cs-span" data-kind="finding">left</mark>' in page


def test_a_heldout_prompt_is_compared_for_leads_and_sealed_for_reviewers(
    client_for: Clients, people: SimpleNamespace, project: Project
) -> None:
    held = factories.heldout_set(project, prompts=1).prompts.get()
    sample = factories.sample(project, prompt="Doctor: How old are you?\nPatient: I am 31.")
    finding = factories.finding(
        sample, check_name="heldout_overlap", related_heldout=held, start=None, end=None, suggestion=None
    )

    for_lead = body(client_for(people.lead).get(url("finding_detail", finding.pk)))
    for_reviewer = body(client_for(people.reviewer).get(url("finding_detail", finding.pk)))

    assert '<mark class="cs-span" data-kind="finding">30</mark>' in for_lead
    assert "Its text is sealed" in for_reviewer
    assert "Side by side" not in for_reviewer
    assert ">30<" not in for_reviewer


def test_a_finding_shows_its_words_in_the_whole_text(annotator: Client, finding: Finding) -> None:
    page = body(annotator.get(url("finding_detail", finding.pk)))

    assert '<mark class="cs-span" data-kind="finding" data-severity="high">Doctor</mark>: What brings you' in page
    assert "54-year-old with knee pain" in page


# ---- deciding


def test_accepting_in_the_list_gives_the_card_back(annotator: Client, finding: Finding) -> None:
    response = annotator.post(url("finding_accept", finding.pk), headers=HTMX)

    page = body(response)
    assert response.status_code == 200
    assert page.startswith(f'<article class="cs-found" id="finding-{finding.pk}">')
    assert "Accepted by Annotator" in page
    assert "Undo" in page
    assert finding.sample.revisions.count() == 2


def test_a_card_keeps_the_way_back_to_the_filtered_list(annotator: Client, finding: Finding) -> None:
    here = "http://testserver/projects/letters/curation/findings/?severity=high"

    page = body(annotator.post(url("finding_accept", finding.pk), headers={**HTMX, "HX-Current-URL": here}))

    assert 'name="next" value="/projects/letters/curation/findings/?severity=high"' in page


def test_a_dismissal_without_a_reason_is_refused_in_place(annotator: Client, finding: Finding) -> None:
    response = annotator.post(url("finding_dismiss", finding.pk), {"reason": " "}, headers=HTMX)

    assert response.status_code == 422
    assert "Say in a few words" in body(response)
    assert body(response).startswith("<article")


def test_without_htmx_a_refusal_is_a_page(annotator: Client, finding: Finding) -> None:
    response = annotator.post(url("finding_dismiss", finding.pk), {"reason": ""})

    assert response.status_code == 422
    assert "Say in a few words" in body(response)
    assert "<!doctype html>" in body(response)


def test_deciding_twice_is_refused_and_changes_nothing(annotator: Client, finding: Finding) -> None:
    annotator.post(url("finding_dismiss", finding.pk), {"reason": "Made up."})

    response = annotator.post(url("finding_accept", finding.pk), headers=HTMX)

    assert response.status_code == 422
    assert "already settled by Annotator: dismissed" in body(response)
    assert finding.sample.revisions.count() == 1


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("/projects/letters/curation/findings/?severity=high", "/projects/letters/curation/findings/?severity=high"),
        ("https://evil.example/", None),
        ("//evil.example/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_a_plain_form_goes_back_to_a_page_of_ours(
    annotator: Client, finding: Finding, wanted: str, goes_to: str | None
) -> None:
    response = annotator.post(url("finding_accept", finding.pk), {"next": wanted})

    assert response.status_code == 302
    assert response["Location"] == (goes_to or url("finding_detail", finding.pk))


def test_undo_brings_the_text_back(annotator: Client, finding: Finding) -> None:
    annotator.post(url("finding_accept", finding.pk))

    response = annotator.post(url("finding_reopen", finding.pk), follow=True)

    finding.refresh_from_db()
    finding.sample.refresh_from_db()
    assert "The finding is open." in body(response)
    assert (finding.state, factories.current(finding.sample).prompt) == (State.OPEN, factories.PROMPT)


# ---- scans


def test_a_scan_is_asked_for_followed_and_listed(annotator: Client, project: Project) -> None:
    factories.sample(project, state=Sample.State.IMPORTED, prompt="Doctor: Hello.\nPatient: Ring 555-867-5309.")
    assert ">1</dd><dd>imported samples" in body(annotator.get(url("scan_list")))

    response = annotator.post(url("scan_request"), {"idempotency_key": str(uuid.uuid4())}, follow=True)

    scan = Scan.objects.select_related("job").get()
    assert scan.job is not None
    live = url("scan_live", scan.pk)
    assert f'hx-get="{live}"' in body(response)
    assert "Cancel the scan" in body(response)
    assert "Clean and check</button>" not in body(response)
    running = annotator.get(live, headers=HTMX)
    assert (running.status_code, body(running)[:24]) == (200, '<div id="job-panel" clas')

    jobs.execute(scan.job.pk)

    done = annotator.get(live, headers=HTMX)
    assert (done.status_code, done["HX-Refresh"]) == (286, "true")
    assert "hx-get" not in body(done)
    page = body(annotator.get(url("scan_list")))
    assert "Finished" in page
    assert 'aria-label="1 open findings of Identifiers of people">1</a>' in page
    assert "job-panel" not in page


def test_a_second_scan_is_refused_on_the_page(annotator: Client, project: Project) -> None:
    factories.sample(project)
    annotator.post(url("scan_request"), {"idempotency_key": str(uuid.uuid4())})

    response = annotator.post(url("scan_request"), {"idempotency_key": str(uuid.uuid4())})

    assert response.status_code == 422
    assert "already waiting or running" in body(response)
    assert Scan.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "sentence"), [("x", "out of date"), ("4b54f1a4-90a6-4f5c-9c3d-5a0f4f0e7c11", "Import some first")]
)
def test_what_keeps_a_scan_from_starting_is_said(annotator: Client, project: Project, key: str, sentence: str) -> None:
    response = annotator.post(url("scan_request"), {"idempotency_key": key})

    assert response.status_code == 422
    assert sentence in body(response)
    assert not Job.objects.exists()


def test_a_waiting_scan_can_be_cancelled_once(annotator: Client, project: Project) -> None:
    factories.sample(project)
    annotator.post(url("scan_request"), {"idempotency_key": str(uuid.uuid4())})
    scan = Scan.objects.get()

    first = annotator.post(url("scan_cancel", scan.pk), follow=True)
    second = annotator.post(url("scan_cancel", scan.pk))

    assert "Cancelled" in body(first)
    assert (second.status_code, "nothing to cancel" in body(second)) == (422, True)


def test_without_htmx_the_live_address_leads_to_the_page(annotator: Client, project: Project) -> None:
    scan = Scan.objects.create(project=project, job=factories.job())

    assert annotator.get(url("scan_live", scan.pk))["Location"] == url("scan_list")


def test_the_history_asks_the_database_a_fixed_number_of_times(
    annotator: Client, project: Project, people: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        Scan.objects.create(
            project=project, requested_by=people.lead, job=factories.job(state="succeeded"),
            finished_at=factories.long_ago(), counts={"samples": 5, "cleaned": 1, "new": 2, "gone": 0},
        )  # fmt: skip

    with django_assert_max_num_queries(12):
        response = annotator.get(url("scan_list"))

    assert b"1 to 15 of 20" in response.content
