"""What a labelling function of the browser looks for in a sample: words, a pattern, a length, a field, a score.

A pattern is any regular expression of the ``regex`` package that fits the limits below; its search is interrupted
after PATTERN_SECONDS, so that no text can make it run away. Functions see the prompt and the fields that came with
the import, never the completion: it is written from the experts' labels and would give them away. Plain Python.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import regex  # type: ignore[import-untyped]

from reviewapp.labelling.rules import KEYWORD, MAX_TEXT, PATTERN, Rule, RuleInvalid, hits, rule_check
from reviewapp.words import say

LENGTH, COMPARE, SCORE, LINE = "length", "compare", "score", "line"
KINDS = (KEYWORD, PATTERN, LENGTH, COMPARE, SCORE)
UNITS = ("words", "characters")
OPERATORS = ("is", "is_not", "holds", "above", "at_least", "below", "at_most", "present", "missing")
BARE = ("present", "missing")  # operators that compare with nothing
LEARNED = "learned"  # the source of scores that is the project's own model of the experts' labels
LANGUAGE = "language"
PATTERN_SECONDS = 0.25  # of computing, for one text
SPARE_SECONDS, SECONDS_A_TEXT = 10.0, 0.005  # of computing, for all texts together: the first and so much for each
MOST_CHARACTERS, MOST_COUNT, MOST_COUNTS, MOST_DEPTH = 500, 1_000, 100_000, 30
_COUNTS = re.compile(r"(?<!\\)\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
_RECURSION = re.compile(r"\(\?(?:R|[+-]?\d|&|P>)")
_OF_KIND = {
    KEYWORD: ("text",),
    PATTERN: ("text",),
    LINE: ("text", "unit"),
    LENGTH: ("unit", "least", "most"),
    COMPARE: ("column", "operator", "value"),
    SCORE: ("source", "at_least"),
}
Place = tuple[int, int]
NOWHERE: Place = (0, 0)  # it fires, but not at one place of the prompt


class ConditionInvalid(ValueError):
    """A condition that cannot be used; the message says what to change."""


class TooSlow(Exception):
    """A search that was interrupted; ``seconds`` of computing it was allowed, ``is_one`` of one text or of all."""

    def __init__(self, seconds: float, *, is_one: bool) -> None:
        super().__init__(f"more than {seconds:g} s")
        self.seconds, self.is_one = seconds, is_one


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a function sees of a sample. ``scores``: by source, the score of each class, 0 to 1."""

    prompt: str
    language: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """When a function fires. Only the fields of its kind count. ``least`` and ``most`` are counts, inclusive.

    Kind ``line`` is a rule of the label schema: ``unit`` then says which of its two kinds.
    """

    kind: str
    text: str = ""
    unit: str = ""
    least: int | None = None
    most: int | None = None
    column: str = ""
    operator: str = ""
    value: str = ""
    source: str = ""
    at_least: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind} | {k: v for k, v in asdict(self).items() if k in _OF_KIND[self.kind]}

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Condition:
        """Raises ConditionInvalid for anything that ``as_json`` does not write."""
        try:
            return cls(**values)
        except TypeError as error:
            raise ConditionInvalid(say("This rule cannot be read. Write it anew.")) from error


