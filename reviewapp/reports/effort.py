"""What grading says about the saving: how many outputs can be used as they are, and how long experts take for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from django.db.models import Count, Q

from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound
from reviewapp.evaluations.selectors import effective_grades
from reviewapp.reports import statistics
from reviewapp.reports.errors_found import Rule
from reviewapp.reports.evidence import RoundFacts
from reviewapp.reports.verdicts import ARMS, Evidence


def usable_json(facts: RoundFacts, evidence: Evidence, rules: Sequence[Rule]) -> dict[str, Any]:
    """By arm the share of graded outputs that nobody found a fault in and marked no passage of, with Wilson's interval.

    ``output_ids`` are those that are not usable as they are.
    """
    marked = {span.grade.output_id for span in facts.spans}
    found = {}
    for arm in ARMS:
        faulty = _faulty(evidence, arm, rules)
        mine = [output for output in facts.outputs.values() if output.arm == arm]
        graded = [output for output in mine if output.pk in facts.grades_per_output]
        spoilt = sorted(
            output.pk for output in graded
            if output.pk in marked or output.heldout_prompt.external_id in faulty
        )  # fmt: skip
        share = statistics.wilson(len(graded) - len(spoilt), len(graded), missing=len(evidence.prompts) - len(graded))
        found[arm] = {**share.as_json(), "output_ids": spoilt}
    return found


def _faulty(evidence: Evidence, arm: str, rules: Sequence[Rule]) -> set[str]:
    """Prompts whose output any grader found at fault by any rule."""
    faulty = set()
    for _, info, at_or_below in rules:
        flags = evidence.flags(arm, info.key, at_or_below)
        faulty |= {prompt for prompt, flag in zip(evidence.prompts, flags, strict=True) if flag}
    return faulty


def deviations_json(round: GradingRound) -> dict[str, int]:
    """How often grading left its plain path: machine scores looked at after a grade was locked, minds changed after
    that, outputs skipped or flagged, grades taken back."""
    work = GradeAssignment.objects.filter(item__round=round, purpose=GradeAssignment.Purpose.WORK)
    counted = work.aggregate(
        revealed=Count("pk", filter=Q(revealed_at__isnull=False)),
        skipped=Count("pk", filter=Q(state=GradeAssignment.State.SKIPPED)),
        flagged=Count("pk", filter=Q(is_flagged=True)),
    )
    grades = Grade.objects.filter(round=round, assignment__purpose=GradeAssignment.Purpose.WORK)
    return counted | grades.aggregate(
        revised=Count("pk", filter=Q(is_after_reveal=True)), undone=Count("pk", filter=Q(is_undone=True))
    )


def grading_seconds(facts: RoundFacts) -> dict[str, Any]:
    """By arm the median seconds of a grade and of how many; grades without a time (imported ones) are missing."""
    rows = effective_grades().filter(round=facts.round, output__arm__in=ARMS)
    return seconds_json(rows.values_list("output__arm", "seconds"))


def seconds_json(rows: Iterable[tuple[str, int]]) -> dict[str, Any]:
    taken: Mapping[str, list[int]] = defaultdict(list)
    for arm, seconds in rows:
        taken[arm].append(seconds)
    return {arm: _median(taken[arm]) for arm in ARMS}


def _median(seconds: Sequence[int]) -> dict[str, Any]:
    known = [value for value in seconds if value > 0]
    return {
        "value": median(known) if known else None,
        "n": len(known),
        "missing": len(seconds) - len(known),
        "method": "median",
        "reason": "" if known else "no_times",
    }
