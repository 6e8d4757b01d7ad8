"""Confident learning: which given labels are probably wrong, and how often one class is given for another.

Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", *JAIR* 70, sections
3 and 4, with prune by noise rate; the rounding and the tie rules are those of cleanlab 2.9 (Apache-2.0), so that the
result is the same: a test holds that. numpy alone; workers only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SLACK, _LEAST_THRESHOLD, _LEAST_KEPT = 1e-6, 1e-6, 1


@dataclass(frozen=True)
class Doubts:
    """``joint``: samples by given class (rows) and likely true class (columns), estimated, the rows summing to the
    counts of the given classes. ``rows``: those whose label is in doubt, the surest error first."""

    joint: Ints
    rows: list[int]


def doubts_of(given: Ints, said: Reals) -> Doubts:
    """``given``: class of each row, 0..k-1; ``said``: rows x k, probabilities of a model that did not learn from it."""
    joint = confident_joint(given, said)
    wrong = _pruned(joint, given, said)
    wrong &= said.argmax(axis=1) != given
    own = said[np.arange(len(given)), given]
    return Doubts(joint=joint, rows=[int(row) for row in np.argsort(own, kind="stable") if wrong[row]])


def confident_joint(given: Ints, said: Reals) -> Ints:
    """k x k counts: given class by class that the model is confident of, calibrated to the counts of given classes."""
    k = said.shape[1]
    counts = np.bincount(given, minlength=k)
    sums = np.array([said[given == one, one].mean() if counts[one] else 2.0 for one in range(k)])
    is_confident = said >= np.maximum(sums, _LEAST_THRESHOLD) - _SLACK
    n_confident = is_confident.sum(axis=1)
    guess = np.where(n_confident > 1, said.argmax(axis=1), is_confident.argmax(axis=1))
    known = n_confident > 0
    joint = np.zeros((k, k), dtype=np.int64)
    np.add.at(joint, (given[known], guess[known]), 1)
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    # summed column by column, the last digit is cleanlab's as well
    scaled = np.asfortranarray(joint / joint.sum(axis=1, keepdims=True) * counts[:, None])
    return _rounded(scaled / scaled.sum() * counts.sum())


def _pruned(joint: Ints, given: Ints, said: Reals) -> npt.NDArray[np.bool_]:
    """Of each given class and each other one as many rows as the joint has there, by the largest margin."""
    most = _kept_at_least(joint.T)
    wrong = np.zeros(len(given), dtype=np.bool_)
    for own in range(said.shape[1]):
        rows = np.flatnonzero(given == own)
        if len(rows) <= _LEAST_KEPT:
            continue
        for other in range(said.shape[1]):
            n = int(most[other, own])
            if other != own and n > 0:
                margin = said[rows, other] - said[rows, own]
                wrong[rows[np.argsort(-margin)[:n]]] = True
    return wrong


def _kept_at_least(counts: Ints) -> Ints:
    """True by given class; no given class loses all its rows."""
    diagonal = counts.diagonal()
    raised = np.maximum(diagonal, _LEAST_KEPT)
    others = np.maximum(np.count_nonzero(counts, axis=0) - 1.0, 1.0)
    left = np.maximum(counts - (raised - diagonal) / others, 0)
    np.fill_diagonal(left, raised)
    return _rounded(left.astype(np.int64).astype(np.float64))


def _rounded(table: Reals) -> Ints:
    """Whole numbers; each row sums to what it summed to, rounded."""
    return np.array([_rounded_row(row) for row in table], dtype=np.int64)


def _rounded_row(row: Reals) -> Ints:
    whole = row.round()
    total = row.sum().round()
    while (missing := total - whole.sum().round()) != 0:
        step = 1 if missing > 0 else -1
        places = np.argsort(row - whole)[::-step][: min(int(abs(missing)), len(row))]
        whole[places] += step
    return whole.astype(np.int64)
