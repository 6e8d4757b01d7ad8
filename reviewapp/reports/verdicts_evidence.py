"""What gates are decided on, and what a decided gate is. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reviewapp.evaluations.figures import metric_of
from reviewapp.reports import statistics
from reviewapp.reports.gates import CriterionInfo, Gate
from reviewapp.reports.planning import More
from reviewapp.reports.statistics import Statistic
from reviewapp.reviews.agreement import Agreement

BASELINE, CANDIDATE = "baseline", "candidate"
ARMS = (BASELINE, CANDIDATE)
MINIMUM_ITEMS = 20  # below it a t interval promises more than it keeps
REASONS = statistics.REASONS | {
    "too_few": f"fewer than {MINIMUM_ITEMS} items; a mean of so few says little",
    "few_double": "too few outputs were graded twice to know how far graders agree",
    "incomplete": "some outputs are missing",
    "no_metric": "this metric was not computed for every output",
    "no_figure": "this figure has not been measured; run its suite for both models",
    "no_cost": "this figure has not been measured; outputs have no times, or the operator set no price of an hour",
    "figure_in_part": "some items of this figure are missing",
    "figure_confidence": "the bounds of this figure are less certain than this gate asks for; declare it at 95%",
    "nothing_held": "no gate on grades holds, so there is nothing that could be shaken",
    "one_source": "there is one grader and no slice, so nothing can be left out",
    "no_look": "the first declared look is not due yet",
    "sides_unknown": "nobody knows which output stood left, so what its side is worth cannot be told",
    "shaken": "it does not hold without one grader or one slice",
}


class Result(StrEnum):
    PASS = "pass"  # noqa: S105 - a result, no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the outputs of one model: every attempted one is completed or missing."""

    attempted: int
    completed: int
    missing: int

    @property
    def is_reconciled(self) -> bool:
        return self.attempted == self.completed + self.missing


@dataclass(frozen=True, kw_only=True)
class CriterionAgreement:
    alpha: Agreement
    ac1: Agreement
    percent: Agreement


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure that a suite of the machine made: None is missing, with words why. ``missing`` items had none.

    ``confidence``: of each bound by itself; a gate that asks for more is not decided on it. None: not known.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    missing: int = 0
    method: str = ""
    reason: str = ""
    confidence: float | None = None


Ratings = Mapping[str, Mapping[str, tuple[int, ...]]]  # criterion -> prompt -> one value a grader


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that gates are decided on. Prompts are keys; what is absent from a mapping is missing."""

    prompts: tuple[str, ...]
    groups: Mapping[str, str]
    criteria: Mapping[str, CriterionInfo]
    ratings: Mapping[str, Ratings]  # arm -> ...
    counts: Mapping[str, Counts]  # arm -> ...
    agreement: Mapping[str, CriterionAgreement] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)  # arm -> metric -> prompt
    slots: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)  # arm -> prompt -> right, total
    seed: int = statistics.DEFAULT_SEED
    graders: Mapping[str, Ratings] = field(default_factory=dict)  # arm -> who gave each value of ``ratings``
    names: Mapping[int, str] = field(default_factory=dict)  # pseudonyms of graders
    slices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # kind of slice -> prompt -> slice
    figures: Mapping[str, Figure] = field(default_factory=dict)  # of the suites, by name

    def of(self, arm: str, criterion: str) -> Mapping[str, tuple[int, ...]]:
        return self.ratings.get(arm, {}).get(criterion, {})

    def means(self, arm: str, criterion: str) -> list[float | None]:
        """One mean over graders for each prompt, in order; None where nobody graded it."""
        known = self.of(arm, criterion)
        return [sum(known[key]) / len(known[key]) if known.get(key) else None for key in self.prompts]

    def flags(self, arm: str, criterion: str, at_or_below: int | None) -> list[bool | None]:
        """Whether any grader found fault: a violation, or a level at or below the limit."""
        known = self.of(arm, criterion)
        if at_or_below is None:
            return [max(known[key]) > 0 if known.get(key) else None for key in self.prompts]
        return [min(known[key]) <= at_or_below if known.get(key) else None for key in self.prompts]

    def differences(self, criterion: str) -> list[float | None]:
        pairs = zip(self.means(BASELINE, criterion), self.means(CANDIDATE, criterion), strict=True)
        return [None if a is None or b is None else b - a for a, b in pairs]

    def metric_differences(self, metric: str) -> list[float | None]:
        base, tuned = (self.metrics.get(arm, {}).get(metric, {}) for arm in ARMS)
        return [tuned[key] - base[key] if key in base and key in tuned else None for key in self.prompts]

    def metric_gains(self, metric: str) -> list[float | None]:
        """How much better the candidate is: for a metric of which less is better, baseline minus candidate."""
        sign = -1.0 if metric_of(metric).better == "lower" else 1.0
        return [None if value is None else sign * value for value in self.metric_differences(metric)]

    def prompt_groups(self) -> list[str]:
        return [self.groups.get(key, key) for key in self.prompts]

    def rater_keys(self) -> list[int]:
        """Everybody who graded the candidate."""
        given = self.graders.get(CANDIDATE, {}).values()
        return sorted({grader for by_prompt in given for graders in by_prompt.values() for grader in graders})

    def without_rater(self, rater: int) -> Evidence:
        """The same without what this person gave; counts stay, since what was asked for stays."""
        kept = {
            arm: {
                key: {
                    prompt: rest
                    for prompt, values in by_prompt.items()
                    if (rest := self._rest(arm, key, prompt, values, rater))
                }
                for key, by_prompt in criteria.items()
            }
            for arm, criteria in self.ratings.items()
        }
        return dataclasses.replace(self, ratings=kept)

    def _rest(self, arm: str, key: str, prompt: str, values: tuple[int, ...], rater: int) -> tuple[int, ...]:
        graders = self.graders.get(arm, {}).get(key, {}).get(prompt, ())
        if len(graders) != len(values):
            return values
        return tuple(value for value, grader in zip(values, graders, strict=True) if grader != rater)

    def without_slice(self, kind: str, name: str) -> Evidence:
        """The same for the prompts outside one slice."""
        of = self.slices.get(kind, {})
        return self.only_prompts(key for key in self.prompts if of.get(key) != name)

    def only_prompts(self, prompts: Iterable[str]) -> Evidence:
        return dataclasses.replace(self, prompts=tuple(prompts))


@dataclass(frozen=True, kw_only=True)
class Shaken:
    """A gate that held on everything and does not hold without ``without``."""

    gate: str
    without: str  # "grader 3", "type: letter"
    result: Result


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One decided gate. ``bound`` is the side that had to hold; ``more`` says what would decide an open gate."""

    gate: Gate
    result: Result
    statistic: Statistic | None = None
    bound: float | None = None
    bound_is_upper: bool = False
    reason: str = ""
    more: More | None = None
    agreement: CriterionAgreement | None = None
    shaken: tuple[Shaken, ...] = ()  # of a stability gate
