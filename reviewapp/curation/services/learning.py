"""Learning from decisions: asked for, done by a worker, kept as scores that only put the queue in order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation.learning.learned import AGAIN_AFTER, samples_decided
from reviewapp.curation.models import LearnedModel, LearnedScore, TextIndex
from reviewapp.curation.services.indexes import index_request
from reviewapp.projects.models import Project
from reviewapp.samples.models import UNRANKED, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

RANDOM_MOST = 50  # percent
_WORKING = (Job.State.QUEUED, Job.State.RUNNING)
_BATCH = 500


@transaction.atomic
def learning_request(*, project: Project, requested_by: User | None, random_percent: int = 10) -> LearnedModel:
    """Asks a worker to learn from the decisions so far. Raises ApplicationError while another one waits or runs."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if not 0 <= random_percent <= RANDOM_MOST:
        raise ApplicationError(
            _("The share at random is a whole number from 0 to %(random_most)s percent.") % {"random_most": RANDOM_MOST}
        )
    if project.learned_models.filter(job__state__in=_WORKING).exists():
        raise ApplicationError(_("A worker is learning from the decisions already. Wait for it."))
    last = project.learned_models.aggregate(last=Max("number"))["last"] or 0
    model = LearnedModel.objects.create(
        project=project, number=last + 1, requested_by=requested_by, random_percent=random_percent,
        n_decided=samples_decided(project).count(),
    )  # fmt: skip
    model.job = jobs.enqueue(
        "reviewapp.curation.jobs.learn_decisions",
        title=f"Learn from the decisions in {project.name}",
        created_by=requested_by,
        kwargs={"model_id": model.pk},
        project_slug=project.slug,
    )
    model.save(update_fields=["job"])
    _record(model, "learning.request", {"job": model.job.pk, "random_percent": random_percent}, requested_by)
    return model


@transaction.atomic
def learning_finish(*, model: LearnedModel, scores: Sequence[LearnedScore] = (), **facts: Any) -> None:
    """Writes what was learned, or why nothing was, and the scores of samples that wait; their order is made anew.

    Scores of samples that were decided meanwhile stay as they were: they are what the model said before.
    """
    for name, value in facts.items():
        setattr(model, name, value)
    model.made_at, model.n_scored = timezone.now(), len(scores)
    model.save()
    if scores:
        LearnedScore.objects.filter(sample__in=[score.sample_id for score in scores]).delete()
        LearnedScore.objects.bulk_create(scores, batch_size=_BATCH)
        Sample.objects.filter(project=model.project, queue_place__gt=0).update(queue_rank=UNRANKED)
    data = {"n": model.n, "auc": model.auc, "scored": model.n_scored, "unknown": model.unknown}
    _record(model, "learning.finish", data, model.requested_by)


def upkeep() -> None:
    """What the clock asks for at every look, done once a minute."""
    _upkeep_in(int(time.time()) // 60)


@lru_cache(maxsize=1)
def _upkeep_in(minute: int) -> None:
    projects_keep()


def projects_keep() -> None:
    """Asks for learning again after enough new decisions, and for indexes that are behind."""
    models = LearnedModel.objects.order_by("project", "-number").select_related("project", "job")
    newest = {model.project_id: model for model in reversed(models)}
    for model in newest.values():
        is_free = model.job is None or model.job.is_terminal
        if is_free and samples_decided(model.project).count() >= model.n_decided + AGAIN_AFTER:
            learning_request(project=model.project, requested_by=None, random_percent=model.random_percent)
    for project in Project.objects.filter(text_indexes__made_at__isnull=False, archived_at=None).distinct():
        _index_keep(project)


def _index_keep(project: Project) -> None:
    """Asks for the next version when texts are newer than an index that is not being built, and none failed since."""
    last = TextIndex.objects.filter(project=project).first()
    if last is None or last.made_at is None:
        return
    if Sample.objects.filter(project=project, revision_id__gt=last.newest_revision).exists():
        index_request(project=project, requested_by=None)


def _record(model: LearnedModel, action: str, data: dict[str, Any], actor: User | None) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=model.project.slug,
        target_type="learned_model",
        target_id=model.pk,
        data=data,
    )
