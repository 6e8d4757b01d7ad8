from __future__ import annotations

import json
import re
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
from reviewapp.reviews.services import assignment_release, sample_reopen
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, expire, given, review, state_of
from tests.reviewapp.reviews.test_findings import finding

ClientFor = Callable[[User], Client]
GOOD = {"score-wrong_fact": "0", "score-complete": "4", "block-1": "Reason: knee pain.", "block-2": "Plan: rest."}


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project)


@pytest.fixture
def ann(client_for: ClientFor, w: SimpleNamespace) -> Client:
    return client_for(w.ann)


def url(name: str, *args: object) -> str:
    return reverse(f"reviews:{name}", args=["letters", *args])


def form(decision: str = "accept", **values: str) -> dict[str, str]:
    return {**GOOD, "decision": decision, "idempotency_key": str(uuid.uuid4()), **values}


def page(client: Client, name: str, *args: object) -> str:
    return client.get(url(name, *args)).content.decode()


# ---- the queue


def test_the_queue_leads_to_the_next_sample(ann: Client, w: SimpleNamespace) -> None:
    assert "3 samples wait for you" in page(ann, "queue")
    answer = ann.post(url("assignment_claim"))
    held = Assignment.objects.get()
    assert answer.headers["Location"] == url("review_edit", held.key)
    assert f"You are on sample {held.sample}" in page(ann, "queue")


def test_looking_at_the_queue_changes_nothing(
    ann: Client, w: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(22):
        page(ann, "queue")
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Sample.State.IMPORTED, "3 samples wait for cleaning"),
        (Sample.State.ACCEPTED, "This queue is finished"),
        (Sample.State.ADJUDICATE, "3 wait to be settled"),
    ],
)
def test_an_empty_queue_says_why(ann: Client, w: SimpleNamespace, state: str, words: str) -> None:
    Sample.objects.update(state=state)
    assert words in page(ann, "queue")


def test_a_queue_held_by_others_says_until_when(ann: Client, w: SimpleNamespace) -> None:
    Sample.objects.exclude(pk=w.samples[0].pk).update(state=Sample.State.ACCEPTED)
    held = claim(w.project, w.bob)
    assert f"Everything left is leased until {held.lease_expires_at:%H:%M}" in page(ann, "queue")


def test_a_queue_without_rubric_or_samples_says_so(ann: Client, w: SimpleNamespace) -> None:
    w.version.rubric.delete()
    assert "No rubric to review by" in page(ann, "queue")
    assert "no rubric for samples" in ann.post(url("assignment_claim"), follow=True).content.decode()
    Sample.objects.update(project=factories.project("away"))
    assert "No samples yet" in page(ann, "queue")


def test_a_person_who_does_not_review_is_told_who_can_change_that(
    client_for: ClientFor, w: SimpleNamespace, people: SimpleNamespace
) -> None:
    text = page(client_for(people.observer), "queue")
    assert "You do not review in this project" in text and "Lead" in text


def test_nothing_more_to_claim_leads_back_to_the_queue(ann: Client, w: SimpleNamespace) -> None:
    Sample.objects.update(state=Sample.State.ACCEPTED)
    assert ann.post(url("assignment_claim")).headers["Location"] == url("queue")


# ---- the workbench


