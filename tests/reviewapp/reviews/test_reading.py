from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.reviews.reading import (
    BlocksMismatch,
    Mark,
    Turn,
    blocks_joined,
    blocks_of,
    is_dialogue,
    segments_of,
    turns_of,
)

DIALOGUE = """Write the history.

Doctor: How've you been?
Patient: Better. I sleep on one pillow,
it was three.
Guest_family: The ankles: they swell.

Doctor:  Any pain?
"""


def said(text: str) -> list[tuple[str, str]]:
    return [(turn.speaker, text[turn.start : turn.end]) for turn in turns_of(text)]


def test_lines_that_name_their_speaker_become_turns() -> None:
    assert said(DIALOGUE) == [
        ("", "Write the history."),
        ("Doctor", "How've you been?"),
        ("Patient", "Better. I sleep on one pillow,\nit was three."),
        ("Guest family", "The ankles: they swell."),
        ("Doctor", "Any pain?"),
    ]
    assert [turn.role for turn in turns_of(DIALOGUE)] == ["other", "clinician", "patient", "other", "clinician"]
    assert [turn.number for turn in turns_of(DIALOGUE)] == [1, 2, 3, 4, 5]


def test_names_in_brackets_are_speakers() -> None:
    text = "[doctor] hi , how are you ?\n[patient] okay .\n[doctor] good ."
    assert said(text) == [("Doctor", "hi , how are you ?"), ("Patient", "okay ."), ("Doctor", "good .")]


@pytest.mark.parametrize(
    "text",
    [
        "Findings: a clot.\n\nPlan: rest.",  # headings, each once
        "The clause reads as follows: no.\nThe other one as well: no.",  # more than three words
        "No names here.\nNor here.",
        "\n".join(f"Party{n}: yes\nParty{n}: no" for n in range(9)),  # a table, not nine people
    ],
)
def test_a_text_without_speakers_becomes_paragraphs(text: str) -> None:
    assert not is_dialogue(turns_of(text))


def test_paragraphs_are_split_at_blank_lines() -> None:
    assert said("  One\nstill one. \n\n \nTwo.\r\n\r\nThree") == [("", "One\nstill one."), ("", "Two."), ("", "Three")]


def test_an_empty_text_has_no_turns() -> None:
    assert turns_of("") == turns_of(" \n ") == []


def test_a_completion_is_edited_in_blocks() -> None:
    text = "Reason: cough.\nHistory:\nSince May.\n\n\nPlan: rest.\n1. Water.\n"
    blocks = blocks_of(text)
    assert [block.heading for block in blocks] == ["Reason", "History", "Plan"]
    assert [text[block.body_start : block.end] for block in blocks] == ["cough.", "Since May.", "rest.\n1. Water.\n"]


def test_blocks_go_back_into_their_places() -> None:
    text = "Reason: cough.\n\nHistory: none.\r\nat all\n\nPlan: rest."
    edited = ["Reason: cough.", "History: none.\r\nat all", "Plan: rest\r\nand water."]
    assert blocks_joined(text, edited) == "Reason: cough.\n\nHistory: none.\r\nat all\n\nPlan: rest\nand water."


def test_an_emptied_block_takes_its_gap_along() -> None:
    assert blocks_joined("One.\n\nTwo.\n\nThree.", ["One.", " ", "Three."]).replace(" ", "") == "One.\n\nThree."


def test_blocks_of_another_text_are_refused() -> None:
    with pytest.raises(BlocksMismatch, match="1 blocks were sent, the text has 2"):
        blocks_joined("One.\n\nTwo.", ["One."])


def test_marks_are_cut_out_of_the_text() -> None:
    text = "Call 07700 900142 now"
    mark = Mark(number=1, start=5, end=17, severity="high")
    segments = segments_of(text, 0, len(text), [mark])
    assert [(s.text, s.mark, s.ends) for s in segments] == [
        ("Call ", None, ()),
        ("07700 900142", mark, (mark,)),
        (" now", None, ()),
    ]


def test_where_marks_overlap_the_more_severe_is_painted_and_no_number_is_lost() -> None:
    wide, narrow = Mark(1, 0, 9, severity="low"), Mark(2, 3, 6, severity="high")
    segments = segments_of("abcdefghi", 0, 9, [wide, narrow])
    assert [(s.text, s.mark and s.mark.number, [m.number for m in s.ends]) for s in segments] == [
        ("abc", 1, []),
        ("def", 2, [2]),
        ("ghi", 1, [1]),
    ]


def test_a_settled_mark_gives_way_to_an_open_one() -> None:
    done, is_open = Mark(1, 0, 3, severity="high", is_done=True), Mark(2, 0, 3, severity="low")
    assert [s.mark for s in segments_of("abc", 0, 3, [done, is_open])] == [is_open]


texts = st.text(alphabet="ab:. \n\r\tPlan", max_size=60)
marks = st.lists(
    st.builds(
        lambda number, start, length, severity: Mark(number, start, start + length, severity=severity),
        st.integers(1, 99),
        st.integers(-3, 60),
        st.integers(0, 30),
        st.sampled_from(["low", "medium", "high"]),
    ),
    max_size=5,
)


@given(texts)
def test_blocks_make_the_whole_text_again(text: str) -> None:
    blocks = blocks_of(text)
    assert "".join(block.text + block.gap for block in blocks) == text
    assert all(text[block.start : block.end] == block.text for block in blocks)
    assert all(block.start <= block.body_start <= block.end for block in blocks)
    assert blocks_joined(text, [block.text for block in blocks]) == text
    assert blocks_joined(text, [block.text.replace("\r\n", "\n").replace("\n", "\r\n") for block in blocks]) == text


@given(st.one_of(texts, st.lists(st.sampled_from(["Doctor: a", "Patient: b", "c", "", "Dr. No: d:"])).map("\n".join)))
def test_turns_lose_no_word_and_do_not_overlap(text: str) -> None:
    turns = turns_of(text)
    spans = [(turn.start, turn.end) for turn in turns]
    assert spans == sorted(spans) and all(left[1] <= right[0] for left, right in zip(spans, spans[1:], strict=False))
    outside = list(text)
    for start, end in spans:
        outside[start:end] = [" "] * (end - start)
    rest = "".join(outside).split()
    assert len(rest) <= sum(len(turn.speaker.split()) for turn in turns)
    assert all(isinstance(turn, Turn) for turn in turns)


@given(st.text(max_size=50), marks, st.integers(0, 50), st.integers(0, 50))
def test_segments_make_the_text_again_and_show_each_number_once(
    text: str, given_marks: list[Mark], one: int, two: int
) -> None:
    start, end = sorted((min(one, len(text)), min(two, len(text))))
    segments = segments_of(text, start, end, given_marks)
    assert "".join(segment.text for segment in segments) == text[start:end]
    shown = [mark for segment in segments for mark in segment.ends]
    expected = [m for m in given_marks if m.start < m.end and m.start < end and start < m.end <= end]
    assert sorted(shown, key=id) == sorted(expected, key=id)
