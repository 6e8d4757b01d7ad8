"""What the workbench shows of one assignment: turns and blocks with marks, the rubric as answered so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewapp.curation.anchoring import Span, spans_moved
from reviewapp.curation.models import Finding
from reviewapp.curation.selectors import findings_for
from reviewapp.reviews.diffing import Diff, diff_words
from reviewapp.reviews.judging import drafted_completion, drafted_prompt
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.reading import Block, Mark, Segment, Turn, blocks_of, is_dialogue, segments_of, turns_of
from reviewapp.reviews.selectors.reviews import reviews_effective
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.samples.models import Revision

WHOLE = "completion"


@dataclass(frozen=True, kw_only=True)
class FindingView:
    """A finding with the number that links its mark, its card and its row.

    ``place`` is where its words lie in the text as drafted, None when they were changed or it is about the whole
    text; ``block`` is where it can be fixed.
    """

    number: int
    finding: Finding
    place: Span | None = None
    block: int | None = None
    is_fixed: bool = False

    @property
    def is_open(self) -> bool:
        return self.finding.state == Finding.State.OPEN and not self.is_fixed

    @property
    def words(self) -> str:
        """What became of a settled finding."""
        if not self.is_fixed:
            return str(self.finding.get_state_display())
        # The prompt is changed by accepting suggestions only.
        return "Accepted by you" if self.finding.field == Finding.Field.PROMPT else "Fixed by you"

    @property
    def state_kind(self) -> str:
        """The icon of a settled finding."""
        return "open" if self.finding.state == Finding.State.DISMISSED else "pass"


@dataclass(frozen=True, kw_only=True)
class TurnView:
    turn: Turn
    segments: list[Segment]
    findings: list[FindingView]  # cards of open findings that begin in this turn


@dataclass(frozen=True, kw_only=True)
class BlockView:
    """One block to edit. ``text`` is the draft, ``base`` what the revision says; equal unless ``is_changed``.

    ``skip`` characters of the base are the heading, which stands above the block and is left out of its diff.
    """

    field: str
    number: int
    heading: str
    segments: list[Segment]
    text: str
    base: str
    skip: int
    diff: Diff

    @property
    def is_changed(self) -> bool:
        return not self.diff.is_same


@dataclass(frozen=True, kw_only=True)
class TextView:
    """Prompt and completion of a revision, ready to be read and edited."""

    turns: list[TurnView]
    is_dialogue: bool
    is_prompt_changed: bool
    blocks: list[BlockView]
    findings: list[FindingView]

    @property
    def completion_findings(self) -> list[FindingView]:
        return [view for view in self.findings if view.finding.field == Finding.Field.COMPLETION]

    @property
    def prompt_findings_apart(self) -> list[FindingView]:
        """Findings on the prompt without a mark: about all of it, or settled by a change of this reviewer."""
        prompt = [view for view in self.findings if view.finding.field == Finding.Field.PROMPT]
        return [view for view in prompt if view.place is None]

    @property
    def n_open(self) -> int:
        return sum(view.is_open for view in self.findings)

    @property
    def is_changed(self) -> bool:
        return self.is_prompt_changed or any(block.is_changed for block in self.blocks)


def text_view(
    revision: Revision, findings: Iterable[Finding], form: Mapping[str, str], draft: Mapping[str, str]
) -> TextView:
    """Lays a revision out with its findings and what was typed so far.

    ``form`` is the draft, or a form that was refused; changes of the prompt are only in ``draft``.
    """
    blocks = blocks_of(revision.completion)
    prompt = drafted_prompt(draft, revision.prompt)
    views = _finding_views(revision, findings, prompt, drafted_completion(_known(form, blocks), revision.completion))
    prompt_marks = [_mark(v, *v.place) for v in views if v.finding.field == Finding.Field.PROMPT and v.place]
    text_marks = [
        _mark(view, view.finding.start, view.finding.end)
        for view in views
        if view.finding.field == Finding.Field.COMPLETION and view.finding.start is not None and view.finding.end
    ]
    turns = turns_of(prompt)
    return TextView(
        turns=[_turn_view(prompt, turn, prompt_marks, views) for turn in turns],
        is_dialogue=is_dialogue(turns),
        is_prompt_changed=prompt != revision.prompt,
        blocks=_block_views(revision.completion, blocks, text_marks, form),
        findings=views,
    )


def findings_shown(assignment: Assignment) -> list[Finding]:
    """The findings on the text that this person sees, in the order of their numbers."""
    return _ordered(findings_for(assignment.revision).order_by())


def finding_number(assignment: Assignment, finding: Finding) -> int:
    """The number that the page of this assignment gives a finding; 0 when it is no longer shown."""
    ordered = findings_shown(assignment)
    return next((number for number, one in enumerate(ordered, 1) if one.pk == finding.pk), 0)


def diff_since_import(revision: Revision) -> Diff | None:
    """What became of the completion before this reviewer saw it; None when it is as it was imported."""
    if revision.number == 1:
        return None
    first = revision.sample.revisions.order_by("number").values_list("completion", flat=True).first()
    if first is None or first == revision.completion:
        return None
    return diff_words(first, revision.completion)


def notes_left_over(form: Mapping[str, str], rubric: RubricDocument) -> list[tuple[str, str]]:
    """(criterion key, words) typed for criteria that the rubric no longer has: shown, so that nothing is lost."""
    asked = {f"note-{criterion.key}" for criterion in rubric.criteria}
    notes = [(name, words) for name, words in form.items() if name.startswith("note-") and words.strip()]
    return [(name.removeprefix("note-"), words) for name, words in notes if name not in asked]


def returned_before(assignment: Assignment) -> Review | None:
    """Why this sample was returned in an earlier round, when it was: the next reviewer should know."""
    earlier = Review.objects.filter(
        sample=assignment.sample_id, round__lt=assignment.round, decision=Review.Decision.RETURN
    )
    return reviews_effective(earlier).order_by("-id").first()


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    fields = [Finding.Field.PROMPT.value, Finding.Field.COMPLETION.value]
    return sorted(findings, key=lambda f: (fields.index(f.field), f.start is None, f.start or 0, f.pk))


def _finding_views(revision: Revision, findings: Iterable[Finding], prompt: str, completion: str) -> list[FindingView]:
    ordered = _ordered(findings)
    drafted = {Finding.Field.PROMPT: prompt, Finding.Field.COMPLETION: completion}
    places: dict[int, Span | None] = {}
    for field, text in drafted.items():
        placed = [f for f in ordered if f.field == field and f.start is not None and f.end is not None]
        spans = [(f.start or 0, f.end or 0) for f in placed]
        moved = spans_moved(getattr(revision, field), text, spans)
        places |= {f.pk: place for f, place in zip(placed, moved, strict=True)}
    blocks = blocks_of(revision.completion)
    return [
        FindingView(
            number=number,
            finding=finding,
            place=places.get(finding.pk),
            block=_block_at(blocks, finding),
            is_fixed=finding.pk in places and places[finding.pk] is None and finding.state == Finding.State.OPEN,
        )
        for number, finding in enumerate(ordered, 1)
    ]


def _known(form: Mapping[str, str], blocks: list[Block]) -> dict[str, str]:
    """The form without blocks of another text, which a stale page may have sent."""
    numbers = {f"block-{block.number}" for block in blocks}
    return {name: value for name, value in form.items() if not name.startswith("block-") or name in numbers}


def _block_at(blocks: list[Block], finding: Finding) -> int | None:
    if finding.field != Finding.Field.COMPLETION or finding.start is None:
        return None
    start = finding.start
    return next((block.number for block in blocks if block.start <= start <= block.end), None)


def _mark(view: FindingView, start: int, end: int) -> Mark:
    return Mark(number=view.number, start=start, end=end, severity=view.finding.severity, is_done=not view.is_open)


def _turn_view(text: str, turn: Turn, marks: list[Mark], views: list[FindingView]) -> TurnView:
    begun = {mark.number for mark in marks if turn.start <= mark.start < turn.end}
    return TurnView(
        turn=turn,
        segments=segments_of(text, turn.start, turn.end, marks),
        findings=[view for view in views if view.number in begun and view.is_open],
    )


def _block_views(text: str, blocks: list[Block], marks: list[Mark], form: Mapping[str, str]) -> list[BlockView]:
    whole = form.get(WHOLE)
    if whole is None:
        return [_block_view(text, block, marks, form.get(f"block-{block.number}", block.text)) for block in blocks]
    # The draft has other blocks than the revision: it is edited as one.
    everything = Block(1, 0, text, "")
    return [_block_view(text, everything, marks, whole, field=WHOLE)]


def _block_view(text: str, block: Block, marks: list[Mark], draft: str, field: str = "") -> BlockView:
    start = block.body_start if block.heading and not field else block.start
    skip = start - block.start
    kept = skip if draft.startswith(block.text[:skip]) else 0
    return BlockView(
        field=field or f"block-{block.number}",
        number=block.number,
        heading="" if field else block.heading,
        segments=segments_of(text, start, block.end, marks),
        text=draft,
        base=block.text,
        skip=skip,
        diff=diff_words(block.text[kept:], draft[kept:]),
    )
