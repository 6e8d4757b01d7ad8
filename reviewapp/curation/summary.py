"""What curation did to a project's samples: how many came in, were mended, were taken out, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from reviewapp.curation.checks.registry import TITLES
from reviewapp.curation.models import Finding, Scan
from reviewapp.curation.removed.reading import reasons_counted
from reviewapp.curation.selectors import pipeline_of, pipeline_version, scan_finished
from reviewapp.projects.models import Project
from reviewapp.samples.models import ImportBatch, Revision, Sample

State = Finding.State
_MOST_REASONS = 20


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """Findings of one check by severity, and each in its last state; mended: accepted, fixed, or no longer there."""

    check: str
    title: str
    found: int
    high: int
    medium: int
    low: int
    open: int
    mended: int
    dismissed: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All counts are of samples unless they say otherwise; shares are of 1, None where nothing is to be divided by."""

    at: str
    project: str
    pipeline: int  # number of its version, 0: as it comes with the product
    pipeline_hash: str
    scan: int  # number of the last finished scan, 0: none
    changed_since_scan: int
    rows_read: int
    rows_known: int
    rows_failed: int
    samples: int
    cleaned: int
    edited: int  # other revisions than the import's and cleaning's
    noisy: int  # with a finding that nobody dismissed
    noisy_settled: int  # of those, with none open: taken out or mended
    removed: int
    kept: int
    reasons: list[tuple[str, int]]
    checks: list[CheckRow]

    @property
    def removed_share(self) -> float | None:
        return self.removed / self.samples if self.samples else None

    @property
    def settled_share(self) -> float | None:
        return self.noisy_settled / self.noisy if self.noisy else None

    def as_json(self) -> dict[str, Any]:
        shares = {"removed_share": self.removed_share, "settled_share": self.settled_share}
        return asdict(self) | {"reasons": [list(row) for row in self.reasons], **shares}


def summary_of(project: Project) -> Summary:
    """Counted now, in a bounded number of queries."""
    samples = Sample.objects.filter(project=project)
    by_state = dict(samples.order_by().values_list("state").annotate(n=Count("pk")))
    total, removed = sum(by_state.values()), by_state.get(Sample.State.REJECTED, 0)
    version, scan = pipeline_version(project), scan_finished(project)
    revisions = Revision.objects.filter(sample__project=project).exclude(reason=Revision.Reason.IMPORT)
    by_reason = dict(revisions.order_by().values_list("reason").annotate(n=Count("sample", distinct=True)))
    noisy, settled = _noisy(project)
    return Summary(
        at=timezone.now().isoformat(timespec="seconds"),
        project=project.slug,
        pipeline=version.number if version else 0,
        pipeline_hash=pipeline_of(project.pk).content_hash,
        scan=scan.pk if scan else 0,
        changed_since_scan=_changed_since(project, scan),
        **_rows(project),
        samples=total,
        cleaned=by_reason.pop(Revision.Reason.CLEAN, 0),
        edited=revisions.exclude(reason=Revision.Reason.CLEAN).values("sample").distinct().count(),
        noisy=noisy,
        noisy_settled=settled,
        removed=removed,
        kept=total - removed,
        reasons=_reasons(project),
        checks=_checks(project),
    )


def _rows(project: Project) -> dict[str, int]:
    batches = ImportBatch.objects.filter(project=project, target=ImportBatch.Target.POOL)
    sums = batches.aggregate(read=Sum("rows_read"), known=Sum("rows_known"), failed=Sum("rows_failed"))
    return {f"rows_{name}": value or 0 for name, value in sums.items()}


def _changed_since(project: Project, scan: Scan | None) -> int:
    samples = Sample.objects.filter(project=project).exclude(state=Sample.State.REJECTED)
    return samples.filter(revision__created_at__gt=scan.created_at).count() if scan else samples.count()


def _noisy(project: Project) -> tuple[int, int]:
    """(samples with a finding that was not dismissed, those of them with none open)."""
    found = Finding.objects.filter(sample__project=project).exclude(state=State.DISMISSED).order_by()
    noisy = found.values("sample").distinct().count()
    return noisy, noisy - found.filter(state=State.OPEN).values("sample").distinct().count()


def _reasons(project: Project) -> list[tuple[str, int]]:
    """Why samples are out, the most frequent first; reasons that differ in names and figures only are one."""
    return reasons_counted(project).most_common(_MOST_REASONS)


def _checks(project: Project) -> list[CheckRow]:
    found = Finding.objects.filter(sample__project=project).order_by()
    states: dict[str, Counter[str]] = {}
    for check, state, severity, n in found.values_list("check_name", "state", "severity").annotate(n=Count("pk")):
        states.setdefault(check, Counter()).update({state: n, severity: n})
    samples = dict(found.values_list("check_name").annotate(n=Count("sample", distinct=True)))
    return [
        CheckRow(
            check=name,
            title=title,
            found=sum(counted[severity] for severity in Finding.Severity.values),
            high=counted[Finding.Severity.HIGH],
            medium=counted[Finding.Severity.MEDIUM],
            low=counted[Finding.Severity.LOW],
            open=counted[State.OPEN],
            mended=counted[State.ACCEPTED] + counted[State.FIXED] + counted[State.GONE],
            dismissed=counted[State.DISMISSED],
            samples=samples[name],
        )
        for name, title in (TITLES | {Finding.MARKED: Finding.MARKED_TITLE}).items()
        if (counted := states.get(name, Counter()))
    ]
