"""Agreement of a project's reviewers per criterion, pair and slice, on their reviews before any adjudication."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext_noop

from reviewapp.accounts.models import User
from reviewapp.projects.models import Project
from reviewapp.reviews.agreement_measures import (
    DECISION,
    Measures,
    Pair,
    measures_of,
    other_statistics,
    pairs_of,
)
from reviewapp.reviews.agreement_tables import Agreement, Table
from reviewapp.reviews.judging import AMBIGUOUS, CAUSES
from reviewapp.reviews.models import CriterionScore, Review
from reviewapp.reviews.selectors.reviews import reviews_effective
from reviewapp.rubrics.models import Criterion, RubricVersion
from reviewapp.samples.models import Sample
from reviewapp.words import say

_DECISIONS = {"accept": 0.0, "fix": 0.0, "return": 1.0, "reject": 2.0}
MOST_SLICES = 20

Unit = tuple[int, int]  # sample, round


@dataclass(frozen=True, kw_only=True)
class Rated:
    """One criterion, or the decision: table is reviewers x units; categories are the points of its scale, if it has."""

    key: str
    name: str
    kind: str
    categories: tuple[float, ...] | None
    table: Table


@dataclass(frozen=True, kw_only=True)
class RatingSet:
    """All reviews by one rubric version that count; rows and columns of every table in the order given here."""

    reviewers: Sequence[int]
    units: Sequence[Unit]
    rated: Sequence[Rated]
    texts: Mapping[Unit, Sequence[str]] = field(default_factory=dict)  # hashes that accepting reviews left

    @property
    def n_texts_apart(self) -> int:
        """Units whose accepting reviews left different texts: also settled by a third."""
        return sum(len(set(hashes)) > 1 for hashes in self.texts.values())

    @property
    def n_texts(self) -> int:
        return sum(len(hashes) > 1 for hashes in self.texts.values())


@dataclass(frozen=True, kw_only=True)
class AgreementRow:
    """One criterion with its headline."""

    rated: Rated
    measures: Measures

    @property
    def is_gate(self) -> bool:
        return self.rated.kind == Criterion.Kind.GATE


@dataclass(frozen=True, kw_only=True)
class NamedPair:
    one: str
    other: str
    pair: Pair


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The samples that share a language, an origin or a value of their metadata."""

    value: str
    measures: Measures


@dataclass(frozen=True, kw_only=True)
class AdjudicationCounts:
    adjudicated: int
    causes: list[tuple[str, int]]


def versions_reviewed(project: Project) -> QuerySet[RubricVersion]:
    """Rubric versions that samples were reviewed by, the newest first."""
    used = Review.objects.filter(sample__project=project).values("rubric_version")
    return RubricVersion.objects.filter(pk__in=used).select_related("rubric").order_by("-used_at", "-pk")


def _reviews(project: Project, version: RubricVersion) -> QuerySet[Review]:
    return reviews_effective(
        Review.objects.filter(sample__project=project, rubric_version=version, is_adjudication=False)
    )


def rating_set(project: Project, version: RubricVersion) -> RatingSet:
    """The decision, then each criterion with numbers for answers. Four queries, however many reviews there are."""
    given = list(
        _reviews(project, version).values_list(
            "pk", "reviewer_id", "sample_id", "round", "decision", "revision_after__content_hash"
        )
    )
    rows = {reviewer: n for n, reviewer in enumerate(sorted({one[1] for one in given}))}
    columns = {unit: n for n, unit in enumerate(dict.fromkeys((one[2], one[3]) for one in given))}
    cells = {one[0]: (rows[one[1]], columns[one[2], one[3]]) for one in given}
    shape = len(rows), len(columns)
    decisions = _table(shape, [cells[one[0]] for one in given], [_DECISIONS[one[4]] for one in given])
    rated = [
        Rated(key=DECISION, name="Decision", kind=DECISION, categories=(0.0, 1.0, 2.0), table=decisions),
        *_criteria(version, cells, shape, project),
    ]
    texts: dict[Unit, list[str]] = {}
    for _, _, sample, round_, decision, content in given:
        if _DECISIONS[decision] == 0:
            texts.setdefault((sample, round_), []).append(content)
    return RatingSet(reviewers=list(rows), units=list(columns), rated=rated, texts=texts)


def _criteria(
    version: RubricVersion, cells: Mapping[int, tuple[int, int]], shape: tuple[int, int], project: Project
) -> list[Rated]:
    scores = CriterionScore.objects.filter(review__in=_reviews(project, version), value__isnull=False)
    by_criterion: dict[int, tuple[list[tuple[int, int]], list[float]]] = {}
    for criterion, review, value in scores.values_list("criterion_id", "review_id", "value"):
        places, values = by_criterion.setdefault(criterion, ([], []))
        if review in cells:
            places.append(cells[review])
            values.append(float(value))
    return [
        Rated(
            key=item.key,
            name=item.name,
            kind=item.kind,
            categories=_categories(item),
            table=_table(shape, *by_criterion.get(item.pk, ([], []))),
        )
        for item in version.criteria.exclude(kind=Criterion.Kind.TEXT).prefetch_related("levels")
    ]


