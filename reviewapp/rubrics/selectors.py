"""Reading rubrics: which version is offered, what a version says, which built-in ones there are."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.db.models import Case, Count, Prefetch, QuerySet, Value, When

from reviewapp.projects.models import Project
from reviewapp.rubrics.documents import EVIDENCE, direction_of, levels_ordered
from reviewapp.rubrics.models import Criterion, Rubric, RubricVersion
from reviewapp.rubrics.schema import (
    CriterionDocument,
    ErrorTypeDocument,
    LevelDocument,
    RubricDocument,
    rubric_loads,
)

BUILTIN_DIR = Path(__file__).resolve().parent / "builtin"


@cache
def rubrics_builtin() -> dict[str, RubricDocument]:
    """The rubrics that come with the product, by file name without ending."""
    return {path.stem: rubric_loads(path.read_bytes()) for path in sorted(BUILTIN_DIR.glob("*.json"))}


def rubrics_of(project: Project) -> QuerySet[Rubric]:
    """All rubrics with their versions (newest first), the offered ones first."""
    versions = RubricVersion.objects.annotate(n_criteria=Count("criteria")).select_related("created_by")
    return project.rubrics.order_by("-is_active", "name").prefetch_related(Prefetch("versions", queryset=versions))


def version_current(project: Project, applies_to: str) -> RubricVersion | None:
    """The newest version of the rubric offered for new work of this kind; None when there is none.

    A rubric for this work alone comes before one for both.
    """
    kinds = [applies_to, Rubric.AppliesTo.BOTH]
    is_general = Case(When(rubric__applies_to=Rubric.AppliesTo.BOTH, then=Value(1)), default=Value(0))
    return (
        RubricVersion.objects.filter(rubric__project=project, rubric__applies_to__in=kinds, rubric__is_active=True)
        .select_related("rubric")
        .order_by(is_general, "-rubric_id", "-number")
        .first()
    )


def version_document(version: RubricVersion) -> RubricDocument:
    """What a version says, as the document that was hashed. Three queries at most."""
    criteria = version.criteria.prefetch_related("levels")
    return RubricDocument(
        name=version.rubric.name,
        applies_to=version.rubric.applies_to,
        guidelines=version.guidelines,
        notice=version.notice,
        criteria=tuple(_criterion_document(criterion) for criterion in criteria),
    )


def _criterion_document(criterion: Criterion) -> CriterionDocument:
    direction = criterion.direction or direction_of(criterion.kind, criterion.points)
    levels = [LevelDocument(level.value, level.label, level.anchor) for level in criterion.levels.all()]
    return CriterionDocument(
        key=criterion.key,
        name=criterion.name,
        description=criterion.description,
        kind=criterion.kind,
        weight=criterion.weight,
        allow_na=criterion.allow_na,
        is_critical=criterion.is_critical,
        evidence_at_or_below=criterion.evidence_at_or_below,
        levels=levels_ordered(levels, criterion.kind, direction),
        applies_to=criterion.applies_to,
        direction=direction,
        evidence=tuple(criterion.evidence) or EVIDENCE,
        unit=criterion.unit,
        most=criterion.most,
        points=criterion.points,
        error_types=tuple(ErrorTypeDocument(**kind) for kind in criterion.error_types),
    )
