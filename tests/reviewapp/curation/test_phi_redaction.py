"""The pure part: patterns with their check digits, names by cues, surrogates and shifted dates, the tagger's texts."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.curation.checks import named_people
from reviewapp.curation.checks.finding import Corpus, Item
from reviewapp.curation.redaction import digits
from reviewapp.curation.redaction.dates import date_shifted, is_day_first
from reviewapp.curation.redaction.finder import identifiers_of
from reviewapp.curation.redaction.lists import KEPT_APART, name_lists, names_known, origins, plain
from reviewapp.curation.redaction.measure import GAP_MOST, Figures, Found, is_covered, is_worse, measure
from reviewapp.curation.redaction.patterns import pattern_spans
from reviewapp.curation.redaction.people import cue_spans, names_in_metadata, names_repeated
from reviewapp.curation.redaction.sentences import LABELS, Tagged, cut, names_make, sentences_make
from reviewapp.curation.redaction.spans import KINDS, Span
from reviewapp.curation.redaction.surrogates import MASK, SHIFT, SURROGATE, Surrogates, redact, surrogates_for
from reviewapp.curation.redaction.tagger import SHIPPED, Tagger, TaggerUnreadable, tagger_open, tagger_train
from reviewapp.curation.redaction.tokens import stretches

KEY = b"k" * 32


@cache
def shipped() -> Tagger:
    return tagger_open(str(SHIPPED))


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in pattern_spans(text)]


# ---- patterns


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Fax: 415-555-0199", "fax", "415-555-0199"),
        ("VIN 1M8GDM9AXKP042788 was", "vehicle", "1M8GDM9AXKP042788"),
        ("License plate: 7ABC123.", "vehicle", "7ABC123"),
        ("Account number 12345678", "account", "12345678"),
        ("Member ID: XJB123456789", "health_plan", "XJB123456789"),
        ("driver's license number D1234567", "licence", "D1234567"),
        ("NPI 1234567893", "licence", "1234567893"),
        ("Serial number SN-4432-A9", "device", "SN-4432-A9"),
        ("at 00:1B:44:11:3A:B7 now", "device", "00:1B:44:11:3A:B7"),
        ("retinal scan ID RS-99812", "biometric", "RS-99812"),
        ("passport no. X1234567", "passport", "X1234567"),
        ("DNI 12345678Z", "national_id", "12345678Z"),
        ("IBAN GB82 WEST 1234 5698 7654 32.", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("see https://www.example.com/a?b=c.", "url", "https://www.example.com/a?b=c"),
        ("www.hosp.org", "url", "www.hosp.org"),
        ("from 192.168.1.30", "ip", "192.168.1.30"),
        ("a 93-year-old man", "age", "93"),
        ("aged 91", "age", "91"),
        ("at 123 Maple Street, Apt 4", "street", "123 Maple Street, Apt 4"),
        ("P.O. Box 123", "street", "P.O. Box 123"),
        ("Hauptstraße 12a", "street", "Hauptstraße 12a"),
        ("Springfield, IL 62701", "zip", "62701"),
        ("am 3. Mai 2020", "date", "3. Mai 2020"),
        ("el 12 de marzo de 2021", "date", "12 de marzo de 2021"),
        ("2020-01-02T10:00:05 on", "date", "2020-01-02T10:00:05"),
        ("on 3-Mar-2021", "date", "3-Mar-2021"),
        ("born 3/4/1961", "birth_date", "3/4/1961"),
        ("+41 (0)38 549 02 90", "phone", "+41 (0)38 549 02 90"),
        ("345-899-3560x4587", "phone", "345-899-3560x4587"),
        ("card 340376792748116", "card_number", "340376792748116"),
        ("case number 2:19-cv-01234", "other_id", "2:19-cv-01234"),
    ],
)
def test_forms_are_found(text: str, kind: str, words: str) -> None:
    assert found(text) == [(kind, words)]


@pytest.mark.parametrize(
    "text",
    [
        "Pain 5/10, L4/L5, L5-S1, C5-C6, T12, E11.9, J45.909, CPT 99213, grade II/VI, 2/6 murmur.",
        "Blood pressure 120/80, pulse 76, SpO2 98%, 500 mg b.i.d., 0.5 mg, 3-0 Vicryl, 4 x 6 cm.",
        "An 89-year-old, a 45-year-old and 100 mg at 90 degrees; 95% of 98 samples.",
        "1M8GDM9AXKP042789 and 12345678A and NPI 1234567890 have wrong check digits.",
        "Version 999.1.2.3, at 10:30:45, ratio 1:2:3, page 12-14, 2019-20, items 1, 2 and 3.",
        "In order to see the case, the policy and the account of 2008.",
        "CBC, BUN/Cr 22/1.1, WBC 10.2, Hgb 13.5, platelets 250,000.",
    ],
)
def test_figures_of_medicine_are_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("evil", ["1" * 40_000, "1 " * 20_000, "a@" * 15_000, "A " * 20_000, "Calle " * 8_000,
                                  "9 Maple " * 8_000, "account " * 6_000, "aa:" * 8_000, "www." * 8_000])  # fmt: skip
def test_hostile_text_takes_no_more_than_its_length(evil: str) -> None:
    """Quadratic work would run into the time limit of the suite."""
    assert all(span.end <= len(evil) for span in [*pattern_spans(evil), *cue_spans(evil)])


@given(st.text(max_size=300))
def test_spans_never_overlap_and_stay_inside(text: str) -> None:
    spans = pattern_spans(text)
    assert all(0 <= span.start < span.end <= len(text) and span.kind in KINDS for span in spans)
    assert all(a.end <= b.start for a, b in zip(spans, spans[1:], strict=False))


def test_check_digits() -> None:
    assert digits.iban("DE89370400440532013000") and not digits.iban("DE88370400440532013000")
    assert digits.vin("1M8GDM9AXKP042788") and not digits.vin("1M8GDM9A0KP042788")
    assert digits.nif("X1234567L") and not digits.nif("X1234567A")
    assert digits.npi("1234567893") and not digits.npi("1234567894")


# ---- names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Seen by Dr. Okafor today", ["Okafor"]),
        ("Mrs Maria de la Cruz agrees", ["Maria de la Cruz"]),
        ("Patient name: Thandiwe Dlamini, 54", ["Thandiwe Dlamini"]),
        ("my name is Nguyễn Thị Lan", ["Nguyễn Thị Lan"]),
        ("signed Anna Koch, MD", ["Anna Koch"]),
        ("i told mrs smythe so", ["smythe"]),
        ("Patient: Yes. Patient: Okay, Doctor. Patient: Old.", []),
        ("Patient: Maria Lopez. Provider: Roe, Ann", ["Maria Lopez", "Roe, Ann"]),
        ("Dr. Plan", []),
        ("Referred by Dr. X to Dr. XYZ.", []),
    ],
)
def test_cues_show_names(text: str, names: list[str]) -> None:
    assert [text[span.start : span.end] for span in cue_spans(text)] == names


def test_names_come_from_metadata_under_the_keys_that_say_so() -> None:
    metadata = {
        "patient_name": "Maria Lopez", "Attending Physician": "Kofi Mensah", "patient_id": "P 12", "age": "54",
        "people": {"witness": ["Ann Roe", ""]}, "fileName": "Some File", "note": "Ann",
    }  # fmt: skip
    assert names_in_metadata(metadata) == ("Maria Lopez", "Kofi Mensah", "Ann Roe")


def test_a_known_name_is_found_everywhere_but_not_as_a_word() -> None:
    text = "LOPEZ denies it. Maria's knee hurts. Lopez-free. Will she walk? Will Lopez will."
    spans = names_repeated(text, ["Maria Lopez", "Will"])
    assert [text[span.start : span.end] for span in spans] == ["LOPEZ", "Maria", "Will Lopez"]


def test_eponyms_are_nobody_even_where_somebody_has_the_name() -> None:
    text = "Mr. Parkinson has Parkinson's disease. Foley catheter for Mr. Foley."
    spans = identifiers_of([text], shipped())[0]
    assert [(span.start, text[span.start : span.end]) for span in spans] == [(4, "Parkinson"), (62, "Foley")]


def test_a_name_seen_once_is_masked_in_both_fields_with_its_initial() -> None:
    texts = ["Doctor: Good morning, Mrs. Zvorykina.", "Zvorykina reports pain. Discussed with Zvorykina K."]
    first, second = identifiers_of(texts, shipped())
    assert [texts[0][s.start : s.end] for s in first] == ["Zvorykina"]
    assert [texts[1][s.start : s.end] for s in second] == ["Zvorykina", "Zvorykina K."]


def test_the_check_tells_why_and_how_grave() -> None:
    item = Item(
        key=1, prompt="Seen by Dr. Okafor for Ximena Roe.", completion="Invented Person was well. Roe too.",
        names=("Ximena Roe",), invented=frozenset(["Okafor"]),
    )  # fmt: skip
    findings = named_people.check(Corpus(items=[item]))
    told = {(one.field, one.excerpt, one.kind, one.severity, one.suggestion) for one in findings}
    assert {("prompt", "Ximena Roe", "name", "high", "[NAME]"), ("completion", "Roe", "name", "high", "[NAME]")} <= told
    assert not any(one.excerpt == "Okafor" for one in findings)


# ---- tagger and its texts


def test_texts_are_the_same_for_the_same_seed_and_marked_where_they_say() -> None:
    texts = sentences_make(3, 200)
    assert texts == sentences_make(3, 200) != sentences_make(4, 200)
    assert all(words.strip() == words and words for text in texts for words in cut(text))
    assert {label for text in texts for _, _, label in text.entities} == set(LABELS)
    assert sum(not text.entities for text in texts) > 30


def test_measured_names_are_in_no_training_text() -> None:
    apart = {plain(name) for names in name_lists().values() for name in names.measured}
    trained = {plain(name) for names in name_lists().values() for name in names.trained}
    assert len(origins()) >= 9 and KEPT_APART == 4
    assert len(apart & trained) < 0.03 * len(apart)  # a few names are at home in two places
    fixed = names_make(1, 12)
    by_origin = {origin: [text for text in fixed if text.origin == origin] for origin in origins()}
    assert {len(texts) for texts in by_origin.values()} == {12}


def test_words_keep_their_places() -> None:
    text = "Dr. Lee saw her. She left.\n\nName:  Ernesto.\nNext"
    tokens = [token for stretch in stretches(text) for token in stretch.tokens]
    assert all(text[token.start : token.end] == token.text for token in tokens)
    cues = [
        stretch.cue for stretch in stretches("She left. Name: A.\nSo\nName:\nErnesto\n" + "Age: no. " * 40 + "Yes. B")
    ]
    assert cues[:4] == ["", "", "", "name"] and cues[-1] == "age"


def test_a_tagger_learns_what_it_is_shown() -> None:
    texts = [Tagged(f"We met {name} there.", ((7, 7 + len(name), "NAME"),)) for name in ("Brix", "Tolla", "Munge")]
    tagger = Tagger(tagger_train(texts * 5, iterations=30))
    marks = tagger.marks("We met Zorro there.")
    assert [(mark.start, mark.end, mark.label) for mark in marks] == [(7, 12, "NAME")]
    assert 0.3 < marks[0].score <= 1
    with pytest.raises(TaggerUnreadable):
        Tagger(b"no model")
    with pytest.raises(TaggerUnreadable):
        tagger_open("/nowhere/model")


def test_the_shipped_tagger_is_small_fair_and_as_good_as_its_card_says() -> None:
    figures = measure(shipped())
    assert SHIPPED.stat().st_size <= 1_200_000
    assert figures.is_fair and figures.gap <= GAP_MOST
    assert figures.f1 >= 0.85
    assert Figures.from_json(figures.to_json()) == figures


def test_worse_is_more_than_chance() -> None:
    def made(f1: float, recall: float) -> Figures:
        names = (Found(name="a", n=10, found=10), Found(name="b", n=10, found=9))
        return Figures(precision=0.9, recall=recall, f1=f1, labels=(), origins=names)

    assert is_worse(made(0.90, 0.9), made(0.92, 0.9)) and is_worse(made(0.92, 0.8), made(0.92, 0.9))
    assert not is_worse(made(0.915, 0.9), made(0.92, 0.9))
    assert made(0.9, 0.9).gap == pytest.approx(0.1) and not made(0.9, 0.9).is_fair


# ---- surrogates and dates


@given(st.sampled_from([name for names in name_lists().values() for name in names.names]), st.text(max_size=8))
def test_a_name_gets_the_same_other_name_of_its_list_in_one_group(name: str, group: str) -> None:
    made = Surrogates(KEY, group).word_for("name", name)
    assert made == Surrogates(KEY, group).word_for("name", name) != name
    assert made in names_known()[plain(name)].names


def test_two_people_never_become_one_and_groups_differ() -> None:
    names = name_lists()["hispanic", "surname"].names
    one, other = Surrogates(KEY, "one"), Surrogates(KEY, "other")
    assert len({one.word_for("name", name) for name in names}) == len(names)
    assert sum(one.word_for("name", name) != other.word_for("name", name) for name in names) > len(names) * 0.8
    assert one.word_for("name", "Mrs Rodriguez").removeprefix("Mrs ") == one.word_for("name", "Rodríguez")
    assert one.word_for("name", "MARÍA RODRÍGUEZ").isupper()


@given(st.dates(date(1950, 1, 1), date(2030, 1, 1)), st.integers(-60, 60), st.sampled_from(["%m/%d/%Y", "%Y-%m-%d"]))
def test_intervals_and_forms_are_kept(first: date, apart: int, form: str) -> None:
    second = date.fromordinal(first.toordinal() + apart)
    days = Surrogates(KEY, "g").days
    texts = [date_shifted(one.strftime(form), days) for one in (first, second)]
    shapes = [re.sub("[0-9]", "0", text or "") for text in texts]
    read = [date(*_numbers(text or "", form)) for text in texts]
    assert (read[1] - read[0]).days == apart and (read[0] - first).days == days
    assert days % 7 == 0 and days != 0
    assert shapes[0] == shapes[1] == re.sub("[0-9]", "0", first.strftime(form))


def _numbers(text: str, form: str) -> tuple[int, int, int]:
    one, two, three = (int(part) for part in re.findall("[0-9]+", text))
    return (one, two, three) if form.startswith("%Y") else (three, one, two)


@pytest.mark.parametrize(
    ("text", "shifted"),
    [
        ("May 5th", "May 12th"),
        ("3rd of March, 2021", "10th of March, 2021"),
        ("28 Feb 2020", "6 Mar 2020"),
        ("3. Mai 2020", "10. Mai 2020"),
        ("30 de diciembre de 2021", "6 de enero de 2022"),
        ("12/31/99", "01/07/00"),
        ("25/12/2021", "01/01/2022"),
        ("01.02.2021", "08.02.2021"),
        ("31/31/2020", None),
        ("Monday", None),
    ],
)
def test_dates_move_in_their_own_form(text: str, shifted: str | None) -> None:
    assert date_shifted(text, 7) == shifted


def test_how_dates_are_written_is_taken_from_themselves() -> None:
    assert is_day_first(["25/12/2021", "3/4/2021"]) is True
    assert is_day_first(["12/25/2021", "3/4/2021"]) is False
    assert is_day_first(["3/4/2021", "May 5th"]) is None
    assert surrogates_for(KEY, "g", ["3/4/2021"], "es").day_first
    assert date_shifted("3/4/2021", 7, is_day_first=True) == "10/4/2021"


@pytest.mark.parametrize(
    ("kind", "text", "is_valid"),
    [
        ("card_number", "4111 1111 1111 1111", lambda made: digits.luhn(re.sub(r"\D", "", made))),
        ("iban", "GB82WEST12345698765432", digits.iban),
        ("vehicle", "1M8GDM9AXKP042788", digits.vin),
        ("nhs_number", "943 476 5919", lambda made: digits.nhs(re.sub(r"\D", "", made))),
    ],
)
def test_made_up_numbers_can_belong_to_nobody(kind: str, text: str, is_valid: object) -> None:
    for group in range(40):
        made = Surrogates(KEY, f"g{group}").word_for(kind, text)
        assert re.sub("[0-9A-Za-z]", "0", made) == re.sub("[0-9A-Za-z]", "0", text)
        assert callable(is_valid) and not is_valid(made)


def test_made_up_addresses_are_reserved_ones() -> None:
    made = Surrogates(KEY, "g")
    assert "555-01" in made.word_for("phone", "(415) 867-5309")
    assert made.word_for("phone", "+44 20 7946 0958").startswith("+44 ")
    assert made.word_for("ssn", "891-23-1239").startswith("000-")
    assert made.word_for("email", "a@b.com").endswith("@example.org")
    assert made.word_for("ip", "10.0.0.1").startswith("192.0.2.")
    assert made.word_for("age", "93") == "[AGE OVER 89]"
    assert "Hospital" in made.word_for("institution", "St. Mary Clinic")


def test_a_text_is_masked_replaced_or_shifted_in_place() -> None:
    text = "Ann was seen on 3/4/2021."
    spans = [Span(start=0, end=3, kind="name", found_by="cue"), Span(start=16, end=24, kind="date", found_by="pattern")]
    made = Surrogates(KEY, "g")
    assert redact(text, spans, MASK, made).text == "[NAME] was seen on [DATE]."
    shifted = redact(text, spans, SHIFT, made)
    assert shifted.text.startswith("[NAME] was seen on ") and "2021" in shifted.text + "2021"
    replaced = redact(text, spans, SURROGATE, made)
    assert [replaced.text[a:b] for a, b in replaced.places] == list(replaced.words)
    assert "Ann" not in replaced.words and replaced.text.endswith(".")


@given(st.text(alphabet="Aab ñ.-0", max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_covering_is_of_letters_and_figures(text: str, start: int, end: int) -> None:
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    whole = [Span(start=0, end=len(text), kind="name", found_by="cue")]
    assert is_covered(text, start, end, whole)
    assert is_covered(text, start, end, []) == (not any(sign.isalnum() for sign in text[start:end]))
