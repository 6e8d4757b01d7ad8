"""Running checks and keeping their findings in step with the texts: all samples in a scan, or one at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from reviewapp.audit import services as audit
from reviewapp.curation.checks.finding import FindingDraft
from reviewapp.curation.drafts import finding_of
from reviewapp.curation.material import BENCHMARK, HELDOUT, sample_material
from reviewapp.curation.models import CheckedRevision, Finding
from reviewapp.curation.pipeline import Pipeline
from reviewapp.curation.selectors import pipeline_of
from reviewapp.curation.services.cleaning import sample_clean
from reviewapp.curation.services.following import REJECTED
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.samples.services import samples_make_ready

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Finding.State
_CHUNK = 500  # rows written at a time
_KEYS = 5_000  # keys in one query
_UNSEEN, _OFF = "The checks no longer see it.", "The check was switched off."


@transaction.atomic
def findings_write(
    *, check_name: str, drafts: Sequence[FindingDraft], looked_at: Mapping[int, int], is_whole: bool = True
) -> int:
    """Makes the rows of one check say what it noticed; returns how many are new.

    ``looked_at`` maps the samples that the check saw to the revision that it saw. Samples that have another revision
    by now are left alone. What was dismissed stays dismissed; what the check no longer sees is gone; what it sees
    again after it was gone is open. Doing it twice changes nothing. With ``is_whole`` false the check did not get all
    it compares with, so what it did not see may still be there.
    """
    current = _still_current(looked_at)
    seen = {(draft.key, draft.fingerprint): draft for draft in drafts if draft.key in current}
    unseen, again, reweighed = [], [], defaultdict(list)
    for pk, sample_id, fingerprint, state, severity in _rows_of(check_name, current):
        draft = seen.pop((sample_id, fingerprint), None)
        if draft is not None and state not in (State.OPEN, State.DISMISSED):
            again.append(pk)
        elif draft is None and state == State.OPEN and is_whole:
            unseen.append(pk)
        if draft is not None and draft.severity != severity:
            reweighed[draft.severity].append(pk)
    _update(unseen, state=State.GONE, reason=_UNSEEN, decided_by=None, decided_at=timezone.now())
    _update(again, state=State.OPEN, reason="", decided_by=None, decided_at=None)
    for severity, keys in reweighed.items():
        _update(keys, severity=severity)
    rows = [finding_of(draft, current[draft.key]) for draft in seen.values()]
    Finding.objects.bulk_create(rows, batch_size=_CHUNK, ignore_conflicts=True)
    return len(rows)


@transaction.atomic
def findings_sweep(*, project: Project) -> None:
    """Closes open findings that no check will look at again: on texts that were replaced, and on rejected samples."""
    open_ones = Finding.objects.filter(sample__project=project, state=State.OPEN)
    now = timezone.now()
    left = open_ones.exclude(revision=F("sample__revision"))
    left.update(state=State.GONE, reason="Its text was replaced.", decided_at=now)
    rejected = open_ones.filter(sample__state=Sample.State.REJECTED)
    rejected.update(state=State.GONE, reason=REJECTED, decided_at=now)


@transaction.atomic
def findings_switch_off(*, project: Project, check_name: str) -> int:
    """Closes the open findings of a check that the pipeline no longer runs; returns how many."""
    open_ones = Finding.objects.filter(sample__project=project, check_name=check_name, state=State.OPEN)
    return open_ones.update(state=State.GONE, reason=_OFF, decided_by=None, decided_at=timezone.now())


def revisions_unchecked(*, revisions: Mapping[int, int], checks_hash: str) -> frozenset[int]:
    """Samples whose revision the checks of a text alone have not looked at, or not as they are now."""
    known: set[int] = set()
    for keys in _batches(list(revisions.values())):
        rows = CheckedRevision.objects.filter(revision__in=keys, checks_hash=checks_hash)
        known.update(rows.values_list("revision_id", flat=True))
    return frozenset(sample for sample, revision in revisions.items() if revision not in known)


@transaction.atomic
def revisions_checked(*, revisions: Mapping[int, int], checks_hash: str) -> None:
    """Keeps that these were looked at."""
    rows = [CheckedRevision(revision_id=revision, checks_hash=checks_hash) for revision in revisions.values()]
    CheckedRevision.objects.bulk_create(
        rows, batch_size=_CHUNK, update_conflicts=True, unique_fields=["revision"], update_fields=["checks_hash"]
    )


def _still_current(looked_at: Mapping[int, int]) -> dict[int, int]:
    current: dict[int, int] = {}
    for keys in _batches(list(looked_at)):
        rows = Sample.objects.filter(pk__in=keys).order_by().values_list("pk", "revision_id")
        current.update((pk, revision) for pk, revision in rows if looked_at[pk] == revision)
    return current


def _rows_of(check_name: str, revisions: Mapping[int, int]) -> Iterator[tuple[int, int, str, str, str]]:
    """(key, sample, fingerprint, state, severity) of what one check said about these revisions before."""
    for keys in _batches(list(revisions.values())):
        rows = Finding.objects.filter(check_name=check_name, revision__in=keys).order_by()
        yield from rows.values_list("pk", "sample_id", "fingerprint", "state", "severity")


def _update(keys: Sequence[int], **values: Any) -> None:
    for batch in _batches(keys):
        Finding.objects.filter(pk__in=batch).update(**values)


def _batches(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(keys), _KEYS):
        yield keys[start : start + _KEYS]


# ---- one sample


@transaction.atomic
def sample_scan(*, sample: Sample, by: User | None) -> list[Finding]:
    """Cleans and checks one sample now and opens it for review; returns its open findings.

    It is compared with the held-out prompts and with the samples of its own group; the next scan of the project
    compares it with all others.
    """
    row = Sample.objects.select_for_update(of=("self",)).select_related("project", "revision").get(pk=sample.pk)
    pipeline = pipeline_of(row.project_id)
    if pipeline.is_cleaning:
        sample_clean(sample=row, citation_style=pipeline.citation_style)
    if row.revision is not None:
        _check_alone(row, pipeline)
        samples_make_ready(project=row.project, sample_ids=[row.pk])
    sample.refresh_from_db()
    found = list(Finding.objects.filter(sample=row, state=State.OPEN))
    audit.record(
        actor=by,
        action="sample.scan",
        project=row.project.slug,
        target_type="sample",
        target_id=row.pk,
        data={"findings": len(found), "revision": row.revision_id},
    )
    return found


def _check_alone(sample: Sample, pipeline: Pipeline) -> None:
    material = sample_material(sample)
    place = int(np.searchsorted(material.keys, sample.pk))
    alone = material.looked_at(slice(place, place + 1))
    for step in pipeline.on:
        drafts = [draft for draft in step.apply(material.look(step.run, step.option)) if draft.key == sample.pk]
        is_whole = step.run.scope == "text" or step.check in (HELDOUT, BENCHMARK)
        findings_write(check_name=step.check, drafts=drafts, looked_at=alone, is_whole=is_whole)
