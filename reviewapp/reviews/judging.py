"""A review as it comes from the browser: read, and checked against the rubric. Plain Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reviewapp.reviews.reading import BlocksMismatch, blocks_joined, blocks_of
from reviewapp.rubrics.documents import SAMPLES, narrowed
from reviewapp.rubrics.schema import RubricDocument
from reviewapp.rubrics.scoring import Score, is_optional, needs_evidence, scores_read
from reviewapp.words import say

ACCEPT, FIX, RETURN, REJECT = "accept", "fix", "return", "reject"
_FIELDS = frozenset({"completion", "reason-return", "reason-reject", "cause", "cause-note", "choice"})
_PREFIXES = ("label-", "score-", "note-", "block-")
AMBIGUOUS = "rubric_ambiguous"
CAUSES = {
    "slip": "A slip of one reviewer",
    "missing_context": "Context was missing",
    AMBIGUOUS: "The rubric can be read both ways",
    "true_judgement": "A true difference of judgement",
}


class ReviewInvalid(ValueError):
    """A review that cannot be handed in yet; ``problems`` by criterion key, or "" for the review as a whole."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(self.problems.values()))


@dataclass(frozen=True, kw_only=True)
class ReviewGiven:
    """decision: accept, return or reject; whether an accepted text was fixed is seen from the text itself."""

    decision: str
    prompt: str
    completion: str
    scores: Mapping[str, Score]
    reason: str = ""
    labels: dict[str, Any] | None = None  # as Revision.labels; the completion is then their rendering


def text_from_form(form: Mapping[str, str], text: str) -> str:
    """The text after editing: the field ``completion``, or the blocks ``block-1``, ``block-2`` ... of ``text``.

    A form without either leaves the text as it is. Raises ReviewInvalid when the blocks belong to another text.
    """
    if "completion" in form:
        return form["completion"].replace("\r\n", "\n")
    names = [f"block-{block.number}" for block in blocks_of(text)]
    given = [name for name in form if name.startswith("block-")]
    if not given:
        return text
    try:
        return blocks_joined(text, [form[name] for name in (names if set(names) == set(given) else given)])
    except BlocksMismatch as error:
        stale = say(
            "The text changed since you opened this page. What you wrote is kept: look at it once more, then send."
        )
        raise ReviewInvalid({"": stale}) from error


def drafted_prompt(draft: Mapping[str, str], prompt: str) -> str:
    """The prompt as a draft leaves it. It is changed by accepting findings only, so it is kept whole."""
    return draft.get("prompt", prompt)


def drafted_completion(draft: Mapping[str, str], completion: str) -> str:
    """The completion as a draft leaves it: a draft holds the changed blocks only, or the whole text."""
    fields = {name: value for name, value in draft.items() if name == "completion" or name.startswith("block-")}
    if "completion" in fields:
        return fields["completion"]
    blocks = {f"block-{block.number}": block.text for block in blocks_of(completion)}
    return text_from_form(blocks | fields, completion)


def text_to_form(text: str, edited: str) -> dict[str, str]:
    """The fields of a form that turn ``text`` into ``edited``: its changed blocks, or the whole text."""
    if text == edited:
        return {}
    before, after = blocks_of(text), blocks_of(edited)
    if [block.gap for block in before] != [block.gap for block in after]:
        return {"completion": edited}
    pairs = zip(before, after, strict=True)
    return {f"block-{old.number}": new.text for old, new in pairs if old.text != new.text}


def draft_changes(text: str) -> dict[str, str | None]:
    """What a browser sends to be kept: a JSON object of the form's own fields; None takes a field away.

    Raises ReviewInvalid for anything else.
    """
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(_is_draft_field(name, value) for name, value in given.items()):
        raise ReviewInvalid({"": say("This page sent a draft that cannot be read. Copy what you wrote and reload it.")})
    changes: dict[str, str | None] = dict(given)
    if any(name.startswith("block-") for name in changes):
        changes["completion"] = None  # edited as one before; from here on by blocks
    return changes


def draft_from_form(form: Mapping[str, str]) -> dict[str, str]:
    """The fields of a whole form that belong to its draft."""
    return {name: value for name, value in form.items() if _is_draft_field(name, value)}


def _is_draft_field(name: str, value: object) -> bool:
    return isinstance(value, str) and (name in _FIELDS or name.startswith(_PREFIXES))


def review_read(
    form: Mapping[str, str],
    rubric: RubricDocument,
    prompt: str,
    completion: str,
    draft: Mapping[str, str] | None = None,
) -> ReviewGiven:
    """Reads decision, reason-<decision>, text and scores; raises ReviewInvalid with every problem.

    ``prompt`` and ``completion`` are what was shown; ``draft`` holds changes of the prompt, which the form does not.
    To return or reject, a reason is needed and the scores are welcome; to accept, every criterion is asked for.
    """
    decision = form.get("decision", "")
    decision = ACCEPT if decision == FIX else decision
    scores = scores_read(narrowed(rubric, SAMPLES), form, is_complete=decision == ACCEPT)
    given = ReviewGiven(
        decision=decision,
        prompt=drafted_prompt(draft or {}, prompt),
        completion=text_from_form(form, completion),
        scores=scores.by_key,
        reason=form.get(f"reason-{decision}", "").replace("\r\n", "\n").strip(),
    )
    problems = review_problems(given, rubric, prompt, completion) | scores.problems
    if problems:
        raise ReviewInvalid(problems)
    return given


def _why(decision: str) -> str:
    return say("Say why you return it.") if decision == RETURN else say("Say why you reject it.")


def review_problems(given: ReviewGiven, rubric: RubricDocument, prompt: str, completion: str) -> dict[str, str]:
    """What keeps a review from being handed in, whoever made it; ``prompt`` and ``completion`` as they were shown."""
    if given.decision not in (ACCEPT, RETURN, REJECT):
        return {"": say("Choose what to do with the sample: accept, return or reject.")}
    known = {criterion.key: criterion for criterion in narrowed(rubric, SAMPLES).criteria}
    problems = {
        key: say("There is no criterion %(key)s in this rubric.", key=f"{key!r}")
        for key in given.scores
        if key not in known
    }
    if given.decision != ACCEPT:
        return problems if given.reason else problems | {"": _why(given.decision)}
    if not given.completion.strip():
        problems[""] = say("The completion is empty, so there is nothing to learn from. Return or reject the sample.")
    is_fixed = (given.prompt, given.completion) != (prompt, completion)
    for key, criterion in known.items():
        score = given.scores.get(key)
        if score is None:
            problems |= (
                {}
                if is_optional(criterion)
                else {key: say("%(criterion_name)s: choose a level.", criterion_name=criterion.name)}
            )
        elif needs_evidence(criterion, score.value) and not is_fixed and not score.note:
            problems[key] = say(
                "%(criterion_name)s: fix the text, or write which passage this level is about.",
                criterion_name=criterion.name,
            )
    return problems
