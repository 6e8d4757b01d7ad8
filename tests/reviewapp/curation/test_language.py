from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.curation.checks import language_mismatch
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item
from reviewapp.curation.language import MIN_LETTERS, language_of

ENGLISH = "Doctor: How long has your knee been hurting?\nPatient: For three weeks now, mostly on the stairs."
GERMAN = "Die Patientin berichtet seit drei Wochen über Schmerzen im rechten Knie, vor allem beim Treppensteigen."
SPANISH = "La paciente refiere dolor en la rodilla derecha desde hace tres semanas, sobre todo al subir escaleras."


def looked(prompt: str, completion: str, language: str = "") -> list[FindingDraft]:
    item = Item(key=7, prompt=prompt, completion=completion, language=language)
    return language_mismatch.check(Corpus(items=[item]))


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (GERMAN, "de"), (SPANISH, "es"), ("Knee pain.", None)])
def test_a_text_long_enough_has_a_language(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["", " \n", "12/80 120 mg 3x", "?" * 500, "\ud800" * 30, "\x00" * 30])
def test_what_is_no_prose_has_none(text: str) -> None:
    assert language_of(text) is None


@given(st.text(max_size=80))
def test_any_text_is_answered_the_same_twice(text: str) -> None:
    first = language_of(text)
    language_of.cache_clear()

    assert language_of(text) == first
    assert first is None or (len(first) == 2 and sum(map(str.isalpha, text)) >= MIN_LETTERS)


def test_a_completion_in_another_language_is_a_question() -> None:
    (finding,) = looked(ENGLISH, GERMAN)

    assert (finding.kind, finding.field) == ("completion_language", "completion")
    assert finding.message == "The completion looks German, the prompt English. Check that this is meant."


def test_a_sample_that_says_another_language_is_a_question() -> None:
    (finding,) = looked(SPANISH, SPANISH, "en")

    assert finding.message == "The sample says English; the prompt looks Spanish. Correct one of the two."
    assert looked(SPANISH, SPANISH, "es-MX") == [] and looked(ENGLISH, "Knee pain.", "en") == []


@pytest.mark.slow
def test_real_notes_are_left_in_peace(shared_data: Path) -> None:
    """1,201 English dialogues and their notes, which are full of names, figures and abbreviations."""
    path = shared_data / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    alarms = [row["ID"] for row in rows if looked(row["dialogue"], row["section_text"], "en")]

    assert len(alarms) <= 0.01 * len(rows)
