from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import SLOT_TAKEN, ImmutableModel, Lease
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import Criterion, RubricVersion
from reviewapp.samples.models import Revision, Sample, SampleGroup


class Assignment(Lease):
    """A sample handed to a reviewer. ``slot`` 0..overlap-1: the database refuses a second taker of a slot."""

    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="assignments")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")  # what was shown
    rubric_version = models.ForeignKey(RubricVersion, on_delete=models.PROTECT, related_name="+")
    round = models.PositiveSmallIntegerField()
    slot = models.PositiveSmallIntegerField()
    is_adjudication = models.BooleanField(default=False)
    is_flagged = models.BooleanField(default=False)
    is_prefetched = models.BooleanField(default=False)  # taken ahead, for the time after the one in hand

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sample", "round", "is_adjudication", "slot"], condition=SLOT_TAKEN, name="one_holder_per_slot"
            ),
            models.UniqueConstraint(
                fields=["sample", "round", "is_adjudication", "holder"],
                condition=SLOT_TAKEN,
                name="one_review_per_person",
            ),
        ]
        indexes = [
            models.Index(fields=["holder", "state"], name="assignment_holder"),
            models.Index(fields=["state", "lease_expires_at"], name="assignment_due"),
        ]


class Recusal(ImmutableModel):
    """A reviewer must not judge a group (a patient, a matter): nothing of it is offered to them again."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="recusals")
    group = models.ForeignKey(SampleGroup, on_delete=models.CASCADE, related_name="recusals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recusals")
    reason = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(ImmutableModel.Meta):
        constraints = [models.UniqueConstraint(fields=["user", "group"], name="one_recusal_per_group")]


class QueueFigure(models.Model):
    """What is true of a whole queue, kept so that taking a sample need not count it."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="queue_figure")
    waiting = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)
    expertise = models.JSONField(default=list)  # the sets of tags that samples ask for


class CommentThread(models.Model):
    """A question or remark about a sample, open until somebody resolves it."""

    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="comment_threads")
    revision = models.ForeignKey(Revision, null=True, on_delete=models.PROTECT, related_name="+")  # what was shown
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]


class Comment(ImmutableModel):
    thread = models.ForeignKey(CommentThread, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.UUIDField(unique=True)

    class Meta(ImmutableModel.Meta):
        ordering = ["id"]


class Review(ImmutableModel):
    """A judgement of a sample. Undoing adds a row that supersedes; the last row of a chain counts."""

    class Decision(models.TextChoices):
        ACCEPT = "accept", "Accepted"
        FIX = "fix", "Fixed and accepted"
        RETURN = "return", "Returned"
        REJECT = "reject", "Rejected"
        UNDONE = "undone", "Undone"

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="reviews")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="reviews")
    revision_before = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    revision_after = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")  # the same, unless fixed
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    rubric_version = models.ForeignKey(RubricVersion, on_delete=models.PROTECT, related_name="+")
    round = models.PositiveSmallIntegerField()
    is_adjudication = models.BooleanField(default=False)
    decision = models.CharField(max_length=6, choices=Decision)
    reason = models.TextField(blank=True)
    cause = models.CharField(max_length=20, blank=True)  # adjudication: why the reviews differed
    cause_note = models.TextField(blank=True)  # what the rubric leaves open, in words
    supersedes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="superseded_by")
    idempotency_key = models.UUIDField(unique=True)
    seconds = models.PositiveIntegerField(default=0)  # between opening and submitting
    submitted_at = models.DateTimeField(default=timezone.now)

    class Meta(ImmutableModel.Meta):
        ordering = ["id"]


class CriterionScore(ImmutableModel):
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="+")
    value = models.SmallIntegerField(null=True)  # null: not applicable with its reason, or answered in words
    text = models.TextField(blank=True)  # the answer to a criterion of free text
    reason = models.TextField(blank=True)

    class Meta(ImmutableModel.Meta):
        constraints = [models.UniqueConstraint(fields=["review", "criterion"], name="one_score_per_criterion")]
