"""What a mitigation would do, before anybody agrees to it: which samples, how many, and what it changes.

Copies: samples of the over-represented side that have the term are turned to the other side until the log odds ratio
has come down by the goal; where those do not suffice, samples of the other side without the term are turned as well.
Each copy is read again as any sample would be: one that is not recognised as of the other side, or lost the term, is
left out. Weights: Kamiran and Calders (2012), under which group and term are independent. Counter-examples: waiting
samples of the under-represented side that have the term.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reviewapp.curation.bias.association import log_odds
from reviewapp.curation.bias.attributes import attributes_of
from reviewapp.curation.bias.facts import Facts, Text, words_in
from reviewapp.curation.bias.report import Comparison, associations, composition, measures
from reviewapp.curation.bias.standing import REST
from reviewapp.curation.bias.swapping import copy_of

GOAL = 0.8
WEIGHT_ENDS = (0.2, 5.0)
MOST_COPIES = 1_000
UNREADABLE, LOST_TERM, SAME, KNOWN = "not recognised", "term lost", "nothing to swap", "already there"
UNUSABLE = "labelled, or of a held-out group"
Read = Callable[[int], Text]  # the row's text
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Association:
    """One term between two groups of a corpus."""

    comparison: Comparison
    term: str
    kind: str

    def has(self, facts: Facts) -> Bools:
        """Of each sample, whether it says the term. Raises LookupError for a term that is not there."""
        if self.kind == "word":
            try:
                return np.asarray(facts.word_matrix([self.term]).toarray()).ravel() > 0
            except KeyError as error:
                raise LookupError(self.term) from error
        names = [(term.name, term.kind) for term in facts.matcher.terms]
        if (self.term, self.kind) not in names:
            raise LookupError(self.term)
        column = facts.term_matrix()[:, [names.index((self.term, self.kind))]]
        return np.asarray(column.toarray()).ravel() > 0


@dataclass(frozen=True)
class Cells:
    """Samples with the term and samples, of the first and of the second side."""

    first: float
    n_first: float
    second: float
    n_second: float

    @property
    def value(self) -> float:
        found, _ = log_odds(np.array([self.first]), self.n_first, np.array([self.second]), self.n_second)
        return float(found[0])


def cells_of(side: npt.NDArray[np.int8], has: Bools) -> Cells:
    return Cells(
        float(has[side == 1].sum()), float((side == 1).sum()), float(has[side == -1].sum()), float((side == -1).sum())
    )


def copies_needed(cells: Cells, goal: float = GOAL) -> int | None:
    """How many copies of the over-represented side with the term bring the association down by ``goal``.

    None where there are not so many samples to copy.
    """
    before = cells.value
    over = 1 if before > 0 else -1
    for n in range(int(cells.first if over == 1 else cells.second) + 1):
        if abs(cells.value) <= (1 - goal) * abs(before):
            return n
        cells = _added(cells, -over, True)
    return None


@dataclass
class CopyPlan:
    """``chosen``: (row, value it is turned to, what the copy reads). ``left``: why others were left out."""

    chosen: list[tuple[int, str, Text]] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    before: float = 0.0
    after: float = 0.0


def copies_plan(
    facts: Facts,
    of: Association,
    read: Read,
    *,
    bars: Sequence[str],
    limit: int,
    seed: int,
    known: Callable[[Text], bool],
    usable: Callable[[int], bool] = lambda row: True,
    goal: float = GOAL,
) -> CopyPlan:
    """Chooses copies until the association is down by ``goal``, at most ``limit``.

    ``known``: whether a text is there already; ``usable``: whether a row may be copied at all.
    """
    side, has = of.comparison.side(facts), of.has(facts)
    cells = cells_of(side, has)
    plan = CopyPlan(before=cells.value, after=cells.value)
    over = 1 if plan.before > 0 else -1
    for rows, to, is_term in _stages(facts, of, side, has, over, seed):
        for row in rows:
            if abs(plan.after) <= (1 - goal) * abs(plan.before) or len(plan.chosen) >= limit:
                return plan
            if not usable(row):
                plan.left[UNUSABLE] += 1
                continue
            copy = _copy(facts, of, read(row), to, is_term, bars, plan.left, known)
            if copy is not None:
                plan.chosen.append((row, to, copy))
                cells = _added(cells, -over if is_term else over, is_term)
                plan.after = cells.value
    return plan


def _stages(
    facts: Facts, of: Association, side: npt.NDArray[np.int8], has: Bools, over: int, seed: int
) -> Iterator[tuple[list[int], str, bool]]:
    """First those with the term to the other side, then the other side's without it."""
    there, here = _value_at(facts, of.comparison, side, -over), _value_at(facts, of.comparison, side, over)
    yield _in_turns(facts, np.flatnonzero((side == over) & has), seed), there, True
    yield _in_turns(facts, np.flatnonzero((side == -over) & ~has), seed), here, False


def _value_at(facts: Facts, comparison: Comparison, side: npt.NDArray[np.int8], which: int) -> str:
    """The value of a side; of "rest" its most frequent one."""
    if which == 1:
        return comparison.first
    if comparison.second != REST:
        return comparison.second
    codes = facts.codes(comparison.attribute)[side == -1]
    return facts.columns[comparison.attribute].values[int(np.bincount(codes).argmax())]


