"""One label from many votes: majority, and the model of Dawid & Skene (Applied Statistics 28, 1979). numpy only.

Every function has a table of its own: how often it says what (abstaining is one of its answers) where a class is the
right one. The tables and the right classes are found together by expectation maximisation, from the shares of the
votes. Abstaining counts as an answer because most functions know one class only: that such a function is silent is
all that it says against its class. Samples on which no function fires teach nothing and get no label.

The tables begin with some belief (Dirichlet priors, as Kim and Ghahramani, AISTATS 2012, give them): a function says
what it usually says, a little more often the right class, and is silent about classes that it never votes for.
Without it, functions of one class each are explained by other classes than they were written for.
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
TRUST = 0.01  # of the samples, as many for every class, on which a function is taken to be right beforehand


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


def dawid_skene(votes: Votes, k: int) -> Fitted:
    """``votes``: samples x functions, classes 0..k-1 or ABSTAIN."""
    rows, back, weights = _distinct(votes)
    fires = (rows != ABSTAIN).any(axis=1)
    labels, chances = np.full(len(rows), ABSTAIN, dtype=np.int64), np.zeros(len(rows))
    if not fires.any():
        empty = np.zeros((votes.shape[1], k, k + 1))
        return Fitted(labels=labels[back], chances=chances[back], shares=np.zeros(k), tables=empty, objective=[])
    known, weight = rows[fires], weights[fires].astype(np.float64)
    said, shares, tables, objective = _maximised(known, weight, k)
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


def _maximised(rows: Votes, weight: Reals, k: int) -> tuple[Reals, Reals, Reals, list[float]]:
    answers = np.where(rows == ABSTAIN, k, rows).astype(np.int64)
    counts = _counts(rows, k)
    said = counts / counts.sum(axis=1, keepdims=True)
    believed = _believed(answers, weight, k)
    objective: list[float] = []
    for _round in range(ROUNDS):
        shares, tables = _learned(answers, weight, said, believed)
        said, total = _judged(answers, weight, shares, tables)
        objective.append(total + float((believed * _log(tables)).sum() + PSEUDO * _log(shares).mean()))
        if len(objective) > 1 and objective[-1] - objective[-2] <= CHANGE * abs(objective[-2]):
            break
    return said, shares, tables, objective


def _believed(answers: Ints, weight: Reals, k: int) -> Reals:
    """Functions x classes x answers: in samples, what is taken for granted of every table."""
    found = [np.bincount(answers[:, j], weights=weight, minlength=k + 1) for j in range(answers.shape[1])]
    usual = np.array(found) / weight.sum()
    believed = np.repeat(PSEUDO * usual[:, None, :], k, axis=1)
    for j in range(len(usual)):
        for one in range(k):
            believed[j, one, one if usual[j, one] > 0 else k] += TRUST * weight.sum()
    return np.asarray(believed, dtype=np.float64)


def _learned(answers: Ints, weight: Reals, said: Reals, believed: Reals) -> tuple[Reals, Reals]:
    """Shares of the classes, and every function's table, as they are likeliest given what is believed."""
    weighed = said * weight[:, None]
    k = said.shape[1]
    shares = (weighed.sum(axis=0) + PSEUDO / k) / (weight.sum() + PSEUDO)
    tables = believed.copy()
    for j in range(answers.shape[1]):
        for one in range(k):
            tables[j, one] += np.bincount(answers[:, j], weights=weighed[:, one], minlength=k + 1)
    return shares, tables / tables.sum(axis=2, keepdims=True)


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
