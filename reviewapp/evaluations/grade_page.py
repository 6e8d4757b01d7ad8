"""What the grading workbench shows. It is built without the model, its arm or any machine score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.evaluations import selectors
from reviewapp.evaluations.judging import error_types
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound
from reviewapp.reviews.reading import Block, Turn, blocks_of, turns_of
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.rubrics.scoring import CriterionRow, criterion_rows
from reviewapp.rubrics.selectors import version_document

# said on the page; of hidden outputs nothing is said
STAGES = {
    "reference": "reference grade, say why in the remark",
    "practice": "practice, feedback follows",
    "exam": "scored, without feedback",
}


@dataclass(frozen=True)
class TextTurn:
    turn: Turn
    text: str


@dataclass(frozen=True)
class TextBlock:
    """A block of the output: its heading, where there is one, and the text after it, each with its offset."""

    block: Block
    heading: str
    body: str
    body_start: int


@dataclass(frozen=True)
class GradeRow:
    """A criterion on the form; ``evidence_values`` are the levels that ask for a marked passage."""

    row: CriterionRow
    evidence_values: str


@dataclass(frozen=True, kw_only=True)
class GradePage:
    assignment: GradeAssignment
    round: GradingRound
    number: int
    turns: list[TextTurn]
    blocks: list[TextBlock]
    gates: list[GradeRow]
    levels: list[GradeRow]
    rubric: RubricDocument
    draft: Mapping[str, str]
    spans: str
    given: int
    needed: int
    stage: str
    seconds_left: int
    saved_at: datetime | None
    problems: list[str]
    undoable: Grade | None
    undoable_number: int
    note: str
    correction: str
    error_types: dict[str, str]

    @property
    def guidelines_title(self) -> str:
        return _("Guidelines, version %(rubric_version_number)s") % {
            "rubric_version_number": self.round.rubric_version.number
        }

    @property
    def is_empty(self) -> bool:
        return not self.assignment.item.output.text.strip()


def page_of(
    assignment: GradeAssignment, *, form: Mapping[str, str] | None = None, problems: list[str] | None = None
) -> GradePage:
    """The page of an output in hand; ``form`` is what was sent and refused, otherwise the draft is shown."""
    round, prompt = assignment.item.round, assignment.item.output.heldout_prompt
    rubric = version_document(round.rubric_version)
    values = form if form is not None else {key: str(value) for key, value in assignment.draft.items()}
    rows = _rows(rubric, values, assignment)
    given, needed = progress_of(assignment)
    undoable = selectors.undoable_grade(assignment.holder, round)
    return GradePage(
        assignment=assignment,
        round=round,
        number=assignment.number,
        turns=[TextTurn(turn, prompt.prompt[turn.start : turn.end]) for turn in turns_of(prompt.prompt)],
        blocks=output_blocks(assignment.item.output.text),
        gates=[row for row in rows if row.row.criterion.kind == "gate"],
        levels=[row for row in rows if row.row.criterion.kind != "gate"],
        rubric=rubric,
        draft=values,
        spans=values.get("spans") or "[]",
        given=given,
        needed=needed,
        stage=STAGES.get(assignment.purpose, ""),
        seconds_left=max(0, int((assignment.lease_expires_at - timezone.now()).total_seconds())),
        saved_at=assignment.draft_saved_at,
        problems=problems or [],
        undoable=undoable,
        undoable_number=undoable.assignment.number if undoable else 0,
        note=values.get("note", ""),
        correction=values.get("correction", ""),
        error_types=error_types(rubric),
    )


def progress_of(assignment: GradeAssignment) -> tuple[int, int]:
    """Outputs that this person did and can do here. What is hidden among them counts like all others."""
    round = assignment.item.round
    if round.kind != GradingRound.Kind.CALIBRATION:
        queue = selectors.queue_state(round, assignment.holder)
        return queue.mine_done, queue.mine_possible
    mine = GradeAssignment.objects.filter(item__round=round, holder=assignment.holder_id, state="submitted")
    items = round.items.all()
    if assignment.purpose == GradeAssignment.Purpose.REFERENCE:
        return mine.filter(purpose=assignment.purpose).count(), items.count()
    done = mine.exclude(purpose=GradeAssignment.Purpose.REFERENCE).count()
    return done, items.filter(purpose__in=["practice", "exam"]).count()


def _rows(rubric: RubricDocument, values: Mapping[str, str], assignment: GradeAssignment) -> list[GradeRow]:
    """Criteria in an order of the grader's own, gate items first; the same order for the whole round (less halo)."""
    rows = criterion_rows(rubric, values, work="outputs")
    # not a secret, only an order
    Random(f"{assignment.item.round.seed}:{assignment.holder_id}").shuffle(rows)  # noqa: S311
    rows.sort(key=lambda row: row.criterion.is_worded)  # remarks come after what they are about
    return [GradeRow(row, row.evidence_values) for row in rows]


def output_blocks(text: str) -> list[TextBlock]:
    """The output in blocks; heading and body keep their offsets of the whole text."""
    blocks = []
    for block in blocks_of(text):
        start = block.body_start if block.heading else block.start
        blocks.append(TextBlock(block, block.heading, text[start : block.end], start))
    return blocks
