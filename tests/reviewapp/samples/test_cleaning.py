from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.samples.cleaning import ACTIONS, clean, repair_word

# Pieces that the cleaner knows, so that random texts meet its rules often.
pieces = st.sampled_from(
    ["cafÃ©", "â€™", "Ã", "â€", "\r\n", "\r", "\x0b", "\u2028", "\x00", "\x1b", "\u200b", "\ufeff", "\u00ad", "e\u0301"]
    + ["\u212b", "  ", "\t", "\n", " word", "54", "ﬁ", "\u00a0", "\u200d", "½", "µ", "\x85", "Â", "©", "�", "\u202e"]
)


@pytest.mark.parametrize(
    ("text", "cleaned", "actions"),
    [
        ("fine.", "fine.", {}),
        ("a\r\nb\rc\n", "a\nb\nc", {"line_endings": 2, "outer_blank": 1}),
        ("one  \ntwo\t", "one\ntwo", {"trailing_space": 2}),
        ("no\u200bthing \ufeffhere", "nothing here", {"zero_width": 2}),
        ("be\x07ll\x00", "bell", {"control_characters": 2}),
        ("page\x0ctwo", "page\ntwo", {"line_endings": 1}),
        ("caf\u0065\u0301", "café", {"composed": 1}),
        ("The patientâ€™s cafÃ©", "The patient’s café", {"mojibake": 2}),
        ("38Â°C, 5Âµg", "38°C, 5µg", {"mojibake": 2}),
        ("\n\n text\n", " text", {"outer_blank": 2}),
    ],
)
def test_clean(text: str, cleaned: str, actions: dict[str, int]) -> None:
    result = clean(text)
    assert (result.text, result.actions) == (cleaned, actions)


@pytest.mark.parametrize(
    "text",
    [
        "naïve – “quoted” 5 µg ½ tablet, 38 °C",
        "می‌خواهم",  # a zero-width non-joiner that shapes Persian
        "👩‍⚕️",  # one picture of three characters and a joiner
        "two  spaces and\ttabs stay",
        "   indented",
        "a\n\n\n\nb",
        "É um não, São Paulo, Ångström, ÄÖÜ",
        "",
    ],
)
def test_clean_leaves_good_text_alone(text: str) -> None:
    assert clean(text).text == text
    assert clean(text).actions == {}


def test_repair_word_leaves_the_doubtful_to_a_person() -> None:
    assert repair_word("cafÃ©") == "café"
    assert repair_word("café") is None
    assert repair_word("donâ€t") is None  # a byte is missing: no repair is certain


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(pieces).map("".join)))
def test_property_cleaning_is_idempotent(text: str) -> None:
    once = clean(text)
    twice = clean(once.text)
    assert twice.text == once.text
    assert twice.actions == {}


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(pieces).map("".join)))
def test_property_actions_are_named_exactly_when_the_text_changed(text: str) -> None:
    result = clean(text)
    assert set(result.actions) <= set(ACTIONS)
    assert bool(result.actions) == (result.text != text)


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_property_plain_ascii_loses_outer_space_at_most(text: str) -> None:
    assert clean(text).text == text.rstrip(" ")


@settings(deadline=None)
@given(st.lists(pieces).map("".join))
def test_property_result_holds_nothing_the_rules_remove(text: str) -> None:
    result = clean(text).text
    assert unicodedata.is_normalized("NFC", result)
    assert not set(result) & set("\r\x00\x0b\x0c\x85\u2028\u200b\ufeff\u00ad")
