"""What waits for one person in a project, and what is blocked for everyone, each with its reason and way on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.core.models import Job
from reviewapp.core.queues import QueueHealth, job_waits
from reviewapp.curation.models import Finding
from reviewapp.evaluations.models import GenerationRun, GradingRound
from reviewapp.feedback.models import FeedbackItem
from reviewapp.home.selectors import OPEN_FOR_REVIEW, round_progress, signatures_missing
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import Permission
from reviewapp.reports.models import Report
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import ImportBatch, Sample
from reviewapp.trainingsets.models import TrainingSetVersion

P = Permission


@dataclass(frozen=True)
class Task:
    """Something this person can do next."""

    title: str
    text: str
    url: str
    action: str


@dataclass(frozen=True)
class Blocked:
    """Something that does not go on, why, and where to look."""

    title: str
    reason: str
    url: str
    link: str


def tasks_for(user: User, project: Project, granted: frozenset[Permission]) -> list[Task]:
    """The person's tasks, those that hold up others first."""
    sources: tuple[tuple[Permission, Callable[[User, Project], Iterator[Task]]], ...] = (
        (P.SIGN, _signatures),
        (P.REPORT, _rounds_to_lead),
        (P.SIGN, _reports_to_sign),
        (P.ADJUDICATE, _adjudications),
        (P.GRADE, _grading),
        (P.REVIEW, _reviewing),
        (P.CURATE, _findings),
        (P.IMPORT, _imports),
        (P.TRAIN, _runs),
        (P.PROMOTE, _feedback),
    )
    return [task for permission, source in sources if permission in granted for task in source(user, project)]


def _url(name: str, project: Project, *args: int) -> str:
    return reverse(name, args=[project.slug, *args])


def _frozen(project: Project) -> Iterator[TrainingSetVersion]:
    versions = TrainingSetVersion.objects.filter(training_set__project=project, state=TrainingSetVersion.State.FROZEN)
    yield from versions.select_related("training_set").prefetch_related("signatures").order_by("-frozen_at")[:5]


def _signatures(user: User, project: Project) -> Iterator[Task]:
    for version in _frozen(project):
        missing = signatures_missing(version, project.signatures_required)
        is_author = user.pk in (version.drafted_by_id, version.frozen_by_id)
        if missing and not is_author and all(s.signed_by_id != user.pk for s in version.signatures.all()):
            have = project.signatures_required - missing
            text = f"{have} of {project.signatures_required} signatures. No run may start before the last one."
            yield Task(
                f"Sign {version}", text, _url("trainingsets:version_detail", project, version.pk), "Review and sign"
            )


def _rounds_to_lead(user: User, project: Project) -> Iterator[Task]:
    rounds = GradingRound.objects.filter(project=project, kind="grading", report=None).select_related("generation_run")
    for round in rounds.order_by("-number")[:5]:
        url = _url("evaluations:round_detail", project, round.pk)
        done, wanted = round_progress(round)
        if round.opened_at is None:
            text = "Gates must be declared before the first output is graded."
            yield Task(f"Declare gates for {str(round).lower()}", text, url, "Declare")
        elif round.unsealed_at is not None:
            yield Task(
                f"Freeze the report of {str(round).lower()}", "It is unsealed; no report stands yet.", url, "Freeze"
            )
        elif wanted and done >= wanted:
            yield Task(f"Unseal {str(round).lower()}", f"All {wanted:,} grades are in.", url, "Unseal")


def _reports_to_sign(user: User, project: Project) -> Iterator[Task]:
    for report in Report.objects.filter(project=project, signatures=None).order_by("-number")[:3]:
        text = f"{report.get_verdict_display().capitalize()}. Nobody has signed it."
        yield Task(
            f"Sign report {report.number}", text, _url("reports:report_detail", project, report.pk), "Read and sign"
        )


def _adjudications(user: User, project: Project) -> Iterator[Task]:
    n = Sample.objects.filter(project=project, state=Sample.State.ADJUDICATE).count()
    if n:
        text = "Their reviewers decided differently, or differ by two levels."
        yield Task(f"Adjudicate {n:,} sample{'s' * (n > 1)}", text, _url("reviews:queue", project), "Adjudicate")


def _grading(user: User, project: Project) -> Iterator[Task]:
    rounds = GradingRound.objects.filter(project=project, kind="grading", opened_at__isnull=False, unsealed_at=None)
    for round in rounds.order_by("-number"):
        done, wanted = round_progress(round)
        if done < wanted:
            text = f"{done:,} of {wanted:,} grades are in. You grade blind, in random order."
            yield Task(
                f"Grade outputs, {str(round).lower()}",
                text,
                _url("evaluations:round_detail", project, round.pk),
                "Grade",
            )


def _reviewing(user: User, project: Project) -> Iterator[Task]:
    samples = Sample.objects.filter(project=project, state__in=OPEN_FOR_REVIEW)
    n = samples.exclude(reviews__reviewer=user).count()
    if n:
        text = f"{n:,} sample{'s' * (n > 1)} in this project can still use your review."
        yield Task("Review samples", text, _url("reviews:queue", project), "Review")


