"""The quality score learned from a project's own decisions, and how far it can be believed. Workers only.

Logistic regression on the standardised figures of ``quality`` (fitted by ``learning.learn``: L2 penalty, one
temperature, folds of whole groups), so each figure's part of a score can be named. The reliability table sets the
probabilities for folds left out against what experts decided, in bins of equal size (Niculescu-Mizil and Caruana
2005), with Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reviewapp.curation.learning.classifier import Classifier, learn
from reviewapp.curation.selections.quality import KEYS, Reals

BINS, LEAST_OF_BIN = 10, 10
_Z = 1.959964  # of a 95% interval


@dataclass(frozen=True, kw_only=True)
class QualityModel:
    """``weights``: of each of FEATURES, in log odds of "accepted unchanged" a standard deviation."""

    classifier: Classifier
    means: Reals
    scales: Reals
    weights: Reals
    facts: dict[str, Any]

    @property
    def reason_unused(self) -> str:
        """Why the score is worth nothing: on folds left out it is no nearer to the decisions than their mean."""
        brier, plain = self.facts["brier"], self.facts["brier_of_rate"]
        if brier < plain:
            return ""
        return f"{self.facts['n']} decisions say no more than their mean (Brier {brier:.3f} against {plain:.3f})."

    def scores(self, features: Reals) -> Reals:
        """The chance of being accepted unchanged, 0..1, of each row."""
        if not len(features):
            return np.zeros(0)
        return np.asarray(self.classifier.probabilities(self._standard(features))[:, 1])

    def contributions(self, features: Reals) -> Reals:
        """Rows x FEATURES: each figure's part of the log odds against a text of the means."""
        return np.asarray(self._standard(features) * self.weights)

    def _standard(self, features: Reals) -> Reals:
        return np.clip((features - self.means) / self.scales, -6, 6)


def quality_fit(features: Reals, is_good: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]) -> QualityModel:
    """Learns which texts were accepted unchanged. Both outcomes must be there, as ``learning.reason_unknown`` asks."""
    means, scales = features.mean(axis=0), features.std(axis=0)
    scales = np.where(scales > 1e-9, scales, 1.0)
    rows = np.clip((features - means) / scales, -6, 6)
    known = learn(rows, is_good.astype(np.int64), groups, 2)
    classifier = known.classifier
    both = classifier.weights[:-1] / classifier.scales[:, None] / classifier.temperature
    weights = both[:, 1] - both[:, 0]
    said = known.left_out[:, 1]
    rate = float(is_good.mean())
    facts = {
        "n": len(is_good),
        "n_good": int(is_good.sum()),
        "auc": None if known.auc is None else round(known.auc, 4),
        "brier": round(known.brier, 4),
        "brier_of_rate": round(rate * (1 - rate), 4),
        "reliability": reliability(said, is_good),
        "weights": {key: round(float(weight), 3) for key, weight in zip(KEYS, weights, strict=True)},
    }
    return QualityModel(classifier=classifier, means=means, scales=scales, weights=weights, facts=facts)


def reliability(said: Reals, is_good: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """At most ten rows of equal size, lowest first: n, mean probability, share accepted, its 95% interval."""
    order = np.argsort(said, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, len(order) // LEAST_OF_BIN)))
    return [_bin(said[rows], is_good[rows]) for rows in bins if len(rows)]


def _bin(said: Reals, is_good: npt.NDArray[np.bool_]) -> dict[str, Any]:
    hits, n = int(is_good.sum()), len(is_good)
    low, high = wilson(hits, n)
    return {"n": n, "said": round(float(said.mean()), 4), "seen": round(hits / n, 4), "low": low, "high": high}


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927)."""
    share, square = hits / n, _Z**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * (share * (1 - share) / n + square / (4 * n * n)) ** 0.5
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def pulls_shown(weights: dict[str, float]) -> Sequence[tuple[str, float]]:
    """(key, weight), the strongest first."""
    return sorted(weights.items(), key=lambda part: (-abs(part[1]), part[0]))
