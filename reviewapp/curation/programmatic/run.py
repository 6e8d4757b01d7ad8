"""What a worker does for a labelling run: asks every function about every sample, then makes one label of the votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

import numpy as np
from django.conf import settings

from reviewapp.core.jobs import JobHandle
from reviewapp.curation.models import LabellingAnswer, LabellingRun, LabellingVote
from reviewapp.curation.programmatic import reasons
from reviewapp.curation.programmatic.asked import (
    FILE,
    class_names,
    experts_of,
    file_declared,
    materials_of,
    samples_asked,
    sources_asked,
)
from reviewapp.curation.programmatic.conditions import NOWHERE, Condition, ConditionInvalid, Matcher, Material, TooSlow
from reviewapp.curation.programmatic.label_model import Fitted, Majority, dawid_skene, majority
from reviewapp.curation.programmatic.python_files import PythonFunction, file_hash, files_in
from reviewapp.curation.programmatic.reasons import Stopped
from reviewapp.curation.programmatic.votes import ABSTAIN, Ints, Votes, conflicts_of, figures_of, rate_of, votes_array
from reviewapp.curation.services import programmatic as services
from reviewapp.samples.models import Sample
from reviewapp.words import grouped

BATCH = 200  # samples between two looks at whether somebody cancelled
Hit = tuple[str, tuple[int, int]]  # class key, place in the prompt


def run_make(run: LabellingRun, handle: JobHandle) -> None:
    """Votes of every sample, a batch at a time so that a resumed run goes on where it was; then the figures."""
    _files_declare(run, handle)
    with Asking(run) as asking:
        _vote(run, asking, handle)
    handle.progress(0, message="Making one label of all votes")
    _finish(run)


def _files_declare(run: LabellingRun, handle: JobHandle) -> None:
    """Puts the Python files of this machine among the functions; a run whose files changed meanwhile begins anew."""
    files = files_in(settings.LABEL_FUNCTIONS_DIR, run.project.slug)
    declared = [file_declared(path.stem[:60], file_hash(path)) for path in files]
    known = [one for one in run.functions if one["origin"] == FILE]
    if not run.has_files or known != declared:
        if run.done_upto:
            handle.log("The Python files changed, so the run begins anew.")
        services.labelling_run_begin(run=run, files=declared)


class Asking:
    """The functions of a run, ready to be asked; those that fail are stopped and written down. To be closed."""

    def __init__(self, run: LabellingRun) -> None:
        self.run = run
        self.classes = frozenset(class_names(run.schema_version, run.field))
        self.sources = sources_asked(run.functions)
        self.stopped: dict[str, dict[str, str]] = dict(run.stopped)
        self._matchers: dict[int, Matcher] = {}
        self._files: dict[int, PythonFunction] = {}

    def __enter__(self) -> Asking:
        files = {path.stem[:60]: path for path in files_in(settings.LABEL_FUNCTIONS_DIR, self.run.project.slug)}
        for place, one in enumerate(self.run.functions):
            if str(place) in self.stopped:
                continue
            try:
                if one["origin"] == FILE:
                    self._files[place] = PythonFunction(files[one["name"]])
                else:
                    self._matchers[place] = self._matcher(one)
            except Stopped as stop:
                self._stop(place, stop, "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._files.values():
            one.close()

    def _matcher(self, one: dict[str, Any]) -> Matcher:
        if one["target"] not in self.classes:
            raise Stopped(reasons.UNKNOWN_CLASS, one["target"])
        try:
            return Matcher(Condition.of_json(one["condition"]), one["target"])
        except ConditionInvalid as error:
            raise Stopped(reasons.INVALID, str(error)) from error

    def votes_of(self, sample: Sample, material: Material) -> dict[int, Hit]:
        """Place of the function -> what it votes for, and where in the prompt."""
        found: dict[int, Hit] = {}
        for place, matcher in list(self._matchers.items()):
            try:
                at = matcher.find(material)
            except TooSlow as slow:
                code = reasons.SLOW if slow.is_one else reasons.SLOW_ALL
                self._stop(place, Stopped(code, f"{slow.seconds:g}"), sample.external_id)
                continue
            if at is not None:
                found[place] = (matcher.target, at)
        for place, file in list(self._files.items()):
            try:
                label = file.label(material.prompt, {"language": material.language, **material.metadata})
                if label is not None and label not in self.classes:
                    raise Stopped(reasons.NO_CLASS, label[:80])
            except Stopped as stop:
                self._stop(place, stop, sample.external_id)
                continue
            if label is not None:
                found[place] = (label, NOWHERE)
        return found

    def _stop(self, place: int, stop: Stopped, sample: str) -> None:
        self.stopped[str(place)] = {"code": stop.code, "detail": stop.detail, "sample": sample}
        self._matchers.pop(place, None)
        if file := self._files.pop(place, None):
            file.close()


def _vote(run: LabellingRun, asking: Asking, handle: JobHandle) -> None:
    experts = experts_of(run.project, run.field)
    asked = samples_asked(run.project).select_related("revision").order_by("pk")
    done, total = asked.filter(pk__lte=run.done_upto).count(), asked.count()
    while batch := list(asked.filter(pk__gt=run.done_upto)[:BATCH]):
        handle.check_cancelled()
        handle.progress(done, total, f"{done:,} of {total:,} samples")
        materials = materials_of(batch, run.field, run.schema_version.schema_id, asking.sources)
        votes: list[LabellingVote] = []
        answers: list[LabellingAnswer] = []
        for sample, material in zip(batch, materials, strict=True):
            found = asking.votes_of(sample, material)
            votes += [
                LabellingVote(run=run, sample=sample, place=place, label=label, start=at[0], end=at[1])
                for place, (label, at) in found.items()
            ]
            answers.append(
                LabellingAnswer(
                    run=run, sample=sample, revision_id=sample.revision_id or 0, expert=experts.get(sample.pk, "")
                )
            )
        services.labelling_votes_write(run=run, votes=votes, answers=answers, stopped=asking.stopped)
        done += len(batch)


def _finish(run: LabellingRun) -> None:
    """Reads the votes of the functions that took part to the end, and writes what comes of them."""
    answers = list(LabellingAnswer.objects.filter(run=run).order_by("sample"))
    group_of = dict(Sample.objects.filter(project=run.project).values_list("pk", "group"))
    place_of = {answer.sample_id: place for place, answer in enumerate(answers)}
    rows = LabellingVote.objects.filter(run=run).exclude(place__in=[int(place) for place in run.stopped])
    told = list(rows.values_list("sample", "place", "label"))
    classes = sorted({label for _, _, label in told})
    class_of = {key: place for place, key in enumerate(classes)}
    votes = votes_array(
        [(place_of[sample], place, class_of[label]) for sample, place, label in told], len(answers), len(run.functions)
    )
    experts = np.array(
        [class_of.get(answer.expert, len(classes)) if answer.expert else ABSTAIN for answer in answers], dtype=np.int64
    )
    groups = np.array([group_of[answer.sample_id] for answer in answers], dtype=np.int64)
    most, fitted = majority(votes, len(classes)), dawid_skene(votes, len(classes))
    _answers_fill(answers, votes, most, fitted, classes)
    services.labelling_run_finish(
        run=run, answers=answers, figures=figures_json(votes, experts, groups, most, fitted, classes)
    )


def _answers_fill(
    answers: Sequence[LabellingAnswer], votes: Votes, most: Majority, fitted: Fitted, classes: list[str]
) -> None:
    names = [*classes, ""]  # ABSTAIN is the last place
    fired, differ = (votes != ABSTAIN).sum(axis=1), conflicts_of(votes)
    for place, answer in enumerate(answers):
        answer.fired, answer.is_conflict = int(fired[place]), bool(differ[place])
        answer.majority, answer.share = names[most.labels[place]], float(most.shares[place])
        answer.model, answer.chance = names[fitted.labels[place]], round(float(fitted.chances[place]), 6)


def figures_json(
    votes: Votes, experts: Ints, groups: Ints, most: Majority, fitted: Fitted, classes: list[str]
) -> dict[str, Any]:
    """What a run keeps of its votes; every accuracy is against experts' labels, which no function and no model saw."""
    judged = experts != ABSTAIN
    counts = np.bincount(experts[judged]) if judged.any() else np.zeros(1)
    return figures_of(votes, experts, groups).as_json() | {
        "classes": classes,
        "of_class": [int((fitted.labels == place).sum()) for place in range(len(classes))],
        "experts": int(judged.sum()),
        "usual": float(counts.max() / judged.sum()) if judged.any() else None,
        "majority": _of_labels(most.labels, experts, groups),
        "model_clear": _of_labels(np.where(most.labels == ABSTAIN, ABSTAIN, fitted.labels), experts, groups),
        "model": _of_labels(fitted.labels, experts, groups)
        | {"rounds": fitted.rounds, "shares": [round(float(one), 4) for one in fitted.shares]},
        "estimated": _estimated(fitted),
    }


def _of_labels(labels: Ints, experts: Ints, groups: Ints) -> dict[str, Any]:
    known = (labels != ABSTAIN) & (experts != ABSTAIN)
    accuracy = rate_of(labels[known] == experts[known], groups[known])
    return {"answered": int((labels != ABSTAIN).sum()), "accuracy": asdict(accuracy)}


def _estimated(fitted: Fitted) -> list[float | None]:
    """Of each function, how often it is right where it fires, by the label model alone; None where it never fires."""
    said = fitted.shares[None, :, None] * fitted.tables[:, :, :-1]
    fires, right = said.sum(axis=(1, 2)), np.trace(said, axis1=1, axis2=2)
    return [round(float(hit / all_), 4) if all_ > 1e-12 else None for hit, all_ in zip(right, fires, strict=True)]


def told(run: LabellingRun) -> str:
    """What came of it, as the last line of the job."""
    figures = run.figures
    text = f"{grouped(figures['covered'])} of {grouped(figures['n'])} samples have a vote"
    return text + (f"; {len(run.stopped)} functions were stopped." if run.stopped else ".")
