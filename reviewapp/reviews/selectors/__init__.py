"""Reads of reviews. What counts is the last row of a chain that is not undone."""

from __future__ import annotations

from reviewapp.reviews.selectors.reviews import (
    reviews_effective,
    reviews_for_sample,
    reviews_of,
    samples_accepted,
)

__all__ = ["reviews_effective", "reviews_for_sample", "reviews_of", "samples_accepted"]
