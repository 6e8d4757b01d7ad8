"""Reading rubrics: which version is offered, what a version says, which built-in ones there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.db import models
from django.db.models import Count, Prefetch, QuerySet

from reviewapp.core.written import written
from reviewapp.projects.models import Project
from reviewapp.rubrics.changes import ADDED, RubricChange, rubric_change
from reviewapp.rubrics.documents import EVIDENCE, direction_of, levels_ordered
from reviewapp.rubrics.models import Criterion, Level, Rubric, RubricVersion
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
    # Said again: a query that groups forgets the usual order.
    versions = RubricVersion.objects.annotate(n_criteria=Count("criteria")).select_related("created_by")
    versions = versions.order_by("-number")
    return project.rubrics.order_by("-is_active", "name").prefetch_related(Prefetch("versions", queryset=versions))


def version_current(project: Project, applies_to: str) -> RubricVersion | None:
    """The newest version of the rubric offered for new work of this kind; None when there is none.

    A rubric for this work alone comes before one for both.
    """
    return _offered(project.pk, applies_to).select_related("rubric").first()


def _offered(project: int, applies_to: str) -> QuerySet[RubricVersion]:
    kinds = [applies_to, Rubric.AppliesTo.BOTH]
    offered = RubricVersion.objects.filter(
        rubric__project=project, rubric__applies_to__in=kinds, rubric__is_active=True
    )
    return offered.order_by("-rubric__applies_to", "-rubric_id", "-number")  # "both" is the first in the alphabet


@written
def versions_offered(project: int, *, applies_to: str) -> QuerySet[RubricVersion]:
    """``version_current`` without its rubric, as a list of one or none."""
    return _offered(project, applies_to)[:1]


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


@dataclass(frozen=True)
class Uses:
    """How many judgements that stand rest on some rubric versions: {"reviews": 12}, and the same by criterion key."""

    total: dict[str, int] = field(default_factory=dict)
    by_key: dict[str, dict[str, int]] = field(default_factory=dict)

    def redone(self, change: RubricChange) -> list[tuple[str, dict[str, int]]]:
        """(name, counts) of each criterion that a structural change leaves without comparable judgements.

        A criterion that is new has been judged by nobody, so all are counted.
        """
        rows = [
            (one.name, self.total if one.state == ADDED else self.by_key.get(one.key, {})) for one in change.structural
        ]
        return [(name, counts) for name, counts in rows if counts]


def version_uses(versions: Iterable[RubricVersion]) -> Uses:
    """Counts the judgements by these versions, whatever apps keep them. Two queries for each kind of judgement."""
    uses = Uses()
    for scores, parent, whole in _judgements():
        standing = scores._default_manager.filter(criterion__version__in=list(versions))
        if any(one.name == "superseded_by" for one in whole._meta.get_fields()):
            standing = standing.filter(**{f"{parent}__superseded_by": None})
        noun = str(whole._meta.verbose_name_plural)
        n_all = standing.aggregate(n=Count(parent, distinct=True))["n"]
        if n_all:
            uses.total[noun] = n_all
        for key, n in standing.order_by().values_list("criterion__key").annotate(n=Count(parent, distinct=True)):
            uses.by_key.setdefault(key, {})[noun] = n
    return uses


def _judgements() -> Iterator[tuple[type[models.Model], str, type[models.Model]]]:
    """Rows that hold a value for a criterion, the name of what they are part of, and that (a review, a grade).

    They live in apps above this one, so they are found by what points to a criterion.
    """
    for relation in Criterion._meta.get_fields(include_hidden=True):
        scores = relation.related_model
        if not relation.one_to_many or scores is Level or not isinstance(scores, type):
            continue
        fields = scores._meta.get_fields()
        keys = {one.name: one.related_model for one in fields if isinstance(one, models.ForeignKey)}
        parents = [(name, model) for name, model in keys.items() if model is not Criterion]
        if len(parents) == 1 and any(one.name == "value" for one in fields):
            yield scores, parents[0][0], parents[0][1]


def versions_comparable(version: RubricVersion) -> list[RubricVersion]:
    """The versions of its rubric, itself among them, whose judgements can be compared with this one's.

    Between them only wording and weighting changed.
    """
    document = version_document(version)
    others = version.rubric.versions.exclude(pk=version.pk).select_related("rubric")
    same = [one for one in others if not rubric_change(version_document(one), document).is_structural]
    return sorted([version, *same], key=lambda one: one.number)


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
