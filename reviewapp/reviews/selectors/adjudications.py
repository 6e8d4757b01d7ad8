"""What an adjudicator sees: the reviews side by side without names, and where they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from reviewapp.projects.models import Project
from reviewapp.reviews.diffing import Diff, diff_words
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.reading import Turn, is_dialogue, segments_of, turns_of
from reviewapp.reviews.selectors.labels import rubric_asked
from reviewapp.reviews.selectors.reviews import reviews_of_round
from reviewapp.reviews.selectors.workbench import TurnView
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.rubrics.scoring import CriterionRow, Score, criterion_rows, score_fields, score_words
from reviewapp.rubrics.selectors import version_document
from reviewapp.samples.models import Revision, Sample

LETTERS = "ABCDEFGH"
AS_IT_CAME, WRITTEN = "original", "written"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One review under a letter: what it did to the text, what it decided and why."""

    letter: str
    review: Review
    diff: Diff
    prompt_diff: Diff
    same_as: str = ""  # letter of an earlier review that leaves the same text


@dataclass(frozen=True, kw_only=True)
class CriterionSides:
    """One criterion with what each review chose; ``differs`` when they are not the same."""

    row: CriterionRow
    answers: list[tuple[str, str, str]]  # letter, label of the level, note

    @property
    def differs(self) -> bool:
        return len({label for _, label, _ in self.answers}) > 1


@dataclass(frozen=True, kw_only=True)
class AdjudicationView:
    turns: list[TurnView]
    is_dialogue: bool
    sides: list[Side]
    criteria: list[CriterionSides]
    rubric: RubricDocument
    choice: str
    written: str
    is_labelled: bool  # labels are taken from a review as they are, or the sample is returned


def adjudication_view(assignment: Assignment, form: Mapping[str, str], problems: Mapping[str, str]) -> AdjudicationView:
    """Everything for the page; scores on which all reviews agree are chosen already."""
    sides = _sides(assignment)
    rubric = rubric_asked(assignment, version_document(assignment.rubric_version))
    given = _given(sides, rubric)
    rows = criterion_rows(rubric, {**_agreed(given, rubric), **form}, problems, work="samples")
    prompt = assignment.revision.prompt
    turns = turns_of(prompt)
    return AdjudicationView(
        turns=[_plain(prompt, turn) for turn in turns],
        is_dialogue=is_dialogue(turns),
        sides=sides,
        criteria=[CriterionSides(row=row, answers=_answers(row, sides, given)) for row in rows],
        rubric=rubric,
        # Where all leave one text there is nothing to choose.
        choice=form.get("choice", "" if sum(not side.same_as for side in sides) > 1 else LETTERS[0]),
        is_labelled=any(side.review.revision_after.labels is not None for side in sides),
        written=form.get("completion", sides[0].review.revision_after.completion if sides else ""),
    )


def choice_revision(assignment: Assignment, choice: str) -> Revision | None:
    """The revision that "A", "B" ... or "original" names; None for a text that was written."""
    if choice == AS_IT_CAME:
        return assignment.revision
    return next((s.review.revision_after for s in _sides(assignment) if s.letter == choice), None)


def prompt_source(assignment: Assignment) -> Revision:
    """Whose prompt goes with a written completion: a reviewer's mended one where there is one."""
    texts = [side.review.revision_after for side in _sides(assignment)]
    return next((text for text in texts if text.prompt != assignment.revision.prompt), assignment.revision)


def n_to_adjudicate(project: Project) -> int:
    return project.samples.filter(state=Sample.State.ADJUDICATE).count()


def _sides(assignment: Assignment) -> list[Side]:
    """Reviews under letters, in an order that tells nobody who came first."""
    reviews = sorted(
        reviews_of_round(assignment.sample),
        key=lambda review: hashlib.sha256(f"{assignment.key}:{review.pk}".encode()).digest(),
    )
    shown = assignment.revision
    first: dict[str, str] = {}
    sides = []
    for letter, review in zip(LETTERS, reviews, strict=False):
        text = review.revision_after
        before = first.setdefault(text.content_hash, letter)  # labels are part of it
        side = Side(
            letter=letter,
            review=review,
            diff=diff_words(shown.completion, text.completion),
            prompt_diff=diff_words(shown.prompt, text.prompt),
            same_as=before if before != letter else "",
        )
        sides.append(side)
    return sides


def _given(sides: list[Side], rubric: RubricDocument) -> list[dict[str, Score]]:
    """What each review answered, by criterion key."""
    known = {criterion.key for criterion in rubric.criteria}
    return [
        {
            score.criterion.key: Score(score.value, score.reason, score.text)
            for score in side.review.scores.all()
            if score.criterion.key in known
        }
        for side in sides
    ]


def _agreed(given: list[dict[str, Score]], rubric: RubricDocument) -> dict[str, str]:
    """The form's fields of criteria to which every review gave the same answer."""
    fields: dict[str, str] = {}
    for criterion in rubric.criteria:
        scores = [one[criterion.key] for one in given if criterion.key in one]
        if scores and len(scores) == len(given) and len({(score.value, score.text) for score in scores}) == 1:
            fields |= score_fields(criterion, scores[0])
    return fields


def _answers(row: CriterionRow, sides: list[Side], given: list[dict[str, Score]]) -> list[tuple[str, str, str]]:
    answers = []
    for side, scores in zip(sides, given, strict=True):
        score = scores.get(row.criterion.key)
        words = score_words(row.criterion, score) if score else "Not scored"
        answers.append((side.letter, words, score.note if score else ""))
    return answers


def _plain(text: str, turn: Turn) -> TurnView:
    return TurnView(turn=turn, segments=segments_of(text, turn.start, turn.end, ()), findings=[])
