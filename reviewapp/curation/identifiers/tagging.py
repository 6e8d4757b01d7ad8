"""Which tagger a project uses, what its versions can do, and what experts' decisions teach the next one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from reviewapp.curation.checks.named_people import NAME
from reviewapp.curation.models import Finding, TaggerUse, TaggerVersion
from reviewapp.curation.redaction.measure import Figures
from reviewapp.curation.redaction.sentences import Entity, Tagged
from reviewapp.curation.redaction.tagger import SHIPPED, Tagger, tagger_open
from reviewapp.projects.models import Project

MARKED = "marked_by_hand"  # the check name of what a person pointed out
FILE = "tagger.crfsuite"
LABEL_OF = {"name": "NAME", "place": "PLACE", "institution": "ORG", "street": "STREET", "date": "DATE"}
_TAUGHT = (Finding.State.ACCEPTED, Finding.State.FIXED, Finding.State.DISMISSED)


def tagger_path(version: TaggerVersion) -> Path:
    """The file of one version; none is written twice."""
    return Path(settings.STATE_DIR) / "taggers" / str(version.project_id) / str(version.number) / FILE


def use_current(project_id: int) -> TaggerUse | None:
    return TaggerUse.objects.filter(project=project_id).select_related("version", "taken_by").first()


def tagger_file(project_id: int) -> tuple[str, str] | None:
    """File and hash of the tagger in use, as checks take it; None for the one that came with the application.

    A file that is missing or was changed is not used: the checks go on with the one that came along.
    """
    use = use_current(project_id)
    if use is None or use.version is None or not tagger_is_whole(use.version):
        return None
    return str(tagger_path(use.version)), use.version.sha256


def tagger_is_whole(version: TaggerVersion) -> bool:
    path = tagger_path(version)
    return path.is_file() and path.stat().st_size == version.size


def tagger_of(project_id: int) -> Tagger:
    return tagger_open(*(tagger_file(project_id) or (str(SHIPPED), "")))


@cache
def shipped_card() -> dict[str, Any]:
    """What the tagger that came along was made of, and its figures."""
    card: dict[str, Any] = json.loads((SHIPPED.parent / "card.json").read_text(encoding="utf-8"))
    return card


def figures_of(version: TaggerVersion | None) -> Figures:
    """On the fixed test; None stands for the tagger that came along."""
    return Figures.from_json(version.figures if version is not None else shipped_card()["figures"])


# ---- what experts corrected


@dataclass(frozen=True)
class Corrections:
    """Lines of samples as experts say they should have been tagged; ``counts`` by what was decided."""

    texts: list[Tagged]
    counts: dict[str, int]


def corrections_of(project: Project, tagger: Tagger | None = None) -> Corrections:
    """One line of text for each decision about a name, a place, an institution. Held-out samples teach nothing.

    What nobody decided about on the line stays as ``tagger`` has it (without one, unmarked).
    """
    rows = Finding.objects.filter(
        sample__project=project, sample__split="", check_name__in=[NAME, MARKED], kind__in=list(LABEL_OF),
        state__in=_TAUGHT, start__isnull=False,
    ).select_related("revision")  # fmt: skip
    texts, counts = [], Counter[str]()
    for finding in rows.order_by("pk").iterator(chunk_size=500):
        texts.append(_taught(finding, tagger))
        counts["added" if finding.check_name == MARKED else _decided(finding)] += 1
    return Corrections(texts, dict(counts))


def _decided(finding: Finding) -> str:
    return "dismissed" if finding.state == Finding.State.DISMISSED else "accepted"


def _taught(finding: Finding, tagger: Tagger | None) -> Tagged:
    """The line with the finding's own words in it: an accepted one has a mask there by now."""
    text, start, end = getattr(finding.revision, finding.field), finding.start or 0, finding.end or 0
    if finding.state == Finding.State.ACCEPTED:
        text, end = text[:start] + finding.excerpt + text[end:], start + len(finding.excerpt)
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    line = text[first : last if last >= 0 else len(text)]
    place = (start - first, end - first)
    others = [one for one in _others(line, tagger) if one[1] <= place[0] or place[1] <= one[0]]
    own: list[Entity] = [] if finding.state == Finding.State.DISMISSED else [(*place, LABEL_OF[finding.kind])]
    return Tagged(line, tuple(sorted([*others, *own])))


def _others(line: str, tagger: Tagger | None) -> Iterator[Entity]:
    for mark in tagger.marks(line) if tagger is not None else ():
        yield mark.start, mark.end, mark.label
