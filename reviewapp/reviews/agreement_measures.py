"""What is said about the ratings of one criterion: the statistics that fit its kind, and how to read them.

The rule that sends a sample to adjudication (``reviewapp.reviews.outcomes``) is counted here on the same ratings, so
that what is reported and what is settled are one measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reviewapp.reviews.agreement_alpha import Scale, krippendorff_alpha
from reviewapp.reviews.agreement_chance import (
    cohen_kappa,
    fleiss_kappa,
    gwet,
    percent_agreement,
    positive_agreement,
)
from reviewapp.reviews.agreement_icc import crossed, intraclass
from reviewapp.reviews.agreement_tables import ENOUGH_UNITS, Agreement, Table, Weights, described, undefined
from reviewapp.reviews.outcomes import apart_at
from reviewapp.words import say

FIRM, TENTATIVE = 0.8, 0.667
DECISION = "decision"
# Kinds of criteria whose answers are numbers in an order; of the others it only counts whether they are the same.
SCALES: dict[str, Scale] = {
    DECISION: "nominal",
    "gate": "nominal",
    "points": "nominal",
    "levels": "ordinal",
    "preference": "ordinal",
    "count": "ratio",
    "spans": "ratio",
}


@dataclass(frozen=True, kw_only=True)
class Measures:
    """The headline of one criterion: alpha with plain and chance-corrected agreement beside it.

    positive only for gates, where violations are rare and alpha says little; n_apart: units of those with two ratings
    that the rule of adjudication finds too far apart.
    """

    alpha: Agreement
    percent: Agreement
    gwet: Agreement
    positive: Agreement | None
    n_apart: int

    @property
    def reading(self) -> tuple[str, str]:
        return reading_of(self.alpha)

    @property
    def share_apart(self) -> float | None:
        return self.n_apart / self.alpha.n_units if self.alpha.n_units else None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two raters (rows of the table) on the units both rated."""

    one: int
    other: int
    n_units: int
    percent: Agreement
    kappa: Agreement
    mean_difference: float | None  # of the first less the second, for answers in an order


def reading_of(alpha: Agreement) -> tuple[str, str]:
    """(state, words): what may be concluded, by Krippendorff's limits, once enough was rated twice."""
    if alpha.value is None:
        return "unknown", say("Not defined")
    if not alpha.is_enough:
        return "unknown", say("Unknown: %(n)s of %(enough)s rated twice", n=alpha.n_units, enough=ENOUGH_UNITS)
    if alpha.value >= FIRM:
        return "pass", say("Firm")
    return ("unknown", say("Tentative")) if alpha.value >= TENTATIVE else ("fail", say("Conclude nothing"))


def scale_of(kind: str) -> Scale:
    """The scale of a kind of criterion; a kind that is not known is taken as names without order."""
    return SCALES.get(kind, "nominal")


def is_ordered(kind: str) -> bool:
    return scale_of(kind) != "nominal"


def weights_of(kind: str) -> Weights:
    return "quadratic" if is_ordered(kind) else "identity"


def measures_of(table: Table, kind: str, categories: Sequence[float] | None = None) -> Measures:
    """The headline statistics of raters x units; categories: all points of the scale, where it has points."""
    return Measures(
        alpha=krippendorff_alpha(table, scale_of(kind)),
        percent=percent_agreement(table),
        gwet=gwet(table, categories, weights_of(kind)),
        positive=positive_agreement(table) if kind == "gate" else None,
        n_apart=int(units_apart(table, kind).sum()),
    )


def units_apart(table: Table, kind: str) -> Table:
    """Which units (bool, one a column) have two ratings further apart than the rule of adjudication allows."""
    limit = apart_at(kind)
    present = ~np.isnan(table)
    if limit is None or not table.size:
        return np.zeros(table.shape[1], dtype=bool)
    high = np.where(present, table, -np.inf).max(0)
    low = np.where(present, table, np.inf).min(0)
    return np.asarray((present.sum(0) >= 2) & (high - low >= limit))


def other_statistics(table: Table, kind: str, categories: Sequence[float] | None = None) -> list[Agreement]:
    """Statistics that apply only where raters are two, ratings complete or answers in an order; else they say why."""
    rated = table[(~np.isnan(table)).any(1)]
    found = [fleiss_kappa(table, categories, strict=True), cohen_kappa(rated, categories, weights_of(kind))]
    part = crossed(table)
    for form in ("single", "mean"):
        result = intraclass(part if part.shape[1] >= 2 else table, "single" if form == "single" else "mean")
        found.append(result if is_ordered(kind) else undefined(described(table, result.method), "no_order"))
    return found


def pairs_of(table: Table, kind: str, categories: Sequence[float] | None = None) -> list[Pair]:
    """Every two raters who share a unit, in the order of the table."""
    present = ~np.isnan(table)
    pairs = []
    for one, other in combinations(range(len(table)), 2):
        both = present[one] & present[other]
        if not both.any():
            continue
        two = table[[one, other]][:, both]
        pair = Pair(
            one=one,
            other=other,
            n_units=int(both.sum()),
            percent=percent_agreement(two),
            kappa=cohen_kappa(two, categories, weights_of(kind)),
            mean_difference=float((two[0] - two[1]).mean()) if is_ordered(kind) else None,
        )
        pairs.append(pair)
    return pairs
