"""Doing and undoing each bulk act on locked samples, set by set.

A function of DO gets the samples that take the act and returns what each had before, by id, for BulkAct.before. One
of UNDO gets the samples of ``before``, puts back those that nobody changed since, and returns their ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F
from django.utils.dateparse import parse_datetime

from reviewapp.curation.services import samples_restore, samples_withdraw
from reviewapp.reviews.bulk import EXPERTISE, FLAG, PRIORITY, REOPEN, TAG, UNFLAG, UNTAG, WITHDRAW
from reviewapp.reviews.models import Assignment, QueueFigure
from reviewapp.reviews.ranking import EXPERTISE_KEY
from reviewapp.reviews.selectors.bulk import chunks
from reviewapp.samples.models import UNRANKED, BulkAct, Sample, SampleTag

Samples = Sequence[Sample]
_BATCH = 500


def _update(ids: Sequence[int], **values: Any) -> None:
    for some in chunks(ids):
        Sample.objects.filter(pk__in=some).update(**values)


def _ids(samples: Samples) -> list[int]:
    return [sample.pk for sample in samples]


def _before(act: BulkAct, sample: Sample) -> Any:
    return act.before[str(sample.pk)]


def _priority_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    _update(_ids(samples), priority=act.values["priority"], queue_rank=UNRANKED)
    return {sample.pk: sample.priority for sample in samples}


def _priority_undo(samples: Samples, act: BulkAct) -> list[int]:
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for sample in samples:
        if sample.priority == act.values["priority"]:
            groups[_before(act, sample)].append(sample.pk)
    for priority, ids in groups.items():
        _update(ids, priority=priority, queue_rank=UNRANKED)
    return [pk for ids in groups.values() for pk in ids]


def _expertise_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    before = {sample.pk: [sample.expertise, sample.metadata.get(EXPERTISE_KEY)] for sample in samples}
    wanted: str = act.values["expertise"]
    _expertise_write([(sample, wanted, wanted) for sample in samples], act)
    return before


def _expertise_undo(samples: Samples, act: BulkAct) -> list[int]:
    unchanged = [sample for sample in samples if sample.expertise == act.values["expertise"]]
    _expertise_write([(sample, *_before(act, sample)) for sample in unchanged], act)
    return _ids(unchanged)


def _expertise_write(rows: list[tuple[Sample, str, Any]], act: BulkAct) -> None:
    """The tags, and the metadata they came from where there is any: the queue reads it whenever it is put in order."""
    for sample, expertise, given in rows:
        sample.expertise = expertise
        if EXPERTISE_KEY in sample.metadata:
            sample.metadata = sample.metadata | {EXPERTISE_KEY: given}
    having = [sample for sample, _, _ in rows if EXPERTISE_KEY in sample.metadata]
    Sample.objects.bulk_update(having, ["metadata"], batch_size=_BATCH)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for sample, expertise, _ in rows:
        groups[expertise].append(sample.pk)
    for expertise, ids in groups.items():
        _update(ids, expertise=expertise)
    figure, _ = QueueFigure.objects.get_or_create(project=act.project)
    figure.expertise = sorted({*figure.expertise, *groups} - {""})
    figure.save(update_fields=["expertise"])


def _tag_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    had = _tags_had(samples, act)
    new = {sample.pk: sorted(set(act.values["tags"]) - had[sample.pk]) for sample in samples}
    _tags_add(new, act)
    return new


def _untag_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    gone = {pk: sorted(names) for pk, names in _tags_had(samples, act).items()}
    _tags_remove(gone)
    return gone


def _tag_undo(samples: Samples, act: BulkAct) -> list[int]:
    added = {sample.pk: _before(act, sample) for sample in samples}
    had = _tags_had(samples, act)
    still = {pk: names for pk, names in added.items() if had[pk] & set(names)}
    _tags_remove(still)
    return list(still)


def _untag_undo(samples: Samples, act: BulkAct) -> list[int]:
    had = _tags_had(samples, act)
    missing = {sample.pk: sorted(set(_before(act, sample)) - had[sample.pk]) for sample in samples}
    _tags_add(missing, act)
    return [pk for pk, names in missing.items() if names]


def _tags_had(samples: Samples, act: BulkAct) -> dict[int, set[str]]:
    """Which of the act's tags each sample has now."""
    had: dict[int, set[str]] = {sample.pk: set() for sample in samples}
    for some in chunks(list(had)):
        found = SampleTag.objects.filter(sample__in=some, name__in=act.values["tags"]).order_by()
        for pk, name in found.values_list("sample", "name"):
            had[pk].add(name)
    return had


