"""Agreement of a project's reviewers per criterion, computed on their reviews before any adjudication."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from reviewapp.projects.models import Project
from reviewapp.reviews import agreement
from reviewapp.reviews.agreement import ENOUGH_UNITS, Agreement
from reviewapp.reviews.judging import CAUSES
from reviewapp.reviews.models import CriterionScore, Review
from reviewapp.reviews.selectors.reviews import reviews_effective
from reviewapp.rubrics.models import Criterion, RubricVersion

FIRM, TENTATIVE = 0.8, 0.667
_DECISIONS = {"accept": 0.0, "fix": 0.0, "return": 1.0, "reject": 2.0}


@dataclass(frozen=True, kw_only=True)
class AgreementRow:
    """One criterion: ``positive`` only for gate items, where violations are rare and alpha says little."""

    name: str
    is_gate: bool
    alpha: Agreement
    percent: Agreement
    ac1: Agreement
    positive: Agreement | None = None

    @property
    def reading(self) -> tuple[str, str]:
        """(icon, words): what may be concluded, by Krippendorff's limits, once enough was rated twice."""
        if self.alpha.value is None:
            return "unknown", "Not defined"
        if not self.alpha.is_enough:
            return "unknown", f"Too few to rely on: {self.alpha.n_units} of {ENOUGH_UNITS}"
        if self.alpha.value >= FIRM:
            return "pass", "Firm"
        return ("unknown", "Tentative") if self.alpha.value >= TENTATIVE else ("fail", "Conclude nothing")


@dataclass(frozen=True, kw_only=True)
class AdjudicationCounts:
    adjudicated: int
    causes: list[tuple[str, int]]


def versions_reviewed(project: Project) -> QuerySet[RubricVersion]:
    """Rubric versions that samples were reviewed by, the newest first."""
    used = Review.objects.filter(sample__project=project).values("rubric_version")
    return RubricVersion.objects.filter(pk__in=used).select_related("rubric").order_by("-used_at", "-pk")


def agreement_rows(project: Project, version: RubricVersion) -> list[AgreementRow]:
    """The decision, then each criterion: units are samples in a round, raters are reviewers. Five queries at most."""
    reviews = reviews_effective(
        Review.objects.filter(sample__project=project, rubric_version=version, is_adjudication=False)
    )
    scores = CriterionScore.objects.filter(review__in=reviews).values_list(
        "criterion_id", "review__reviewer_id", "review__sample_id", "review__round", "value"
    )
    by_criterion: dict[int, list[tuple[int, tuple[int, int], float | None]]] = {}
    for criterion, reviewer, sample, round_, value in scores:
        by_criterion.setdefault(criterion, []).append((reviewer, (sample, round_), value))
    rows = [_decision_row(reviews)]
    for item in version.criteria.prefetch_related("levels"):
        rows.append(_criterion_row(item, by_criterion.get(item.pk, ())))
    return rows


def adjudication_counts(project: Project) -> AdjudicationCounts:
    """How many samples were adjudicated, and why their reviews had differed."""
    made = reviews_effective(Review.objects.filter(sample__project=project, is_adjudication=True))
    counts = dict(made.order_by().values_list("cause").annotate(n=Count("pk")))
    causes = [(words, counts.get(cause, 0)) for cause, words in CAUSES.items()]
    return AdjudicationCounts(adjudicated=sum(counts.values()), causes=causes)


def _decision_row(reviews: QuerySet[Review]) -> AgreementRow:
    given = reviews.values_list("reviewer_id", "sample_id", "round", "decision")
    table = agreement.ratings_table(
        (reviewer, (sample, round_), _DECISIONS[decision]) for reviewer, sample, round_, decision in given
    )
    return AgreementRow(
        name="Decision",
        is_gate=False,
        alpha=agreement.krippendorff_alpha(table, "nominal"),
        percent=agreement.percent_agreement(table),
        ac1=agreement.gwet(table, sorted(set(_DECISIONS.values()))),
    )


def _criterion_row(criterion: Criterion, triples: Iterable[tuple[int, tuple[int, int], float | None]]) -> AgreementRow:
    is_gate = criterion.kind == Criterion.Kind.GATE
    table = agreement.ratings_table(triples)
    return AgreementRow(
        name=criterion.name,
        is_gate=is_gate,
        alpha=agreement.krippendorff_alpha(table, "nominal" if is_gate else "ordinal"),
        percent=agreement.percent_agreement(table),
        ac1=agreement.gwet(table, [float(level.value) for level in criterion.levels.all()]),
        positive=agreement.positive_agreement(table) if is_gate else None,
    )
