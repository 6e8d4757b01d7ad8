"""Simulated experts for data without a truth file: they compare words with the reference, and say so."""

from __future__ import annotations

import re
from typing import Any

from reviewapp.demo.at_work import Grader, Marks, Opinion, Reviewer
from reviewapp.evaluations.models import GradeAssignment
from reviewapp.samples.models import Sample

_WORD = re.compile(r"\w+")
_LEVELS = ((0.6, 4), (0.35, 3), (0.15, 2))
_SPREADSHEET_DAMAGE = re.compile(r"#(NAME\?|REF!|VALUE!|N/A|DIV/0!)")


def word_overlap(text: str, reference: str) -> float:
    """F1 of the two texts' sets of words, 0 to 1; 0 when either is empty."""
    a, b = set(_WORD.findall(text.casefold())), set(_WORD.findall(reference.casefold()))
    shared = len(a & b)
    return 2 * shared / (len(a) + len(b)) if a and b else 0.0


def reviewer() -> Reviewer:
    """Rejects what a spreadsheet has broken or what is empty, accepts the rest as it stands."""

    def judge(sample: Sample, username: str) -> Opinion:
        revision = sample.revision
        if revision is None:
            raise LookupError(f"sample {sample} has no text")
        broken = not revision.completion.strip() or _SPREADSHEET_DAMAGE.search(revision.prompt + revision.completion)
        return Opinion(
            decision="reject" if broken else "accept",
            prompt=revision.prompt,
            completion=revision.completion,
            scores={"wrong_fact": 0, "faithful": 4, "complete": 4, "wording": 4},
            reason="The text is empty or broken by a spreadsheet." if broken else "",
            seconds=20,
        )

    return judge


def grader() -> Grader:
    """Levels by how many words answer and reference share; a low level marks the whole answer."""

    def mark(assignment: GradeAssignment, username: str) -> Marks:
        output = assignment.item.output
        share = word_overlap(output.text, output.heldout_prompt.reference)
        level = next((value for floor, value in _LEVELS if share >= floor), 1)
        scores = {"relevance": level, "coherence": max(2, level), "factual_accuracy": level, "tone": max(2, level)}
        spans = [_whole(key, output.text) for key, value in scores.items() if value <= 2]
        return Marks(
            scores=scores | {"safety": 0}, spans=spans, note=f"{share:.0%} of the words shared.", correction=""
        )

    return mark


def _whole(criterion: str, text: str) -> dict[str, Any]:
    return {
        "criterion": criterion, "severity": "minor", "start": 0, "end": len(text), "source_start": None,
        "source_end": None, "is_absent_from_source": True, "error_type": "other",
    }  # fmt: skip
