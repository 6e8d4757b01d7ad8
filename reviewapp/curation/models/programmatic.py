"""Labelling functions with their versions, and what a run of them said of every sample. Nothing of it is a label."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_noop

from reviewapp.core.models import ImmutableModel, Job
from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample


class LabellingFunction(models.Model):
    """A rule that votes for a class of one field where it fires. What it does is in its newest version."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labelling_functions")
    name = models.CharField(max_length=60)
    field = models.CharField(max_length=40)
    is_on = models.BooleanField(default=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.UUIDField(null=True, unique=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="one_labelling_function_per_name")]

    def __str__(self) -> str:
        return self.name


class LabellingFunctionVersion(ImmutableModel):
    """What a function did from some moment on; a run names the version that it used."""

    function = models.ForeignKey(LabellingFunction, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    target = models.CharField(max_length=80)  # key of the class that it votes for
    condition = models.JSONField()  # as curation.programmatic.conditions.Condition
    content_hash = models.CharField(max_length=64)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)

    class Meta(ImmutableModel.Meta):
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["function", "number"], name="labelling_function_version_number")]


class LabellingRun(models.Model):
    """All functions of one field asked about all samples, and the label models made of their votes.

    ``functions``: [{"name", "origin", "function", "number", "target", "condition", "hash"}] as they were then; a vote
    names its function by the place in this list. Once ``made_at`` is set only ``suggested`` changes.
    """

    NAMES = (gettext_noop("Labelling run %(number)s"), gettext_noop("labelling run %(number)s"))

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labelling_runs")
    number = models.PositiveIntegerField()
    field = models.CharField(max_length=40)
    schema_version = models.ForeignKey(LabelSchemaVersion, on_delete=models.PROTECT, related_name="+")
    schema_hash = models.CharField(max_length=64)
    functions = models.JSONField(default=list)
    has_files = models.BooleanField(default=False)  # the Python files on the worker's machine are in ``functions``
    stopped = models.JSONField(default=dict)  # place of the function -> {"code", "detail", "sample"}
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    done_upto = models.BigIntegerField(default=0)  # asked about all samples up to this one: a resumed run goes on there
    made_at = models.DateTimeField(null=True)
    n = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict)  # as curation.programmatic.run.figures_json
    has_votes = models.BooleanField(default=True)  # older runs keep their figures only
    suggested = models.JSONField(default=dict)  # {"method", "least", "n"}; empty: the form shows nothing of it
    idempotency_key = models.UUIDField(null=True, unique=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="labelling_run_number")]

    def __str__(self) -> str:
        return f"Labelling run {self.number}"


class LabellingVote(models.Model):
    """One function fired on one sample. A function that abstains leaves no row."""

    run = models.ForeignKey(LabellingRun, on_delete=models.CASCADE, related_name="votes")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="+")
    place = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=80)  # key of a class
    start = models.PositiveIntegerField(default=0)  # where in the prompt, when end is not 0
    end = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "sample", "place"], name="one_vote_per_function_and_sample")
        ]
        indexes = [models.Index(fields=["run", "place", "sample"], name="labelling_vote_of_function")]


class LabellingAnswer(models.Model):
    """What all functions together say of one sample. Programmatic: it never counts as an expert's label."""

    run = models.ForeignKey(LabellingRun, on_delete=models.CASCADE, related_name="answers")
    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="+")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="+")
    expert = models.CharField(max_length=80, blank=True)  # key of the class that experts chose; empty: none yet
    fired = models.PositiveSmallIntegerField(default=0)  # functions
    is_conflict = models.BooleanField(default=False)
    majority = models.CharField(max_length=80, blank=True)  # empty: none fires, or two classes tie
    share = models.FloatField(default=0.0)  # of the votes
    model = models.CharField(max_length=80, blank=True)  # by Dawid and Skene; empty: none fires
    chance = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "sample"], name="one_labelling_answer_per_sample")]
        indexes = [models.Index(fields=["run", "chance"], name="labelling_answer_order")]
