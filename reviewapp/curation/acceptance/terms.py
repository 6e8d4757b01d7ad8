"""Between the columns of a plan and the plain numbers of ``acceptance``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from django.utils.translation import gettext_noop

from reviewapp.curation.acceptance.bounds import Look, Terms, size_finite, sizes_stratified
from reviewapp.curation.models import AcceptancePlan

# By the word of an ImpossiblePlanError.
IMPOSSIBLE = {
    "empty": gettext_noop("These filters leave no sample with a text. Choose others, then draw."),
    "allowed": gettext_noop(
        "So few samples cannot give this claim: the defects that you allow would themselves be too many. "
        "Allow fewer, or name a larger rate."
    ),
}
METHODS = {
    False: gettext_noop(
        "hypergeometric, drawn without replacement; exact upper bound (Buonaccorsi 1987); "
        "of the process: Clopper-Pearson 1934, one-sided"
    ),
    True: gettext_noop(
        "drawn without replacement in proportion by strata; upper bound by Hoeffding 1956, valid however the defects "
        "lie in the strata; of the process: Clopper-Pearson 1934, one-sided"
    ),
}


class HasTerms(Protocol):
    @property
    def rate(self) -> Decimal: ...
    @property
    def confidence(self) -> Decimal: ...
    @property
    def allowed(self) -> int: ...


def terms_of(row: HasTerms) -> Terms:
    return Terms(rate=Fraction(row.rate), confidence=Fraction(row.confidence), allowed=row.allowed)


def sizes_of(terms: Terms, units: Sequence[int]) -> list[int]:
    """How many to draw of each stratum; one entry where nothing is stratified. Raises ImpossiblePlanError."""
    return sizes_stratified(terms, units) if len(units) > 1 else [size_finite(terms, sum(units))]


def look_of(plan: AcceptancePlan, *, defects: int, missing: int) -> Look:
    return Look(
        drawn=[n for _name, _units, n in plan.strata],
        strata=[units for _name, units, _n in plan.strata],
        defects=defects,
        missing=missing,
    )


def method_of(plan: AcceptancePlan) -> str:
    """How the bound was worked out, in English as it is stored; pages show it through ``said``."""
    return METHODS[len(plan.strata) > 1]
