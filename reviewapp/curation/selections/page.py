"""What the pages of selections show: lists of entries, figures beside charts, two selections compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.curation.languages.page import language_said
from reviewapp.curation.models import Selection, SelectionEntry
from reviewapp.curation.selections import reasons
from reviewapp.curation.selections.asked import Config
from reviewapp.curation.selections.charts import compared_chart, reasons_chart, reliability_chart
from reviewapp.curation.selections.forms import PRESETS, SCOPES
from reviewapp.curation.selections.quality import LABELS, RULES
from reviewapp.projects.models import Project
from reviewapp.samples.models import MOST_SAMPLES, Sample
from reviewapp.words import figure_said, grouped
from training.contract import canonical_json

KEPT, DROPPED = "kept", "dropped"
BOTH, ONLY_HERE, ONLY_THERE = "both", "here", "there"
EXPORTED = 2_000  # rows in memory
HEADER = (
    "sample", "kept", "place", "reason", "why", "quality", "relevance", "distance", "golden", "duplicate_of",
    "revision", "text_hash",
)  # fmt: skip


def selections_of(project: Project) -> QuerySet[Selection]:
    """Newest first, with jobs and people."""
    return Selection.objects.filter(project=project).select_related("job", "requested_by", "base", "project")


def entries_filtered(selection: Selection, chosen: Mapping[str, str]) -> QuerySet[SelectionEntry]:
    """Entries of one tab, by reason and by a part of the sample's id: the kept by place, the dropped by sample."""
    is_kept = chosen["tab"] != DROPPED
    found = _entries(selection).filter(is_kept=is_kept)
    if chosen["reason"]:
        found = found.filter(reason=chosen["reason"])
    if chosen["q"]:
        found = found.filter(sample__external_id__icontains=chosen["q"])
    return found.order_by("place") if is_kept else found.order_by("sample")


def _entries(selection: Selection) -> QuerySet[SelectionEntry]:
    related = ("sample", "revision", "other", "golden", "selection")
    return SelectionEntry.objects.filter(selection=selection).select_related(*related)


@dataclass(frozen=True)
class Row:
    """One entry as a page shows it; ``there`` what the other selection says of it."""

    entry: SelectionEntry
    there: SelectionEntry | None = None

    @property
    def words(self) -> str:
        return reasons.entry_words(self.entry)

    @property
    def there_words(self) -> str:
        return reasons.entry_words(self.there) if self.there else ""

    @property
    def pulls(self) -> str:
        return reasons.pulls_words(self.entry)

    @property
    def is_hard(self) -> bool:
        return self.entry.reason in reasons.HARD


def row_of_sample(sample: Sample) -> Row | None:
    """What the newest selection that is made says of a sample; None where there is none, or it came later."""
    newest = Selection.objects.filter(project=sample.project_id, made_at__isnull=False).first()
    entry = _entries(newest).filter(sample=sample).first() if newest else None
    return Row(entry) if entry else None


@dataclass(frozen=True)
class ReasonRow:
    code: str
    label: str
    n: int
    share: float
    is_kept: bool
    is_noise: bool


def reason_rows(counts: Mapping[str, Any]) -> list[ReasonRow]:
    """Of a made selection: how many samples each reason holds for, in the order in which they are asked."""
    total = counts["samples"] or 1
    return [
        ReasonRow(code, _(reason.label), n, n / total, code in reasons.KEPT, reason.is_noise)
        for code, reason in reasons.REASONS.items()
        if (n := counts["reasons"].get(code))
    ]


def reasons_drawn(rows: list[ReasonRow]) -> SafeString | None:
    return reasons_chart([(row.label, row.n, row.is_kept) for row in rows], _("Samples by reason"))


@dataclass(frozen=True)
class Compared:
    """A figure of the kept against all that came into question, with its chart and the rows of its table."""

    title: str
    chart: SafeString | None
    rows: list[tuple[str, int, int]]
    median_all: float | None
    median_kept: float | None
    digits: int


def compared(figures: Mapping[str, Any]) -> list[Compared]:
    """Quality, relevance where there is one, and length."""
    found = [_tenths(_("Quality"), figures["quality"])]
    if "relevance" in figures:
        found.append(_tenths(_("Relevance"), figures["relevance"]))
    words = figures["words"]
    names = [f"{grouped(edge)}+" for edge in words["edges"]]
    return [*found, _compared(_("Words of the completion"), names, words, 0)]


def _tenths(title: str, data: Mapping[str, Any]) -> Compared:
    return _compared(title, [figure_said(f"{edge:.1f}") for edge in data["edges"][:-1]], data, 2)


def _compared(title: str, names: list[str], data: Mapping[str, Any], digits: int) -> Compared:
    label = _("%(title)s: shares of the kept beside those of all") % {"title": title}
    chart = compared_chart(names, data["all"], data["kept"], label)
    rows = list(zip(names, data["all"], data["kept"], strict=True))
    return Compared(title, chart, rows, data["median_all"], data["median_kept"], digits)


@dataclass(frozen=True)
class QualityFacts:
    """What the quality score was made of."""

    facts: Mapping[str, Any]
    chart: SafeString | None
    weights: list[tuple[str, float]]
    rules: list[str]

    @property
    def is_learned(self) -> bool:
        return bool(self.facts["kind"] == "learned")


