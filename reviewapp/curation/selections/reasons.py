"""Why a sample was kept in a selection or dropped from it: each reason with its short name and its sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, gettext_noop, ngettext

from reviewapp.curation.models import SelectionEntry
from reviewapp.curation.selections.quality import LABELS
from reviewapp.words import figure_said, grouped, say

CHOSEN, PINNED = "chosen", "pinned"
REJECTED, HELD_OUT, NO_TEXT, SCOPE = "rejected", "held_out", "no_text", "scope"
OVERLAP, HELD_OUT_GROUP, IDENTIFIERS, OPEN_HIGH = "overlap", "held_out_group", "identifiers", "open_high"
BY_HAND, IRRELEVANT, POOR, NOT_INDEXED = "by_hand", "irrelevant", "poor", "not_indexed"
DUPLICATE, QUOTA, POOL, FULL = "duplicate", "quota", "pool", "full"


@dataclass(frozen=True)
class Reason:
    """``is_hard``: no person can keep the sample by hand; ``is_noise``: it was dropped for what is wrong with it."""

    label: str
    is_hard: bool = False
    is_noise: bool = False


# in the order in which they are asked
REASONS: dict[str, Reason] = {
    CHOSEN: Reason(gettext_noop("Chosen")),
    PINNED: Reason(gettext_noop("Kept by hand")),
    REJECTED: Reason(gettext_noop("Rejected in review"), is_hard=True, is_noise=True),
    HELD_OUT: Reason(gettext_noop("Descends from a held-out prompt"), is_hard=True),
    NO_TEXT: Reason(gettext_noop("No prompt or completion"), is_hard=True, is_noise=True),
    OVERLAP: Reason(gettext_noop("Overlaps a held-out prompt"), is_hard=True, is_noise=True),
    HELD_OUT_GROUP: Reason(gettext_noop("Same group as a held-out prompt"), is_hard=True),
    IDENTIFIERS: Reason(gettext_noop("Open finding of an identifier"), is_hard=True, is_noise=True),
    OPEN_HIGH: Reason(gettext_noop("Other open high finding"), is_hard=True, is_noise=True),
    SCOPE: Reason(gettext_noop("Not among those asked for"), is_hard=True),
    BY_HAND: Reason(gettext_noop("Dropped by hand")),
    NOT_INDEXED: Reason(gettext_noop("No word that could be compared"), is_noise=True),
    POOR: Reason(gettext_noop("Quality below the limit"), is_noise=True),
    IRRELEVANT: Reason(gettext_noop("Less relevant than the limit"), is_noise=True),
    DUPLICATE: Reason(gettext_noop("Duplicate of one that was kept"), is_noise=True),
    QUOTA: Reason(gettext_noop("A quota was full")),
    POOL: Reason(gettext_noop("Not among the best that were compared")),
    FULL: Reason(gettext_noop("The set was full")),
}
HARD = frozenset(code for code, reason in REASONS.items() if reason.is_hard)
NOISE = frozenset(code for code, reason in REASONS.items() if reason.is_noise)
KEPT = frozenset({CHOSEN, PINNED})
_PLAIN = {
    REJECTED: gettext_noop("Rejected in review."),
    HELD_OUT: gettext_noop("It descends from a held-out prompt and never trains."),
    NO_TEXT: gettext_noop("Its prompt or its completion is empty."),
    OVERLAP: gettext_noop("An open finding says that it overlaps a held-out prompt."),
    HELD_OUT_GROUP: gettext_noop("A held-out prompt is of the same group."),
    IDENTIFIERS: gettext_noop("An open finding says that it may identify a person. Settle it first."),
    OPEN_HIGH: gettext_noop("It has an open finding of high severity. Settle it first."),
    SCOPE: gettext_noop("It is not in a state that this selection asked for."),
    NOT_INDEXED: gettext_noop("It has no word that the index knows, so it can be compared with nothing."),
}
_QUOTAS = {
    "group": gettext_noop("The quota of its group “%(value)s” (%(most)s) was full."),
    "language": gettext_noop("The quota of its language “%(value)s” (%(most)s) was full."),
    "origin": gettext_noop("The quota of its origin “%(value)s” (%(most)s) was full."),
    "batch": gettext_noop("The quota of its import “%(value)s” (%(most)s) was full."),
    "tag": gettext_noop("The quota of its tag “%(value)s” (%(most)s) was full."),
}


def entry_words(entry: SelectionEntry) -> str:
    """The sentence for one sample, in the reader's language. Needs ``other`` and ``golden``."""
    facts, reason = entry.facts, entry.reason
    if reason in _PLAIN:
        return gettext(_PLAIN[reason])
    if reason == CHOSEN:
        return _chosen(entry)
    if reason in (PINNED, BY_HAND):
        return _by_hand(entry)
    if reason == QUOTA:
        return say(_QUOTAS[facts["quota"]], value=facts["value"], most=grouped(facts["most"]))
    if reason == DUPLICATE:
        return _duplicate(entry)
    return _compared(entry, facts)


