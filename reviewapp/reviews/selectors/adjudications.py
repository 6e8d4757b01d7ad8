"""What an adjudicator sees: the reviews side by side without names, and where they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from reviewapp.projects.models import Project
from reviewapp.reviews.diffing import Diff, diff_words
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.reading import Turn, is_dialogue, segments_of, turns_of
from reviewapp.reviews.selectors.reviews import reviews_of_round
from reviewapp.reviews.selectors.workbench import TurnView
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.rubrics.scoring import CriterionRow, criterion_rows
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


def adjudication_view(assignment: Assignment, form: Mapping[str, str], problems: Mapping[str, str]) -> AdjudicationView:
    """Everything for the page; scores on which all reviews agree are chosen already."""
    sides = _sides(assignment)
    rubric = version_document(assignment.rubric_version)
    rows = criterion_rows(rubric, {**_agreed(sides), **form}, problems)
    prompt = assignment.revision.prompt
    turns = turns_of(prompt)
    return AdjudicationView(
        turns=[_plain(prompt, turn) for turn in turns],
        is_dialogue=is_dialogue(turns),
        sides=sides,
        criteria=[CriterionSides(row=row, answers=_answers(row, sides)) for row in rows],
        rubric=rubric,
        # Where all leave one text there is nothing to choose.
        choice=form.get("choice", "" if sum(not side.same_as for side in sides) > 1 else LETTERS[0]),
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
    first: dict[tuple[str, str], str] = {}
    sides = []
    for letter, review in zip(LETTERS, reviews, strict=False):
        text = review.revision_after
        before = first.setdefault((text.prompt, text.completion), letter)
        side = Side(
            letter=letter,
            review=review,
            diff=diff_words(shown.completion, text.completion),
            prompt_diff=diff_words(shown.prompt, text.prompt),
            same_as=before if before != letter else "",
        )
        sides.append(side)
    return sides


def _chosen(review: Review) -> dict[str, tuple[str, str]]:
    """Criterion key -> (what its radio button would send, note)."""
    return {
        score.criterion.key: ("na" if score.value is None else str(score.value), score.reason)
        for score in review.scores.all()
    }


def _agreed(sides: list[Side]) -> dict[str, str]:
    given = [_chosen(side.review) for side in sides]
    keys = set.intersection(*(set(one) for one in given)) if given else set()
    same = [key for key in keys if len({one[key][0] for one in given}) == 1]
    return {f"score-{key}": given[0][key][0] for key in same} | {f"note-{key}": given[0][key][1] for key in same}


def _answers(row: CriterionRow, sides: list[Side]) -> list[tuple[str, str, str]]:
    labels = {str(level.value): f"{level.value}, {level.label}" for level in row.criterion.levels}
    labels["na"] = "Not applicable"
    answers = []
    for side in sides:
        chosen, note = _chosen(side.review).get(row.criterion.key, ("", ""))
        answers.append((side.letter, labels.get(chosen, "Not scored"), note))
    return answers


def _plain(text: str, turn: Turn) -> TurnView:
    return TurnView(turn=turn, segments=segments_of(text, turn.start, turn.end, ()), findings=[])
