"""The lists of names and places, and the sentences to fill, that this project wrote itself (``words/*.txt``)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

WORDS = Path(__file__).parent / "words"
KEPT_APART = 4  # the last quarter of a list of names measures the tagger and is never trained on
SURNAME, WOMEN, MEN = "surname", "women", "men"


@dataclass(frozen=True)
class NameList:
    """Names of one origin and kind (women, men, surname), in the order written."""

    origin: str
    kind: str
    names: tuple[str, ...]

    @property
    def trained(self) -> tuple[str, ...]:
        return self.names[: len(self.names) - len(self.names) // KEPT_APART]

    @property
    def measured(self) -> tuple[str, ...]:
        return self.names[len(self.names) - len(self.names) // KEPT_APART :]


@lru_cache(maxsize=50_000)
def plain(word: str) -> str:
    """Lower case without accents, to compare names however they were typed."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFKD", word.lower().replace("ł", "l").replace("đ", "d").replace("ø", "o"))
    return "".join(part for part in parts if not unicodedata.combining(part)).replace("ß", "ss")


@cache
def name_lists() -> dict[tuple[str, str], NameList]:
    """By origin and kind."""
    lists = [NameList(origin, kind, tuple(names.split())) for origin, kind, names in _rows("names.txt")]
    return {(each.origin, each.kind): each for each in lists}


@cache
def origins() -> tuple[str, ...]:
    return tuple(dict.fromkeys(origin for origin, _ in name_lists()))


@cache
def names_known() -> dict[str, NameList]:
    """The list of each name by its plain form; of a name on two lists, the first."""
    known: dict[str, NameList] = {}
    for each in name_lists().values():
        for name in each.names:
            known.setdefault(plain(name), each)
    return known


@cache
def word_lists() -> dict[str, tuple[str, ...]]:
    """Cities, streets, drugs and the like; ``#`` in a list stands for a blank inside one entry."""
    lists: dict[str, tuple[str, ...]] = {}
    for kind, words in _rows("places.txt"):
        lists[kind] = lists.get(kind, ()) + tuple(word.replace("#", " ") for word in words.split())
    return lists


@cache
def sentences(name: str) -> tuple[str, ...]:
    """The lines of ``sentences_<name>.txt``."""
    lines = (WORDS / f"sentences_{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.replace("\\n", "\n") for line in lines if line and not line.startswith("#"))


def _rows(file: str) -> list[tuple[str, ...]]:
    lines = (WORDS / file).read_text(encoding="utf-8").splitlines()
    return [tuple(part.strip() for part in line.split(" | ")) for line in lines if line and not line.startswith("#")]
