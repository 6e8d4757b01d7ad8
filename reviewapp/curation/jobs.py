"""What workers do for curation."""

from __future__ import annotations

from collections import Counter

from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed, JobLost
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services
from reviewapp.curation.checks.registry import CHECKS
from reviewapp.curation.index_build import index_make
from reviewapp.curation.learning_run import learning_make
from reviewapp.curation.material import Material, project_material
from reviewapp.curation.models import LearnedModel, Redaction, Scan, TaggerVersion, TextIndex
from reviewapp.curation.redacting import redacted_in_order, samples_redacted
from reviewapp.curation.redaction.measure import measure
from reviewapp.curation.redaction.tagger import Tagger
from reviewapp.curation.redaction.train import model_retrained
from reviewapp.curation.tagging import corrections_of, tagger_of
from reviewapp.samples.models import Sample
from reviewapp.samples.services import samples_make_ready

PHASES = len(CHECKS) + 2  # cleaning first, opening for review last
_KEYS = 5_000
_REDACTED_AT_ONCE = 20  # samples between two reports of progress


def execute_scan(handle: JobHandle, scan_id: int) -> None:
    """Cleans, runs every check, writes findings, opens imported samples for review.

    Each phase leaves the same rows however often it is done, so a scan that was killed is simply done again.
    Cancelled between phases, it keeps what it found and opens nothing.
    """
    scan = Scan.objects.select_related("project", "requested_by").get(pk=scan_id)
    try:
        _scan(handle, scan)
    except (JobLost, JobCancelled):
        raise
    except ApplicationError as error:
        raise JobFailed(error.message) from error


def _scan(handle: JobHandle, scan: Scan) -> None:
    handle.progress(0, PHASES, "Cleaning the texts")
    total = Sample.objects.filter(project=scan.project).count()
    say = handle.progress
    cleaned = services.samples_clean(
        project=scan.project, step=lambda done: say(0, PHASES, f"Cleaning the texts, {done:,} of {total:,} samples")
    )
    handle.log(f"Cleaning: {cleaned:,} samples got a cleaned revision.")
    handle.check_cancelled()
    material = project_material(scan.project)
    if not material.items:
        raise JobFailed("There are no samples to check: every sample of this project was rejected.")
    _check(handle, material)
    _open(scan, material)
    counts = services.scan_finish(scan=scan, corpus_size=len(material.items))
    n_open = sum(counts["open"].values())
    handle.progress(
        PHASES,
        PHASES,
        f"{counts['samples']:,} samples checked, {counts['cleaned']:,} cleaned. "
        f"{n_open:,} findings are open, {counts['new']:,} of them new.",
    )


def _check(handle: JobHandle, material: Material) -> None:
    for done, check in enumerate(CHECKS, start=1):
        handle.progress(done, PHASES, f"Looking for: {check.title}")
        drafts = material.look(check)
        new = services.findings_write(check_name=check.name, drafts=drafts, looked_at=material.revisions)
        handle.log(f"{check.title}: {len(drafts):,} seen, {new:,} new.")
        handle.check_cancelled()


def _open(scan: Scan, material: Material) -> None:
    services.findings_sweep(project=scan.project)
    keys = list(material.revisions)
    for start in range(0, len(keys), _KEYS):
        samples_make_ready(project=scan.project, sample_ids=keys[start : start + _KEYS])


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