def _in_turns(facts: Facts, rows: npt.NDArray[np.intp], seed: int) -> list[int]:
    """One of each group first, then the second of each: a copy a patient before two of one; by a seeded hash."""
    groups: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for row in rows.tolist():
        digest = hashlib.sha256(f"{seed}:{facts.keys[row]}".encode()).hexdigest()
        groups[facts.groups[row]].append((digest, row))
    turns = [(turn, *pair) for members in groups.values() for turn, pair in enumerate(sorted(members))]
    return [row for _, _, row in sorted(turns)]


def _copy(
    facts: Facts,
    of: Association,
    text: Text,
    to: str,
    is_term: bool,
    bars: Sequence[str],
    left: Counter[str],
    known: Callable[[Text], bool],
) -> Text | None:
    """The copy as a sample, or None with the reason counted."""
    attribute = of.comparison.attribute
    swaps = copy_of(text.prompt, text.completion, attribute, to, bars)
    if isinstance(swaps, str):
        left[swaps.lower() or SAME] += 1
        return None
    metadata = declared_changed(text.metadata, attribute, to)
    copy = Text(
        key=text.key,
        group=text.group,
        prompt=swaps[0].text,
        completion=swaps[1].text,
        language=text.language,
        metadata=metadata,
    )
    if attributes_of(copy.prompt, copy.completion, metadata, copy.language)[attribute].value != to:
        left[UNREADABLE] += 1
    elif _says(facts, of, copy) != is_term:
        left[LOST_TERM] += 1
    elif known(copy):
        left[KNOWN] += 1
    else:
        return copy
    return None


def _says(facts: Facts, of: Association, text: Text) -> bool:
    if of.kind == "word":
        return of.term in words_in(text.said)
    names = [(term.name, term.kind) for term in facts.matcher.terms]
    return names.index((of.term, of.kind)) in facts.matcher.asserted(text.said)


def declared_changed(metadata: Any, attribute: str, to: str) -> dict[str, Any]:
    """The metadata of a copy: what it declared about this attribute is what it is now; an age in years goes."""
    keys = {
        "gender": ("gender", "sex", "patient_gender", "patient_sex"),
        "ethnicity": ("ethnicity", "race", "ethnic_group"),
    }
    ages = ("age", "patient_age", "age_years", "age_band")
    changed: dict[str, Any] = {}
    for name, value in metadata.items():
        if name.lower() in keys.get(attribute, ()):
            changed[name] = to
        elif attribute == "age" and name.lower() in ages:
            changed[name] = to if name.lower() == "age_band" else None
        else:
            changed[name] = value
    return {name: value for name, value in changed.items() if value is not None}


def _added(cells: Cells, side: int, has: bool) -> Cells:
    if side == 1:
        return Cells(cells.first + has, cells.n_first + 1, cells.second, cells.n_second)
    return Cells(cells.first, cells.n_first, cells.second + has, cells.n_second + 1)


# ---- weights and counter-examples


def weights_of(facts: Facts, of: Association, target: dict[str, float]) -> tuple[npt.NDArray[np.float64], Cells, Cells]:
    """A weight for every sample, and the cells before and after.

    w = wanted share of the group x share of the term / share of both together, so that term and group are independent;
    held between 0.2 and 5; samples of neither side keep 1. Without a target a group keeps the share it has.
    """
    side, has = of.comparison.side(facts), of.has(facts)
    weights = np.ones(len(side))
    known = side != 0
    n = float(known.sum())
    wanted = _wanted(of.comparison, side, target)
    for which in (1, -1):
        for held in (True, False):
            cell = (side == which) & (has == held)
            joint = float(cell.sum()) / n if n else 0.0
            if joint:
                alone = float((has[known] == held).mean())
                weights[cell] = np.clip(wanted[which] * alone / joint, *WEIGHT_ENDS)
    after = Cells(
        *(float(weights[(side == which) & mask].sum()) for which in (1, -1) for mask in (has, np.ones_like(has)))
    )
    return weights, cells_of(side, has), after


def _wanted(comparison: Comparison, side: npt.NDArray[np.int8], target: dict[str, float]) -> dict[int, float]:
    n = max(1, int((side != 0).sum()))
    first = target.get(comparison.first, float((side == 1).sum()) / n)
    return {1: first, -1: 1 - first}


def effective_size(weights: npt.NDArray[np.float64]) -> float:
    """Kish's effective sample size: how many samples of equal weight say as much."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def counter_examples(facts: Facts, of: Association, waiting: Bools, limit: int, seed: int) -> list[int]:
    """Rows of waiting samples of the under-represented side that have the term, a group at a time."""
    side, has = of.comparison.side(facts), of.has(facts)
    over = 1 if cells_of(side, has).value > 0 else -1
    return _in_turns(facts, np.flatnonzero((side == -over) & has & waiting), seed)[:limit]


# ---- what it comes to


def standing(facts: Facts, attribute: str, words: Sequence[str]) -> dict[str, Any]:
    """Size, diversity, length, languages, composition and associations as they are now: one side of the ledger."""
    rows, tested = associations(facts, words)
    return {
        **measures(facts),
        "composition": composition(facts, attribute, {})["rows"],
        "n_open": sum(row["standing"] == "open" for row in rows),
        "tested": tested,
        "associations": {
            _key(row): row["log_odds"] for row in rows if row["kind"] != "word" or row["standing"] == "open"
        },
    }


def _key(row: dict[str, Any]) -> str:
    return " | ".join((row["attribute"], row["first"], row["second"], row["kind"], row["term"]))


def reduction(before: float, after: float) -> float | None:
    """By what part the association came down; None where there was none."""
    return 1 - abs(after) / abs(before) if before else None
