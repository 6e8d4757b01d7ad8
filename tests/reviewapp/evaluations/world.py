"""Generation runs, rounds and grades for tests, by the services that the product uses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.evaluations.judging import grade_read
from reviewapp.evaluations.models import (
    GenerationRun,
    Grade,
    GradeAssignment,
    GradeScore,
    GradeSpan,
    GradingRound,
    Output,
)
from reviewapp.evaluations.services import generations, grades, rounds
from reviewapp.projects.models import Project
from reviewapp.rubrics.selectors import version_document
from reviewapp.runs.models import BaseModel, ModelVersion
from reviewapp.samples.models import HeldoutSet
from tests import factories

Line = dict[str, Any]
BASE_LABEL, TUNED_LABEL = "Secretbase Seven", "Secrettuned Nine"


def model_versions(project: Project) -> tuple[ModelVersion, ModelVersion]:
    """A base and a tuned version with names that must not show while blind."""
    base = BaseModel.objects.create(project=project, name=BASE_LABEL, path="/nowhere")
    baseline = ModelVersion.objects.create(project=project, number=1, base_model=base, label=BASE_LABEL)
    candidate = ModelVersion.objects.create(
        project=project, number=2, base_model=base, label=TUNED_LABEL, adapter_path="/nowhere/adapter"
    )
    return baseline, candidate


def output_line(prompt_id: str, arm: str, text: str, **metrics: Any) -> dict[str, Any]:
    return {
        "prompt_id": prompt_id,
        "arm": arm,
        "text": text,
        "tokens": len(text.split()),
        "seconds": 0.1,
        "stop_reason": "end_token",
        "metrics": {"rougeL": 0.5, "verbatim_overlap": 0.0, **metrics},
    }


def lines_for(heldout: HeldoutSet) -> list[dict[str, Any]]:
    lines = []
    for number, prompt in enumerate(heldout.prompts.order_by("id")):
        right = number % 5 != 0
        for arm in ("baseline", "candidate"):
            is_right = right and arm == "candidate"
            text = f"{prompt.reference} Seen {number}." if is_right else f"Somebody was seen {number}."
            slots = [{"slot": "age", "right": is_right}]
            rouge = 0.7123 if arm == "candidate" else 0.1123
            lines.append(
                output_line(prompt.external_id, arm, text, rougeL=rouge, slot_accuracy=float(is_right), slots=slots)
            )
    return lines


def generated(project: Project, *, prompts: int = 6, alter: Callable[[int, Line], Line] | None = None) -> GenerationRun:
    """A generation run whose outputs are in; ``alter`` changes the line of a prompt, counted from 0."""
    heldout = factories.heldout_set(project, prompts=prompts)
    baseline, candidate = model_versions(project)
    run = GenerationRun.objects.create(
        project=project,
        number=1,
        heldout_set=heldout,
        baseline=baseline,
        candidate=candidate,
        idempotency_key=uuid.uuid4(),
    )
    figures = {
        "rougeL": {"value": 0.5, "n": prompts, "missing": 0, "detail": {"signature": "tok:unicode"}, "reasons": {}}
    }
    metrics = {"arms": {"baseline": figures, "candidate": figures}}
    lines = lines_for(heldout)
    if alter is not None:
        lines = [alter(number // 2, line) for number, line in enumerate(lines)]
    generations.outputs_ingest(run=run, lines=lines, metrics=metrics, result={"outputs": 2 * prompts})
    return run


def opened_round(run: GenerationRun, lead: User, *, overlap_percent: int = 0, **values: Any) -> GradingRound:
    version = factories.rubric_version(run.project, applies_to="outputs")
    made = rounds.round_create(
        generation_run=run, rubric_version=version, overlap_percent=overlap_percent, created_by=lead, **values
    )
    return rounds.round_open(round=made, opened_by=lead)


def good_form(**changes: str) -> dict[str, str]:
    return {"score-accuracy": "4", "score-tone": "3", "score-safety": "0", "spans": "[]"} | changes


def span(criterion: str = "accuracy", **changes: Any) -> dict[str, Any]:
    return {
        "criterion": criterion,
        "severity": "major",
        "start": 0,
        "end": 8,
        "source_start": 0,
        "source_end": 6,
        "is_absent_from_source": False,
        "error_type": "wrong_value",
    } | changes


def bad_form(criterion: str = "accuracy", value: str = "1", **changes: str) -> dict[str, str]:
    return good_form(**{f"score-{criterion}": value, "spans": json.dumps([span(criterion)])} | changes)


def lock(assignment: GradeAssignment, **form: str) -> Grade:
    return grades.grade_submit(
        assignment=assignment,
        idempotency_key=uuid.uuid4(),
        values=form or good_form(),
        submitted_by=assignment.holder,
    )


def grade_everything(round: GradingRound, graders: list[User], forms: Any = None) -> int:
    """Grades until nothing is left; ``forms(output, grader)`` gives the form of each grade. Returns how many."""
    given, idle = 0, 0
    while idle < len(graders):
        for grader in graders:
            assignment = grades.grade_claim(round=round, user=grader)
            idle = 0 if assignment else idle + 1
            if assignment:
                form = forms(assignment.item.output, grader) if forms else good_form()
                lock(assignment, **form)
                given += 1
    return given


def write_grades(round: GradingRound, graders: list[User], forms: Any) -> int:
    """As ``grade_everything``, but straight into the tables: for tests of what stands on many grades."""
    now = timezone.now()
    items = list(round.items.select_related("output__heldout_prompt"))
    pairs = [
        (item, slot, graders[(number + slot) % len(graders)])
        for number, item in enumerate(items)
        for slot in range(item.slots)
    ]
    assignments = GradeAssignment.objects.bulk_create(
        GradeAssignment(item=item, slot=slot, holder=grader, state="submitted", lease_expires_at=now)
        for item, slot, grader in pairs
    )
    rubric = version_document(round.rubric_version)
    criteria = {criterion.key: criterion for criterion in round.rubric_version.criteria.all()}
    made = Grade.objects.bulk_create(
        Grade(
            assignment=assignment,
            output=item.output,
            round=round,
            grader=grader,
            rubric_version=round.rubric_version,
            idempotency_key=uuid.uuid4(),
        )
        for assignment, (item, _, grader) in zip(assignments, pairs, strict=True)
    )
    scores, spans = [], []
    for grade, (item, _, grader) in zip(made, pairs, strict=True):
        output, prompt = item.output.text, item.output.heldout_prompt.prompt
        given = grade_read(forms(item.output, grader), rubric, output, prompt)
        scores += [
            GradeScore(grade=grade, criterion=criteria[k], value=v.value, reason=v.note)
            for k, v in given.scores.items()
        ]
        spans += [grades.span_row(grade, criteria[one.criterion], one, output, prompt) for one in given.spans]
    GradeScore.objects.bulk_create(scores)
    GradeSpan.objects.bulk_create(spans)
    return len(made)


def is_candidate(output: Output) -> bool:
    return output.arm == Output.Arm.CANDIDATE


def rows_for_import(heldout: HeldoutSet) -> bytes:
    """A file of another system's outputs: the references."""
    rows = [{"prompt_id": prompt.external_id, "text": prompt.reference} for prompt in heldout.prompts.order_by("id")]
    return "\n".join(json.dumps(row) for row in rows).encode()
