"""What workers do for curation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed, JobLost
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services
from reviewapp.curation.augmenting.run import texts_write
from reviewapp.curation.balance.run import mitigation_make, report_make
from reviewapp.curation.checks.finding import FindingDraft
from reviewapp.curation.dry_run import dry_run
from reviewapp.curation.identifiers.presidio import EngineError
from reviewapp.curation.identifiers.redacting import redacted_in_order, samples_redacted
from reviewapp.curation.identifiers.tagging import corrections_of, tagger_of
from reviewapp.curation.labels.run import labels_look
from reviewapp.curation.learning.run import learning_make
from reviewapp.curation.material import Material, project_material
from reviewapp.curation.meaning.build import index_make
from reviewapp.curation.models import (
    Augmentation,
    BiasReport,
    LabelReport,
    LearnedModel,
    Mitigation,
    Redaction,
    Scan,
    Selection,
    TaggerVersion,
    TextIndex,
)
from reviewapp.curation.pipeline import Pipeline, Step, pipeline_read
from reviewapp.curation.redaction.measure import measure
from reviewapp.curation.redaction.tagger import Tagger
from reviewapp.curation.redaction.train import model_retrained
from reviewapp.curation.selections.make import selection_make
from reviewapp.curation.selectors import corpus_hashes_read, scan_finished
from reviewapp.curation.tokens import Counts
from reviewapp.samples.models import Sample
from reviewapp.samples.services import samples_make_ready

_KEYS, _BLOCK = 5_000, 500
_REDACTED_AT_ONCE = 20  # samples between two reports of progress


def execute_scan(handle: JobHandle, scan_id: int) -> None:
    """Cleans, runs the checks of the pipeline, writes findings, opens imported samples for review.

    Each phase leaves the same rows however often it is done, so a scan that was killed is done again, and the next one
    goes on where a cancelled one stopped: what nothing has changed about since it was looked at is passed over.
    Cancelled, it keeps what it found and opens nothing. A dry run looks at some samples and changes nothing.
    """
    scan = Scan.objects.select_related("project", "requested_by", "pipeline").get(pk=scan_id)
    try:
        if scan.dry_size:
            dry_run(handle, scan)
        else:
            _scan(handle, scan, pipeline_read(scan.pipeline.config) if scan.pipeline else Pipeline())
    except (JobLost, JobCancelled):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error
    except EngineError as error:
        raise JobFailed(str(error)) from error


def phases(pipeline: Pipeline) -> int:
    """Cleaning first, opening for review last."""
    return len(pipeline.on) + 2


def _scan(handle: JobHandle, scan: Scan, pipeline: Pipeline) -> None:
    _clean(handle, scan, pipeline)
    handle.check_cancelled()
    material = project_material(scan.project)
    if not len(material.items):
        raise JobFailed("There are no samples to check: every sample of this project was rejected.")
    _Checking(handle, scan, pipeline, material).run()
    _languages(handle, scan, pipeline)
    _open(scan, material)
    counts = services.scan_finish(scan=scan, corpus_size=len(material.items))
    n_open = sum(counts["open"].values())
    handle.progress(
        phases(pipeline),
        phases(pipeline),
        f"{counts['samples']:,} samples checked, {counts['cleaned']:,} cleaned. "
        f"{n_open:,} findings are open, {counts['new']:,} of them new.",
    )


def _clean(handle: JobHandle, scan: Scan, pipeline: Pipeline) -> None:
    total, say = phases(pipeline), handle.progress
    if not pipeline.is_cleaning:
        handle.log("Cleaning: switched off.")
        return
    say(0, total, "Cleaning the texts")
    n = Sample.objects.filter(project=scan.project).count()
    cleaned = services.samples_clean(
        project=scan.project,
        citation_style=pipeline.citation_style,
        step=lambda done: say(0, total, f"Cleaning the texts, {done:,} of {n:,} samples"),
    )
    handle.log(f"Cleaning: {cleaned:,} samples got a cleaned revision.")


def _languages(handle: JobHandle, scan: Scan, pipeline: Pipeline) -> None:
    """After the checks, which read many of the same texts; before anything is opened for review."""

    def step(done: int) -> None:
        handle.progress(phases(pipeline) - 1, phases(pipeline), f"Finding the languages, {done:,} samples")
        handle.check_cancelled()

    n = services.languages_find(project=scan.project, step=step)
    handle.log(f"Languages: {n:,} samples were read.")


class _Checking:
    """The checks of one scan, in the order of its pipeline."""

    def __init__(self, handle: JobHandle, scan: Scan, pipeline: Pipeline, material: Material) -> None:
        self.handle, self.scan, self.pipeline, self.material = handle, scan, pipeline, material
        before = scan_finished(scan.project)
        self.hashes_before = corpus_hashes_read(scan.project, before)
        self.text_hash = material.text_hash(pipeline)
        self.unchecked = self._unchecked(self.text_hash)
        self.steps_before, self.changed = self._before(before)

    def _before(self, before: Scan | None) -> tuple[list[Step], Counts]:
        """The steps of the last scan, and the places of samples whose present text they have not looked at."""
        if before is None or not len(self.unchecked):
            return [], self.unchecked
        pipeline = pipeline_read(before.pipeline.config) if before.pipeline else Pipeline()
        unknown = self._unchecked(self.material.text_hash(pipeline))
        return pipeline.on, np.intersect1d(self.unchecked, unknown)

    def run(self) -> None:
        """What one text is enough for goes first, block by block: a scan that ends early has those blocks behind it."""
        alone = [step for step in self.pipeline.on if step.run.scope == "text"]
        self._texts(alone)
        for done, step in enumerate((step for step in self.pipeline.on if step not in alone), start=len(alone) + 1):
            self.handle.progress(done, phases(self.pipeline), f"Looking for: {step.run.title}")
            self._corpus(step)
            self.handle.check_cancelled()
        for step in self.pipeline.off:
            self._keep_hash(step, "")
            services.findings_switch_off(project=self.scan.project, check_name=step.check)

    def _unchecked(self, checks_hash: str) -> Counts:
        """The places of samples whose present text these checks of a text alone have not looked at."""
        found = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(self.material.keys), _KEYS):
            some = self.material.looked_at(slice(start, start + _KEYS))
            new = services.revisions_unchecked(revisions=some, checks_hash=checks_hash)
            found.append(start + np.flatnonzero([key in new for key in some]))
        return np.concatenate(found)

    def _texts(self, steps: Sequence[Step]) -> None:
        """Only revisions that they have not looked at; a change of another check is no reason to look again."""
        counts = {step.check: [0, 0] for step in steps}
        self._blocks(self.changed, steps, counts, 0)
        others = np.setdiff1d(self.unchecked, self.changed)
        self._blocks(others, [step for step in steps if step not in self.steps_before], counts, len(self.changed))
        for step in steps:
            n = len(self.changed if step in self.steps_before else self.unchecked)
            seen, new = counts[step.check]
            self._told(step, seen, new, len(self.material.items) - n)

    def _blocks(self, places: Counts, steps: Sequence[Step], counts: Mapping[str, list[int]], behind: int) -> None:
        """Reads each block once for all these steps, and keeps that it was looked at when all have.

        ``counts``: by check, what it saw and what of that is new; ``behind``: samples that are done already.
        """
        n = len(self.unchecked)
        for number, lazy in enumerate(self.material.blocks(places, _BLOCK)):
            block, at = replace(lazy, items=list(lazy.items)), behind + number * _BLOCK
            looked_at = block.looked_at(slice(None))
            for step in steps:
                done = len(counts) * at // n
                words = f"Looking for: {step.run.title}, {at:,} of {n:,} samples"
                self.handle.progress(done, phases(self.pipeline), words)
                drafts = step.apply(block.look(step.run, step.option))
                new = services.findings_write(check_name=step.check, drafts=drafts, looked_at=looked_at)
                counts[step.check][0] += len(drafts)
                counts[step.check][1] += new
            services.revisions_checked(revisions=looked_at, checks_hash=self.text_hash)
            self.handle.check_cancelled()

    def _corpus(self, step: Step) -> None:
        """All samples again, unless nothing of what it reads has changed since it last looked."""
        read = step.reading(self.material.fingerprint)
        if self.hashes_before.get(step.check) == read:
            self._keep_hash(step, read)
            self._told(step, 0, 0, len(self.material.items))
            return
        self._keep_hash(step, "")  # until all is written: a scan that dies amid this has not looked
        drafts, seen, new = _Ahead(self.material.look(step.run, step.option)), 0, 0
        for start in range(0, len(self.material.keys), _KEYS):
            looked_at = self.material.looked_at(slice(start, start + _KEYS))
            some = step.apply(drafts.up_to(max(looked_at)))
            seen += len(some)
            new += services.findings_write(check_name=step.check, drafts=some, looked_at=looked_at)
        self._keep_hash(step, read)
        self._told(step, seen, new, 0)

    def _keep_hash(self, step: Step, read: str) -> None:
        """Of all that the check has read; "" for one whose findings are not of any."""
        self.scan.corpus_hashes[step.check] = read
        self.scan.save(update_fields=["corpus_hashes"])

    def _told(self, step: Step, seen: int, new: int, passed_over: int) -> None:
        unchanged = f" {passed_over:,} samples are as they were and were passed over." if passed_over else ""
        self.handle.log(f"{step.run.title}: {seen:,} seen, {new:,} new.{unchanged}")


class _Ahead:
    """What a check notices, in the order of the samples, taken a stretch at a time."""

    def __init__(self, drafts: Iterator[FindingDraft]) -> None:
        self._drafts = drafts
        self._next = next(drafts, None)

    def up_to(self, key: int) -> Iterator[FindingDraft]:
        while self._next is not None and self._next.key <= key:
            yield self._next
            self._next = next(self._drafts, None)


def _open(scan: Scan, material: Material) -> None:
    services.findings_sweep(project=scan.project)
    for start in range(0, len(material.keys), _KEYS):
        samples_make_ready(project=scan.project, sample_ids=material.keys[start : start + _KEYS].tolist())


def build_index(handle: JobHandle, index_id: int) -> None:
    """Builds one version of an index; done again it makes the same files, and a version that is made stays."""
    row = TextIndex.objects.select_related("project", "requested_by").get(pk=index_id)
    if row.made_at is not None:
        return
    index_make(row, lambda text: handle.progress(0, message=text))
    handle.progress(1, 1, f"{row.n:,} samples can be searched by meaning, {row.dimensions} dimensions each.")


def learn_decisions(handle: JobHandle, model_id: int) -> None:
    """Learns from the decisions of a project; done again it learns the same, and a model that is made stays."""
    model = LearnedModel.objects.select_related("project", "requested_by").get(pk=model_id)
    if model.made_at is not None:
        return
    learning_make(model, lambda text: handle.progress(0, message=text))
    told = model.unknown or f"Learned from {model.n:,} decisions; {model.n_scored:,} waiting samples are scored."
    handle.progress(1, 1, told)


def make_selection(handle: JobHandle, selection_id: int) -> None:
    """Makes one selection; done again it makes the same of the same texts, and one that is made stays."""
    selection = Selection.objects.select_related("project", "requested_by").get(pk=selection_id)
    if selection.made_at is not None:
        return
    selection_make(selection, handle)
    counts = selection.counts
    handle.progress(1, 1, f"{counts['kept']:,} of {counts['samples']:,} samples are kept.")


def execute_redaction(handle: JobHandle, redaction_id: int) -> None:
    """Does one act on the identifiers of a project, a sample at a time; done again it goes on where it was."""
    row = Redaction.objects.select_related("project", "sample", "requested_by").get(pk=redaction_id)
    if row.finished_at is not None:
        return
    keys = list(samples_redacted(row.project, row.kinds, row.sample).values_list("pk", flat=True))
    outcomes = Counter[str]()
    for done, key in enumerate(keys):
        if done % _REDACTED_AT_ONCE == 0:
            handle.progress(done, len(keys), f"{done:,} of {len(keys):,} samples")
            handle.check_cancelled()
        outcomes[services.sample_redact(redaction=row, sample=Sample(pk=key))] += 1
    services.redaction_finish(redaction=row, outcomes=outcomes)
    told = f"{row.counts['changed']:,} samples changed, {row.counts['suggested']:,} got suggestions, "
    handle.progress(max(1, len(keys)), max(1, len(keys)), told + f"{row.counts['left']:,} were left as they are.")


def undo_redaction(handle: JobHandle, redaction_id: int) -> None:
    """Takes one act back where nobody changed the sample since."""
    row = Redaction.objects.select_related("project", "undone_by").get(pk=redaction_id)
    rows = list(redacted_in_order(row))
    taken_back = 0
    for done, one in enumerate(rows):
        if done % _REDACTED_AT_ONCE == 0:
            handle.progress(done, len(rows), f"{done:,} of {len(rows):,} samples")
        taken_back += services.sample_unredact(row=one, by=row.undone_by)
    services.redaction_undone(redaction=row, taken_back=taken_back, left=len(rows) - taken_back)
    handle.progress(max(1, len(rows)), max(1, len(rows)), f"{taken_back:,} of {len(rows):,} samples are as they were.")


def train_tagger(handle: JobHandle, version_id: int) -> None:
    """Trains one version of a project's tagger; done again it makes the same file, and one that is made stays."""
    version = TaggerVersion.objects.select_related("project", "requested_by").get(pk=version_id)
    if version.made_at is not None:
        return
    handle.progress(0, 2, "Reading what experts decided")
    corrections = corrections_of(version.project, tagger_of(version.project_id))
    handle.progress(0, 2, f"Training with {len(corrections.texts):,} corrections")
    model = model_retrained(corrections.texts)
    handle.progress(1, 2, "Measuring it on the fixed test")
    figures = measure(Tagger(model))
    services.tagger_finish(version=version, model=model, figures=figures, counts=corrections.counts)
    handle.progress(2, 2, f"F1 {figures.f1:.3f} on the fixed test, names by origin {figures.gap:.3f} apart.")


