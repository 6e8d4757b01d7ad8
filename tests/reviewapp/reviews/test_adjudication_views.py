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
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.services import adjudication_claim
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import TEXT, given, review, state_of

ClientFor = Callable[[User], Client]


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    """One sample that Ann and Bob fixed differently and scored two levels apart."""
    world = reviewing.world(project, samples=1, overlap=2)
    mended = factories.PROMPT.replace("three weeks", "[TIME]")
    world.one = review(project, world.ann, given(completion=TEXT.replace("rest", "sleep"), complete=2))
    world.two = review(project, world.bob, given(completion=TEXT.replace("rest", "ice"), prompt=mended, complete=4))
    return world


@pytest.fixture
def cleo(client_for: ClientFor, w: SimpleNamespace) -> Client:
    return client_for(w.cleo)


@pytest.fixture
def held(w: SimpleNamespace) -> Assignment:
    assignment = adjudication_claim(project=w.project, user=w.cleo)
    assert assignment is not None
    return assignment


def url(name: str, *args: object) -> str:
    return reverse(f"reviews:{name}", args=["letters", *args])


def letter_of(page: str, words: str) -> str:
    """Under which letter a review with these words is shown."""
    before = page[: page.index(f">{words}<")]
    return before[before.rindex("<b>Review ") :].removeprefix("<b>Review ")[0]


def form(**values: str) -> dict[str, str]:
    scores = {"score-wrong_fact": "0", "score-complete": "4", "cause": "slip", "decision": "accept"}
    return {**scores, "idempotency_key": str(uuid.uuid4()), **values}


def test_the_queue_offers_samples_whose_reviews_differ(cleo: Client, w: SimpleNamespace) -> None:
    assert "Samples whose reviews differ: 1" in cleo.get(url("queue")).content.decode()
    answer = cleo.post(url("adjudication_claim"))
    taken = Assignment.objects.get(is_adjudication=True)
    assert answer.headers["Location"] == url("adjudication_edit", taken.key)
    assert f"Go on with {taken.sample}" in cleo.get(url("queue")).content.decode()


def test_reviews_are_side_by_side_without_names(
    cleo: Client, held: Assignment, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(30):
        page = cleo.get(url("adjudication_edit", held.key)).content.decode()
    assert {letter_of(page, "sleep"), letter_of(page, "ice")} == {"A", "B"}
    assert ">Ann<" not in page and ">Bob<" not in page and "annotator" not in page.lower()
    assert "Changed the prompt" in page and page.count("data-differs") == 1
    assert "A slip of one reviewer" in page


def test_a_reviewers_text_is_taken_with_its_prompt(cleo: Client, w: SimpleNamespace, held: Assignment) -> None:
    page = cleo.get(url("adjudication_edit", held.key)).content.decode()
    choice = letter_of(page, "ice")
    answer = cleo.post(url("adjudication_submit", held.key), form(choice=choice, completion="Not this."))
    assert answer.headers["Location"] == url("queue")
    assert Sample.objects.get().revision == w.two.revision_after
    assert Review.objects.get(is_adjudication=True).cause == "slip"


def test_the_text_as_it_came_is_taken(cleo: Client, held: Assignment) -> None:
    cleo.post(url("adjudication_submit", held.key), form(choice="original"))
    assert Sample.objects.get().revision == held.revision
    assert Review.objects.get(is_adjudication=True).revision_after.completion == TEXT


def test_a_written_text_keeps_a_mended_prompt(cleo: Client, w: SimpleNamespace, held: Assignment) -> None:
    cleo.post(url("adjudication_submit", held.key), form(choice="written", completion="Cleo's words."))
    made = Review.objects.get(is_adjudication=True).revision_after
    assert (made.completion, made.prompt) == ("Cleo's words.", w.two.revision_after.prompt)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cause": ""}, "Choose why the reviews differed"),
        ({"score-complete": ""}, "Complete: choose a level."),
        ({"decision": "reject"}, "Say why you reject it"),
        ({"choice": ""}, "Choose which text is right"),
        ({"idempotency_key": ""}, "out of date"),
    ],
)
def test_what_is_missing_is_said_and_the_text_kept(
    cleo: Client, held: Assignment, changes: dict[str, str], words: str
) -> None:
    sent = form(**{"choice": "written", "completion": "Typed by Cleo.", **changes})
    answer = cleo.post(url("adjudication_submit", held.key), sent)
    page = answer.content.decode()
    assert answer.status_code == 422 and words in page and "Typed by Cleo." in page
    assert state_of(held.sample) == "adjudicate"


