"""Reading rubrics: which version is offered, what a version says, which built-in ones there are."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.db.models import Count, Prefetch, QuerySet

from reviewapp.projects.models import Project
from reviewapp.rubrics.models import Criterion, Rubric, RubricVersion
from reviewapp.rubrics.schema import CriterionDocument, LevelDocument, RubricDocument, rubric_loads

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
    """The newest version of the rubric offered for new work of this kind; None when there is none."""
    return (
        RubricVersion.objects.filter(rubric__project=project, rubric__applies_to=applies_to, rubric__is_active=True)
        .select_related("rubric")
        .order_by("-rubric_id", "-number")
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
    levels = sorted(criterion.levels.all(), key=lambda level: -level.value)
    return CriterionDocument(
        key=criterion.key,
        name=criterion.name,
        description=criterion.description,
        kind=criterion.kind,
        weight=criterion.weight,
        allow_na=criterion.allow_na,
        is_critical=criterion.is_critical,
        evidence_at_or_below=criterion.evidence_at_or_below,
        levels=tuple(LevelDocument(level.value, level.label, level.anchor) for level in levels),
    )
