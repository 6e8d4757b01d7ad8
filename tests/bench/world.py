"""A project of any size to be reviewed, and people signed in, made by few statements."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.projects.models import Membership, Project
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.services import queue_order
from reviewapp.rubrics.models import RubricVersion
from reviewapp.samples.models import Revision, Sample, SampleGroup
from tests import factories
from tests.reviewapp.reviews.reviewing import TEXT, rubric

ANSWERS = {
    "decision": "accept",
    "score-wrong_fact": "0",
    "score-complete": "4",
    "block-1": "Reason: knee pain.",
    "block-2": "Plan: rest.",
}
_BATCH = 2_000


def project_make(slug: str, *, samples: int, overlap: int = 1) -> tuple[Project, RubricVersion]:
    """A project with a rubric and this many samples ready for review, in its order."""
    project = factories.project(slug, review_overlap=overlap)
    version = rubric(project)
    group = SampleGroup.objects.create(project=project, key="bench")
    for start in range(0, samples, _BATCH):
        _samples_add(project, group, range(start, min(start + _BATCH, samples)))
    first = Revision.objects.filter(sample=OuterRef("pk")).order_by().values("pk")[:1]
    Sample.objects.filter(project=project).update(revision=Subquery(first))
    queue_order(project=project)
    return project, version


def _samples_add(project: Project, group: SampleGroup, numbers: range) -> None:
    made = Sample.objects.bulk_create(
        Sample(
            project=project, group=group, external_id=f"s{n}", state=Sample.State.READY,
            row_hash=hashlib.sha256(f"{project.pk} {n}".encode()).hexdigest(),
        )
        for n in numbers
    )  # fmt: skip
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    Revision.objects.bulk_create(
        Revision(
            sample=sample, number=1, prompt=factories.PROMPT, completion=TEXT, reason="import", content_hash=digest
        )
        for sample in made
    )


def people_make(project: Project, n: int) -> list[User]:
    return [factories.member(project, Membership.Role.ANNOTATOR, f"{project.slug}-{i}") for i in range(n)]


def leases_hold(project: Project, version: RubricVersion, n: int) -> None:
    """``n`` other people hold the first ``n`` samples, as if they had claimed them."""
    samples = list(Sample.objects.filter(project=project, queue_place=2).order_by("queue_rank", "id")[:n])
    for sample, person in zip(samples, people_make(project, n), strict=True):
        Assignment.objects.create(
            sample=sample, revision_id=sample.revision_id, rubric_version=version, round=1, slot=0, holder=person,
            lease_expires_at=timezone.now() + timedelta(hours=2),
        )  # fmt: skip
    Sample.objects.filter(pk__in=[sample.pk for sample in samples]).update(slots_taken=1)


def session_make(user: User) -> str:
    """The session cookie of somebody who is signed in; no password is hashed for it."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


def answers() -> dict[str, str]:
    """A filled form with a key of its own."""
    return {**ANSWERS, "idempotency_key": str(uuid.uuid4())}
