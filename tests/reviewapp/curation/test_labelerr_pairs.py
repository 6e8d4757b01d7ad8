"""What only the completion says: figures with their units, names and medicines, what is denied or affirmed, length."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.curation.checks import (
    longer_than_prompt,
    negations,
    unspoken_negations,
    unsupported_names,
    unsupported_numbers,
)
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item
from reviewapp.curation.checks.registry import OFF_AT_FIRST
from reviewapp.curation.finding_page import texts_of
from reviewapp.curation.models import Finding
from reviewapp.curation.pipeline import Pipeline, pipeline_read
from reviewapp.curation.polarity import Polarity, Reading, stem
from reviewapp.projects.models import Project
from reviewapp.samples.cleaning import clean
from tests import factories


def of(prompt: str, completion: str, **values: object) -> Corpus:
    return Corpus(items=[Item(key=1, prompt=prompt, completion=completion, **values)])  # type: ignore[arg-type]


def told(findings: list[FindingDraft]) -> list[tuple[str, str]]:
    return [(one.kind, one.excerpt) for one in findings]


# Figures


@pytest.mark.parametrize(
    ("prompt", "completion", "found"),
    [
        ("I take 20 mg, for 10 days now.", "10 mg for 10 days.", [("number_of_something_else", "10")]),
        ("I take 20 mg, for ten days now.", "10 mg for 10 days.", [("number_of_something_else", "10")]),
        ("Take 10 of those for 20 days.", "10 mg for 20 days.", []),  # a figure without a unit may mean any
        ("I'm 62. For two weeks.", "62-year-old man, 2 weeks.", []),
        ("It has been 5 weeks.", "For 5 Wochen.", []),
        ("It is 3 years.", "For 3 days.", [("number_of_something_else", "3")]),
        ("It is 3 years.", "Since 4 days.", [("number_not_in_prompt", "4")]),
        ("Three milligrams.", "3 mg", []),
        ("Fifty micrograms in the morning.", "50 µg", []),
        ("Fifty micrograms in the morning.", "50 mg", [("number_of_something_else", "50")]),
    ],
)
def test_a_dose_or_a_duration_is_looked_for_with_its_unit(prompt: str, completion: str, found: list[object]) -> None:
    assert told(unsupported_numbers.check(of(prompt, completion))) == found


def test_the_place_in_the_prompt_is_known() -> None:
    prompt, completion = "I take 20 mg, for 10 days.", "10 mg"
    assert [prompt[slice(*one)] for one in unsupported_numbers.places(prompt, completion, 0, 2)] == ["10 days"]
    assert [prompt[slice(*one)] for one in unsupported_numbers.places(prompt, "30 mg", 0, 2)] == ["20 mg"]
    assert unsupported_numbers.places("nothing", "30 mg", 0, 2) == []


# Names


@pytest.mark.parametrize(
    ("prompt", "completion", "found"),
    [
        ("I take lisinopril.", "On Amlodipine.", [("medicine_not_in_prompt", "Amlodipine")]),
        ("I take Tylenol.", "On paracetamol.", []),
        ("Ich nehme Metoprolol und Omeprazol.", "Metoprolol, omeprazole.", []),
        ("I take methothrexate.", "On methotrexate.", [("medicine_written_otherwise", "methotrexate")]),
        ("I take hydralazine.", "On hydroxyzine.", [("medicine_not_in_prompt", "hydroxyzine")]),
        ("I'm a mason.", "A reason for the comparison in April.", []),
        ("Good morning, doctor.", "He was seen by Dr. Halvorsen.", [("name_not_in_prompt", "Halvorsen")]),
        ("Doctor Halvorsen saw me.", "He was seen by Dr. Halvorsen.", []),
    ],
)
def test_names_and_medicines_that_only_the_completion_has(prompt: str, completion: str, found: list[object]) -> None:
    assert told(unsupported_names.check(of(prompt, completion))) == found


def test_names_that_the_metadata_has_are_no_question() -> None:
    prompt, completion = "Good morning.", "He was seen by Dr. Halvorsen."
    assert unsupported_names.check(of(prompt, completion, names=("Dr Jan Halvorsen",))) == []


def test_another_spelling_is_low_and_another_medicine_is_not() -> None:
    low = unsupported_names.check(of("I take methothrexate.", "On methotrexate."))
    other = unsupported_names.check(of("I take prednisone.", "On prednisolone."))
    assert [one.severity for one in [*low, *other]] == ["low", "medium"]
    prompt = "I take prednisone, and water."
    assert [prompt[slice(*one)] for one in unsupported_names.places(prompt, "prednisolone", 0, 12)] == ["prednisone"]


# Denied and affirmed


@pytest.mark.parametrize(
    ("prompt", "completion", "found"),
    [
        ("I have chest pain.", "Denies chest pain.", [("denied_against_prompt", "chest pain")]),
        ("Doctor: Any fever?\nPatient: Yes, since Monday.", "No fever.", [("denied_against_prompt", "fever")]),
        ("Doctor: Any fever?\nPatient: No.", "Has fever.", [("affirmed_against_prompt", "fever")]),
        ("Doctor: Any fever?\nPatient: No.", "Denies fever.", []),
        ("Doctor: No numbness?\nPatient: No, thank goodness.", "No numbness.", []),
        ("Doctor: Fever or chills?\nPatient: Yes.", "No chills.", []),  # one of the two
        ("Doctor: Do you smoke?\nPatient: No, never.", "No fever.", []),
        ("I had fever last week.", "No fever.", []),  # of the past nothing is said
        ("My mother has diabetes.", "No diabetes.", []),
        ("I do not have nausea, vomiting or rashes.", "Nausea since Monday.", [("affirmed_against_prompt", "Nausea")]),
        ("I do not have nausea but vomiting.", "Vomiting.", []),
        ("No longer pain.", "Pain.", []),
        ("Ich habe Husten.", "Kein Husten.", [("denied_against_prompt", "Husten")]),
        ("Er hat keine Atemnot.", "Atemnot seit gestern.", [("affirmed_against_prompt", "Atemnot")]),
        ("Fieber wird verneint.", "Hohes Fieber.", [("affirmed_against_prompt", "Fieber")]),
        ("Patient: I have a rash.", "Rash was denied.", [("denied_against_prompt", "Rash")]),
        ("Doctor: Allergies?\nPatient: None.", "Allergies: none known.", []),
    ],
)
def test_what_one_text_denies_and_the_other_affirms(prompt: str, completion: str, found: list[object]) -> None:
    assert told(negations.check(of(prompt, completion))) == found


def test_the_place_of_the_opposite_is_known() -> None:
    prompt, completion = "Doctor: Any fever?\nPatient: Yes.", "No fever."
    assert [prompt[slice(*one)] for one in negations.places(prompt, completion, 3, 8)] == ["fever"]
    prompt, completion = "I have no fever.", "Fever."
    assert [prompt[slice(*one)] for one in negations.places(prompt, completion, 0, 5)] == ["fever"]


def test_what_nobody_spoke_of_is_a_check_of_its_own_that_is_off_at_first() -> None:
    corpus = of("I have a cough.", "Cough. No haemoptysis.")
    assert told(unspoken_negations.check(corpus)) == [("denied_without_prompt", "haemoptysis")]
    assert negations.check(corpus) == [] and {unspoken_negations.NAME} == OFF_AT_FIRST
    assert [step.check for step in Pipeline().off] == [unspoken_negations.NAME]
    assert [step.check for step in pipeline_read({}).off] == [unspoken_negations.NAME]
    on = pipeline_read({"steps": [{"check": unspoken_negations.NAME, "is_on": True}]})
    assert on.off == []


def test_a_reading_says_what_is_affirmed_denied_and_open() -> None:
    reading = Reading("I have pain. I have no fever. Any cough? Maybe. If rash comes, call.")
    said = {
        word: [one.polarity for one in reading.mentions([stem(word)])] for word in ("pain", "fever", "cough", "rash")
    }
    assert said == {
        "pain": [Polarity.AFFIRMED], "fever": [Polarity.DENIED], "cough": [Polarity.OPEN], "rash": [Polarity.OPEN],
    }  # fmt: skip
    assert [one.words for one in reading.denied()] == [("fever",)]


@given(st.text(max_size=200), st.text(max_size=200))
def test_property_places_lie_in_their_texts(prompt: str, completion: str) -> None:
    item = Item(key=1, prompt=prompt, completion=completion)
    for module in (unsupported_numbers, unsupported_names, negations):
        for one in module.check(Corpus(items=[item])):
            assert one.start is not None and one.end is not None and completion[one.start : one.end] == one.excerpt
            for start, end in module.places(prompt, completion, one.start, one.end):
                assert 0 <= start < end <= len(prompt)


# Length


def test_longer_completions_are_noticed_where_they_are_rare() -> None:
    short = [Item(key=n, prompt="word " * 60, completion="word " * 20) for n in range(40)]
    long = [Item(key=100 + n, prompt="word " * 30, completion="word " * 50) for n in range(3)]
    found = list(longer_than_prompt.check(Corpus(items=[*short, *long])))
    assert [one.key for one in found] == [100, 101, 102] and found[0].severity == "low"
    assert "50 words, the prompt 30" in found[0].message and found[0].score == pytest.approx(1.67)
    answers = [Item(key=n, prompt="word " * 5, completion="word " * 50) for n in range(40)]
    assert list(longer_than_prompt.check(Corpus(items=[*short, *answers]))) == []  # that is the task
    assert list(longer_than_prompt.check(Corpus(items=long))) == []


# The page and real texts


def test_the_page_marks_the_place_in_both_texts(project: Project) -> None:
    prompt, completion = "Doctor: Any fever?\nPatient: Yes, fever.", "Denies fever."
    sample = factories.sample(project, prompt=prompt, completion=completion)
    finding = factories.finding(sample, check_name="negations", field="completion", start=7, end=12, excerpt="fever")
    texts = dict(texts_of(Finding.objects.select_related("revision").get(pk=finding.pk)))
    assert [(one.text, one.mark) for one in texts["Completion"] if one.mark] == [("fever", "finding")]
    assert [one.text for one in texts["Prompt"] if one.mark == "against"] == ["fever", "fever"]
    assert "".join(one.text for one in texts["Prompt"]) == prompt


@pytest.mark.slow
def test_sound_clinical_pairs_are_left_alone(shared_data: Path) -> None:
    """mts-dialog, written by people: at most 2.5% of the samples for negations and 1% for medicines."""
    path = shared_data / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with path.open(newline="", encoding="utf-8") as file:
        items = [
            Item(key=n, prompt=clean(row["dialogue"]).text, completion=clean(row["section_text"]).text)
            for n, row in enumerate(csv.DictReader(file))
        ]
    corpus, n = Corpus(items=items), len(items)
    assert len({one.key for one in negations.check(corpus)}) <= 0.025 * n
    names = unsupported_names.check(corpus)
    assert len({one.key for one in names if one.severity != "low"}) <= 0.01 * n
    assert len({one.key for one in names}) <= 0.02 * n
    assert len(list(longer_than_prompt.check(corpus))) <= 0.005 * n