def quality_facts(facts: Mapping[str, Any]) -> QualityFacts:
    weights = sorted(facts.get("weights", {}).items(), key=lambda pair: (-abs(pair[1]), pair[0]))
    chart = reliability_chart(facts.get("reliability", []), _("Share accepted unchanged against what the score said"))
    rules = [] if weights else [_(words) for *_rest, words in RULES]
    return QualityFacts(facts, chart, [(_(LABELS[key]), weight) for key, weight in weights], rules)


def settings_words(config: Config) -> list[tuple[str, str]]:
    """The settings of a selection as (name, value) in words."""
    labels = {
        "group": _("group"),
        "language": _("language"),
        "origin": _("origin"),
        "batch": _("import"),
        "tag": _("tag"),
    }
    rows = [
        (_("Size asked for"), grouped(config.size)),
        (_("What counts"), _(dict(PRESETS)[config.preset])),
        (_("From"), _(dict(SCOPES)[config.scope])),
    ]
    limits = ((_("Relevance at least"), config.least_relevance), (_("Quality at least"), config.least_quality))
    rows += [(name, figure_said(f"{value:.2f}")) for name, value in limits if value is not None]
    for name, most in config.quotas.items():
        rows.append((_("At most of one %(what)s") % {"what": labels[name]}, grouped(most)))
    if config.mix:
        rows.append((_("Languages"), mix_said(config.mix)))
    return [*rows, (_("Seed"), str(config.seed))]


def mix_said(mix: Mapping[str, float]) -> str:
    """English 70%, Spanish 30%; the largest share first."""
    ordered = sorted(mix.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{language_said(code)} {figure_said(f'{100 * share:.1f}')}%" for code, share in ordered)


# ---- two selections


@dataclass(frozen=True)
class Comparison:
    """How many samples both keep, and how many only one of them."""

    here: Selection
    there: Selection
    both: int
    only_here: int
    only_there: int

    def entries(self, tab: str) -> QuerySet[SelectionEntry]:
        """Of the tab, as the selection that keeps them has them."""
        kept_there = _kept(self.there)
        if tab == ONLY_THERE:
            return _entries(self.there).filter(is_kept=True).exclude(sample__in=_kept(self.here)).order_by("place")
        mine = _entries(self.here).filter(is_kept=True).order_by("place")
        return mine.exclude(sample__in=kept_there) if tab == ONLY_HERE else mine.filter(sample__in=kept_there)

    def rows(self, tab: str, entries: list[SelectionEntry]) -> list[Row]:
        other = self.here if tab == ONLY_THERE else self.there
        known = {entry.sample_id: entry for entry in _entries(other).filter(sample__in=[e.sample_id for e in entries])}
        return [Row(entry, known.get(entry.sample_id)) for entry in entries]


def _kept(selection: Selection) -> QuerySet[Any, Any]:
    return SelectionEntry.objects.filter(selection=selection, is_kept=True).values("sample")


def comparison_of(here: Selection, there: Selection) -> Comparison:
    mine = SelectionEntry.objects.filter(selection=here, is_kept=True)
    both = mine.filter(sample__in=_kept(there)).count()
    return Comparison(here, there, both, here.counts["kept"] - both, there.counts["kept"] - both)


# ---- handing on


@dataclass(frozen=True)
class Part:
    """Kept samples that one bulk act takes: from the first to the last place among those still to be settled."""

    first: int
    last: int
    ids: str


def parts_to_review(selection: Selection) -> tuple[list[Part], int]:
    """The kept that nobody settled yet in parts of what one bulk act takes, and how many of the kept are settled."""
    settled = (Sample.State.ACCEPTED, Sample.State.REJECTED)
    kept = SelectionEntry.objects.filter(selection=selection, is_kept=True)
    waiting = list(kept.exclude(sample__state__in=settled).order_by("place").values_list("sample", flat=True))
    starts = range(0, len(waiting), MOST_SAMPLES)
    chunks = [(start, waiting[start : start + MOST_SAMPLES]) for start in starts]
    parts = [Part(start + 1, start + len(some), ",".join(map(str, some))) for start, some in chunks]
    return parts, selection.counts["kept"] - len(waiting)


def export_rows(selection: Selection) -> Iterator[list[Any]]:
    """Every sample with what became of it, in the columns of HEADER: the kept by place, then the dropped."""
    entries = _entries(selection).order_by(F("place").asc(nulls_last=True), "sample__external_id")
    for entry in entries.defer("revision__prompt", "revision__completion").iterator(chunk_size=EXPORTED):
        yield [
            entry.sample.external_id,
            entry.is_kept,
            entry.place,
            entry.reason,
            reasons.entry_words(entry),
            entry.quality,
            entry.relevance,
            entry.distance,
            entry.golden.external_id if entry.golden else None,
            entry.other.external_id if entry.other else None,
            entry.revision.number if entry.revision else None,
            entry.revision.content_hash if entry.revision else None,
        ]


def export_json(selection: Selection) -> Iterator[str]:
    """One object: what was asked for, what came of it, and ``samples`` with the columns of HEADER each."""
    head = {
        "selection": selection.number, "project": selection.project.slug, "config": selection.config,
        "counts": selection.counts, "quality": selection.quality, "figures": selection.figures,
        "content_hash": selection.content_hash, "index": selection.index_number,
        "vocabulary_hash": selection.vocabulary_hash,
    }  # fmt: skip
    yield canonical_json(head)[:-1] + ',"samples":['
    for number, row in enumerate(export_rows(selection)):
        yield ("," if number else "") + "\n" + canonical_json(dict(zip(HEADER, row, strict=True)))
    yield "\n]}\n"
