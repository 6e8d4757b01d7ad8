"""Labelling rules: what they find, and that no pattern can run away."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.labelling.rules import MAX_WAYS, Rule, RuleInvalid, class_scores, hits, pattern_check, rule_check

TEXT = "My knee hurts. The knee pain keeps me awake; 400 mg of ibuprofen helps."


def found(kind: str, text: str) -> list[str]:
    return [TEXT[hit.start : hit.end] for hit in hits([Rule("reason", "pain", kind, text)], TEXT)]


def test_words_are_found_whole_and_the_longest_first() -> None:
    assert found("keyword", "knee, knee pain") == ["knee", "knee pain"]
    assert found("keyword", "kne") == []
    assert found("keyword", "c++, KNEE") == ["knee", "knee"]


def test_a_pattern_finds_its_places() -> None:
    assert found("pattern", r"\b\d{1,4} ?(?:mg|ml)\b") == ["400 mg"]


GOOD = [
    (r"a", 1),
    (r"a?", 2),
    (r"\d{1,20}", 20),
    (r"(?:mg|ml)", 2),
    (r"[^\]a-z]{2}", 1),
    (r"colou?r", 2),
    (r"a|b|c", 3),
]


@pytest.mark.parametrize(("pattern", "ways"), GOOD)
def test_ways_are_counted(pattern: str, ways: int) -> None:
    assert pattern_check(pattern) == ways


BAD = [
    "(a+)+$", "a*", ".*b", "(?:a|aa){1,20}", r"(?=x)", r"(?P<n>a)", r"(a)\1", r"\w{0,50}\w{0,50}\w{0,50}", "(", ")",
    "[a", "a{60}", "a{5,2}", "a{,5}", "a??", "a{1,2}?", "?", r"\Z", "x" * 3 + "{1,50}" + "[0-9]{1,50}",
    "(" * 12 + "a" + ")" * 12,
]  # fmt: skip


@pytest.mark.parametrize("pattern", BAD)
def test_patterns_that_could_run_away_are_refused(pattern: str) -> None:
    with pytest.raises(RuleInvalid):
        rule_check("pattern", pattern)


@pytest.mark.parametrize("kind_text", [("keyword", " , "), ("keyword", ""), ("other", "a")])
def test_rules_without_words_are_refused(kind_text: tuple[str, str]) -> None:
    with pytest.raises(RuleInvalid):
        rule_check(*kind_text)


pieces = st.sampled_from(
    ["a", "b", ".", "[ab]", r"\w", "a{1,3}", "b?", "(?:a|b)", "(a|bb)?", "|", "(", ")", "*", "+", "{2}"]
)


@given(st.lists(pieces, max_size=8).map("".join))
def test_what_is_accepted_compiles_and_is_bounded(pattern: str) -> None:
    try:
        ways = pattern_check(pattern)
    except RuleInvalid:
        return
    re.compile(pattern)
    assert 1 <= ways <= MAX_WAYS


def test_shares_of_a_field_sum_to_one() -> None:
    rules = [Rule("reason", "pain", "keyword", "knee, pain"), Rule("reason", "sleep", "keyword", "awake")]
    scores = class_scores(hits(rules, TEXT))
    assert scores[("reason", "pain")] == (0.75, "rule “knee, pain”")
    assert sum(score for score, _ in scores.values()) == pytest.approx(1)


def test_a_rule_that_is_no_longer_valid_points_nowhere() -> None:
    assert found("pattern", "(a+)+") == []