def content_hash(target: str, condition: Condition) -> str:
    """sha256 (hex) of what a function does: the class that it votes for, and when."""
    text = json.dumps([target, condition.as_json()], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def condition_check(condition: Condition) -> None:
    """Raises ConditionInvalid for a condition that cannot be used."""
    checks: dict[str, Callable[[Condition], None]] = {
        KEYWORD: _check_words, LINE: _check_line, PATTERN: _check_pattern,
        LENGTH: _check_length, COMPARE: _check_compare, SCORE: _check_score,
    }  # fmt: skip
    if condition.kind not in checks:
        raise ConditionInvalid(say("There is no rule of this kind."))
    checks[condition.kind](condition)


def _check_words(condition: Condition) -> None:
    _short(condition.text)
    try:
        rule_check(KEYWORD, condition.text)
    except RuleInvalid as error:
        raise ConditionInvalid(str(error)) from error


def _check_line(condition: Condition) -> None:
    try:
        rule_check(condition.unit, condition.text)
    except RuleInvalid as error:
        raise ConditionInvalid(str(error)) from error


def _short(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise ConditionInvalid(
            say("It is longer than %(most)s characters. Make two rules of it.", most=MOST_CHARACTERS)
        )


def _check_pattern(condition: Condition) -> None:
    text = condition.text
    _short(text)
    if not text.strip():
        raise ConditionInvalid(say("Write the pattern that the rule looks for."))
    _check_size(text)
    try:
        compiled = _compiled(text)
    except (regex.error, ValueError, OverflowError, RecursionError, KeyError, IndexError) as error:
        raise ConditionInvalid(say("This is no pattern: %(error)s.", error=str(error))) from error
    try:
        matches_nothing = compiled.search("", timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        matches_nothing = False
    if matches_nothing:
        raise ConditionInvalid(say("This pattern matches an empty text too, so it would fire everywhere. Narrow it."))


def _check_size(text: str) -> None:
    """Counts make the compiled pattern grow before any time limit holds; self-reference makes it grow while it runs."""
    product = 1
    for found in _COUNTS.finditer(text):
        most = max((int(n) for n in found.groups() if n and len(n) < 10), default=0)
        if most > MOST_COUNT or any(len(n) >= 10 for n in found.groups()):
            raise ConditionInvalid(say("A count in a pattern is at most %(most)s.", most=MOST_COUNT))
        product *= max(1, most)
    if product > MOST_COUNTS:
        raise ConditionInvalid(say("The counts of this pattern multiply to too much. Repeat less in some of them."))
    if text.count("(") > MOST_DEPTH:
        raise ConditionInvalid(say("This pattern has more than %(most)s groups. Make two of it.", most=MOST_DEPTH))
    if _RECURSION.search(text):
        raise ConditionInvalid(say("A pattern must not refer to itself."))


def _check_length(condition: Condition) -> None:
    least, most = condition.least, condition.most
    if condition.unit not in UNITS:
        raise ConditionInvalid(say("Count words or characters."))
    if least is None and most is None:
        raise ConditionInvalid(say("Give the smallest length, the largest, or both."))
    if (most is not None and most < (least or 0)) or (least or 0) < 0:
        raise ConditionInvalid(
            say("No prompt is that long: the smallest length is 0 or more, the largest not below it.")
        )


def _check_compare(condition: Condition) -> None:
    if not condition.column.strip():
        raise ConditionInvalid(say("Name the field that is compared."))
    if condition.operator not in OPERATORS:
        raise ConditionInvalid(say("Choose how the field is compared."))
    if condition.operator not in BARE and not condition.value.strip():
        raise ConditionInvalid(say("Write what the field is compared with."))
    _short(condition.column + condition.value)


def _check_score(condition: Condition) -> None:
    if not condition.source.strip():
        raise ConditionInvalid(say("Choose whose score is asked for."))
    if not (math.isfinite(condition.at_least) and 0 < condition.at_least <= 1):
        raise ConditionInvalid(say("The least score is above 0 and at most 1."))


class Matcher:
    """One condition, ready to be asked many times. ``spent`` is the computing time of its pattern so far, seconds."""

    def __init__(self, condition: Condition, target: str, *, spare: float = SPARE_SECONDS) -> None:
        """Raises ConditionInvalid for a condition that cannot be used."""
        condition_check(condition)
        self.condition, self.target, self.spare = condition, target, spare
        self.spent, self.seen = 0.0, 0
        self._pattern = _compiled(condition.text) if condition.kind == PATTERN else None
        self._rule = Rule("", target, condition.unit or KEYWORD, condition.text)

    def find(self, material: Material) -> Place | None:
        """Where it fires first, NOWHERE where that is no place of the prompt, None where it does not.

        Raises TooSlow when a search was interrupted, or all searches together took too long.
        """
        if self._pattern is not None:
            return self._searched(material.prompt[:MAX_TEXT])
        if self.condition.kind in (KEYWORD, LINE):
            hit = next(hits([self._rule], material.prompt), None)
            return (hit.start, hit.end) if hit else None
        return NOWHERE if _HOLDS[self.condition.kind](self.condition, self.target, material) else None

    def _searched(self, text: str) -> Place | None:
        started = time.process_time()
        try:
            found = self._pattern.search(text, timeout=PATTERN_SECONDS)  # type: ignore[union-attr]
        except TimeoutError as error:
            raise TooSlow(PATTERN_SECONDS, is_one=True) from error
        except MemoryError as error:
            raise TooSlow(PATTERN_SECONDS, is_one=True) from error
        self.spent, self.seen = self.spent + time.process_time() - started, self.seen + 1
        if self.spent > (allowed := self.spare + SECONDS_A_TEXT * self.seen):
            raise TooSlow(allowed, is_one=False)
        return found.span() if found and found.end() > found.start() else None


def _compiled(text: str) -> Any:
    return regex.compile(text, regex.IGNORECASE)


def _is_long(condition: Condition, target: str, material: Material) -> bool:
    n = len(material.prompt.split()) if condition.unit == "words" else len(material.prompt)
    return (condition.least is None or n >= condition.least) and (condition.most is None or n <= condition.most)


def _has_score(condition: Condition, target: str, material: Material) -> bool:
    return material.scores.get(condition.source, {}).get(target, 0.0) >= condition.at_least


def _compares(condition: Condition, target: str, material: Material) -> bool:
    left = _value(condition.column.strip(), material)
    if condition.operator in BARE:
        return (left == "") == (condition.operator == "missing")
    right = condition.value.strip()
    if right.startswith("{") and right.endswith("}"):
        right = _value(right[1:-1].strip(), material)
    if left == "" or right == "":
        return False
    if condition.operator in ("is", "is_not"):
        return (left.casefold() == right.casefold()) == (condition.operator == "is")
    if condition.operator == "holds":
        return right.casefold() in left.casefold()
    return _ordered(condition.operator, left, right)


def _value(column: str, material: Material) -> str:
    """A field as text; empty where it is missing."""
    found = material.metadata.get(column, material.language if column == LANGUAGE else None)
    if found is None:
        return ""
    return found.strip() if isinstance(found, str) else json.dumps(found, ensure_ascii=False, sort_keys=True)


def _ordered(operator: str, left: str, right: str) -> bool:
    """Numbers as numbers, ISO dates as dates; anything else has no order, so nothing holds of it."""
    ends = [_number(left), _number(right)]
    if None in ends:
        is_date = all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text[:10]) for text in (left, right))
        if not is_date:
            return False
        ends = [float(left[:10].replace("-", "")), float(right[:10].replace("-", ""))]
    a, b = (end or 0.0 for end in ends)
    return {"above": a > b, "at_least": a >= b, "below": a < b, "at_most": a <= b}[operator]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


_HOLDS: dict[str, Callable[[Condition, str, Material], bool]] = {
    LENGTH: _is_long, COMPARE: _compares, SCORE: _has_score,
}  # fmt: skip
