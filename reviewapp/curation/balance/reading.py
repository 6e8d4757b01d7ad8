"""Reading a project's corpus for its balance report: the texts, the terms that are compared, the reports made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, QuerySet

from reviewapp.curation.bias.facts import Facts, Text
from reviewapp.curation.bias.terms import DEFAULT_CONDITIONS, STEREOTYPES, Term, terms_read
from reviewapp.curation.models import BalanceSettings, BiasReport, Mitigation
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Revision, Sample

Say = Callable[[int], None]
_CHUNK = 1_000
_FIELDS = (
    "pk", "group_id", "revision__prompt", "revision__completion", "language", "metadata", "revision_id", "state",
    "row_hash", "revision__labels",
)  # fmt: skip


def samples_counted(project: Project) -> QuerySet[Sample]:
    """What may still be learned from: neither rejected nor held out, with a text."""
    found = Sample.objects.filter(project=project, revision__isnull=False)
    return found.exclude(state=Sample.State.REJECTED).exclude(split=Sample.Split.HELDOUT)


def settings_of(project: Project) -> BalanceSettings:
    """The settings of a project, unsaved ones where nobody set any."""
    return BalanceSettings.objects.filter(project=project).first() or BalanceSettings(project=project)


def conditions_of(project: Project) -> str:
    return settings_of(project).conditions or DEFAULT_CONDITIONS


def terms_of(conditions: str) -> list[Term]:
    """The project's conditions, then what stereotypes say."""
    return [*terms_read(conditions), *terms_read(STEREOTYPES, "stereotype")]


def bars_of(conditions: str, attribute: str) -> list[str]:
    """Words of the project's list that belong to one group by nature: a text with one is not swapped."""
    groups = {"gender": {"female", "male"}}.get(attribute)
    return [
        word
        for term in terms_read(conditions)
        for word in term.words
        if (groups is not None and groups & set(term.groups))
        or (attribute == "age" and any(g[:1].isdigit() for g in term.groups))
    ]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus as it was read: its facts, and of each of its rows what a mitigation has to know."""

    facts: Facts
    revisions: list[int]
    is_waiting: list[bool]  # not taken by anybody yet
    is_labelled: list[bool]  # the completion is written from labels: it cannot be swapped
    row_hashes: set[str]
    newest: int

    def text_of(self, row: int) -> Text:
        """The text of a row, read again: texts are not kept."""
        sample = Sample.objects.only("pk", "group_id", "language", "metadata").get(pk=self.facts.keys[row])
        revision = Revision.objects.get(pk=self.revisions[row])
        return Text(
            key=sample.pk,
            group=sample.group_id,
            prompt=revision.prompt,
            completion=revision.completion,
            language=sample.language,
            metadata=sample.metadata,
        )


def corpus_read(project: Project, conditions: str, step: Say = lambda _: None) -> Corpus:
    """Reads every sample once, a bounded number at a time; ``step`` is called with how many were read."""
    corpus = Corpus(
        facts=Facts(terms_of(conditions)),
        revisions=[],
        is_waiting=[],
        is_labelled=[],
        row_hashes=set(),
        newest=newest_revision(project),
    )
    waiting = {Sample.State.IMPORTED, Sample.State.READY}
    for pk, group, prompt, completion, language, metadata, revision, state, row_hash, labels in _rows(project):
        corpus.facts.add(
            Text(key=pk, group=group, prompt=prompt, completion=completion, language=language, metadata=metadata)
        )
        corpus.revisions.append(revision)
        corpus.is_waiting.append(state in waiting)
        corpus.is_labelled.append(labels is not None)
        corpus.row_hashes.add(row_hash)
        if len(corpus.facts) % _CHUNK == 0:
            step(len(corpus.facts))
    return corpus


def _rows(project: Project) -> Iterator[tuple[Any, ...]]:
    last = 0
    samples = samples_counted(project).order_by("pk")
    while chunk := list(samples.filter(pk__gt=last).values_list(*_FIELDS)[:_CHUNK]):
        yield from chunk
        last = chunk[-1][0]


def newest_revision(project: Project) -> int:
    """The last revision of the project by now; what is above it came later."""
    found = Revision.objects.filter(sample__project=project).aggregate(last=Max("pk"))["last"]
    return found or 0


def held_groups(project: Project) -> set[int]:
    """Groups that a held-out prompt belongs to: nothing of theirs is copied."""
    return set(HeldoutPrompt.objects.filter(heldout_set__project=project).values_list("group_id", flat=True))


def reports_of(project: Project) -> QuerySet[BiasReport]:
    """Newest first, with their jobs and people."""
    return BiasReport.objects.filter(project=project).select_related("job", "requested_by", "project")


def report_current(project: Project) -> BiasReport | None:
    """The last report that was made."""
    return reports_of(project).filter(made_at__isnull=False).first()


def samples_changed(report: BiasReport) -> int:
    """Samples whose text came or changed since a report."""
    return samples_counted(report.project).filter(revision__gt=report.newest_revision).count()


def mitigations_of(project: Project) -> QuerySet[Mitigation]:
    """The ledger, newest first."""
    return Mitigation.objects.filter(project=project).select_related(
        "project", "report", "job", "requested_by", "applied_by", "withdrawn_by"
    )
