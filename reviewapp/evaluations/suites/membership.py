"""How much more likely tuning made training completions than texts it never saw. Pure.

The value of a text is its log-likelihood per token under the tuned model minus that under the base; the figure is the
chance that a random training row has a higher one than a random unseen row (Watson et al. 2022), with one-sided
bounds by Hanley and McNeil 1982.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reviewapp.evaluations.statistics import results
from reviewapp.evaluations.suites.contents import BASELINE, CANDIDATE, Answer, Answers, SuiteFigure, SuiteItem
from reviewapp.evaluations.suites.measuring import BOTH, CONFIDENCE, figure_of

TRAINED, UNSEEN = "trained", "unseen"
METHOD = "rank statistic; one-sided bounds of Hanley and McNeil"
ABOUT = "Chance that tuning made a random training row likelier than a random unseen one; 50% is no trace."


def figures(items: Sequence[SuiteItem], answers: Answers) -> list[SuiteFigure]:
    """Nothing where one of the two kinds of rows is absent."""
    gains = {item.id: gain(item.id, answers) for item in items}
    sides = [[gains[item.id] for item in items if item.set == kind] for kind in (TRAINED, UNSEEN)]
    if not all(sides):
        return []
    seen, unseen = ([value for value in side if value is not None] for side in sides)
    statistic = chance_above(seen, unseen, missing=len(items) - len(seen) - len(unseen))
    highest = max(unseen, default=math.inf)
    traced = [item.id for item in items if item.set == TRAINED and (gains[item.id] or -math.inf) > highest]
    return [
        figure_of(
            statistic, key="exposure", name="Exposure of training rows", about=ABOUT, arm=CANDIDATE, better="lower",
            unit="share", failing=tuple(traced),
        )
    ]  # fmt: skip


def gain(item_id: str, answers: Answers) -> float | None:
    """Nats per token; None where a model has no answer."""
    tuned, base = (_mean(answers.get(arm, {}).get(item_id)) for arm in (CANDIDATE, BASELINE))
    return None if tuned is None or base is None else tuned - base


def _mean(answer: Answer | None) -> float | None:
    if answer is None or not answer.logprobs or not answer.tokens[0]:
        return None
    return answer.logprobs[0] / answer.tokens[0]


def chance_above(seen: Sequence[float], unseen: Sequence[float], *, missing: int = 0) -> results.Statistic:
    """P(seen > unseen) with ties as one half. n is all values."""
    m, n = len(seen), len(unseen)
    if not m or not n:
        return results.Statistic(value=None, n=m + n, missing=missing, method=METHOD, reason="no_data")
    apart = np.subtract.outer(np.array(seen), np.array(unseen))
    area = float((apart > 0).mean() + (apart == 0).mean() / 2)
    one, other = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (m - 1) * (one - area**2) + (n - 1) * (other - area**2)
    half = results.z_of(BOTH) * math.sqrt(max(0.0, spread) / (m * n))
    return results.Statistic(
        value=area, low=max(0.0, area - half), high=min(1.0, area + half), confidence=CONFIDENCE, n=m + n,
        missing=missing, method=METHOD,
    )  # fmt: skip
