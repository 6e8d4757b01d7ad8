"""What the page of the house style shows: counted now, on the newest samples, so that it is there before any scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reviewapp.curation.citations.grammar import Citation, citations_of
from reviewapp.curation.citations.style import written_as
from reviewapp.curation.house_form import HouseForm, Usual, house_form
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

READ = 1_000  # samples, the newest: more do not change what most do
EXAMPLES = 12


@dataclass(frozen=True, kw_only=True)
class Cited:
    """A citation of a sample, as written and in each style."""

    sample: int
    name: str
    written: str
    bluebook: str
    plain: str
    is_damaged: bool


@dataclass(kw_only=True)
class Citations:
    """How many citations were read, how many are written as each style has them, how many a scan damaged."""

    n: int = 0
    n_samples: int = 0
    damaged: int = 0
    as_style: Counter[str] = field(
        default_factory=lambda: Counter(bluebook=0, plain=0)
    )  # bluebook, plain; one that both write so counts for both
    examples: list[Cited] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class HouseStyle:
    """``n`` samples were read. ``headings`` in the order of how many have them."""

    n: int
    house: HouseForm
    citations: Citations

    @property
    def headings(self) -> list[tuple[str, Usual]]:
        return sorted(self.house.headings.items(), key=lambda row: (-row[1].total, row[0]))[:20]

    @property
    def bullet(self) -> Usual | None:
        return self.house.marks.get("bullet")

    @property
    def number(self) -> Usual | None:
        return self.house.marks.get("number")


def house_style_of(project: Project) -> HouseStyle:
    """Of the newest samples that are not rejected; two queries at most, whatever the size of the project."""
    samples = Sample.objects.filter(project=project, revision__isnull=False).exclude(state=Sample.State.REJECTED)
    rows = list(
        samples.order_by("-pk").values_list("pk", "external_id", "revision__prompt", "revision__completion")[:READ]
    )
    return HouseStyle(
        n=len(rows),
        house=house_form(completion for *_, completion in rows),
        citations=_citations((pk, name, f"{prompt}\n\n{completion}") for pk, name, prompt, completion in rows),
    )


def _citations(rows: Iterable[tuple[int, str, str]]) -> Citations:
    told, shown = Citations(), set()
    for pk, name, text in rows:
        found = citations_of(text)
        told.n_samples += bool(found)
        for one in found:
            cited = _cited(pk, name, text, one)
            told.n += 1
            told.damaged += one.is_damaged
            told.as_style.update(style for style in ("bluebook", "plain") if getattr(cited, style) == cited.written)
            key = (one.kind, cited.written == cited.bluebook, one.is_damaged)
            if len(told.examples) < EXAMPLES and key not in shown:
                shown.add(key)
                told.examples.append(cited)
    return told


def _cited(pk: int, name: str, text: str, one: Citation) -> Cited:
    return Cited(
        sample=pk,
        name=name,
        written=text[one.start : one.end],
        bluebook=written_as(one, "bluebook"),
        plain=written_as(one, "plain"),
        is_damaged=one.is_damaged,
    )