def test_it_is_turned_down_without_choosing_a_text(cleo: Client, held: Assignment) -> None:
    cleo.post(url("adjudication_submit", held.key), form(decision="reject", **{"reason-reject": "Off topic."}))
    assert state_of(held.sample) == "rejected"


def test_a_settled_sample_leads_to_ones_own_reviews(cleo: Client, held: Assignment) -> None:
    cleo.post(url("adjudication_submit", held.key), form(choice="original"))
    page = cleo.get(url("adjudication_edit", held.key), follow=True).content.decode()
    assert "You have settled" in page and "Settled" in page


def test_drafts_and_leases_work_here_too(cleo: Client, held: Assignment) -> None:
    assert cleo.post(url("draft_save", held.key), {"changes": '{"choice": "A"}'}).status_code == 200
    assert cleo.post(url("assignment_renew", held.key)).status_code == 200
    page = cleo.get(url("adjudication_edit", held.key)).content.decode()
    assert 'value="A" checked' in page
    assert cleo.post(url("assignment_release", held.key)).headers["Location"] == url("queue")


def test_who_reviewed_it_finds_nothing_to_settle(client_for: ClientFor, w: SimpleNamespace) -> None:
    assert client_for(w.ann).post(url("adjudication_claim")).status_code == 403
    lead = factories.member(w.project, "lead")
    client = client_for(lead)
    first = client.post(url("adjudication_claim"))
    assert "/adjudications/" in first.headers["Location"]
    again = client_for(w.cleo).post(url("adjudication_claim"), follow=True)
    assert "No sample waits for you" in again.content.decode()
    key = Assignment.objects.get(is_adjudication=True).key
    assert client_for(w.cleo).get(url("adjudication_edit", key)).status_code == 404


def test_an_adjudication_is_not_opened_as_a_review(cleo: Client, held: Assignment) -> None:
    assert cleo.get(url("review_edit", held.key)).status_code == 404


def test_an_ambiguity_is_told_to_the_leads(cleo: Client, held: Assignment) -> None:
    sent = {"choice": "original", "cause": "rubric_ambiguous"}
    refused = cleo.post(url("adjudication_submit", held.key), form(**sent))
    assert refused.status_code == 422 and "Say what the rubric leaves open" in refused.content.decode()
    kept = cleo.post(
        url("adjudication_submit", held.key), form(**{**sent, "cause-note": "Is sleep a plan?", "cause": ""})
    )
    assert "Is sleep a plan?" in kept.content.decode()
    done = cleo.post(
        url("adjudication_submit", held.key), form(**sent, **{"cause-note": "Is sleep\r\na plan?"}), follow=True
    )
    assert "Your note stands on the agreement page" in done.content.decode()
    assert Review.objects.get(is_adjudication=True).cause_note == "Is sleep\na plan?"


def test_a_lead_goes_on_to_a_draft_of_the_rubric_with_the_note(client_for: ClientFor, w: SimpleNamespace) -> None:
    lead = factories.member(w.project, "lead")
    held = adjudication_claim(project=w.project, user=lead)
    assert held is not None
    client, note = client_for(lead), "Is <sleep> a plan?"
    sent = form(choice="original", cause="rubric_ambiguous", **{"cause-note": note})
    page = client.post(url("adjudication_submit", held.key), sent, follow=True).content.decode()
    link = reverse("rubrics:rubric_edit", args=["letters", w.version.rubric_id])
    assert f'<a href="{link}?note=Is+%3Csleep%3E+a+plan%3F">Open a draft of it</a>' in page
    assert "Is &lt;sleep&gt; a plan?" in client.get(link, {"note": note}).content.decode()


def test_a_note_is_kept_as_a_draft(cleo: Client, held: Assignment) -> None:
    cleo.post(url("draft_save", held.key), {"changes": '{"cause-note": "Half a thought"}'})
    assert "Half a thought" in cleo.get(url("adjudication_edit", held.key)).content.decode()


def test_the_pages_script_is_told_where_to_go_so_that_no_message_is_lost(cleo: Client, held: Assignment) -> None:
    sent = form(choice="original", cause="rubric_ambiguous", **{"cause-note": "Is sleep a plan?"})
    answer = cleo.post(url("adjudication_submit", held.key), sent, headers={"Accept": "application/json"})
    assert answer.json() == {"next": url("queue")}
    assert "Your note stands on the agreement page" in cleo.get(url("queue")).content.decode()