def _chosen(entry: SelectionEntry) -> str:
    if entry.place == 1:
        return say("Place 1: %(scores)s. Nothing was chosen before it.", scores=_scores(entry))
    return say(
        "Place %(place)s: %(scores)s, %(distance)s away from what was chosen before.",
        place=grouped(entry.place or 0), scores=_scores(entry), distance=_figure(entry.distance),
    )  # fmt: skip


def _by_hand(entry: SelectionEntry) -> str:
    if entry.reason == PINNED:
        return say("Kept by hand by %(who)s; %(scores)s.", who=entry.facts["by"], scores=_scores(entry))
    return say("Dropped by hand by %(who)s.", who=entry.facts["by"])


def _duplicate(entry: SelectionEntry) -> str:
    kept = entry.other.external_id if entry.other else entry.facts.get("other", "?")
    kind = entry.facts.get("kind", "")
    if kind == "exact_duplicates":
        return say("The same text as %(kept)s, which was kept.", kept=kept)
    return say("Near-duplicate of %(kept)s, which was kept.", kept=kept)


def _compared(entry: SelectionEntry, facts: dict[str, Any]) -> str:
    if entry.reason == IRRELEVANT:
        return say(
            "Less relevant (%(relevance)s) than the limit %(limit)s.",
            relevance=_figure(entry.relevance), limit=_figure(facts["limit"]),
        )  # fmt: skip
    if entry.reason == POOR:
        return say(
            "Quality %(quality)s is below the limit %(limit)s.",
            quality=_figure(entry.quality), limit=_figure(facts["limit"]),
        )  # fmt: skip
    if entry.reason == POOL:
        return say(
            "%(scores)s: not among the %(most)s of best quality and relevance that were compared.",
            scores=_sentence(_scores(entry)), most=grouped(facts["most"]),
        )  # fmt: skip
    size = ngettext("%(n)s sample", "%(n)s samples", facts["size"]) % {"n": grouped(facts["size"])}
    return say(
        "The set was full with %(size)s: %(scores)s, %(distance)s away from them; its score %(score)s, that of the "
        "last one kept %(last)s.",
        size=size, scores=_scores(entry), distance=_figure(entry.distance), score=_figure(facts["score"]),
        last=_figure(facts["last"]),
    )  # fmt: skip


def _scores(entry: SelectionEntry) -> str:
    quality = say("quality %(quality)s", quality=_figure(entry.quality))
    if entry.relevance is None:
        return quality
    return f"{quality}, {say('relevance %(relevance)s', relevance=_figure(entry.relevance))}"


def _figure(value: float | None) -> str:
    return "–" if value is None else figure_said(f"{value:.2f}")


def pulls_words(entry: SelectionEntry) -> str:
    """What drew the quality of a sample up or down; '' where nothing stands out."""
    parts = []
    for name, form in (("up", gettext_noop("up: %(what)s")), ("down", gettext_noop("down: %(what)s"))):
        if found := entry.facts.get(name):
            parts.append(say(form, what=", ".join(_small(gettext(LABELS[key])) for key in found)))
    return "; ".join(parts)


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _sentence(words: str) -> str:
    """With a capital at its beginning; the rest stays as it is: German has capitals inside."""
    return words[:1].upper() + words[1:]
