"""Reads of suite runs."""

from __future__ import annotations

from reviewapp.evaluations.models import SuiteRun


def suites_measured(candidate_id: int, baseline_id: int | None = None) -> dict[str, SuiteRun]:
    """By suite the newest finished run in which this model was measured, against this base where one is named."""
    rows = SuiteRun.objects.filter(candidate=candidate_id, result__isnull=False).select_related("baseline")
    if baseline_id is not None:
        rows = rows.filter(baseline=baseline_id)
    found: dict[str, SuiteRun] = {}
    for run in rows.order_by("-number"):
        for suite in run.figures:
            found.setdefault(suite, run)
    return found
