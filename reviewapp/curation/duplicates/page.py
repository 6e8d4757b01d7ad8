"""What the pages of duplicates show: clusters with their samples, texts side by side, decisions in words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reviewapp.core.svg import Part, Scale, circle, line, svg, text
from reviewapp.curation.duplicates import clusters as duplicates
from reviewapp.curation.duplicates import limits
from reviewapp.curation.duplicates.clusters import Cluster
from reviewapp.curation.duplicates.limits import Measured
from reviewapp.curation.finding_page import Pair, pairs_of
from reviewapp.curation.showing import WHOLE, passage, visible
from reviewapp.samples.models import Sample
from reviewapp.words import say

NAMED = 4
OTHERS_PER_PAGE = 10


@dataclass(frozen=True, kw_only=True)
class ClusterRow:
    """One cluster in the list."""

    cluster: Cluster
    samples: list[Sample]

    @property
    def size(self) -> int:
        return len(self.cluster.members)

    @property
    def kinds(self) -> str:
        return kinds_said(self.cluster)

    @property
    def more(self) -> int:
        return self.size - len(self.samples)

    @property
    def words(self) -> str:
        first = self.samples[0].revision if self.samples else None
        return passage(first.prompt, None, None).after if first else ""


def rows_of(clusters: Sequence[Cluster]) -> list[ClusterRow]:
    shown = {key for cluster in clusters for key in cluster.members[:NAMED]}
    samples = {sample.pk: sample for sample in duplicates.samples_of(shown)}
    return [
        ClusterRow(cluster=cluster, samples=[samples[key] for key in cluster.members[:NAMED] if key in samples])
        for cluster in clusters
    ]


def kinds_said(cluster: Cluster) -> str:
    """The kinds of difference, the most frequent first."""
    words = [str(say(duplicates.KIND_WORDS.get(kind, kind))) for kind, _n in cluster.kinds.most_common(2)]
    return "; ".join(dict.fromkeys(words))


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Another sample of the cluster beside the one to keep."""

    sample: Sample
    pairs: list[Pair]
    holder: str  # who reviews it now


@dataclass(frozen=True, kw_only=True)
class ClusterPage:
    """``keep`` is proposed, or chosen in the address; ``others`` are compared with it, ten at a time."""

    cluster: Cluster
    keep: Sample
    others: list[Beside]
    rest: list[Sample]  # not compared on this page; a decision is about them as well
    first_other: int
    n_others: int
    next_key: int | None
    key: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def kinds(self) -> str:
        return kinds_said(self.cluster)

    @property
    def has_more(self) -> bool:
        return self.first_other + len(self.others) < self.n_others

    @property
    def last_other(self) -> int:
        return self.first_other + len(self.others)


def page_of(cluster: Cluster, next_key: int | None, keep_id: str, start: int) -> ClusterPage:
    """The page of one cluster. ``keep_id`` and ``start`` come from the address; what does not fit is ignored."""
    samples = duplicates.samples_of(cluster.members)
    chosen = [sample for sample in samples if str(sample.pk) == keep_id]
    keep = chosen[0] if chosen else duplicates.suggestion_of(samples, cluster.kinds)
    others = [sample for sample in samples if sample.pk != keep.pk]
    start = start if 0 <= start < len(others) else 0
    shown = others[start : start + OTHERS_PER_PAGE]
    leased = duplicates.leased_now(cluster.members)
    return ClusterPage(
        cluster=cluster,
        keep=keep,
        rest=[sample for sample in others if sample not in shown],
        others=[_beside(sample, keep, leased.get(sample.pk, "")) for sample in shown],
        first_other=start,
        n_others=len(others),
        next_key=next_key,
    )


def _beside(sample: Sample, keep: Sample, holder: str) -> Beside:
    pairs = pairs_of(keep.revision, sample.revision) if keep.revision and sample.revision else []
    return Beside(sample=sample, pairs=pairs, holder=holder)


def going_said(samples: Sequence[Sample]) -> list[str]:
    """Each sample that would go with how far it is."""
    return [f"{visible(sample.external_id)[:WHOLE]}: {say(sample.get_state_display())}" for sample in samples[:20]]


LEFT, RIGHT, TOP, HEIGHT = 40, 640, 20, 200


def limits_chart(measured: Measured, used: float) -> SafeString:
    """Recall and precision by limit, with the limit in use and the one suggested."""
    scale = Scale([0.5, 0.95], LEFT, RIGHT, 9)
    parts: list[Part] = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            format_html('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>', LEFT, RIGHT, _y(tick), _y(tick))
        )
        parts.append(text("t-end", LEFT - 6, _y(tick) + 4, f"{tick:.0%}"))
    for row in measured.rows:
        parts.append(text("t-mid", scale(row.limit), TOP + HEIGHT + 17, f"{row.limit:.0%}"))
    marks = [(used, "limit", _("in use"))]
    if measured.suggested is not None and measured.suggested != used:
        marks.append((measured.suggested, "now", _("suggested")))
    for limit, css, words in marks:
        parts += [line(css, scale(limit), scale(limit), TOP, TOP + HEIGHT), text("t-mid", scale(limit), TOP - 6, words)]
    recall = [(scale(row.limit), _y(row.recall)) for row in measured.rows]
    precision = [(scale(row.limit), _y(row.precision)) for row in measured.rows if row.precision is not None]
    parts += [_line("line-b", recall), _line("line-a", precision)]
    parts += [circle("dot-b", x, y, 3) for x, y in recall]
    label = _("Recall and precision by limit; the table below has the numbers.")
    return svg("cs-chart cs-chart-estimates", 720, TOP + HEIGHT + 26, label, parts)


def _y(value: float) -> float:
    return round(TOP + HEIGHT * (1 - value), 1)


def _line(css: str, points: Sequence[tuple[float, float]]) -> Part:
    return format_html('<polyline class="{}" points="{}"/>', css, " ".join(f"{x:.1f},{y:.1f}" for x, y in points))


@dataclass(frozen=True, kw_only=True)
class KindRow:
    """Recall of one kind of variant at three limits."""

    name: str
    n: int
    shares: list[tuple[float, float]]  # limit, recall


def kind_rows(measured: Measured, used: float) -> list[KindRow]:
    """By kind at the lowest limit, the suggested, the one in use and a high one; those that were measured."""
    wanted = sorted({0.5, used, measured.suggested or used, 0.85})
    rows = [row for row in measured.rows if row.limit in wanted]
    return [
        KindRow(
            name=limits.KIND_NAMES[kind],
            n=n,
            shares=[(row.limit, row.by_kind[kind]) for row in rows],
        )
        for kind, n in measured.variants.items()
    ]


def decided_said(withdrawn: int) -> str:
    """What a decision came to, for the message after it."""
    if not withdrawn:
        return _("All are kept. The finding is settled.")
    return ngettext(
        "%(n)s sample is withdrawn; undo brings it back.",
        "%(n)s samples are withdrawn; undo brings them back.",
        withdrawn,
    ) % {"n": withdrawn}
