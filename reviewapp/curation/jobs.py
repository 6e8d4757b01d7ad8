"""What workers do for curation."""

from __future__ import annotations

from reviewapp.core.exceptions import ApplicationError, JobCancelled, JobFailed, JobLost
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services
from reviewapp.curation.balance_run import mitigation_make, report_make
from reviewapp.curation.checks.registry import CHECKS
from reviewapp.curation.index_build import index_make
from reviewapp.curation.learning_run import learning_make
from reviewapp.curation.material import Material, project_material
from reviewapp.curation.models import BiasReport, LearnedModel, Mitigation, Scan, TextIndex
from reviewapp.samples.models import Sample
from reviewapp.samples.services import samples_make_ready

PHASES = len(CHECKS) + 2  # cleaning first, opening for review last
_KEYS = 5_000


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


def plan_mitigation(handle: JobHandle, mitigation_id: int) -> None:
    """Works out the preview of a mitigation; it changes no sample, and a preview that is there stays."""
    row = Mitigation.objects.select_related("project", "report__project", "requested_by").get(pk=mitigation_id)
    if row.state != Mitigation.State.PLANNING:
        return
    mitigation_make(row, lambda text: _said(handle, text))
    handle.progress(1, 1, "The preview is ready.")


def _said(handle: JobHandle, text: str) -> None:
    handle.progress(0, message=text)
    handle.check_cancelled()
