"""What the completion denies and the prompt never speaks of in these words: perhaps nobody asked.

Much of it was said in other words ("is it sore?", "no tenderness"), so the check is off until somebody switches it on,
and its findings are of low severity.
"""

from __future__ import annotations

from collections.abc import Iterator

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item, Scope, on_span
from reviewapp.curation.polarity import Reading

NAME, TITLE = "unspoken_negations", "Denied without being spoken of"
SCOPE: Scope = "text"
VERSION = 1


def check(corpus: Corpus) -> list[FindingDraft]:
    return [finding for item in corpus.items if item.completion and item.prompt for finding in _look(item)]


def _look(item: Item) -> Iterator[FindingDraft]:
    prompt = Reading(item.prompt)
    terms = {(term.start, term.end): term for term in Reading(item.completion).denied()}
    for (start, end), term in terms.items():
        if not any(prompt.mentions(term.words)):
            message = "The completion denies this; the prompt does not speak of it in these words. Check it."
            yield on_span(
                item, "completion", start, end,
                check=NAME, kind="denied_without_prompt", severity="low", message=message,
            )  # fmt: skip
