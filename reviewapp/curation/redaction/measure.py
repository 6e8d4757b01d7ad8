"""How well a tagger does on texts that are never trained on, and whether it finds the names of all origins alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from reviewapp.curation.redaction.finder import identifiers_of
from reviewapp.curation.redaction.sentences import LABELS, Tagged, names_make, tests_make
from reviewapp.curation.redaction.spans import Span
from reviewapp.curation.redaction.tagger import Tagger

GAP_MOST = 0.05  # between the origin whose names are found most and the one whose are found least
WORSE_BY = 0.01  # of F1 or recall: less is chance
_SEED, _TEXTS, _EACH = 20_261_122, 600, 60


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of ``n`` identifiers, ``found`` were wholly inside what was marked."""

    name: str
    n: int
    found: int

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").title()

    @property
    def missed(self) -> int:
        return self.n - self.found

    @property
    def recall(self) -> float | None:
        return self.found / self.n if self.n else None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """``f1``, ``precision`` and ``recall`` count places and kind exactly; ``labels`` and ``origins`` whole covering."""

    precision: float
    recall: float
    f1: float
    labels: tuple[Found, ...]
    origins: tuple[Found, ...]

    @property
    def gap(self) -> float:
        recalls = [each.recall for each in self.origins if each.recall is not None]
        return max(recalls) - min(recalls) if recalls else 0.0

    @property
    def is_fair(self) -> bool:
        return round(self.gap, 6) <= GAP_MOST

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"gap": self.gap}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Figures:
        """Raises KeyError and TypeError for anything that ``to_json`` did not write."""
        parts = {name: tuple(Found(**row) for row in data[name]) for name in ("labels", "origins")}
        return cls(precision=data["precision"], recall=data["recall"], f1=data["f1"], **parts)


def is_worse(new: Figures, old: Figures) -> bool:
    return new.f1 < old.f1 - WORSE_BY or new.recall < old.recall - WORSE_BY


def measure(tagger: Tagger) -> Figures:
    """On the fixed texts: the tagger alone for F1, everything that looks for names for the rest."""
    hit = marked = there = 0
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for text in _texts():
        marks = {(mark.start, mark.end, mark.label) for mark in tagger.marks(text.text)}
        hit, marked, there = hit + len(marks & set(text.entities)), marked + len(marks), there + len(text.entities)
        spans = identifiers_of([text.text], tagger)[0]
        for start, end, label in text.entities:
            seen[label] += 1
            found[label] += is_covered(text.text, start, end, spans)
    precision, recall = hit / marked if marked else 0.0, hit / there
    labels = tuple(Found(name=label, n=seen[label], found=found[label]) for label in LABELS)
    f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
    return Figures(precision=precision, recall=recall, f1=f1, labels=labels, origins=_by_origin(tagger))


def is_covered(text: str, start: int, end: int, spans: list[Span]) -> bool:
    """Whether every letter and figure of ``text[start:end]`` lies in a span, whatever its kind."""
    return all(
        not text[place].isalnum() or any(span.start <= place < span.end for span in spans)
        for place in range(start, end)
    )


def _by_origin(tagger: Tagger) -> tuple[Found, ...]:
    seen: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for text in _names():
        spans = identifiers_of([text.text], tagger)[0]
        for start, end, label in text.entities:
            if label == "NAME":
                seen[text.origin] += 1
                found[text.origin] += is_covered(text.text, start, end, spans)
    return tuple(Found(name=origin, n=n, found=found[origin]) for origin, n in seen.items())


@cache
def _texts() -> list[Tagged]:
    return tests_make(_SEED, _TEXTS)


@cache
def _names() -> list[Tagged]:
    return names_make(_SEED, _EACH)
