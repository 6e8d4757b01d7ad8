"""Recall of names by origin as SVG; the page puts the table beside it."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.core.svg import Part, Scale, circle, line, svg, text
from reviewapp.curation.redaction.measure import GAP_MOST, Found
from reviewapp.words import figure_said

LEFT, RIGHT, ROW, TOP = 150, 640, 26, 24


def recall_chart(origins: Sequence[Found]) -> SafeString | None:
    """One dot a group, and the line below which a group would be too far behind the best."""
    rows = [(each.title, each.recall) for each in origins if each.recall is not None]
    if not rows:
        return None
    limit = max(recall for name, recall in rows) - GAP_MOST
    scale = Scale([1.0, limit - 0.02, *(recall for name, recall in rows)], LEFT, RIGHT, 6)
    bottom = TOP + ROW * len(rows)
    parts: list[Part] = []
    for tick in scale.ticks:
        parts.append(line("grid", scale(tick), scale(tick), TOP - 2, bottom))
        parts.append(text("t-mid", scale(tick), bottom + 17, f"{tick:g}"))
    parts += [line("axis", scale(limit), scale(limit), TOP - 6, bottom), text("t-mid", scale(limit), 12, _("limit"))]
    for number, (name, recall) in enumerate(rows):
        y = TOP + ROW // 2 + ROW * number
        parts.append(text("t-strong", 0, y + 4, name))
        parts.append(circle("tuned" if recall >= limit else "base", scale(recall), y, 5))
        parts.append(text("t-strong t-end", 718, y + 4, f"{recall:.3f}"))
    label = _("Share of names found, by origin: from %(low)s to %(high)s.") % {
        "low": figure_said(f"{min(recall for name, recall in rows):.3f}"),
        "high": figure_said(f"{max(recall for name, recall in rows):.3f}"),
    }
    return svg("cs-chart cs-chart-estimates", 720, bottom + 24, label, parts)
