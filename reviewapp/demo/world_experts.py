"""How the demo world's simulated experts judge: they know the truth file, and miss some of it on purpose."""

from __future__ import annotations

from typing import Any

from demo import experts
from reviewapp.demo.at_work import Grader, Marks, Opinion, Reviewer
from reviewapp.evaluations.models import GradeAssignment
from reviewapp.samples.models import Sample


def reviewer(truth: dict[str, Any], *, care: float) -> Reviewer:
    """A reviewer who notices a planted defect with chance ``care``."""
    entries = experts.truth_by_sample(truth)

    def judge(sample: Sample, username: str) -> Opinion:
        revision = sample.revision
        if revision is None:
            raise LookupError(f"sample {sample} has no text")
        row = {"id": sample.external_id, "prompt": revision.prompt, "completion": revision.completion}
        seen = experts.review_decision(row, entries.get(sample.external_id, []), expert=username, care=care)
        return Opinion(
            decision="reject" if seen.decision == "reject" else "accept",
            prompt=seen.prompt,
            completion=seen.completion,
            scores=seen.scores,
            reason=seen.reason,
            seconds=seen.seconds,
        )

    return judge


def grader() -> Grader:
    """A grader who compares the answer with the facts of its prompt."""

    def mark(assignment: GradeAssignment, username: str) -> Marks:
        output = assignment.item.output
        prompt = output.heldout_prompt
        seen = experts.output_grade(
            output.text, prompt=prompt.prompt, facts=prompt.facts, reference=prompt.reference, expert=username,
            item=str(output.pk),
        )  # fmt: skip
        return Marks(
            scores=seen.scores,
            spans=[_span(evidence) for evidence in seen.evidence],
            note=seen.note,
            correction=seen.correction,
        )

    return mark


def _span(evidence: experts.Evidence) -> dict[str, Any]:
    source = evidence.source
    return {
        "criterion": evidence.criterion,
        "severity": evidence.severity,
        "start": evidence.start,
        "end": evidence.end,
        "source_start": source[0] if source else None,
        "source_end": source[1] if source else None,
        "is_absent_from_source": source is None,
        "error_type": "omission" if evidence.start == evidence.end else "wrong_value" if evidence.slot else "other",
    }
