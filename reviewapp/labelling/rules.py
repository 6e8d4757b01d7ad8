"""Labelling rules: words or a pattern that point to a class or to a type of passage. Plain Python.

A pattern is a regular expression of a small kind that cannot run away: letters, classes such as ``[a-z]`` and ``\\d``,
groups without a name, alternatives, ``?`` and counted repeats ``{2,20}`` of one character. There is no ``*``, no ``+``,
no repeated group and no look-around, and the number of ways in which it may match at one place is bounded when the
pattern is written: MAX_WAYS. Matching therefore takes at most MAX_WAYS steps a character, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

KEYWORD, PATTERN = "keyword", "pattern"
MAX_WAYS = 200
MAX_REPEAT = 50
MAX_TEXT = 50_000  # characters of a prompt that rules look at
_ESCAPES = frozenset("dDwWsSbB")
_COUNT = re.compile(r"\{(\d{1,3})(?:,(\d{1,3}))?\}")


class RuleInvalid(ValueError):
    """A rule that cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Rule:
    field: str
    target: str  # key of the class, or of the type of passage
    kind: str
    text: str

    @property
    def source(self) -> str:
        return f"rule “{self.text}”"


@dataclass(frozen=True)
class Hit:
    rule: Rule
    start: int
    end: int


def ways_of(kind: str, text: str) -> int:
    """What a rule may cost at one place of a text; 1 for words."""
    return pattern_check(text) if kind == PATTERN else 1


def rule_check(kind: str, text: str) -> None:
    """Raises RuleInvalid for a rule that cannot be used."""
    if not text.strip():
        raise RuleInvalid("Write the words or the pattern that the rule looks for.")
    if kind == PATTERN:
        pattern_check(text)
    elif kind != KEYWORD:
        raise RuleInvalid("A rule is of kind keyword or pattern.")
    elif not _words(text):
        raise RuleInvalid("A rule of words needs at least one word; separate several by commas.")


def hits(rules: Iterable[Rule], text: str) -> Iterator[Hit]:
    """Every place of the text that a rule points to; a rule that is not valid any more points nowhere."""
    text = text[:MAX_TEXT]
    for rule in rules:
        try:
            compiled = _compiled(rule.kind, rule.text)
        except RuleInvalid:
            continue
        for match in compiled.finditer(text):
            if match.end() > match.start():
                yield Hit(rule, match.start(), match.end())


def class_scores(found: Iterable[Hit]) -> dict[tuple[str, str], tuple[float, str]]:
    """(field, class) -> (share of the field's hits, source of the rule that hit most); shares of a field sum to 1."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    totals: dict[str, int] = {}
    for hit in found:
        by_source = counts.setdefault((hit.rule.field, hit.rule.target), {})
        by_source[hit.rule.source] = by_source.get(hit.rule.source, 0) + 1
        totals[hit.rule.field] = totals.get(hit.rule.field, 0) + 1
    return {
        key: (sum(by_source.values()) / totals[key[0]], max(by_source, key=lambda source: by_source[source]))
        for key, by_source in counts.items()
    }


@lru_cache(maxsize=2_000)
def _compiled(kind: str, text: str) -> re.Pattern[str]:
    rule_check(kind, text)
    if kind == PATTERN:
        return re.compile(text, re.IGNORECASE)
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in _words(text)), re.IGNORECASE)


def _words(text: str) -> list[str]:
    # the longest first, so that "chest pain" is found where "chest" is looked for as well
    return sorted({word.strip() for word in text.split(",") if word.strip()}, key=lambda word: (-len(word), word))


def pattern_check(text: str) -> int:
    """The most ways in which a pattern may match at one place; raises RuleInvalid when it is not of the safe kind."""
    ways, at = _alternatives(text, 0, 0)
    if at < len(text):
        raise RuleInvalid(f"The “)” at place {at + 1} closes nothing.")
    if ways > MAX_WAYS:
        raise RuleInvalid(f"This pattern can match in {ways:,} ways at one place; at most {MAX_WAYS:,} are allowed.")
    try:
        re.compile(text)
    except (re.error, OverflowError) as error:
        raise RuleInvalid(f"This is no pattern: {error}.") from error
    return ways


def _alternatives(text: str, at: int, depth: int) -> tuple[int, int]:
    """Ways of ``a|b|c`` from ``at`` to a closing bracket or the end."""
    if depth > 10:
        raise RuleInvalid("The groups of this pattern are nested too deeply.")
    total, ways = 0, 1
    while at < len(text) and text[at] != ")":
        if text[at] == "|":
            total, ways, at = total + ways, 1, at + 1
            continue
        of_atom, at, is_group = _atom(text, at, depth)
        repeats, at = _repeats(text, at, is_group=is_group)
        ways = min(ways * of_atom * repeats if not is_group else ways * (of_atom + repeats - 1), 10**9)
    return total + ways, at


def _atom(text: str, at: int, depth: int) -> tuple[int, int, bool]:
    """(ways, where the next one begins, whether it is a group)."""
    char = text[at]
    if char == "(":
        start = at + 3 if text.startswith("(?:", at) else at + 1
        if text.startswith("(?", at) and start == at + 1:
            raise RuleInvalid(f"Of groups only (...) and (?:...) are known; see place {at + 1}.")
        ways, end = _alternatives(text, start, depth + 1)
        if end >= len(text):
            raise RuleInvalid(f"The “(” at place {at + 1} is not closed.")
        return ways, end + 1, True
    if char == "[":
        end = _closed(text, at)
        return 1, end, False
    if char == "\\":
        following = text[at + 1 : at + 2]
        if not following or (following.isalnum() and following not in _ESCAPES):
            raise RuleInvalid(f"“\\{following}” is not known; use \\b \\d \\w \\s or a sign.")
        return 1, at + 2, False
    if char in "*+?{":
        raise RuleInvalid(f"The “{char}” at place {at + 1} repeats nothing.")
    return 1, at + 1, False


def _closed(text: str, at: int) -> int:
    """Where the character class that begins at ``at`` ends."""
    end = at + 1
    if text[end : end + 1] == "^":
        end += 1
    first = end
    while end < len(text) and (text[end] != "]" or end == first):
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise RuleInvalid(f"The “[” at place {at + 1} is not closed.")
    return end + 1


def _repeats(text: str, at: int, *, is_group: bool) -> tuple[int, int]:
    """How many different counts the repeat at ``at`` allows (1 when there is none), and where it ends."""
    char = text[at : at + 1]
    if char and char in "*+":
        raise RuleInvalid(f"“{char}” may run away on long texts. Write a count such as {{1,20}} instead.")
    if char == "?":
        ways, end = 2, at + 1
    elif char == "{":
        match = _COUNT.match(text, at)
        if match is None:
            raise RuleInvalid(f"The “{{” at place {at + 1} begins no count such as {{2}} or {{1,20}}.")
        least, most = int(match.group(1)), int(match.group(2) or match.group(1))
        if is_group or most > MAX_REPEAT or most < least:
            raise RuleInvalid(f"A count repeats one character, at most {MAX_REPEAT} times.")
        ways, end = max(1, most - least + 1), match.end()
    else:
        return 1, at
    if text[end : end + 1] and text[end] in "?*+{":
        raise RuleInvalid(f"Two repeats stand in a row at place {end + 1}.")
    return ways, end
