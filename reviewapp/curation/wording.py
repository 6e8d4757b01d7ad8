"""Finding words of a text again that somebody copied or marked on a screen. Plain Python."""

from __future__ import annotations

import re

LONGEST = 2_000  # characters that are looked for


def words_found(text: str, words: str, *, near: int = 0) -> tuple[int, int] | None:
    """The span of ``words`` in ``text`` that begins nearest to ``near``; None where they are not.

    A screen shows line breaks and runs of blanks in other ways than the text has them: any white space fits any other.
    """
    parts = words.split()
    if not parts or len(words) > LONGEST:
        return None
    pattern = re.compile(r"\s+".join(re.escape(part) for part in parts))
    spans = [found.span() for found in pattern.finditer(text)]
    return min(spans, key=lambda span: abs(span[0] - near)) if spans else None
