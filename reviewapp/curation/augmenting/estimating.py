"""What noise a corpus has: rates per 1,000 words from its own texts, to be mimicked.

A word seen once or twice that is one slip (Damerau 1964) away from a word of the corpus seen 20 times or more counts as
mistyped, or as misread where a scanner would confuse the letters; the index of words with one letter left out is
Garbe's symmetric delete. Endings and first letters that differ are other words, not slips. Words that happen to be a
slip apart ("feeing", "feeling") make it an upper figure; slips of seldom words, which cannot be seen, are reckoned as
often as those of the others.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from reviewapp.curation.augmenting.noise import FILLERS, KINDS, MISREAD
from reviewapp.curation.tokens import plain_words

LEAST_WORDS = 2_000  # of all texts, below which nothing is estimated
OFTEN, SELDOM = 20, 2
LETTERS = 5  # words shorter than this are a slip away from too many others
_SENTENCES = re.compile(r"(?<=[.?!])\s+|\n+")
_LABEL = re.compile(r"^\s*[\w .'’-]{1,30}:\s*")
_DIGIT_IN_WORD = re.compile(r"[a-z]+[0159][a-z]+|[a-z]{2,}[0159]|[0159][a-z]{2,}")
_BACK = str.maketrans({"1": "l", "0": "o", "5": "s", "9": "g"})


@dataclass(frozen=True)
class Estimate:
    """``rates`` per 1,000 words by kind of noise, from ``words`` words; ``examples``: a few pairs (seen, meant)."""

    words: int
    rates: dict[str, float]
    fillers: dict[str, int]
    examples: list[tuple[str, str]]

    @property
    def is_known(self) -> bool:
        return self.words >= LEAST_WORDS


def noise_of(texts: Iterable[tuple[str, str]]) -> Estimate:
    """Reads (text, language) once; memory grows with the vocabulary."""
    words: Counter[str] = Counter()
    fillers: Counter[str] = Counter()
    found: Counter[str] = Counter()
    n = 0
    for text, language in texts:
        own = plain_words(text)
        n += len(own)
        words.update(word.casefold() for word in own if word.islower() or word.istitle())
        spoken = FILLERS.get(language[:2], FILLERS["en"])
        fillers.update(word for word in (w.casefold() for w in own) if word in spoken)
        found.update(_sentences_seen(text))
    slips = slips_of(words)
    found["fillers"] = fillers.total()
    share = _share_seen(words)
    rates = {kind: 1_000 * found[kind] / n if n else 0.0 for kind in KINDS}
    for kind, seen, _ in slips:
        rates[kind] += 1_000 * words[seen] / (n * share)
    rates = {kind: round(rate, 2) for kind, rate in rates.items()}
    return Estimate(n, rates, dict(fillers.most_common(5)), [(seen, meant) for _, seen, meant in slips[:8]])


def _share_seen(words: Counter[str]) -> float:
    """Of the words that noise can be in, the share whose slips are seen: those of words that stand often."""
    seen = sum(n for word, n in words.items() if n >= OFTEN and len(word) >= LETTERS)
    return max(0.05, seen / max(1, sum(n for word, n in words.items() if len(word) > 3)))


def _sentences_seen(text: str) -> Counter[str]:
    """Sentences that begin with a small letter, and lines that end without a mark."""
    seen: Counter[str] = Counter()
    for sentence in _SENTENCES.split(text):
        said = _LABEL.sub("", sentence).strip()
        seen["casing"] += said[:1].islower()
    for line in text.splitlines():
        seen["marks"] += line.rstrip()[-1:].isalpha() and len(line.split()) > 3
    return seen


def slips_of(words: Counter[str]) -> list[tuple[str, str, str]]:
    """(typos or misread, the word as seen, the word that was meant), words that were meant most often first."""
    often = [word for word, n in words.items() if n >= OFTEN and len(word) >= LETTERS and word.isalpha()]
    index: defaultdict[str, list[str]] = defaultdict(list)
    for word in often:
        for form in _shorter(word):
            index[form].append(word)
    slips = []
    for seen, n in words.items():
        if n <= SELDOM and len(seen) >= LETTERS - 1:
            meant = _meant(seen, index, words)
            if meant:
                is_scan = not seen.isalpha() or meant in _misreadings(seen)
                slips.append(("misread" if is_scan else "typos", seen, meant))
    return sorted(slips, key=lambda slip: (-words[slip[2]], slip))


def _shorter(word: str) -> set[str]:
    return {word} | {word[:at] + word[at + 1 :] for at in range(len(word))}


def _meant(seen: str, index: dict[str, list[str]], words: Counter[str]) -> str:
    if not seen.isalpha():
        back = seen.translate(_BACK)
        return back if _DIGIT_IN_WORD.fullmatch(seen) and words[back] >= OFTEN else ""
    near = {word for form in _shorter(seen) for word in index.get(form, ()) if is_slip(seen, word)}
    return max(near, key=lambda word: (words[word], word), default="")


def _misreadings(seen: str) -> set[str]:
    """What a scanner may have read so: "rn" for "m" and the like; single letters are as often mistyped."""
    wide = [(new, old) for old, new in MISREAD.items() if len(new) > 1]
    return {seen.replace(new, old, 1) for new, old in wide if new in seen}


def is_slip(seen: str, meant: str) -> bool:
    """One letter left out, added, exchanged or swapped with its neighbour, inside the word and not at its end."""
    if seen == meant or seen[0] != meant[0]:
        return False
    head = 0
    while head < min(len(seen), len(meant)) and seen[head] == meant[head]:
        head += 1
    if head >= min(len(seen), len(meant)) - 1:  # an ending
        return False
    a, b = seen[head:], meant[head:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[1:] == shorter