def _tags_add(new: dict[int, list[str]], act: BulkAct) -> None:
    rows = [SampleTag(project=act.project, sample_id=pk, name=name) for pk, names in new.items() for name in names]
    SampleTag.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)


def _tags_remove(gone: dict[int, list[str]]) -> None:
    by_name: defaultdict[str, list[int]] = defaultdict(list)
    for pk, names in gone.items():
        for name in names:
            by_name[name].append(pk)
    for name, ids in by_name.items():
        for some in chunks(ids):
            SampleTag.objects.filter(sample__in=some, name=name).delete()


def _flag_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    _update(_ids(samples), flagged_at=act.done_at, flagged_by=act.done_by)
    return {sample.pk: None for sample in samples}


def _flag_undo(samples: Samples, act: BulkAct) -> list[int]:
    unchanged = [sample.pk for sample in samples if sample.flagged_at == act.done_at]
    _update(unchanged, flagged_at=None, flagged_by=None)
    return unchanged


def _unflag_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    """A sample's own flag, and those its reviewers set."""
    before: dict[int, Any] = {
        sample.pk: {
            "at": sample.flagged_at.isoformat() if sample.flagged_at else None,
            "by": sample.flagged_by_id,
            "assignments": [],
        }
        for sample in samples
    }
    flagged = Assignment.objects.filter(sample__project=act.project, is_flagged=True)
    theirs = [row for row in flagged.values_list("pk", "sample") if row[1] in before]
    for pk, sample in theirs:
        before[sample]["assignments"].append(pk)
    for some in chunks([pk for pk, _ in theirs]):
        Assignment.objects.filter(pk__in=some).update(is_flagged=False)
    _update(list(before), flagged_at=None, flagged_by=None)
    return before


def _unflag_undo(samples: Samples, act: BulkAct) -> list[int]:
    unchanged = [sample for sample in samples if sample.flagged_at is None]
    groups: defaultdict[tuple[str | None, int | None], list[int]] = defaultdict(list)
    assignments: list[int] = []
    for sample in unchanged:
        had = _before(act, sample)
        groups[had["at"], had["by"]].append(sample.pk)
        assignments += had["assignments"]
    for (at, by), ids in groups.items():
        _update(ids, flagged_at=parse_datetime(at) if at else None, flagged_by=by)
    for some in chunks(assignments):
        Assignment.objects.filter(pk__in=some).update(is_flagged=True)
    return _ids(unchanged)


def _reopen_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    """As ``sample_reopen`` does for one: a new round, in the queue, with reviewers and rank to be worked out again."""
    _update(
        _ids(samples),
        review_round=F("review_round") + 1,
        slots_taken=0,
        slots_needed=0,
        slots_extra=0,
        queue_rank=UNRANKED,
        state=Sample.State.READY,
        state_at=act.done_at,
    )
    return {sample.pk: sample.review_round for sample in samples}


def _withdraw_do(samples: Samples, act: BulkAct) -> dict[int, Any]:
    reasons = dict.fromkeys(_ids(samples), act.values["reason"])
    return samples_withdraw(samples=samples, reasons=reasons, withdrawn_by=act.done_by, at=act.done_at)


def _withdraw_undo(samples: Samples, act: BulkAct) -> list[int]:
    return samples_restore(samples=samples, before=act.before, withdrawn_at=act.done_at, restored_by=act.done_by)


DO: dict[str, Callable[[Samples, BulkAct], dict[int, Any]]] = {
    PRIORITY: _priority_do,
    EXPERTISE: _expertise_do,
    TAG: _tag_do,
    UNTAG: _untag_do,
    FLAG: _flag_do,
    UNFLAG: _unflag_do,
    REOPEN: _reopen_do,
    WITHDRAW: _withdraw_do,
}
UNDO: dict[str, Callable[[Samples, BulkAct], list[int]]] = {
    PRIORITY: _priority_undo,
    EXPERTISE: _expertise_undo,
    TAG: _tag_undo,
    UNTAG: _untag_undo,
    FLAG: _flag_undo,
    UNFLAG: _unflag_undo,
    WITHDRAW: _withdraw_undo,
}
