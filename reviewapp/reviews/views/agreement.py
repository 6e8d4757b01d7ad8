from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from reviewapp.core.http import AuthenticatedRequest
from reviewapp.projects.models import Project
from reviewapp.projects.permissions import GRANTED, Permission
from reviewapp.projects.selectors import project_for, role_of
from reviewapp.reviews.agreement_measures import FIRM, TENTATIVE
from reviewapp.reviews.agreement_tables import ENOUGH_UNITS
from reviewapp.reviews.charts import Estimate, estimates_chart
from reviewapp.reviews.selectors import agreements
from reviewapp.reviews.selectors.label_agreements import label_rows
from reviewapp.rubrics.models import RubricVersion
from reviewapp.words import figure_said, say


@require_GET
def agreement(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """How far the reviewers agree, per criterion of one rubric version; one criterion in detail."""
    project = project_for(request.user, slug)
    versions = list(agreements.versions_reviewed(project))
    wanted = request.GET.get("version")
    chosen = next((v for v in versions if str(v.pk) == wanted), versions[0] if versions else None)
    context = {
        "project": project,
        "versions": versions,
        "version": chosen,
        "counts": agreements.adjudication_counts(project),
        "ambiguities": agreements.ambiguities(project),
        "enough": ENOUGH_UNITS,
        "rows": [],
    }
    if chosen:
        context |= _measured(request, project, chosen)
    return render(request, "reviews/agreement.html", context)


def _measured(request: AuthenticatedRequest, project: Project, version: RubricVersion) -> dict[str, Any]:
    ratings = agreements.rating_set(project, version)
    rows = agreements.agreement_rows(ratings)
    key = request.GET.get("criterion", "")
    detail = next((row for row in rows if row.rated.key == key), rows[min(1, len(rows) - 1)])
    fields = agreements.slice_fields(project, version, ratings)
    by = request.GET.get("by", "")
    by = by if by in fields.by_field else next(iter(fields.by_field), "")
    sees_pairs = Permission.RATERS in GRANTED[role_of(request.user, project)]
    return {
        "ratings": ratings,
        "rows": rows,
        "chart": _chart(rows),
        "label_rows": label_rows(project, version),
        "detail": detail,
        "further": agreements.further_statistics(detail.rated),
        "sees_pairs": sees_pairs,
        "pairs": agreements.named_pairs(ratings, detail.rated) if sees_pairs else [],
        "fields": fields.choices,
        "by": by,
        "by_name": fields.by_field[by][0] if by else "",
        "slices": agreements.slices_of(detail.rated, fields.by_field[by][1]) if by else [],
    }


def _chart(rows: list[agreements.AgreementRow]) -> SafeString | None:
    shown = [
        Estimate(
            name=row.rated.name,
            value=row.measures.alpha.value,
            low=row.measures.alpha.low,
            high=row.measures.alpha.high,
            is_firm=row.measures.alpha.is_enough,
        )
        for row in rows
        if row.measures.alpha.value is not None
    ]
    told = "; ".join(f"{row.name} {figure_said(f'{row.value:.2f}')}" for row in shown)
    label = say("Krippendorff's alpha by criterion, with 95%% intervals: %(told)s.", told=told)
    marks = [(TENTATIVE, f"{TENTATIVE:.3f}"[1:]), (FIRM, f"{FIRM:.2f}"[1:])]
    return estimates_chart(shown, label, marks=marks, ends=(0.0, 1.0))
