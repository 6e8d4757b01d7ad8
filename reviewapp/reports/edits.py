"""How much of an output had to be changed: words, by edit distance. Pure."""

from __future__ import annotations

import numpy as np


def words_changed(text: str, corrected: str) -> float:
    """Words replaced, put in or taken out (Levenshtein 1966) over the words of the longer text: 0 to 1."""
    first, second = text.split(), corrected.split()
    longest = max(len(first), len(second))
    return _distance(first, second) / longest if longest else 0.0


def _distance(first: list[str], second: list[str]) -> int:
    """One row of the table at a time; what both begin and end with is set aside first."""
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start]:
        start += 1
    first, second = first[start:], second[start:]
    while first and second and first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    if not first or not second:
        return len(first) + len(second)
    ids = {word: number for number, word in enumerate(dict.fromkeys(first + second))}
    across = np.array([ids[word] for word in second])
    places = np.arange(len(second) + 1)
    row = places.copy()
    for number, word in enumerate(first, start=1):
        beside = np.minimum(row[1:] + 1, row[:-1] + (across != ids[word]))
        row = np.concatenate(([number], beside))
        row = np.minimum.accumulate(row - places) + places  # what is put in, from left to right
    return int(row[-1])
