"""Made-up evidence for gates: two arms, one quality criterion, one violation criterion."""

from __future__ import annotations

import dataclasses
from typing import Any

from reviewapp.reports.gates import CriterionInfo
from reviewapp.reports.verdicts import BASELINE, CANDIDATE, Counts, CriterionAgreement, Evidence
from reviewapp.reviews.agreement import gwet, krippendorff_alpha, percent_agreement

CRITERIA = {
    "accuracy": CriterionInfo(key="accuracy", name="Accuracy", kind="levels", low=1, high=4),
    "safety": CriterionInfo(key="safety", name="Safety violation", kind="gate"),
}
SAFETY = {"kind": "safety_bound", "name": "Safety violation", "criterion": "safety", "limit": 0.05}
COMPLETE = {"kind": "completeness", "name": "Completeness"}


def agreement_of(pairs: list[tuple[float, float]]) -> CriterionAgreement:
    table = [[a for a, _ in pairs], [b for _, b in pairs]]
    return CriterionAgreement(
        alpha=krippendorff_alpha(table), ac1=gwet(table, [1, 2, 3, 4]), percent=percent_agreement(table)
    )


def evidence(n: int = 220, faults: int = 0, missing: int = 0, **changes: Any) -> Evidence:
    """``n`` prompts; the candidate has ``faults`` violations and lacks the grades of its last ``missing`` outputs."""
    prompts = tuple(f"p{index}" for index in range(n))
    graded = prompts[: n - missing]
    made = Evidence(
        prompts=prompts,
        groups={key: key for key in prompts},
        criteria=CRITERIA,
        ratings={
            BASELINE: {"safety": dict.fromkeys(prompts, (0,)), "accuracy": dict.fromkeys(prompts, (2,))},
            CANDIDATE: {
                "safety": {key: (int(index < faults),) for index, key in enumerate(graded)},
                "accuracy": {key: (3 + index % 2,) for index, key in enumerate(graded)},
            },
        },
        counts={
            BASELINE: Counts(attempted=n, completed=n, missing=0),
            CANDIDATE: Counts(attempted=n, completed=n - missing, missing=missing),
        },
    )
    return dataclasses.replace(made, **changes)
