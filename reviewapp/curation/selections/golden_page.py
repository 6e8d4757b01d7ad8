"""What the page of golden examples shows: a handful of samples over the whole range of relevance, and their curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.curation.meaning.files import Vectors
from reviewapp.curation.models import RelevanceLimit
from reviewapp.curation.selections.asked import golden_of, limit_current, samples_weighed
from reviewapp.curation.selections.charts import curve_chart
from reviewapp.curation.selections.relevance import Point, curve_of, handful_of, relevance_of
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

LOOKED_AT = 20_000  # samples that the handful is taken from, spread evenly over the project
COUNTED = 200_000  # with more samples than this a page does not count those that reach a limit


@dataclass(frozen=True)
class Handled:
    """A sample to judge, how relevant it is, and the golden example it is nearest to."""

    sample: Sample
    relevance: float
    golden: Sample | None


@dataclass(frozen=True, kw_only=True)
class LimitPage:
    """``limit`` kept last with its judged samples; ``handful`` others to judge."""

    limit: RelevanceLimit | None
    handful: list[Handled]
    points: list[Point] = field(default_factory=list)
    chart: SafeString | None = None


def limit_page(project: Project, index: Vectors | None) -> LimitPage:
    """Seven queries at most, whatever the number of samples."""
    limit = limit_current(project)
    known = {row["sample"]: row["belongs"] for row in limit.judged} if limit else {}
    points = curve_of([(row["relevance"], row["belongs"]) for row in limit.judged]) if limit else []
    chart = curve_chart(points, limit.limit if limit else None, _("Precision and recall by the limit"))
    handful = _handful(project, index, known) if index is not None else []
    return LimitPage(limit=limit, handful=handful, points=points, chart=chart)


def relevance_by_sample(project: Project, index: Vectors, samples: list[int]) -> dict[int, float]:
    """Of those that the index has; empty without golden examples."""
    rows = [row for sample in samples if (row := index.row_of(sample)) is not None]
    golden = _golden_rows(project, index)
    if not rows or not golden:
        return {}
    values, _nearest = relevance_of(index.vectors, index.vectors[list(golden.values())], np.array(rows))
    return {int(index.samples[row]): float(value) for row, value in zip(rows, values, strict=True)}


def relevant_count(project: Project, index: Vectors, scope: str, limit: float) -> int | None:
    """How many of those that come into question reach a limit; None where that would take too long for a page."""
    golden = _golden_rows(project, index)
    if not golden or len(index.samples) > COUNTED:
        return None
    rows = _eligible_rows(project, index, scope)
    values, _nearest = relevance_of(index.vectors, index.vectors[list(golden.values())], rows)
    return int((values >= limit).sum())


def _handful(project: Project, index: Vectors, known: Mapping[int, Any]) -> list[Handled]:
    golden = _golden_rows(project, index)
    if not golden:
        return []
    rows = _eligible_rows(project, index, "any")
    rows = rows[~np.isin(index.samples[rows], [*golden, *known])]
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(int)] if len(rows) else rows
    values, nearest = relevance_of(index.vectors, index.vectors[list(golden.values())], rows)
    picked = handful_of(values)
    wanted = [int(index.samples[rows[at]]) for at in picked]
    names = list(golden)
    near = [names[int(nearest[at])] for at in picked]
    samples = Sample.objects.select_related("revision").in_bulk([*wanted, *near])
    return [
        Handled(samples[sample], float(values[at]), samples.get(other))
        for at, sample, other in zip(picked, wanted, near, strict=True)
        if sample in samples
    ]


def _golden_rows(project: Project, index: Vectors) -> dict[int, int]:
    """Row of the index by sample, of those it has."""
    marked = golden_of(project).values_list("sample", flat=True)
    return {sample: row for sample in marked if (row := index.row_of(sample)) is not None}


def _eligible_rows(project: Project, index: Vectors, scope: str) -> npt.NDArray[np.int64]:
    allowed = samples_weighed(project, scope).filter(hard="").order_by().values_list("pk", flat=True)
    rows = np.flatnonzero(np.isin(index.samples, np.fromiter(allowed, dtype=np.int64)))
    return np.asarray(rows[index.vectors[rows].any(axis=1)], dtype=np.int64)
