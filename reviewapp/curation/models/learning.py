"""The index of a project's texts, and what is learned from decisions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample


class TextIndex(models.Model):
    """One version of a project's index for search by meaning. The newest with ``made_at`` is the one in use."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="text_indexes")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    n = models.PositiveIntegerField(default=0)  # samples
    n_fitted = models.PositiveIntegerField(default=0)  # samples there when the projection was made
    n_folded = models.PositiveIntegerField(default=0)  # revisions brought in since by that projection
    dimensions = models.PositiveSmallIntegerField(default=0)
    vocabulary_hash = models.CharField(max_length=64, blank=True)
    newest_revision = models.BigIntegerField(default=0)  # what is above it came later
    files = models.JSONField(default=dict)  # name: [bytes, sha256]

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="text_index_number")]

    def __str__(self) -> str:
        return f"Index {self.number} of {self.project}"


class TextEmbedding(models.Model):
    """One version of the vectors that an encoder of the operator's gave a project's texts.

    The newest with ``made_at`` is the one in use, as long as the encoder's files look as they did then.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="text_embeddings")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    encoder = models.CharField(max_length=200, blank=True)  # name of its folder
    encoder_sha256 = models.CharField(max_length=64, blank=True)  # of its files
    look = models.CharField(max_length=64, blank=True)  # hash of path, names, sizes and times: cheap to compare
    n = models.PositiveIntegerField(default=0)  # samples
    n_read = models.PositiveIntegerField(default=0)  # texts that the encoder read for it; the others were known
    n_cut = models.PositiveIntegerField(default=0)  # of those, longer than it reads
    dimensions = models.PositiveIntegerField(default=0)
    newest_revision = models.BigIntegerField(default=0)  # what is above it came later
    files = models.JSONField(default=dict)  # name: [bytes, sha256]

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="text_embedding_number")]

    def __str__(self) -> str:
        return f"Vectors {self.number} of {self.project}"


class LearnedModel(models.Model):
    """A small classifier of what experts decided, by which the queue can be put in order. It decides nothing."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="learned_models")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    random_percent = models.PositiveSmallIntegerField(default=10)  # samples that keep a random place in the order
    index_number = models.PositiveIntegerField(default=0)
    target = models.CharField(max_length=80, blank=True)  # "unchanged", or the key of a class field
    classes = models.JSONField(default=list)
    is_several = models.BooleanField(default=False)  # any number of classes a sample: a probability of yes for each
    counts = models.JSONField(default=dict)  # decisions of each class that it learned from
    n = models.PositiveIntegerField(default=0)
    n_decided = models.PositiveIntegerField(default=0)  # samples that were decided then: when to learn again
    n_scored = models.PositiveIntegerField(default=0)
    auc = models.FloatField(null=True)  # cross-validated; of several classes the mean of one against the rest
    brier = models.FloatField(null=True)
    temperature = models.FloatField(null=True)
    unknown = models.TextField(blank=True)  # why nothing was learned
    random_n = models.PositiveIntegerField(default=0)  # random picks decided after they were scored
    random_auc = models.FloatField(null=True)
    random_brier = models.FloatField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="learned_model_number")]

    def __str__(self) -> str:
        return f"Model {self.number} of {self.project}"


class LearnedScore(models.Model):
    """What the model said of a sample before anybody decided about it; kept as it was from then on."""

    sample = models.OneToOneField(Sample, on_delete=models.CASCADE, related_name="learned_score")
    model = models.ForeignKey(LearnedModel, on_delete=models.CASCADE, related_name="scores")
    probabilities = models.JSONField()  # by the model's classes; of several they do not sum to 1
    least_confident = models.FloatField()  # 1 less the largest probability
    margin = models.FloatField()  # the largest less the second
    entropy = models.FloatField()  # in bits
    diverse_place = models.PositiveIntegerField(null=True)  # in the order that covers the texts soonest
    is_random = models.BooleanField(default=False)  # keeps a random place in the order
    scored_at = models.DateTimeField(default=timezone.now)

    @property
    def unsure(self) -> list[float]:
        """The probabilities that say how unsure the model is: all of one choice, or the least sure yes or no."""
        if not self.model.is_several:
            return [float(one) for one in self.probabilities]
        return [1 - self.least_confident, self.least_confident]
