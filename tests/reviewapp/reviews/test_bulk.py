"""One act on many samples: each act, what it leaves alone, once for a double click, undone where it can be."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import GRANTED, Permission
from reviewapp.reviews import services
from reviewapp.reviews.bulk import ACTS
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors.queues import samples_open_for, samples_queued
from reviewapp.reviews.selectors.reviews import undo_problem
from reviewapp.reviews.selectors.slots import queue_problems
from reviewapp.samples.models import BulkAct, Sample, SampleTag
from tests import factories
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, given, review

ClientFor = Callable[[Any], Client]
Samples = list[Sample]


@pytest.fixture
def w(db: None) -> SimpleNamespace:
    made = reviewing.world(factories.project("letters"), samples=4)
    made.lead = factories.member(made.project, "lead", "lea")
    return made


@pytest.fixture
def lead(w: SimpleNamespace, client_for: ClientFor) -> Client:
    return client_for(w.lead)


def do(w: SimpleNamespace, act: str, samples: Samples, typed: str = "", key: uuid.UUID | None = None) -> BulkAct:
    ids = [sample.pk for sample in samples]
    return services.bulk_act(
        project=w.project, act=act, chosen=services.Chosen(n=len(ids), ids=ids), given=typed, done_by=w.lead,
        idempotency_key=key or uuid.uuid4(),
    )  # fmt: skip


def undo(w: SimpleNamespace, done: BulkAct) -> BulkAct:
    return services.bulk_undo(act=done, undone_by=w.lead)


def tags(sample: Sample) -> list[str]:
    return [tag.name for tag in sample.tags.all()]


def fresh(*samples: Sample) -> Samples:
    return [Sample.objects.get(pk=sample.pk) for sample in samples]


def url(name: str, *args: object) -> str:
    return reverse(f"reviews:{name}", args=["letters", *args])


def body(response: Any) -> str:
    text: str = response.content.decode()
    return " ".join(text.split())


# Each act


def test_tags_are_added_where_they_are_missing_and_taken_away_again(w: SimpleNamespace) -> None:
    one, two, three, _ = w.samples
    SampleTag.objects.create(project=w.project, sample=one, name="urgent")
    SampleTag.objects.create(project=w.project, sample=three, name="urgent")
    SampleTag.objects.create(project=w.project, sample=three, name="night")
    done = do(w, "tag", [one, two, three], " Urgent, NIGHT ")
    assert (done.done, done.left) == (2, [{"reason": "tagged so already", "n": 1, "names": [three.external_id]}])
    assert tags(one) == tags(two) == ["night", "urgent"]
    undo(w, done)
    assert (tags(one), tags(two), tags(three)) == (["urgent"], [], ["night", "urgent"])
    gone = do(w, "untag", [one, two], "urgent")
    assert (gone.done, tags(one)) == (1, [])
    undo(w, gone)
    assert tags(one) == ["urgent"]


def test_first_ones_are_handed_out_first_in_every_order_and_last_ones_last(w: SimpleNamespace) -> None:
    one, two, three, four = w.samples
    done = do(w, "priority", [three], "1")
    do(w, "priority", [one], "-1")
    for strategy in ("in_order", "random", "oldest", "findings"):
        services.queue_settings_update(project=w.project, updated_by=w.lead, queue_strategy=strategy)
        order = list(samples_queued(w.project))
        assert (order[0], order[-1]) == (three, one), strategy
    services.queue_settings_update(project=w.project, updated_by=w.lead, queue_strategy="in_order")
    assert claim(w.project, w.ann).sample == three
    undo(w, done)
    assert list(samples_queued(w.project)) == [two, four, one]


def test_settled_samples_keep_their_priority(w: SimpleNamespace) -> None:
    accepted = factories.sample(w.project, state="accepted")
    done = do(w, "priority", [accepted, *w.samples], "1")
    assert (done.done, done.left[0]["reason"]) == (4, "accepted or rejected already")


def test_expertise_is_asked_for_also_against_the_metadata_and_put_back(w: SimpleNamespace) -> None:
    one, two, *_ = w.samples
    Sample.objects.filter(pk=one.pk).update(metadata={"expertise": ["law"], "other": 1}, expertise="law")
    done = do(w, "expertise", [one, two], "Cardiology")
    services.queue_settings_update(project=w.project, updated_by=w.lead, queue_seed=7)  # reads the metadata again
    assert [sample.expertise for sample in fresh(one, two)] == ["cardiology", "cardiology"]
    assert not {one, two} & set(samples_open_for(w.project, w.ann))
    services.expertise_set(project=w.project, user=w.ann, expertise="cardiology", set_by=w.lead)
    assert {one, two} <= set(samples_open_for(w.project, w.ann))
    undo(w, done)
    assert [sample.expertise for sample in fresh(one, two)] == ["law", ""]
    assert fresh(one)[0].metadata == {"expertise": ["law"], "other": 1}


def test_flags_are_set_and_taken_away_with_those_of_reviewers(w: SimpleNamespace) -> None:
    one, two, three, _ = w.samples
    held = claim(w.project, w.ann)
    services.assignment_flag(assignment=held, is_flagged=True)
    flagged = do(w, "flag", [two])
    assert fresh(two)[0].flagged_by == w.lead
    taken = do(w, "unflag", [one, two, three])
    assert (taken.done, taken.left[0]) == (2, {"reason": "not flagged", "n": 1, "names": [three.external_id]})
    assert not Assignment.objects.get(pk=held.pk).is_flagged
    undo(w, taken)
    assert Assignment.objects.get(pk=held.pk).is_flagged
    assert fresh(two)[0].flagged_at == flagged.done_at
    undo(w, flagged)
    assert fresh(two)[0].flagged_at is None


def test_returned_samples_go_back_to_review_as_one_by_one(w: SimpleNamespace) -> None:
    review(w.project, w.ann, given("return"))
    returned = Sample.objects.get(state="returned")
    other = factories.sample(w.project, state="returned")
    services.sample_reopen(sample=other, reopened_by=w.lead)
    done = do(w, "reopen", [returned, *w.samples[1:]])
    assert (done.done, done.left[0]["reason"], done.left[0]["n"]) == (1, "not returned", 3)
    one, two = fresh(returned, other)
    for name in ("state", "review_round", "slots_taken", "slots_needed", "slots_extra", "queue_rank"):
        assert getattr(one, name) == getattr(two, name), name
    assert queue_problems(w.project) == []
    with pytest.raises(ApplicationError, match="no undo"):
        undo(w, done)


def test_what_is_withdrawn_is_rejected_with_its_reason_and_comes_back_as_it_was(w: SimpleNamespace) -> None:
    decided = review(w.project, w.ann)
    accepted = decided.sample
    finding = factories.finding(accepted)
    held = claim(w.project, w.bob).sample
    out = factories.sample(w.project, split="heldout")
    free = next(sample for sample in w.samples if sample.pk not in (accepted.pk, held.pk))
    done = do(w, "withdraw", [accepted, held, out, free], "Consent was taken back.")
    assert done.done == 2
    assert {row["reason"]: row["names"] for row in done.left} == {
        "leased by somebody now": [held.external_id],
        "descend from a held-out prompt, so each is decided about by itself": [out.external_id],
    }
    gone = fresh(accepted)[0]
    assert (gone.state, gone.withdrawn_by, gone.withdrawn_reason) == ("rejected", w.lead, "Consent was taken back.")
    finding.refresh_from_db()
    assert finding.state == "gone"
    decided.sample = gone
    assert "withdrew" in undo_problem(decided)
    assert free not in samples_queued(w.project)
    undo(w, done)
    assert [sample.state for sample in fresh(accepted, free)] == ["accepted", "ready"]
    assert fresh(accepted)[0].withdrawn_at is None
    finding.refresh_from_db()
    assert finding.state == "open"
    assert free in samples_queued(w.project)
    assert queue_problems(w.project) == []


def test_flags_of_leads_and_of_reviewers_are_counted_on_the_queue(w: SimpleNamespace, lead: Client) -> None:
    services.assignment_flag(assignment=claim(w.project, w.ann), is_flagged=True)
    do(w, "flag", w.samples[:3])
    assert "Flagged for the lead: 3" in body(lead.get(url("queue")))
    assert "?flagged=yes" in body(lead.get(url("flagged_list")))


def test_the_page_of_a_sample_says_what_was_done_to_it(w: SimpleNamespace, lead: Client) -> None:
    sample = w.samples[0]
    do(w, "tag", [sample], "urgent")
    do(w, "priority", [sample], "1")
    do(w, "flag", [sample])
    do(w, "expertise", [sample], "law")
    do(w, "withdraw", [sample], "A <b>copy</b>.")
    shown = body(lead.get(reverse("samples:sample_detail", args=["letters", sample.pk])))
    for words in ("?tag=urgent", "<dd>First</dd>", f"by {w.lead}", "<dd>law</dd>", "A &lt;b&gt;copy&lt;/b&gt;."):
        assert words in shown, words


# Of every act


def test_a_double_click_acts_once_and_leaves_one_event(w: SimpleNamespace) -> None:
    key = uuid.uuid4()
    first, second = do(w, "flag", w.samples, key=key), do(w, "flag", w.samples, key=key)
    assert (first.pk, BulkAct.objects.count()) == (second.pk, 1)
    event = AuditEvent.objects.get(action="samples.bulk")
    ids = ",".join(str(sample.pk) for sample in sorted(w.samples, key=lambda sample: sample.pk))
    assert event.data["n"] == 4
    assert event.data["ids_sha256"] == hashlib.sha256(ids.encode()).hexdigest()
    assert (event.actor, event.target_id) == (w.lead, str(first.pk))
    assert first.before.keys() == {str(sample.pk) for sample in w.samples}


def test_an_undo_acts_once_and_leaves_alone_what_changed_since(w: SimpleNamespace) -> None:
    done = do(w, "priority", w.samples, "1")
    do(w, "priority", w.samples[:1], "-1")
    assert undo(w, done).undone == 3
    assert fresh(w.samples[0])[0].priority == -1
    Sample.objects.update(priority=1)
    undo(w, done)
    assert set(Sample.objects.values_list("priority", flat=True)) == {1}
    assert AuditEvent.objects.filter(action="samples.bulk_undo").count() == 1


def test_other_samples_than_were_confirmed_are_not_touched(w: SimpleNamespace) -> None:
    chosen = services.Chosen(n=4, filters={"state": "ready"})
    factories.sample(w.project)
    with pytest.raises(ApplicationError, match="asked about 4 samples, and now it would be 5"):
        services.bulk_act(
            project=w.project, act="flag", chosen=chosen, given="", done_by=w.lead, idempotency_key=uuid.uuid4()
        )
    assert not Sample.objects.exclude(flagged_at=None).exists()
    assert not BulkAct.objects.exists()


def test_samples_of_other_projects_are_never_touched(w: SimpleNamespace) -> None:
    foreign = factories.sample(factories.project("elsewhere"))
    with pytest.raises(ApplicationError, match="now it would be 1"):
        do(w, "flag", [w.samples[0], foreign])
    assert fresh(foreign)[0].flagged_at is None


@pytest.mark.parametrize(
    ("act", "typed", "words"),
    [
        ("priority", "5", "Choose a priority"),
        ("withdraw", "  ", "Say why"),
        ("tag", " , ", "at least one tag"),
        ("tag", "t" * 61, "at most 60"),
        ("expertise", "e" * 201, "at most 200"),
        ("erase", "", "Choose what to do"),
    ],
)
def test_what_is_missing_is_said(w: SimpleNamespace, act: str, typed: str, words: str) -> None:
    with pytest.raises(ApplicationError, match=words):
        do(w, act, w.samples, typed)


def test_more_than_one_act_takes_is_refused(w: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reviewapp.reviews.services.bulk.MOST_SAMPLES", 3)
    with pytest.raises(ApplicationError, match="more than 3 samples"):
        do(w, "flag", w.samples)


@pytest.mark.parametrize(
    ("act", "typed"),
    [("tag", "a"), ("priority", "1"), ("expertise", "law"), ("flag", ""), ("withdraw", "Why.")],
)
def test_an_act_asks_as_many_queries_for_sixty_samples_as_for_four(
    w: SimpleNamespace, act: str, typed: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(40) as few:
        do(w, act, w.samples, typed)
    more = [factories.sample(w.project) for _ in range(60)]
    with django_assert_max_num_queries(len(few)):
        assert do(w, act, more, typed).done == 60


# On the screen


def test_ticked_samples_are_confirmed_by_number_then_done_and_undone(w: SimpleNamespace, lead: Client) -> None:
    claim(w.project, w.bob)
    shown = body(lead.get(reverse("samples:sample_list", args=["letters"])))
    assert all(f'<option value="{act}">{ACTS[act].label}</option>' in shown for act in ACTS)
    ids = [sample.pk for sample in w.samples[:2]]
    asked = lead.post(url("bulk_confirm"), {"act": "withdraw", "scope": "ticked", "sample": ids, "state": "ready"})
    assert "Withdraw: 2 samples</button>" in body(asked)
    assert not BulkAct.objects.exists()
    form = {"act": "withdraw", "n": "2", "ids": ",".join(map(str, ids)), "state": "ready"}
    form["idempotency_key"] = str(asked.context["asked"].key)
    refused = lead.post(url("bulk_act"), form)
    assert (refused.status_code, "Say why these samples are withdrawn" in body(refused)) == (422, True)
    form["given"] = "Wrong <b>file</b>."
    page = lead.post(url("bulk_act"), form, follow=True)
    again = lead.post(url("bulk_act"), form, follow=True)
    assert page.redirect_chain == again.redirect_chain
    words = body(page)
    assert "1 sample withdrawn: Wrong &lt;b&gt;file&lt;/b&gt;." in words
    assert "1 of 2 left alone: leased by somebody now." in words
    assert "?state=ready" in words
    done = BulkAct.objects.get()
    words = body(lead.post(url("bulk_undo", done.pk), follow=True))
    assert "1 of 1 put back as they were" in words
    assert ">Undo<" not in words


def test_all_that_match_are_counted_on_the_server(w: SimpleNamespace, lead: Client) -> None:
    factories.sample(w.project, state="accepted")
    asked = lead.post(url("bulk_confirm"), {"act": "flag", "scope": "all", "state": "ready", "sample": ["1"]})
    assert "Flag for the lead: 4 samples" in body(asked)
    form = {"act": "flag", "scope": "all", "state": "ready", "n": "4"}
    form["idempotency_key"] = str(asked.context["asked"].key)
    factories.sample(w.project)
    refused = lead.post(url("bulk_act"), form)
    assert (refused.status_code, "now it would be 5" in body(refused)) == (422, True)


def test_nothing_ticked_or_too_many_leads_back_to_the_list(
    w: SimpleNamespace, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = lead.post(url("bulk_confirm"), {"act": "flag", "scope": "ticked", "q": "pain"}, follow=True)
    assert "Tick the samples first" in body(nothing)
    assert nothing.redirect_chain[0][0].endswith("?q=pain")
    monkeypatch.setattr("reviewapp.reviews.bulk_page.MOST_SAMPLES", 3)
    many = lead.post(url("bulk_confirm"), {"act": "flag", "scope": "all"}, follow=True)
    assert "These are 4 samples, and one act takes 3 at most" in body(many)
    stale = lead.post(url("bulk_act"), {"act": "flag", "scope": "all", "n": "many"}, follow=True)
    assert "out of date" in body(stale)


@pytest.mark.parametrize("role", ["annotator", "reviewer", "lead", "engineer", "observer", "admin"])
def test_each_role_is_offered_and_allowed_the_same_acts(
    role: str, project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    sample = factories.sample(project)
    client = client_for(getattr(people, role))
    shown = body(client.get(reverse("samples:sample_list", args=["letters"])))
    for name, act in ACTS.items():
        answer = client.post(url("bulk_confirm"), {"act": name, "sample": sample.pk})
        form = {"act": name, "ids": sample.pk, "n": "1", "idempotency_key": str(uuid.uuid4()), "given": "1"}
        done = client.post(url("bulk_act"), form)
        is_allowed = {act.permission, Permission.CURATE} <= GRANTED[role]
        assert (answer.status_code == 200) == (done.status_code in (302, 422)) == is_allowed, name
        assert (f'<option value="{name}">' in shown) == is_allowed, name


def test_an_undo_needs_the_right_to_the_act(w: SimpleNamespace, client_for: ClientFor) -> None:
    done = do(w, "withdraw", w.samples, "Why.")
    assert client_for(w.ann).post(url("bulk_undo", done.pk)).status_code == 403
    assert ">Undo<" not in body(client_for(w.ann).get(url("bulk_detail", done.pk)))
    assert Sample.objects.filter(withdrawn_at=F("state_at")).count() == 4