def _categories(criterion: Criterion) -> tuple[float, ...] | None:
    if criterion.kind == Criterion.Kind.POINTS:
        return 0.0, 1.0
    return tuple(float(level.value) for level in criterion.levels.all()) or None


def _table(shape: tuple[int, int], places: Sequence[tuple[int, int]], values: Sequence[float]) -> Table:
    table = np.full(shape, np.nan)
    if places:
        index = np.array(places)
        table[index[:, 0], index[:, 1]] = values
    return table


def agreement_rows(ratings: RatingSet) -> list[AgreementRow]:
    return [AgreementRow(rated=one, measures=measures_of(one.table, one.kind, one.categories)) for one in ratings.rated]


def further_statistics(rated: Rated) -> list[Agreement]:
    """Fleiss' and Cohen's kappa and the intraclass correlations, where they apply."""
    return other_statistics(rated.table, rated.kind, rated.categories)


def named_pairs(ratings: RatingSet, rated: Rated) -> list[NamedPair]:
    """Every two reviewers who share a sample, by name. One query."""
    names = reviewer_names(ratings.reviewers)
    pairs = pairs_of(rated.table, rated.kind, rated.categories)
    named = [
        NamedPair(one=names[ratings.reviewers[pair.one]], other=names[ratings.reviewers[pair.other]], pair=pair)
        for pair in pairs
    ]
    return sorted((_by_name(one) for one in named), key=lambda one: (one.one.casefold(), one.other.casefold()))


def _by_name(pair: NamedPair) -> NamedPair:
    """The same pair with the earlier name first, and its difference read that way."""
    if pair.one.casefold() <= pair.other.casefold():
        return pair
    difference = pair.pair.mean_difference
    turned = replace(pair.pair, mean_difference=None if difference is None else -difference)
    return NamedPair(one=pair.other, other=pair.one, pair=turned)


def reviewer_names(people: Iterable[int]) -> dict[int, str]:
    """What reviewers are called on the pages of leads."""
    return {user.pk: str(user) for user in User.objects.filter(pk__in=list(people))}


# --- slices ---

FIELDS = {"language": "Language", "origin": "Origin"}
_WITHIN = (gettext_noop("language"), gettext_noop("origin"))  # the same inside a sentence


@dataclass(frozen=True, kw_only=True)
class SliceFields:
    """What samples may be sliced by: field -> (name, value of each unit in the order of the rating set)."""

    by_field: Mapping[str, tuple[str, Sequence[str]]]

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [(key, name) for key, (name, _) in self.by_field.items()]


def slice_fields(project: Project, version: RubricVersion, ratings: RatingSet) -> SliceFields:
    """Language, origin and each metadata key that has 2 to 20 values among the reviewed samples. One query."""
    reviewed = Exists(Review.objects.filter(sample=OuterRef("pk"), rubric_version=version))
    rows = Sample.objects.filter(reviewed, project=project).values_list("pk", "language", "origin", "metadata")
    facts = {pk: {"language": language, "origin": origin} | _plain(data) for pk, language, origin, data in rows}
    # Databases keep the keys of metadata in different orders: by name, after the sample's own fields.
    keys = sorted({key for one in facts.values() for key in one}, key=lambda key: (key not in FIELDS, key))
    found = {}
    for key in keys:
        values = [facts[sample].get(key, "") for sample, _ in ratings.units]
        if 2 <= len(set(values)) <= MOST_SLICES:
            found[key] = (FIELDS.get(key, key.removeprefix("meta:")), values)
    return SliceFields(by_field=found)


def _plain(metadata: Any) -> dict[str, str]:
    """The metadata that can be sliced by: short words, numbers, yes and no."""
    if not isinstance(metadata, dict):
        return {}
    kept = {key: value for key, value in metadata.items() if isinstance(value, str | int | bool)}
    return {f"meta:{key}": str(value) for key, value in kept.items() if len(str(value)) <= 60}


def slices_of(rated: Rated, values: Sequence[str]) -> list[Slice]:
    """The criterion in each slice, the largest slice first."""
    column = np.array(values)
    order = [value for value, _ in Counter(values).most_common()]
    found = []
    for value in order:
        table = rated.table[:, column == value]
        table = table[(~np.isnan(table)).any(1)]
        found.append(Slice(value=value or say("Not given"), measures=measures_of(table, rated.kind, rated.categories)))
    return found


# --- what became of differences ---


def adjudication_counts(project: Project) -> AdjudicationCounts:
    """How many samples were adjudicated, and why their reviews had differed."""
    made = reviews_effective(Review.objects.filter(sample__project=project, is_adjudication=True))
    counts = dict(made.order_by().values_list("cause").annotate(n=Count("pk")))
    causes = [(words, counts.get(cause, 0)) for cause, words in CAUSES.items()]
    return AdjudicationCounts(adjudicated=sum(counts.values()), causes=causes)


def ambiguities(project: Project) -> QuerySet[Review]:
    """Adjudications that found the rubric readable both ways, the newest first: what a next version should settle."""
    made = Review.objects.filter(sample__project=project, is_adjudication=True, cause=AMBIGUOUS)
    return reviews_effective(made).select_related("sample", "rubric_version__rubric").order_by("-pk")[:MOST_SLICES]
