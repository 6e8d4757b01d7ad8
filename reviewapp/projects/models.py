from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone


class Project(models.Model):
    class Strategy(models.TextChoices):
        IN_ORDER = "in_order", "In the order of import"
        RANDOM = "random", "Random, the same for everybody"
        OLDEST = "oldest", "Longest waiting first"
        PRIORITY = "priority", "Priority: highest number first"
        CONFIDENCE = "confidence", "Uncertainty: least confident first"
        MARGIN = "margin", "Uncertainty: smallest margin first"
        DIVERSITY = "diversity", "Uncertainty, mixed over groups"
        FINDINGS = "findings", "Most and gravest open findings first"

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    review_overlap = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="How many reviewers look at each sample.",
    )
    # A share of the samples, chosen by their hash, that gets more reviewers than the rest.
    overlap_more = models.PositiveSmallIntegerField(default=2, validators=[MinValueValidator(1), MaxValueValidator(5)])
    overlap_more_percent = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    # Reviewers asked for one by one while the reviews of a sample differ, before it is adjudicated.
    extra_reviewers = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(3)])
    queue_strategy = models.CharField(max_length=10, choices=Strategy, default=Strategy.IN_ORDER)
    queue_seed = models.PositiveIntegerField(default=1)  # of the random order
    queue_field = models.CharField(max_length=80, blank=True)  # metadata that holds priority, confidence or scores
    filter_check = models.CharField(max_length=40, blank=True)  # only samples with an open finding of this check
    filter_language = models.CharField(max_length=16, blank=True)
    filter_origin = models.CharField(max_length=8, blank=True)
    signatures_required = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(9)],
        help_text="How many leads must sign a training-set version before it may train.",
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        ANNOTATOR = "annotator", "Annotator"
        REVIEWER = "reviewer", "Reviewer"
        LEAD = "lead", "Lead"
        ENGINEER = "engineer", "Engineer"
        OBSERVER = "observer", "Observer"
        ADMIN = "admin", "Admin"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    expertise = models.CharField(max_length=200, blank=True)  # tags, sorted: "cardiology,paediatrics"
    reviews_done = models.PositiveIntegerField(default=0)  # samples this person has decided about, for progress
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.project}"
