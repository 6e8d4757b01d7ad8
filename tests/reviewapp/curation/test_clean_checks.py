"""Layout against the house form, words misread by a scan, values that a spreadsheet changed."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.checks import (
    legal_citations,
    lost_zeros,
    ocr_confusions,
    odd_values,
    section_format,
    spreadsheet_damage,
)
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item
from reviewapp.curation.checks.ocr_confusions import readings_of
from reviewapp.curation.drafts import figures_in_metadata
from reviewapp.curation.house_form import headings_of, house_form, lists_of, marks_of
from reviewapp.samples.cleaning import clean

Told = list[tuple[str, str, str | None]]
NOTE = "HPI: knee pain, left.\nPlan:\n- rest\n- ice"


def corpus(*texts: str, field: str = "completion") -> Corpus:
    made = [{"prompt": "", "completion": "", field: text} for text in texts]
    return Corpus(items=[Item(key=key, **texts) for key, texts in enumerate(made)])  # type: ignore[arg-type]


def told(found: list[FindingDraft]) -> Told:
    return [(one.kind, one.excerpt, one.suggestion) for one in found]


def mended(text: str, one: FindingDraft) -> str:
    assert one.start is not None and one.end is not None and one.suggestion is not None
    assert text[one.start : one.end] == one.excerpt
    return text[: one.start] + one.suggestion + text[one.end :]


# ---- layout


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (NOTE.replace("Plan:", "PLAN"), ("heading_form", "PLAN", "Plan:")),
        (NOTE.replace("Plan:", "## Plan"), ("heading_form", "## Plan", "Plan:")),
        (NOTE.replace("Plan:", "**Plan:**"), ("heading_form", "**Plan:**", "Plan:")),
        (NOTE.replace("Plan:", "plan :"), ("heading_form", "plan :", "Plan:")),
        (NOTE.replace("\nPlan", "\n\nPlan"), ("section_gap", "\n\nPlan:", "\nPlan:")),
        (NOTE.replace("- ", "* "), ("list_mark", "* rest\n*", "- rest\n-")),
        (NOTE.replace("- ", "•"), ("list_mark", "•rest\n•", "- rest\n- ")),
        (NOTE.replace("- rest\n- ice", "1. rest\n3. ice"), ("list_numbers", "1. rest\n3.", None)),
    ],
)
def test_what_differs_from_the_house_form_is_found_and_mended(text: str, found: tuple[str, str, str | None]) -> None:
    drafts = list(section_format.check(corpus(*[NOTE] * 30, text)))

    assert told(drafts) == [found]
    assert drafts[0].key == 30 and drafts[0].severity == "low"
    if found[2] is not None:
        assert list(section_format.check(corpus(*[NOTE] * 30, mended(text, drafts[0])))) == []
        assert mended(text, drafts[0]) == NOTE


def test_a_project_that_does_not_agree_has_no_house_form() -> None:
    mixed = [NOTE] * 20 + [NOTE.replace("Plan:", "PLAN")] * 20

    assert list(section_format.check(corpus(*mixed))) == []
    assert list(section_format.check(corpus(*[NOTE] * 10, NOTE.replace("Plan:", "PLAN")))) == [], "too few to say"
    usual = house_form(mixed).headings["plan"]
    assert (usual.n, usual.total, usual.is_house) == (20, 40, False)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Plan: rest\nHPI: none", ["plan", "hpi"]),
        ("He said: nothing of this is long enough to be a word", ["he said"]),
        ("One long sentence without any end that could be a heading: no", []),
        ("**Plan:** rest", ["plan"]),
        ("__Plan__\nrest", ["plan", "rest"]),
        ("12. rest", []),
    ],
)
def test_headings_are_short_beginnings_of_lines(text: str, names: list[str]) -> None:
    assert [one.name for one in headings_of(text)] == names


def test_lists_are_marks_on_neighbouring_lines() -> None:
    text = "- a\n- b\nwords\n\n\nmore\n\n1) a\n2) b\n\n\n\n* alone"

    assert [[mark.form for mark in marks] for marks in lists_of(text)] == [["-", "-"], ["1)", "1)"]]
    assert [mark.number for mark in marks_of(text)] == [None, None, 1, 2, None]


# ---- scans


WORDS = "patient clear morning modern wound chest pain shoulder dose walking lymph nodes medication"
SENTENCES = ["The patient was clear this morning.", "A modern wound clinic.", "There was chest pain walking.",
             "The shoulder has lymph nodes.", "Her medication dose in the morning."]  # fmt: skip


def scanned(text: str) -> list[FindingDraft]:
    return list(ocr_confusions.check(corpus(*SENTENCES * 25, text)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Some rnorning was fine.", []),  # beside it nothing that stands beside morning elsewhere
        ("Clear this rnorning.", [("misread_word", "rnorning", "morning")]),
        ("The pat1ent is well.", [("misread_word", "pat1ent", "patient")]),
        ("A modern vvound.", [("misread_word", "vvound", "wound")]),
        ("The shouIder is stiff.", [("misread_word", "shouIder", "shoulder")]),
        ("THE SH0ULDER", [("misread_word", "SH0ULDER", "SHOULDER")]),
        ("Oh dear.", []),  # a word of its own, whatever it looks like
        ("Some chestpain there.", [("words_run_together", "chestpain", "chest pain")]),
        ("The pa tient is well.", [("word_cut", "pa tient", "patient")]),
        ("Her medi-\ncation is new.", [("word_divided", "medi-\ncation", "medication")]),
        ("Take 1O mg.", [("misread_number", "1O", "10")]),
        ("Drink 1l daily, 2l a day, O2 at night.", []),
        ("Nothing wrong with zebras.", []),
    ],
)
def test_misread_words_are_found_by_the_words_of_the_project(text: str, found: Told) -> None:
    drafts = scanned(text)

    assert told(drafts) == found
    for one in drafts:
        assert scanned(mended(text, one)) == []


def test_a_word_that_two_readings_fit_has_no_suggestion() -> None:
    texts = ["He saw the wall now.", "He saw the wail now."] * 25

    (one,) = ocr_confusions.check(corpus(*texts, "He saw the wa1l now."))

    assert one.suggestion is None and "“wail” or “wall”" in one.message and one.severity == "low"


def test_a_small_project_has_no_vocabulary() -> None:
    assert list(ocr_confusions.check(corpus(*SENTENCES, "The pat1ent is well."))) == []


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="rnmcldvw1i05|8", max_size=40))
def test_readings_are_bounded(word: str) -> None:
    assert len(readings_of(word)) <= ocr_confusions.MOST_READINGS and word not in readings_of(word)


# ---- spreadsheets


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Strength is 04-May in the arm.", [("date_for_ratio", "04-May", "4/5")]),
        ("Take 5-Oct mg at night.", [("date_for_range", "5-Oct", "5-10")]),
        ("For 2-Mar weeks.", [("date_for_range", "2-Mar", "2-3")]),
        ("The gene 2-Sep is expressed.", [("date_for_gene", "2-Sep", "SEPT2")]),
        ("Expression of 1-Mar rose.", [("date_for_gene", "1-Mar", "MARCH1")]),
        ("04-Mar", [("date_for_value", "04-Mar", None)]),
        ("Account number 1.23457E+12.", [("rounded_number", "1.23457E+12", None)]),
        ("Phone 5.55E+09", [("rounded_number", "5.55E+09", None)]),
        ("1.2E+06 CFU per mL", []),
        ("Seen on 04-Mar in clinic.", []),
        ("On 4-Mar-2020 and 2020-Mar-04.", []),
        ("DOB: 21916", [("date_serial", "21916", "1960-01-01")]),
        ("Admitted on 43831.", [("date_serial", "43831", "2020-01-01")]),
        ("They had seen 12000 people and filed 20000 pages.", []),
        ("Boston, MA 2134", [("lost_zero", "2134", "02134")]),
        ("Boston, MA 02134", []),
    ],
)
def test_values_that_a_spreadsheet_changed(text: str, found: Told) -> None:
    drafts = spreadsheet_damage.check(corpus(text))

    assert told(drafts) == found
    for one in drafts:
        if one.suggestion is not None:
            assert spreadsheet_damage.check(corpus(mended(text, one))) == []


def test_an_identifier_shorter_than_its_like_has_lost_its_zeros() -> None:
    usual = [f"MRN 0{number:07d} came." for number in range(25)] + [f"MRN 1{number:07d} came." for number in range(25)]

    (one,) = lost_zeros.check(corpus(*usual, "MRN 1234567 came."))

    assert (one.excerpt, one.suggestion, one.severity) == ("1234567", "01234567", "medium")
    assert list(lost_zeros.check(corpus(*usual, "MRN: 01234567."))) == []
    assert list(lost_zeros.check(corpus(*usual[25:], "MRN 1234567 came."))) == [], "none of them begins with a zero"
    assert list(lost_zeros.check(corpus(*(f"MRN {10 ** (3 + n % 5)} x" for n in range(60))))) == [], "no usual width"


# ---- columns


def columns(*values: Any, name: str = "recall") -> Corpus:
    items = [
        Item(key=key, prompt="", completion="", figures=figures_in_metadata({name: value}))
        for key, value in enumerate(values)
    ]
    return Corpus(items=items)


SHARES = [f"0.{number}" for number in range(10, 98)] * 2


@pytest.mark.parametrize(
    ("values", "odd"),
    [
        ([*SHARES, "-1"], ["-1 here and from 0 to 1 in 176 of 177"]),
        ([*SHARES, 1.5], ["1.5 here and from 0 to 1 in 176 of 177"]),
        ([*range(30, 150), -9], ["-9 here and 0 or more in 120 of 121"]),
        ([*range(-40, 60)], []),  # a column that goes below 0
        ([*[0, 1] * 60, 2], []),  # codes
        ([*SHARES[:30], -1], []),  # too few to know
        ([*SHARES, "none", "", None, True, "n/a", [1], 10**400], []),
    ],
)
def test_a_number_outside_the_range_of_its_column_is_a_question(values: list[Any], odd: list[str]) -> None:
    found = list(odd_values.check(columns(*values)))

    assert [one.message.partition("” is ")[2].partition(" samples")[0] for one in found] == odd
    assert {(one.kind, one.severity, one.key) for one in found} <= {("value_out_of_range", "low", len(values) - 1)}


def test_the_scores_of_minus_one_are_found(shared_data: Path) -> None:
    """400 rows of experts' scores, two of which have -1 for a rate of omissions."""
    path = shared_data / "mts-dialog" / "Correlation-Study" / "MTS-Dialog-Manual-Scores4CorrelationStudy.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    items = [Item(key=n, prompt="", completion="", figures=figures_in_metadata(row)) for n, row in enumerate(rows)]
    found = list(odd_values.check(Corpus(items=items)))

    assert [n for n, row in enumerate(rows) if row["OmissionRate"] == "-1"] == [one.key for one in found]
    assert all("“OmissionRate” is -1 here" in one.message for one in found)


