"""Threads on a sample: who reads them when, answering, resolving, and what is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Comment, CommentThread
from reviewapp.reviews.services.comments import MAX_TEXT, comment_add, thread_resolve
from reviewapp.samples.models import Sample
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, review

ClientFor = Callable[[User], Client]


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project, samples=1, overlap=2)


@pytest.fixture
def sample(w: SimpleNamespace) -> Sample:
    return claim(w.project, w.ann).sample


def url(sample: Sample) -> str:
    return f"/projects/letters/reviews/samples/{sample.pk}/comments/"


def add(sample: Sample, author: User, text: str = "Is this dose right?", **values: Any) -> Comment:
    return comment_add(sample=sample, author=author, text=text, idempotency_key=uuid.uuid4(), **values)


def page(client: Client, sample: Sample) -> str:
    return client.get(url(sample)).content.decode()


def test_others_who_review_see_a_comment_when_the_sample_is_settled(
    w: SimpleNamespace, sample: Sample, client_for: ClientFor
) -> None:
    add(sample, w.ann)
    claim(w.project, w.bob)
    assert "Is this dose right?" in page(client_for(w.ann), sample)
    assert "Is this dose right?" not in page(client_for(w.bob), sample)
    assert "Is this dose right?" in page(client_for(w.cleo), sample), "who settles reviews and has no part in them"
    review(w.project, w.ann)
    review(w.project, w.bob)
    assert "Is this dose right?" in page(client_for(w.bob), sample)


def test_who_settles_reviews_but_reviews_this_one_sees_no_more_than_others(
    w: SimpleNamespace, sample: Sample, client_for: ClientFor
) -> None:
    add(sample, w.ann)
    claim(w.project, w.cleo)
    assert "Is this dose right?" not in page(client_for(w.cleo), sample)


def test_with_one_reviewer_a_sample_there_is_nothing_to_hide(project: Project, client_for: ClientFor) -> None:
    w = reviewing.world(project, samples=1)
    sample = claim(project, w.ann).sample
    add(sample, w.ann)
    assert "Is this dose right?" in page(client_for(w.bob), sample)


def test_a_thread_is_answered_and_resolved(w: SimpleNamespace, sample: Sample, client_for: ClientFor) -> None:
    thread = add(sample, w.ann).thread
    lead = client_for(w.cleo)
    form = {"text": "Yes, see the plan.", "thread": thread.pk, "idempotency_key": uuid.uuid4()}
    for _ in range(2):  # sent twice, stored once
        assert lead.post(url(sample), form).status_code == 302
    assert [comment.author for comment in thread.comments.all()] == [w.ann, w.cleo]
    client_for(w.ann).post(url(sample), {"resolve": thread.pk})
    thread.refresh_from_db()
    assert thread.resolved_by == w.ann
    assert "Resolved by" in page(lead, sample)


def test_what_cannot_be_stored_is_said_and_the_text_stays(
    w: SimpleNamespace, sample: Sample, client_for: ClientFor
) -> None:
    thread = add(sample, w.ann).thread
    thread_resolve(thread=thread, resolved_by=w.ann, may_adjudicate=False)
    form = {"text": "One more thing", "thread": thread.pk, "idempotency_key": uuid.uuid4()}
    answer = client_for(w.ann).post(url(sample), form)
    assert answer.status_code == 422
    assert "This thread is resolved" in answer.content.decode() and "One more thing" in answer.content.decode()
    for text in ("  ", "x" * (MAX_TEXT + 1)):
        with pytest.raises(ApplicationError):
            add(sample, w.ann, text)
    assert Comment.objects.count() == 1


def test_a_thread_that_one_may_not_read_cannot_be_answered_or_resolved(
    w: SimpleNamespace, sample: Sample, client_for: ClientFor
) -> None:
    thread = add(sample, w.ann).thread
    claim(w.project, w.bob)
    bob = client_for(w.bob)
    form = {"text": "Mine", "thread": thread.pk, "idempotency_key": uuid.uuid4()}
    assert bob.post(url(sample), form).status_code == 422
    assert bob.post(url(sample), {"resolve": thread.pk}).status_code == 422
    assert CommentThread.objects.get().resolved_at is None and Comment.objects.count() == 1


def test_a_comment_is_shown_as_text_and_as_a_part_of_a_page(
    w: SimpleNamespace, sample: Sample, client_for: ClientFor, django_assert_max_num_queries: Any
) -> None:
    for n in range(4):
        add(sample, w.ann, f"<b>{n}</b>")
    client = client_for(w.ann)
    with django_assert_max_num_queries(9):
        answer = client.get(url(sample), headers={"hx-request": "true"}).content.decode()
    assert "&lt;b&gt;3&lt;/b&gt;" in answer and "<html" not in answer
