"""One more reviewer where reviews differ, and what most of them agree on. Plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from reviewapp.reviews.outcomes import Outcome, ReviewFacts, differences_of, outcome_of


def outcome_with_extra(
    reviews: Sequence[ReviewFacts], *, base: int, extra: int, kinds: Mapping[str, str]
) -> tuple[Outcome, int]:
    """The outcome of these reviews and how many the sample needs: ``base``, and up to ``extra`` more while they differ.

    Without extra reviewers differing reviews are to be adjudicated. With them, the agreement of more than half of the
    reviews settles the sample; when the last extra reviewer finds none, it is adjudicated.
    """
    outcome = outcome_of(reviews, overlap=base, kinds=kinds)
    if outcome.result != "adjudicate":
        return outcome, base
    agreeing = majority_of(reviews, kinds) if len(reviews) > base else []
    if agreeing:
        return outcome_of(agreeing, overlap=len(agreeing), kinds=kinds), len(reviews)
    if len(reviews) - base < extra:
        return Outcome(result="open", differences=outcome.differences), len(reviews) + 1
    return outcome, max(base, len(reviews))


def majority_of(reviews: Sequence[ReviewFacts], kinds: Mapping[str, str]) -> list[ReviewFacts]:
    """The most reviews that do not differ among each other, if they are more than half of all; else none."""
    for size in range(len(reviews), len(reviews) // 2, -1):
        for chosen in combinations(reviews, size):
            if not differences_of(chosen, kinds):
                return list(chosen)
    return []