def make_bias_report(handle: JobHandle, report_id: int) -> None:
    """Makes one balance report; done again it finds the same, and a report that is made stays."""
    report = BiasReport.objects.select_related("project", "requested_by").get(pk=report_id)
    if report.made_at is not None:
        return
    report_make(report, lambda text: _said(handle, text))
    found = report.content
    handle.progress(
        1, 1, f"{report.n:,} samples, {found['tested']:,} comparisons, {found['n_open']:,} open to question."
    )


def make_label_report(handle: JobHandle, report_id: int) -> None:
    """Looks for labels in doubt; done again it finds the same, and a report that is made stays. No label changes."""
    report = LabelReport.objects.select_related("project", "requested_by").get(pk=report_id)
    if report.made_at is not None:
        return
    n = labels_look(report, lambda text: _said(handle, text))
    handle.progress(1, 1, f"{n:,} labels are in doubt.")


def plan_mitigation(handle: JobHandle, mitigation_id: int) -> None:
    """Works out the preview of a mitigation; it changes no sample, and a preview that is there stays."""
    row = Mitigation.objects.select_related("project", "report__project", "requested_by").get(pk=mitigation_id)
    if row.state != Mitigation.State.PLANNING:
        return
    mitigation_make(row, lambda text: _said(handle, text))
    handle.progress(1, 1, "The preview is ready.")


def write_texts(handle: JobHandle, augmentation_id: int) -> None:
    """Writes the preview of synthetic samples; it makes no sample, goes on where it stood, and what is there stays."""
    row = Augmentation.objects.select_related("project", "requested_by").get(pk=augmentation_id)
    if row.state != Augmentation.State.PLANNING:
        return
    texts_write(row, handle)
    handle.progress(1, 1, f"{row.plan['n']:,} of {row.plan['asked']:,} texts are kept.")


def _said(handle: JobHandle, text: str) -> None:
    handle.progress(0, message=text)
    handle.check_cancelled()
