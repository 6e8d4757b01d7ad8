"""A linear-chain CRF (CRFsuite) that marks names, places, streets, institutions and dates in a text.

Lafferty, McCallum and Pereira 2001; trained with L-BFGS and both penalties (Okazaki 2007). A model is one file that
is read whole; nothing in it is ever run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import pycrfsuite  # type: ignore[import-untyped]

from reviewapp.curation.redaction.lists import plain, sentences
from reviewapp.curation.redaction.people import listed, nobody
from reviewapp.curation.redaction.sentences import Entity, Tagged
from reviewapp.curation.redaction.tokens import Features, KnownFeatures, Token, features_of, lower_words, stretches

SHIPPED = Path(__file__).parent / "model" / "tagger.crfsuite"


class TaggerUnreadable(Exception):
    """The file is no model of CRFsuite; the message names it."""


@dataclass(frozen=True)
class Mark:
    """What the tagger marked; ``score`` is the least probability of its words, 0 to 1."""

    start: int
    end: int
    label: str
    score: float


class Tagger:
    """``skips_plain`` leaves out sentences without a capital that could be a name's: right for names, twice as
    fast, wrong for a model that marks words such as "woman"."""

    def __init__(self, model: bytes, *, skips_plain: bool = True) -> None:
        self._skips_plain = skips_plain
        self._tagger = pycrfsuite.Tagger()
        try:
            self._tagger.open_inmemory(model)
        except ValueError as error:
            raise TaggerUnreadable("This file is no model that the tagger can read.") from error
        self._features = KnownFeatures(self._tagger.info().attributes)
        self._model = model  # the tagger reads from these bytes for as long as it lives

    def marks(self, text: str) -> list[Mark]:
        """What identifies somebody in ``text``, in order; nothing overlaps."""
        found: list[Mark] = []
        lower_seen = lower_words(text)
        for stretch in stretches(text):
            if not self._skips_plain or _may_have_any(stretch.tokens):
                tags = self._tagger.tag(self._features(stretch, lower_seen))
                found += self._marks(stretch.tokens, tags)
        return found

    def _marks(self, tokens: Sequence[Token], tags: Sequence[str]) -> list[Mark]:
        marks = []
        for first, last, label in runs(tags):
            inside = zip(range(first, last), tags[first:last], strict=True)
            score = min(float(self._tagger.marginal(tag, place)) for place, tag in inside)
            marks.append(Mark(tokens[first].start, tokens[last - 1].end, label, score))
        return marks


def runs(tags: Sequence[str]) -> Iterable[tuple[int, int, str]]:
    """(first, one past the last, label) of each entity; an I that follows nothing of its label begins one."""
    first, label = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        is_same = tag.startswith("I-") and tag[2:] == label
        if label and not is_same:
            yield first, place, label
            label = ""
        if tag != "O" and not is_same:
            first, label = place, tag[2:]


def _may_have_any(tokens: Sequence[Token]) -> bool:
    """Whether a word has a capital that ordinary words, medicines and headings have not, or a title stands there."""
    return any(_is_telling(token.text) for token in tokens)


@lru_cache(maxsize=50_000)
def _is_telling(word: str) -> bool:
    small = word.lower()
    return small in _LOW_CUES or (word != small and len(word) > 1 and plain(small) not in _ordinary())


@cache
def _ordinary() -> frozenset[str]:
    """What stands in small letters in the project's own sentences, and what is a name nowhere."""
    texts = [line for name in ("en", "none", "es", "de") for line in sentences(name)]
    lower = frozenset(plain(word) for line in texts for word in lower_words(line))
    return (lower | nobody() | listed("function") | listed("common")) - listed("ordinary")


_LOW_CUES = frozenset(("dr", "mr", "mrs", "ms", "miss", "name", "named", "called"))


@lru_cache(maxsize=4)
def tagger_open(path: str, written: str = "") -> Tagger:
    """The tagger in a file; ``written`` is its hash, so that a file that was replaced is read again.

    Raises TaggerUnreadable.
    """
    try:
        return Tagger(Path(path).read_bytes())
    except OSError as error:
        raise TaggerUnreadable(f"The tagger's file {Path(path).name} cannot be read.") from error


def tagger_train(
    texts: Sequence[Tagged], *, iterations: int = 60, c1: float = 0.35, c2: float = 0.02, min_freq: int = 2
) -> bytes:
    """The model learned from ``texts``: L-BFGS with penalties ``c1`` (sum of weights) and ``c2`` (of squares)."""
    trainer = pycrfsuite.Trainer(verbose=False)
    options = {"c1": c1, "c2": c2, "max_iterations": iterations, "feature.minfreq": min_freq}
    trainer.set_params(options)
    for text in texts:
        for items, tags in examples_of(text):
            trainer.append(items, tags)
    with tempfile.TemporaryDirectory(prefix="countersign-tagger-") as folder:
        path = Path(folder) / "model"
        trainer.train(str(path))
        return path.read_bytes()


def examples_of(tagged: Tagged) -> Iterable[tuple[list[Features], list[str]]]:
    """Features and tags (B-, I-, O) of each stretch of a text."""
    lower_seen = lower_words(tagged.text)
    for stretch in stretches(tagged.text):
        yield features_of(stretch, lower_seen), tags_of(stretch.tokens, tagged.entities)


def tags_of(tokens: Sequence[Token], entities: Sequence[Entity]) -> list[str]:
    """A word belongs to the entity that has its first character."""
    tags, last = [], None
    for token in tokens:
        inside = next((e for e in entities if e[0] <= token.start < e[1]), None)
        tags.append("O" if inside is None else f"{'I' if inside == last else 'B'}-{inside[2]}")
        last = inside
    return tags
