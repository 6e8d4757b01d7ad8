"""What the prompt affirms and the completion denies, or the other way round: "denies fever" of somebody who has it.

A finding stands on the words of the completion; what the prompt does not speak of is left to ``unspoken_negations``.
"""

from __future__ import annotations

from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span
from reviewapp.curation.polarity import Denied, Mention, Polarity, Reading

NAME, TITLE = "negations", "Denied in one text, affirmed in the other"
SCOPE: Scope = "text"
VERSION = 1
_MESSAGES = {
    "denied_against_prompt": "The completion denies this; the prompt affirms it. Check what was said.",
    "affirmed_against_prompt": "The completion affirms this; the prompt denies it. Check what was said.",
}


def check(corpus: Corpus) -> list[FindingDraft]:
    return [finding for item in corpus.items if item.completion and item.prompt for finding in _look(item)]


def _look(item: Item) -> Iterator[FindingDraft]:
    prompt, completion = Reading(item.prompt), Reading(item.completion)
    seen: set[tuple[int, int]] = set()
    for term in completion.denied():
        found = list(prompt.mentions(term.words))
        if (kind := _of_denied(found)) and (term.start, term.end) not in seen:
            seen.add((term.start, term.end))
            yield _finding(item, kind, term)
    for term in prompt.denied():
        place = _affirmed(prompt, completion, term)
        if place is not None and (place.start, place.end) not in seen:
            seen.add((place.start, place.end))
            yield _finding(item, "affirmed_against_prompt", place)


def _of_denied(in_prompt: list[Mention]) -> str:
    """The kind of finding on what the completion denies; '' for none."""
    is_affirmed = all(one.polarity is Polarity.AFFIRMED for one in in_prompt)
    return "denied_against_prompt" if in_prompt and is_affirmed else ""


def _affirmed(prompt: Reading, completion: Reading, term: Denied) -> Mention | None:
    """Where the completion affirms what the prompt denies wherever it speaks of it."""
    said = [one.polarity for one in prompt.mentions(term.words)]
    found = list(completion.mentions(term.words))
    if not found or any(polarity is not Polarity.DENIED for polarity in said):
        return None
    return found[0] if all(one.polarity is Polarity.AFFIRMED for one in found) else None


def places(prompt: str, completion: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the prompt speaks of what stands at this place of the completion."""
    reading = Reading(prompt)
    own = [term for term in Reading(completion).denied() if (term.start, term.end) == (start, end)]
    terms = own or [
        term for term in reading.denied()
        for one in Reading(completion).mentions(term.words) if (one.start, one.end) == (start, end)
    ]  # fmt: skip
    return sorted({(one.start, one.end) for term in terms for one in reading.mentions(term.words)})


def _finding(item: Item, kind: str, place: Denied | Mention) -> FindingDraft:
    return on_span(
        item, "completion", place.start, place.end, check=NAME, kind=kind, severity="medium", message=_MESSAGES[kind]
    )
