"""What the page of languages shows: shares before and after, against the wanted mix, and what would reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.curation.balance.charts import shares_chart
from reviewapp.curation.language import NAMES, name_of
from reviewapp.curation.languages.mix import by_adding, by_removing
from reviewapp.curation.languages.reading import LanguageCount
from reviewapp.curation.models import SampleLanguage

UNKNOWN = "unknown"  # in addresses


def language_said(code: str) -> str:
    """In the reader's language; codes that are not on our list stay as they came."""
    return _(name_of(code)) if code in NAMES else code or _("Not known")


@dataclass(frozen=True, kw_only=True)
class MixRow:
    """One language. ``target`` is None where it has none; ``leave_out`` and ``add`` are two ways to reach the mix."""

    code: str
    title: str
    before: int
    before_share: float | None
    after: int
    after_share: float | None
    target: float | None
    leave_out: int
    add: int

    @property
    def key(self) -> str:
        return self.code or UNKNOWN


def mix_rows(counts: Sequence[LanguageCount], targets: Mapping[str, float]) -> list[MixRow]:
    """Every language that is there or wanted; shares are of the samples whose language is known."""
    there = {one.language: one for one in counts}
    known = {name: one.after for name, one in there.items() if name}
    stay, must = by_removing(known, targets), by_adding(known, targets)
    names = [*there, *sorted(set(targets) - set(there))]
    n_before = sum(one.before for one in counts if one.language)
    rows = []
    for name in sorted(names, key=lambda name: not name):
        one = there.get(name, LanguageCount(language=name, before=0, after=0))
        is_counted = bool(name)
        rows.append(
            MixRow(
                code=name,
                title=language_said(name),
                before=one.before,
                before_share=_share(one.before, n_before) if is_counted else None,
                after=one.after,
                after_share=_share(one.after, sum(known.values())) if is_counted else None,
                target=targets.get(name, 0.0) if targets and is_counted else None,
                leave_out=one.after - stay.get(name, 0) if targets and is_counted else 0,
                add=max(0, must.get(name, 0) - one.after) if targets and is_counted else 0,
            )
        )
    return rows


def _share(n: int, total: int) -> float | None:
    return n / total if total else None


@dataclass(frozen=True)
class Reach:
    """What the wanted mix costs: samples that would stay, or have to come."""

    stays: int
    leaves: int
    comes: int
    missing: list[str]  # wanted languages without any sample


def reach_of(rows: Sequence[MixRow]) -> Reach | None:
    """None where no mix is wanted."""
    if not any(row.target for row in rows):
        return None
    counted = [row for row in rows if row.target is not None]
    leaves = sum(row.leave_out for row in counted)
    return Reach(
        stays=sum(row.after for row in counted) - leaves,
        leaves=leaves,
        comes=sum(row.add for row in counted),
        missing=[row.title for row in counted if row.target and not row.after],
    )


def mix_chart(rows: Sequence[MixRow]) -> SafeString | None:
    shown = [row for row in rows if row.after_share is not None and (row.after or row.target)]
    shares = [(row.title, row.after_share or 0.0, row.target) for row in shown]
    bars = [(title, share, share, share, target) for title, share, target in shares]
    return shares_chart(bars[:12], _("Languages: the share of each, and the wanted share as a line"))


def basis_rows(bases: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(_(str(label)), bases[value]) for value, label in SampleLanguage.Basis.choices if bases.get(value)]
