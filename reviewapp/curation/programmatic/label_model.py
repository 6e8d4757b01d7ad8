"""One label from many votes: majority, and the model of Dawid & Skene (Applied Statistics 28, 1979). numpy only.

Every function has a table of its own: how often it says what (abstaining is one of its answers) where a class is the
right one. The tables and the right classes are found together by expectation maximisation, from the shares of the
votes. Abstaining counts as an answer because most functions know one class only: that such a function is silent is
all that it says against its class. Samples on which no function fires teach nothing and get no label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reviewapp.curation.programmatic.votes import ABSTAIN, Votes

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ROUNDS, CHANGE = 200, 1e-7
PSEUDO = 1.0  # samples that pull a function's table towards what it says altogether


@dataclass(frozen=True, kw_only=True)
class Majority:
    """``labels``: the class with most votes, ABSTAIN where none fires or two classes tie; ``shares`` of its votes."""

    labels: Ints
    shares: Reals


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """``labels``: the likeliest class, ABSTAIN where no function fires; ``chances`` its probability (0 there).

    ``shares``: of the classes. ``tables``: functions x classes x answers, the last answer being to abstain.
    ``objective``: of every round; it never falls.
    """

    labels: Ints
    chances: Reals
    shares: Reals
    tables: Reals
    objective: list[float]

    @property
    def rounds(self) -> int:
        return len(self.objective)


def majority(votes: Votes, k: int) -> Majority:
    """``votes``: samples x functions, classes 0..k-1 or ABSTAIN."""
    rows, back = _distinct(votes)[:2]
    counts = _counts(rows, k)
    most = counts.max(axis=1, initial=0.0)
    is_clear = (most > 0) & ((counts == most[:, None]).sum(axis=1) == 1)
    labels = np.where(is_clear, counts.argmax(axis=1) if k else ABSTAIN, ABSTAIN)
    totals = counts.sum(axis=1)
    shares = np.divide(most, totals, out=np.zeros_like(most), where=is_clear & (totals > 0))
    return Majority(labels=labels[back], shares=shares[back])


def dawid_skene(votes: Votes, k: int, *, pseudo: float = PSEUDO) -> Fitted:
    """``votes``: samples x functions, classes 0..k-1 or ABSTAIN."""
    rows, back, weights = _distinct(votes)
    fires = (rows != ABSTAIN).any(axis=1)
    labels, chances = np.full(len(rows), ABSTAIN, dtype=np.int64), np.zeros(len(rows))
    if not fires.any():
        empty = np.zeros((votes.shape[1], k, k + 1))
        return Fitted(labels=labels[back], chances=chances[back], shares=np.zeros(k), tables=empty, objective=[])
    known, weight = rows[fires], weights[fires].astype(np.float64)
    said, shares, tables, objective = _maximised(known, weight, k, pseudo)
    labels[fires], chances[fires] = said.argmax(axis=1), said.max(axis=1)
    return Fitted(labels=labels[back], chances=chances[back], shares=shares, tables=tables, objective=objective)


def _distinct(votes: Votes) -> tuple[Votes, Ints, Ints]:
    """Distinct rows, the place of each row among them, and how many there are of each."""
    if not votes.shape[1]:
        return votes[:1], np.zeros(len(votes), dtype=np.int64), np.array([len(votes)])
    rows, back, weights = np.unique(votes, axis=0, return_inverse=True, return_counts=True)
    return rows, back.ravel(), weights


def _counts(rows: Votes, k: int) -> Reals:
    """Rows x classes: how many functions vote for each."""
    counts = np.zeros((len(rows), k))
    for one in range(k):
        counts[:, one] = (rows == one).sum(axis=1)
    return counts


def _maximised(rows: Votes, weight: Reals, k: int, pseudo: float) -> tuple[Reals, Reals, Reals, list[float]]:
    answers = np.where(rows == ABSTAIN, k, rows).astype(np.int64)
    usual = _usual(answers, weight, k)
    counts = _counts(rows, k)
    said = counts / counts.sum(axis=1, keepdims=True)
    objective: list[float] = []
    for _round in range(ROUNDS):
        shares, tables = _learned(answers, weight, said, usual, pseudo)
        said, total = _judged(answers, weight, shares, tables)
        objective.append(total + pseudo * float((usual[:, None] * _log(tables)).sum() + _log(shares).mean()))
        if len(objective) > 1 and objective[-1] - objective[-2] <= CHANGE * abs(objective[-2]):
            break
    return said, shares, tables, objective


def _usual(answers: Ints, weight: Reals, k: int) -> Reals:
    """Functions x answers: the share of each answer, whatever the class."""
    found = [np.bincount(answers[:, j], weights=weight, minlength=k + 1) for j in range(answers.shape[1])]
    return np.asarray(np.array(found) / weight.sum(), dtype=np.float64)


def _learned(answers: Ints, weight: Reals, said: Reals, usual: Reals, pseudo: float) -> tuple[Reals, Reals]:
    """Shares of the classes, and every function's table, as the likeliest with ``pseudo`` samples of its usual ones."""
    weighed = said * weight[:, None]
    k = said.shape[1]
    shares = (weighed.sum(axis=0) + pseudo / k) / (weight.sum() + pseudo)
    tables = np.empty((answers.shape[1], k, k + 1))
    for j in range(answers.shape[1]):
        for one in range(k):
            tables[j, one] = np.bincount(answers[:, j], weights=weighed[:, one], minlength=k + 1)
        tables[j] += pseudo * usual[j]
    sums = tables.sum(axis=2, keepdims=True)
    return shares, np.divide(tables, sums, out=np.zeros_like(tables), where=sums > 0)


def _judged(answers: Ints, weight: Reals, shares: Reals, tables: Reals) -> tuple[Reals, float]:
    """Rows x classes: how likely each is the right one; and the logarithm of the likelihood of all rows."""
    scores = np.tile(_log(shares), (len(answers), 1))
    for j in range(answers.shape[1]):
        scores += _log(tables[j])[:, answers[:, j]].T
    top = scores.max(axis=1, keepdims=True)
    raised = np.exp(scores - top)
    sums = raised.sum(axis=1, keepdims=True)
    return raised / sums, float((weight * (top + np.log(sums))[:, 0]).sum())


def _log(values: Reals) -> Reals:
    """The logarithm; of what never happens a number so small that it decides, and still multiplies with 0."""
    return np.log(np.maximum(values, 1e-300))
