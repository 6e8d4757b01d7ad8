"""How the people who review and grade compare, for leads: severity, repeats, reference grades, time, drift.

By name, never by rank, and nobody is judged on fewer than 20 items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Grade, GradeScore, GradingRound
from reviewapp.evaluations.selectors import effective_grades
from reviewapp.evaluations.selectors.reliability import gold_outcomes, repeat_pairs
from reviewapp.projects.models import Project
from reviewapp.reports.statistics import Proportion, wilson
from reviewapp.reviews.agreement_measures import Measures, is_ordered, measures_of, pairs_of
from reviewapp.reviews.agreement_tables import ratings_table
from reviewapp.reviews.models import CriterionScore, Review
from reviewapp.reviews.raters import (
    ENOUGH_ITEMS,
    Drift,
    Quartiles,
    Rating,
    Severity,
    SeverityFit,
    deviations,
    drift,
    quartiles,
    severities,
    sitting_positions,
)
from reviewapp.reviews.selectors import reviews_effective
from reviewapp.reviews.selectors.agreements import NamedPair
from reviewapp.rubrics.models import Criterion, RubricVersion
from reviewapp.rubrics.selectors import version_document
from reviewapp.words import named, say

REVIEWS, GRADES = "reviews", "grades"
WORK_WORDS = {REVIEWS: "Reviews of samples", GRADES: "Grades of outputs"}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is compared: the reviews or the grades that were given by one rubric version."""

    kind: str
    version: RubricVersion

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.version.pk}"

    @property
    def words(self) -> str:
        return f"{say(WORK_WORDS[self.kind])}: {named(self.version)}"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One judgement as it stands: who, of what, when, in how many seconds."""

    rater: int
    item: tuple[int, int]
    at: datetime
    seconds: int


@dataclass(frozen=True, kw_only=True)
class RaterRow:
    """One person. ``severity`` is None where it cannot be told, ``yes`` where answers are in an order."""

    name: str
    n_items: int
    times: Quartiles
    severity: Severity | None
    yes: Proportion | None
    repeats: Proportion | None
    gold: Proportion | None
    drift: Drift

    @property
    def is_enough(self) -> bool:
        return self.n_items >= ENOUGH_ITEMS


@dataclass(frozen=True, kw_only=True)
class RaterPage:
    work: Work
    criterion: Criterion | None
    criteria: Sequence[Criterion]
    rows: Sequence[RaterRow]
    fit: SeverityFit
    measures: Measures | None  # of grades; reviews have an agreement page of their own
    pairs: Sequence[NamedPair]
    is_lower_better: bool  # a count of omissions: who gives more of them is the stricter

    @property
    def is_ordered(self) -> bool:
        return self.criterion is not None and is_ordered(self.criterion.kind)

    @property
    def has_hidden(self) -> bool:
        """Grades have hidden repeats and reference grades; reviews have neither."""
        return self.work.kind == GRADES


def works(project: Project) -> list[Work]:
    """Everything that can be compared, grades before reviews, the newest rubric version first. Two queries."""
    version = OuterRef("pk")
    graded = effective_grades(Grade.objects.filter(round__project=project, rubric_version=version))
    reviewed = reviews_effective(
        Review.objects.filter(sample__project=project, rubric_version=version, is_adjudication=False)
    )
    used_by = {GRADES: Exists(graded), REVIEWS: Exists(reviewed)}
    found = []
    for kind, used in used_by.items():
        versions = (
            RubricVersion.objects.filter(used, rubric__project=project)
            .select_related("rubric")
            .order_by("-used_at", "-pk")
        )
        found += [Work(kind=kind, version=version) for version in versions]
    return found


def rater_page(project: Project, work: Work, key: str = "") -> RaterPage:
    """Everybody who did this work, by name, on one criterion (the first in an order, unless ``key`` names another)."""
    criteria = list(work.version.criteria.exclude(kind=Criterion.Kind.TEXT))
    ordered = [one for one in criteria if is_ordered(one.kind)]
    criterion = next((one for one in criteria if one.key == key), next(iter([*ordered, *criteria]), None))
    judged, ratings = _READERS[work.kind](project, work.version, criterion)
    fit = severities(ratings if criterion is not None and is_ordered(criterion.kind) else ())
    hidden = _hidden(project, work, criterion)
    names = {user.pk: str(user) for user in User.objects.filter(pk__in={one.rater for one in judged})}
    by_rater: dict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        by_rater[one.rater].append(one)
    apart = deviations(ratings)
    rows = [
        RaterRow(
            name=names[rater],
            n_items=len({one.item for one in theirs}),
            times=quartiles(one.seconds for one in theirs),
            severity=fit.by_rater.get(rater),
            yes=_yes(rater, ratings, criterion),
            repeats=_share(hidden[0].get(rater, ())),
            gold=_share(hidden[1].get(rater, ())),
            drift=_drift(rater, theirs, apart),
        )
        for rater, theirs in by_rater.items()
    ]
    rows.sort(key=lambda row: row.name.casefold())
    measures, pairs = _agreement(work, criterion, ratings, names)
    return RaterPage(
        work=work,
        criterion=criterion,
        criteria=criteria,
        rows=rows,
        fit=fit,
        measures=measures,
        pairs=pairs,
        is_lower_better=criterion is not None and _is_lower_better(work.version, criterion.key),
    )


def _is_lower_better(version: RubricVersion, key: str) -> bool:
    return any(one.key == key and one.is_lower_better for one in version_document(version).criteria)


def _agreement(
    work: Work, criterion: Criterion | None, ratings: Sequence[Rating], names: Mapping[Any, str]
) -> tuple[Measures | None, list[NamedPair]]:
    """Agreement of graders on one criterion, and of every two of them, in the order of names."""
    if work.kind == REVIEWS or criterion is None:
        return None, []
    by_name = sorted(ratings, key=lambda one: (names[one.rater].casefold(), str(one.rater)))
    raters = list(dict.fromkeys(one.rater for one in by_name))
    table = ratings_table((one.rater, one.item, one.value) for one in by_name)
    points = tuple(float(level.value) for level in criterion.levels.all()) or None
    pairs = [
        NamedPair(one=names[raters[pair.one]], other=names[raters[pair.other]], pair=pair)
        for pair in pairs_of(table, criterion.kind, points)
    ]
    return measures_of(table, criterion.kind, points), pairs


Given = tuple[list[Judged], list[Rating]]


def _reviewed(project: Project, version: RubricVersion, criterion: Criterion | None) -> Given:
    reviews = reviews_effective(
        Review.objects.filter(sample__project=project, rubric_version=version, is_adjudication=False)
    )
    rows = reviews.order_by("submitted_at", "pk").values_list(
        "reviewer_id", "sample_id", "round", "submitted_at", "seconds"
    )
    judged = [Judged(rater=who, item=(sample, n), at=at, seconds=s) for who, sample, n, at, s in rows]
    scores = CriterionScore.objects.filter(review__in=reviews, criterion=criterion, value__isnull=False)
    found = scores.values_list("review__reviewer_id", "review__sample_id", "review__round", "value")
    return judged, [Rating(who, (sample, n), float(value)) for who, sample, n, value in found]


def _graded(project: Project, version: RubricVersion, criterion: Criterion | None) -> Given:
    """The system that wrote an output is taken out of severity, and shown nowhere."""
    grades = effective_grades(Grade.objects.filter(round__project=project, rubric_version=version))
    rows = grades.order_by("submitted_at", "pk").values_list(
        "grader_id", "output_id", "round_id", "submitted_at", "seconds"
    )
    judged = [Judged(rater=who, item=(output, n), at=at, seconds=s) for who, output, n, at, s in rows]
    scores = GradeScore.objects.filter(grade__in=grades, criterion=criterion, value__isnull=False)
    found = scores.values_list(
        "grade__grader_id", "grade__output_id", "grade__round_id", "value", "grade__output__model_version_id"
    )
    return judged, [Rating(who, (output, n), float(value), side) for who, output, n, value, side in found]


_READERS: Mapping[str, Callable[[Project, RubricVersion, Criterion | None], Given]] = {
    REVIEWS: _reviewed,
    GRADES: _graded,
}


def _hidden(
    project: Project, work: Work, criterion: Criterion | None
) -> tuple[dict[int, list[bool]], dict[int, list[bool]]]:
    """Rater -> whether each hidden repeat was answered the same, and each reference grade rightly."""
    repeats: dict[int, list[bool]] = defaultdict(list)
    gold: dict[int, list[bool]] = defaultdict(list)
    if work.kind == REVIEWS or criterion is None:
        return repeats, gold
    rounds = set(GradingRound.objects.filter(project=project, rubric_version=work.version).values_list("pk", flat=True))
    for pair in repeat_pairs(project):
        if pair.round_id in rounds and pair.criterion == criterion.key:
            repeats[pair.grader_id].append(pair.is_same)
    for outcome in gold_outcomes(project):
        if outcome.round_id in rounds and outcome.criterion == criterion.key:
            gold[outcome.grader_id].append(outcome.is_right)
    return repeats, gold


def _share(answers: Iterable[bool]) -> Proportion | None:
    known = list(answers)
    return wilson(sum(known), len(known)) if known else None


def _yes(rater: int, ratings: Sequence[Rating], criterion: Criterion | None) -> Proportion | None:
    """How often somebody says yes to a gate or finds a point met."""
    if criterion is None or is_ordered(criterion.kind):
        return None
    return _share(one.value == 1 for one in ratings if one.rater == rater)


def _drift(rater: int, theirs: Sequence[Judged], apart: Mapping[tuple[object, object], float]) -> Drift:
    """Deviation from the others over the places in a sitting, of items that somebody else judged too."""
    places = sitting_positions([one.at for one in theirs])
    known = [
        (place, apart[rater, one.item]) for place, one in zip(places, theirs, strict=True) if (rater, one.item) in apart
    ]
    return drift([place for place, _ in known], [value for _, value in known])
