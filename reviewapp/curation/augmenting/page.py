"""What the pages of synthetic samples show: marked changes, what reviewers decided, what a recipe was."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.curation.augmenting.forms import RATES
from reviewapp.curation.augmenting.reading import augmentations_of, decided_of, kept_otherwise
from reviewapp.curation.augmenting.reasons import DROPPED, KEPT, LEFT
from reviewapp.curation.balance.charts import shares_chart
from reviewapp.curation.balance.copying import Piece
from reviewapp.curation.bias.shares import Share, share_of
from reviewapp.curation.models import Augmentation, SyntheticText
from reviewapp.projects.models import Project
from reviewapp.words import figure_said, grouped

SHOWN = 6_000  # characters of a text with its changes marked; the sample's own page has all of it
_PIECES = re.compile(r"\w+|\s+|[^\w\s]")


def pieces_of(old: str, new: str) -> list[Piece]:
    """``new`` in pieces, in order: words that stay, and words that were changed beside what they were."""
    a, b = _PIECES.findall(old[:SHOWN]), _PIECES.findall(new[:SHOWN])
    pieces: list[Piece] = []
    for act, a0, a1, b0, b1 in difflib.SequenceMatcher(None, a, b, autojunk=len(a) > 2_000).get_opcodes():
        words = "".join(b[b0:b1])
        pieces.append(Piece(words, words) if act == "equal" else Piece("".join(a[a0:a1]), words))
    return _joined(pieces)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Changes with nothing but white space between them are one change: whole phrases are easier to read."""
    found: list[Piece] = []
    for at, piece in enumerate(pieces):
        is_gap = piece.is_same and piece.new.isspace() and 0 < at < len(pieces) - 1
        if found and not found[-1].is_same and (is_gap or not piece.is_same):
            found[-1] = Piece(found[-1].old + piece.old, found[-1].new + piece.new)
        else:
            found.append(piece)
    return found


@dataclass(frozen=True)
class Shown:
    """One text with its changes marked, and why it was dropped, or the sample that was made of it."""

    text: SyntheticText
    parts: list[tuple[str, list[Piece]]]
    reason: str


def shown(text: SyntheticText) -> Shown:
    parent = text.parent_revision
    parts = [(_("Prompt"), pieces_of(parent.prompt, text.prompt))]
    if text.completion != parent.completion:
        parts.append((_("Completion"), pieces_of(parent.completion, text.completion)))
    else:
        parts.append((_("Completion, as it was"), [Piece(text.completion[:SHOWN], text.completion[:SHOWN])]))
    return Shown(text, parts, _(DROPPED[text.outcome]) if text.outcome in DROPPED else "")


@dataclass(frozen=True)
class Decided:
    """How reviewers decided about the samples of one augmentation."""

    counts: Counter[str]

    @property
    def kept(self) -> Share | None:
        """Accepted of all that were judged; None before the first."""
        return share_of(self.counts["accepted"], self.counts["accepted"] + self.counts["rejected"])


@dataclass(frozen=True)
class LedgerRow:
    row: Augmentation
    decided: Decided


def ledger_rows(rows: Sequence[Augmentation]) -> list[LedgerRow]:
    counts = decided_of(list(rows))
    return [LedgerRow(row, Decided(counts[row.pk])) for row in rows]


def worth_chart(project: Project) -> tuple[SafeString | None, Share | None]:
    """Share kept by reviewers of each augmentation that was judged, the newest twelve; the line is that of all others.

    With the chart comes that share of all other samples.
    """
    others = share_of(*kept_otherwise(project))
    rows = []
    for ledger in ledger_rows(list(augmentations_of(project).filter(applied_at__isnull=False)[:12])):
        kept = ledger.decided.kept
        if kept is not None:
            rows.append((_said(ledger.row), kept.value, kept.low, kept.high, others.value if others else None))
    return shares_chart(rows, _("Share that reviewers kept, by augmentation; the table has the numbers.")), others


def _said(row: Augmentation) -> str:
    return f"{row.number}, {_(row.get_kind_display())}"


def reasons_of(counts: dict[str, int], words: dict[str, str]) -> list[tuple[str, str, int]]:
    """(code, words, how many), the most frequent first."""
    return [(code, _(words[code]), n) for code, n in sorted(counts.items(), key=lambda row: -row[1]) if code in words]


def left_rows(row: Augmentation) -> list[tuple[str, str, int]]:
    return reasons_of(row.left or {}, LEFT)


def tabs_of(row: Augmentation) -> list[tuple[str, str, int]]:
    """What the list of texts can be filtered by, with counts."""
    kept = [(KEPT, _("Kept"), row.plan["n"])]
    return kept + reasons_of(row.plan["dropped"], DROPPED)


def recipe_rows(row: Augmentation) -> list[tuple[str, str]]:
    """The recipe in words, for the page."""
    recipe: dict[str, Any] = row.recipe
    of = _("samples that experts accepted") if recipe["of"] == "accepted" else _("all samples")
    rows = [
        (_("Made from"), of),
        (_("Samples at most"), grouped(recipe["most"])),
        (_("Variants of each"), str(recipe["variants"])),
        (_("Seed"), str(recipe["seed"])),
    ]
    for name, rate in recipe.get("rates", {}).items():
        rows.append((_(RATES[name]), _("%(rate)s in 1,000 words") % {"rate": figure_said(f"{rate:.1f}")}))
    if "model" in recipe:
        rows.append((_("Model"), recipe["model"]["label"]))
        rows.append((_("Rewritten"), _("the completion") if recipe["part"] == "completion" else _("the prompt")))
        rows += [(_("Instruction"), step) for step in recipe["steps"]]
    if "templates" in recipe:
        rows.append((_("Templates"), recipe["templates"]))
    return rows


def again(row: Augmentation) -> dict[str, Any]:
    """What the form is filled with to use a recipe once more, with the next seed."""
    recipe: dict[str, Any] = row.recipe
    names = ("of", "most", "variants", "templates", "part", "max_new_tokens")
    steps = dict(zip(("there", "back"), recipe.get("steps", []), strict=False))
    filled = {name: recipe[name] for name in names if name in recipe}
    return {**filled, **recipe.get("rates", {}), **steps, "seed": recipe["seed"] + 1}
