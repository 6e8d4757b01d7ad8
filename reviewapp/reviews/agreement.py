"""Agreement between raters: plain arithmetic on tables of ratings, by permissively licensed code of our own.

Every function takes ratings as raters x units (a row a rater, a column a unit), missing ratings as None or
nan, and returns an Agreement. Sources are named in the module of each statistic.
"""

from __future__ import annotations

from reviewapp.reviews.agreement_alpha import Scale, krippendorff_alpha
from reviewapp.reviews.agreement_chance import (
    brennan_prediger,
    cohen_kappa,
    fleiss_kappa,
    gwet,
    percent_agreement,
    positive_agreement,
)
from reviewapp.reviews.agreement_icc import intraclass
from reviewapp.reviews.agreement_tables import ENOUGH_UNITS, REASONS, Agreement, Ratings, Table, Weights, ratings_table

__all__ = [
    "ENOUGH_UNITS",
    "REASONS",
    "Agreement",
    "Ratings",
    "Scale",
    "Table",
    "Weights",
    "brennan_prediger",
    "cohen_kappa",
    "fleiss_kappa",
    "gwet",
    "intraclass",
    "krippendorff_alpha",
    "percent_agreement",
    "positive_agreement",
    "ratings_table",
]