# ---- all of them


def test_real_notes_are_left_in_peace(shared_data: Path) -> None:
    """Rows of others as they came: hardly any finding, and none that a strict lead would have to look at."""
    path = shared_data / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [(clean(row["dialogue"]).text, clean(row["section_text"]).text) for row in csv.DictReader(file)]
    items = [Item(key=key, prompt=prompt, completion=text) for key, (prompt, text) in enumerate(rows)]
    checks = (section_format, ocr_confusions, spreadsheet_damage, lost_zeros, legal_citations)
    found = [one for check in checks for one in check.check(Corpus(items=items))]

    assert len(items) == 1_201 and len({one.key for one in found}) <= 12
    assert {one.severity for one in found} <= {"low"}


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aPlan:# *-•1.2)\n\tS04-May E+12mgO0rn§", max_size=80), st.randoms(use_true_random=False))
def test_findings_index_the_text_exactly(text: str, rng: random.Random) -> None:
    texts = [NOTE, *SENTENCES * 12, text] + [text] * rng.randint(0, 2)
    for check in (section_format, ocr_confusions, spreadsheet_damage, lost_zeros):
        for one in check.check(corpus(*texts)):
            assert one.start is not None and one.end is not None and one.start < one.end
            assert texts[one.key][one.start : one.end] == one.excerpt and one.suggestion != one.excerpt


@pytest.mark.parametrize("text", ["l" * 50_000, "1 " * 25_000, "a" + " " * 50_000 + "b", "#" * 50_000, "- " * 25_000,
                                  "\n" * 50_000 + "Plan", "04-May " * 5_000, "410 U.S. l" * 5_000])  # fmt: skip
def test_hostile_texts_cost_little_and_few_findings(text: str) -> None:
    for check in (section_format, ocr_confusions, spreadsheet_damage, lost_zeros):
        assert len(list(check.check(corpus(text, *SENTENCES * 12)))) <= 100