def _findings(user: User, project: Project) -> Iterator[Task]:
    high = Finding.objects.filter(
        sample__project=project, state=Finding.State.OPEN, severity=Finding.Severity.HIGH
    ).count()
    if high:
        text = f"{high:,} open finding{'s' * (high > 1)} of high severity: accept, dismiss, or settle in review."
        yield Task("Settle findings", text, _url("curation:finding_list", project) + "?severity=high", "Look")


def _imports(user: User, project: Project) -> Iterator[Task]:
    for batch in ImportBatch.objects.filter(project=project, job=None).order_by("-pk")[:3]:
        text = "Say which column is the prompt and which the completion; then it is read."
        yield Task(f"Map {batch.file_name}", text, _url("samples:import_map", project, batch.pk), "Map")
    unchecked = Sample.objects.filter(project=project, state=Sample.State.IMPORTED).count()
    if unchecked:
        text = f"{unchecked:,} imported sample{'s' * (unchecked > 1)} wait for cleaning and checks."
        yield Task("Clean and check samples", text, _url("curation:scan_list", project), "Start the checks")


def _runs(user: User, project: Project) -> Iterator[Task]:
    for version in _frozen(project):
        if not signatures_missing(version, project.signatures_required) and not version.training_runs.exists():
            yield Task(
                f"Train on {version}",
                "It is signed and no run has used it.",
                _url("runs:run_request", project),
                "Plan a run",
            )
    evaluated = GenerationRun.objects.filter(project=project).values("candidate")
    models = ModelVersion.objects.filter(project=project, run__isnull=False).exclude(pk__in=evaluated)
    for model in models.order_by("-number")[:3]:
        text = "It has not answered the held-out prompts yet."
        yield Task(f"Generate with {model.label}", text, _url("evaluations:generation_create", project), "Generate")


def _feedback(user: User, project: Project) -> Iterator[Task]:
    n = FeedbackItem.objects.filter(project=project, state=FeedbackItem.State.NEW).count()
    if n:
        text = "Corrections become samples; remarks are answered or dismissed."
        yield Task(f"Decide on {n:,} feedback item{'s' * (n > 1)}", text, _url("feedback:item_list", project), "Decide")


def blocked_in(project: Project, health: QueueHealth) -> list[Blocked]:
    """What does not go on, and why."""
    return [
        *_waiting_jobs(project, health),
        *_failed_jobs(project),
        *_unsigned(project),
        *_contaminated(project),
        *_row_errors(project),
    ]


def _jobs_url(project: Project) -> str:
    return _url("home:jobs", project)


def _waiting_jobs(project: Project, health: QueueHealth) -> Iterator[Blocked]:
    jobs = list(Job.objects.filter(project_slug=project.slug, state=Job.State.QUEUED).order_by("pk")[:4])
    waits = job_waits(jobs, health)
    for job in jobs:
        wait = waits[job.pk]
        yield Blocked(job.title, f"{wait.reason} {wait.remedy}".strip(), _jobs_url(project), f"Job {job.pk}")


def _failed_jobs(project: Project) -> Iterator[Blocked]:
    states = [Job.State.FAILED, Job.State.ERRORED, Job.State.INTERRUPTED]
    for job in Job.objects.filter(project_slug=project.slug, state__in=states).order_by("-pk")[:3]:
        yield Blocked(job.title, job.message or job.get_state_display(), _jobs_url(project), f"Job {job.pk}")


def _unsigned(project: Project) -> Iterator[Blocked]:
    for version in _frozen(project):
        missing = signatures_missing(version, project.signatures_required)
        if missing:
            reason = (
                f"{missing} signature{'s' * (missing > 1)} missing; runs wait for {'them' if missing > 1 else 'it'}."
            )
            yield Blocked(str(version), reason, _url("trainingsets:version_detail", project, version.pk), "Open it")


def _contaminated(project: Project) -> Iterator[Blocked]:
    is_leak = Q(sample__project=project, check_name="heldout_overlap", severity="high", state="open")
    n = Finding.objects.filter(is_leak).aggregate(n=Count("sample", distinct=True))["n"]
    if n:
        title = f"{n:,} sample{'s' * (n > 1)} too like a held-out prompt"
        url = _url("curation:finding_list", project) + "?check=heldout_overlap"
        yield Blocked(title, "Kept out of every version until someone settles it.", url, "Compare")


def _row_errors(project: Project) -> Iterator[Blocked]:
    for batch in ImportBatch.objects.filter(project=project, rows_failed__gt=0).order_by("-pk")[:2]:
        reason = f"{batch.rows_failed:,} of {batch.rows_read:,} rows have errors. {batch.rows_created:,} were kept."
        yield Blocked(batch.file_name, reason, _url("samples:import_detail", project, batch.pk), "See row errors")
