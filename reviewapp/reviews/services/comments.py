"""Comments on a sample: a thread is begun, answered, resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.reviews.models import Comment, CommentThread
from reviewapp.samples.models import Sample
from reviewapp.words import grouped

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MAX_TEXT = 5_000  # characters


def comment_add(
    *, sample: Sample, author: User, text: str, idempotency_key: UUID, thread: CommentThread | None = None
) -> Comment:
    """Begins a thread or answers in one; the same key gives back the comment it made.

    Raises ApplicationError for an empty or very long text, a resolved thread, or a thread of another sample.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise ApplicationError(_("Write something first."))
    if len(text) > MAX_TEXT:
        raise ApplicationError(
            _("A comment has at most %(max_text)s characters; this one has %(n_text)s.")
            % {"max_text": grouped(MAX_TEXT), "n_text": grouped(len(text))}
        )
    if thread is not None and (thread.resolved_at is not None or thread.sample_id != sample.pk):
        raise ApplicationError(_("This thread is resolved. Begin a new one."))
    try:
        return _add(sample, author, text, idempotency_key, thread)
    except IntegrityError:
        return Comment.objects.get(idempotency_key=idempotency_key, author=author)


@transaction.atomic
def _add(sample: Sample, author: User, text: str, key: UUID, thread: CommentThread | None) -> Comment:
    stored: Comment | None = Comment.objects.filter(idempotency_key=key, author=author).first()
    if stored is not None:
        return stored
    if thread is None:
        thread = CommentThread.objects.create(sample=sample, revision=sample.revision, opened_by=author)
    comment: Comment = Comment.objects.create(thread=thread, author=author, text=text, idempotency_key=key)
    _record(thread, author, "comment.add", {"comment": comment.pk})
    return comment


@transaction.atomic
def thread_resolve(*, thread: CommentThread, resolved_by: User, may_adjudicate: bool) -> None:
    """Closes a thread; twice is harmless. Raises ApplicationError for who neither began it nor settles reviews."""
    if not may_adjudicate and thread.opened_by_id != resolved_by.pk:
        raise ApplicationError(_("Who began a thread resolves it, or somebody who settles reviews."))
    open_one = CommentThread.objects.filter(pk=thread.pk, resolved_at=None)
    if open_one.update(resolved_at=timezone.now(), resolved_by=resolved_by):
        _record(thread, resolved_by, "comment.resolve", {})


def _record(thread: CommentThread, actor: User, action: str, data: dict[str, int]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=thread.sample.project.slug,
        target_type="sample",
        target_id=thread.sample_id,
        data={"thread": thread.pk, **data},
    )