def test_the_workbench_shows_turns_blocks_rubric_and_draft(
    ann: Client, w: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    finding(w.samples[0], "prompt", "three weeks")
    held = claim(w.project, w.ann)
    Assignment.objects.update(draft={"block-2": "Plan: sleep.", "score-complete": "2", "note-complete": "The dose"})
    with django_assert_max_num_queries(22):
        text = page(ann, "review_edit", held.key)
    assert text.count('class="cs-turn"') == 4 and "Dialogue, 4 turns" in text
    assert '<mark class="cs-span" data-kind="finding" data-severity="high">three weeks</mark>' in text
    assert '<del class="cs-del">rest</del><ins class="cs-ins">sleep</ins>' in text
    assert re.search(r'name="score-complete" value="2"[^>]* checked', text) and "The dose" in text
    assert "1 / 3" in text and "Fix and accept, next" in text


def test_opening_the_workbench_changes_nothing(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    before = Assignment.objects.values().get()
    page(ann, "review_edit", held.key)
    assert Assignment.objects.values().get() == before


def test_a_decision_leads_to_the_next_sample(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    answer = ann.post(url("review_submit", held.key), form())
    following = Assignment.objects.get(state="leased")
    assert answer.headers["Location"] == url("review_edit", following.key)
    assert state_of(held.sample) == "accepted" and following.sample == w.samples[1]


def test_the_last_decision_leads_to_the_queue(ann: Client, w: SimpleNamespace) -> None:
    for _ in range(3):
        answer = ann.post(url("review_submit", claim(w.project, w.ann).key), form())
    assert answer.headers["Location"] == url("queue")
    assert "This queue is finished" in page(ann, "queue")


def test_a_fix_comes_from_the_edited_block(ann: Client, w: SimpleNamespace) -> None:
    ann.post(url("review_submit", claim(w.project, w.ann).key), form(**{"block-2": "Plan: rest\r\nand ice."}))
    made = Review.objects.get()
    assert (made.decision, made.revision_after.completion) == ("fix", "Reason: knee pain.\n\nPlan: rest\nand ice.")


def test_a_refused_form_shows_what_was_typed(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    sent = form("reject", **{"block-2": "Plan: typed text.", "score-complete": "3"})
    answer = ann.post(url("review_submit", held.key), sent)
    text = answer.content.decode()
    assert answer.status_code == 422 and "Say why you reject it" in text
    assert "Plan: typed text." in text and re.search(r'name="score-complete" value="3"[^>]* checked', text)
    assert not Review.objects.exists()


def test_a_missing_level_is_said_beside_its_criterion(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    text = ann.post(url("review_submit", held.key), form(**{"score-complete": ""})).content.decode()
    assert "Complete: choose a level." in text and 'data-state="needs"' in text


def test_the_same_form_twice_stores_one_review(ann: Client, w: SimpleNamespace) -> None:
    held, sent = claim(w.project, w.ann), form("reject", **{"reason-reject": "Off topic."})
    first = ann.post(url("review_submit", held.key), sent)
    second = ann.post(url("review_submit", held.key), sent)
    assert first.headers["Location"] == second.headers["Location"]
    assert Review.objects.count() == 1


def test_a_form_without_its_key_is_refused_and_kept(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    answer = ann.post(url("review_submit", held.key), form(idempotency_key="x", **{"block-1": "Reason: typed."}))
    assert answer.status_code == 422 and "Reason: typed." in answer.content.decode()


def test_a_lease_taken_over_says_so_and_keeps_the_text(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    expire(held)
    claim(w.project, w.bob)
    answer = ann.post(url("review_submit", held.key), form(**{"block-1": "Reason: typed."}))
    text = answer.content.decode()
    assert answer.status_code == 409 and "others have taken this sample" in text and "Reason: typed." in text


def test_a_decided_sample_leads_to_ones_own_reviews(ann: Client, w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    answer = ann.get(url("review_edit", made.assignment.key), follow=True)
    assert "You have decided about" in answer.content.decode()


def test_nobody_opens_anothers_assignment(client_for: ClientFor, w: SimpleNamespace, people: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    for person, code in ((w.bob, 404), (people.lead, 404), (people.outsider, 404), (people.engineer, 403)):
        client = client_for(person)
        assert client.get(url("review_edit", held.key)).status_code == code
        for name in ("review_submit", "draft_save", "assignment_renew", "assignment_skip", "assignment_release"):
            assert client.post(url(name, held.key), form()).status_code == code
    assert not Review.objects.exists() and Assignment.objects.get().is_live


def test_text_is_never_markup(ann: Client, w: SimpleNamespace) -> None:
    hostile = "Doctor: <script>alert(1)</script>\nPatient: <img src=x>\nDoctor: ok"
    Sample.objects.exclude(pk=w.samples[0].pk).update(state=Sample.State.ACCEPTED)
    w.samples[0].revision = factories.revision(w.samples[0], prompt=hostile, completion="</textarea><b>x</b>")
    w.samples[0].save()
    text = page(ann, "review_edit", claim(w.project, w.ann).key)
    assert "<script>alert" not in text and "<img src=x" not in text and "<b>x</b>" not in text


def test_a_sample_without_completion_is_written(ann: Client, w: SimpleNamespace) -> None:
    w.samples[0].revision = factories.revision(w.samples[0], completion="")
    w.samples[0].save()
    held = claim(w.project, w.ann)
    assert '<details class="cs-block-edit" name="block" open>' in page(ann, "review_edit", held.key)
    sent = {name: value for name, value in form().items() if name != "block-2"} | {"block-1": "Written."}
    ann.post(url("review_submit", held.key), sent)
    assert Review.objects.get().revision_after.completion == "Written."


def test_a_returned_sample_comes_back_with_its_reason(ann: Client, w: SimpleNamespace) -> None:
    made = review(w.project, w.bob, given("return", reason="The plan is of another visit."))
    sample_reopen(sample=made.sample, reopened_by=w.cleo)
    text = page(ann, "review_edit", claim(w.project, w.ann).key)
    assert "Returned earlier: The plan is of another visit." in text


# ---- what the page does while somebody works


def test_changes_are_kept_as_they_are_typed(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    for changes in ({"block-1": "Half"}, {"score-complete": "3"}, {"block-1": "Half a word"}):
        assert ann.post(url("draft_save", held.key), {"changes": json.dumps(changes)}).status_code == 200
    held.refresh_from_db()
    assert (held.draft, held.draft_version) == ({"block-1": "Half a word", "score-complete": "3"}, 3)


def test_a_draft_outlives_the_lease(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    expire(held)
    claim(w.project, w.bob)
    assert ann.post(url("draft_save", held.key), {"changes": '{"block-1": "Typed late"}'}).status_code == 200
    assignment_release(assignment=Assignment.objects.get(holder=w.bob))
    again = claim(w.project, w.ann)
    assert (again.sample, again.draft) == (held.sample, {"block-1": "Typed late"})


@pytest.mark.parametrize("changes", ["", "[]", '{"holder": "me"}'])
def test_what_is_no_draft_is_refused_in_words(ann: Client, w: SimpleNamespace, changes: str) -> None:
    answer = ann.post(url("draft_save", claim(w.project, w.ann).key), {"changes": changes})
    assert answer.status_code == 400 and "cannot be read" in answer.json()["message"]


def test_a_draft_after_the_decision_is_refused_in_words(ann: Client, w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    answer = ann.post(url("draft_save", made.assignment.key), {"changes": '{"block-1": "x"}'})
    assert answer.status_code == 409 and "undo" in answer.json()["message"].lower()


def test_the_lease_is_renewed_left_and_given_back(ann: Client, w: SimpleNamespace, settings: Any) -> None:
    held = claim(w.project, w.ann)
    assert ann.post(url("assignment_renew", held.key)).json()["seconds"] > 60 * (settings.LEASE_MINUTES - 1)
    assert ann.post(url("assignment_leave", held.key)).status_code == 204
    answer = ann.post(url("assignment_release", held.key), {"block-1": "Kept."})
    held.refresh_from_db()
    assert answer.headers["Location"] == url("queue")
    assert (held.state, held.draft) == ("released", {"block-1": "Kept."})
    assert ann.post(url("assignment_renew", held.key)).status_code == 409


def test_a_sample_is_skipped_with_a_reason(ann: Client, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    answer = ann.post(url("assignment_skip", held.key), {"skip-reason": ""})
    assert answer.status_code == 422 and "why you skip" in answer.content.decode()
    answer = ann.post(url("assignment_skip", held.key), {"skip-reason": "I know this person"})
    assert answer.headers["Location"] == url("review_edit", Assignment.objects.get(state="leased").key)


def test_a_flag_shows_to_those_who_settle(ann: Client, client_for: ClientFor, w: SimpleNamespace) -> None:
    held = claim(w.project, w.ann)
    answer = ann.post(url("assignment_flag", held.key), headers={"HX-Request": "true"})
    assert "Flagged for the lead" in answer.content.decode() and "<html" not in answer.content.decode()
    cleo = client_for(w.cleo)
    assert "Flagged for the lead: 1" in page(cleo, "queue") and str(held.sample) in page(cleo, "flagged_list")
    assert ann.get(url("flagged_list")).status_code == 403
    assert ann.post(url("assignment_flag", held.key)).headers["Location"] == url("review_edit", held.key)
    assert "Nothing is flagged" in page(cleo, "flagged_list")


def test_findings_are_settled_without_losing_the_form(ann: Client, w: SimpleNamespace) -> None:
    phone = finding(w.samples[0], "prompt", "three weeks", "[TIME]")
    plain = finding(w.samples[0], "completion", "rest")
    held = claim(w.project, w.ann)
    answer = ann.post(url("finding_accept", held.key, phone.pk), {"score-complete": "3"})
    assert answer.headers["Location"] == url("review_edit", held.key) + "#finding-1"
    ann.post(url("finding_dismiss", held.key, plain.pk), {f"dismiss-{plain.pk}": "A plain word."})
    held.refresh_from_db()
    assert held.draft["score-complete"] == "3" and "[TIME]" in held.draft["prompt"]
    text = page(ann, "review_edit", held.key)
    assert "2 findings, all settled" in text and "Accepted by you" in text and "Dismissed" in text
    ann.post(url("prompt_restore", held.key))
    assert "1 of 2 findings open" in page(ann, "review_edit", held.key)


def test_a_refused_finding_says_why_and_a_strange_one_is_not_found(ann: Client, w: SimpleNamespace) -> None:
    silent = finding(w.samples[0], "completion", "rest", suggestion=None)
    strange = finding(w.samples[1], "completion", "rest")
    held = claim(w.project, w.ann)
    answer = ann.post(url("finding_accept", held.key, silent.pk), follow=True)
    assert "suggests no words" in answer.content.decode()
    assert ann.post(url("finding_accept", held.key, strange.pk)).status_code == 404


# ---- one's own reviews


def test_own_reviews_are_listed_and_the_last_is_undone(
    ann: Client, w: SimpleNamespace, django_assert_max_num_queries: Any
) -> None:
    review(w.project, w.ann)
    last = review(w.project, w.ann, given("reject"))
    review(w.project, w.bob)
    with django_assert_max_num_queries(12):
        text = page(ann, "review_list")
    assert text.count("<tr>") == 3 and text.count(">Undo</button>") == 1 and "Not about a visit." in text
    sent = {"review": str(last.pk), "idempotency_key": str(uuid.uuid4())}
    answer = ann.post(url("review_undo"), sent)
    assert answer.headers["Location"] == url("review_edit", last.assignment.key)
    assert ann.post(url("review_undo"), sent).headers["Location"] == url("review_edit", last.assignment.key)
    assert "Undone" in page(ann, "review_list") and state_of(last.sample) == "ready"


def test_an_undo_that_cannot_be_says_why(ann: Client, w: SimpleNamespace, settings: Any) -> None:
    made = review(w.project, w.ann)
    theirs = review(w.project, w.bob)
    key = str(uuid.uuid4())
    assert ann.post(url("review_undo"), {"review": str(theirs.pk), "idempotency_key": key}).status_code == 404
    settings.UNDO_MINUTES = 0
    answer = ann.post(url("review_undo"), {"review": str(made.pk), "idempotency_key": key}, follow=True)
    assert "this one is older" in answer.content.decode()
    answer = ann.post(url("review_undo"), {"review": "x", "idempotency_key": "y"}, follow=True)
    assert "out of date" in answer.content.decode()


def test_without_reviews_the_list_says_so(ann: Client, w: SimpleNamespace) -> None:
    assert "Nothing decided yet" in page(ann, "review_list")


# ---- returned, agreement


def test_returned_samples_go_back_into_the_queue(ann: Client, client_for: ClientFor, w: SimpleNamespace) -> None:
    made = review(w.project, w.ann, given("return"))
    text = page(ann, "returned_list")
    assert str(made.sample) in text and "Not about a visit." in text
    ann.post(url("sample_reopen", made.sample_id))
    assert state_of(made.sample) == "ready" and "No returned samples" in page(ann, "returned_list")
    again = ann.post(url("sample_reopen", made.sample_id), follow=True)
    assert "Only a returned sample" in again.content.decode()


def test_agreement_says_what_it_stands_on(client_for: ClientFor, project: Project) -> None:
    w = reviewing.world(project, overlap=2)
    client = client_for(w.ann)
    assert "Nothing to compare yet" in page(client, "agreement")
    for level in (4, 3):
        review(project, w.ann, given(complete=level))
        review(project, w.bob, given(complete=3))
    text = page(client, "agreement")
    assert "2 samples with two reviews or more, 2 reviewers" in text
    assert "Unknown: 2 of 50 rated twice" in text and "All ratings are the same" in text


def test_agreement_of_a_chosen_version(client_for: ClientFor, project: Project) -> None:
    w = reviewing.world(project)
    review(project, w.ann)
    answer = client_for(w.ann).get(url("agreement"), {"version": str(w.version.pk)})
    assert "0 samples with two reviews" in answer.content.decode()
    assert client_for(w.ann).get(url("agreement"), {"version": "x"}).status_code == 200
