"""Citations: what each names, read through damage, the same in every style."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reviewapp.curation.checks import legal_citations
from reviewapp.curation.checks.finding import Corpus, Item
from reviewapp.curation.citations.grammar import citations_of
from reviewapp.curation.citations.others import other_reports
from reviewapp.curation.citations.reporters import BRACKETED, PLAIN, REPORTERS, RULES, YEARLY, plain
from reviewapp.curation.citations.style import restyled, text_in_style, written_as
from tests.architecture.rules import ROOT

CLEAN = [
    ("410 U.S. 113", ("us_case", "410", "U.S.", "113")),
    ("410 US 113", ("us_case", "410", "U.S.", "113")),
    ("384 U. S. 436", ("us_case", "384", "U.S.", "436")),
    ("135 S.Ct. 2584", ("us_case", "135", "S. Ct.", "2584")),
    ("123 F. 3d 456", ("us_case", "123", "F.3d", "456")),
    ("123 F3d 456", ("us_case", "123", "F.3d", "456")),
    ("12 F. Supp. 2nd 34", ("us_case", "12", "F. Supp. 2d", "34")),
    ("576 U.S. ___", ("us_case", "576", "U.S.", "___")),
    ("Smith v. Jones, 20 Pa. 30", ("us_case", "20", "Pa.", "30")),
    ("42 USC 1983", ("usc", "42", "", "1983", "")),
    ("42 U.S.C. § 1395x", ("usc", "42", "", "1395x", "")),
    ("42 U.S.C. § 1396l", ("usc", "42", "", "1396l", "")),
    ("15 U.S.C.A. § 78j(b)", ("usc", "15", "A", "78j", "(b)")),
    ("29 CFR 1630.2(g)", ("cfr", "29", "", "1630.2", "(g)")),
    ("17 C.F.R. § 240.10b-5", ("cfr", "17", "", "240.10b-5", "")),
    ("45 CFR Part 164", ("cfr", "45", "part", "164", "")),
    ("Fed. R. Civ. P. 12(b)(6)", ("rule", "Civ", "12", "(b)(6)")),
    ("Fed R Evid 403", ("rule", "Evid", "403", "")),
    ("[2015] UKSC 11", ("neutral", "[]", "2015", "UKSC", "11", "")),
    ("(2015) UKSC 11", ("neutral", "[]", "2015", "UKSC", "11", "")),
    ("[2012] EWCA (Civ) 12", ("neutral", "[]", "2012", "EWCA Civ", "12", "")),
    ("[2012] EWHC 1234 (Admin)", ("neutral", "[]", "2012", "EWHC", "1234", "Admin")),
    ("2010 ONCA 1", ("neutral", "", "2010", "ONCA", "1", "")),
    ("[2010] FCA 1", ("neutral", "[]", "2010", "FCA", "1", "")),
    ("2010 FCA 1", ("neutral", "", "2010", "FCA", "1", "")),
    ("[1986] 1 SCR 103", ("yearly", "1986", "1", "S.C.R.", "103")),
    ("[1932] A.C. 562", ("yearly", "1932", "", "A.C.", "562")),
    ("ecli:eu:c:2014:317", ("ecli", "EU", "C", "2014", "317")),
]
DAMAGED = [
    ("410 U.S. l13", "410 U.S. 113"),
    ("4l0 U.S. 113", "410 U.S. 113"),
    ("347 U.5. 483", "347 U.S. 483"),
    ("347 U.S, 483", "347 U.S. 483"),
    ("42 U.S.C. § l983", "42 U.S.C. § 1983"),
    ("29 C.F.R. § 163O.2(g)", "29 C.F.R. § 1630.2(g)"),
    ("12 F. Supp. Zd 34", "12 F. Supp. 2d 34"),
    ("3 F.3cl 401", "3 F.3d 401"),
    ("Fed. R. Civ. P. l2(b)(6)", "Fed. R. Civ. P. 12(b)(6)"),
    ("[20l5] UKSC 11", "[2015] UKSC 11"),
    ("ECLl:EU:C:2O14:317", "ECLI:EU:C:2014:317"),
]
NONE = [
    "He is 30 F. 45 kg.",
    "took 10 US 50",
    "20 Pa. 30",
    "(2010) FCA 1",  # of Australia or of Canada: only the brackets say which
    "12 U.S.C. §§ 1-5",
    "blood pressure 120 over 80",
    "[2015) UKSC 11",
    "5 U.S. (1 Cranch) 137",
]


@pytest.mark.parametrize(("text", "identity"), CLEAN)
def test_a_citation_names_the_same_however_it_is_written(text: str, identity: tuple[str, ...]) -> None:
    (one,) = citations_of(f"See {text}, and more.")

    assert one.identity == identity and not one.is_damaged
    for style in ("bluebook", "plain"):
        (again,) = citations_of(f"See {text_in_style(text, style)[0]}, and more.")
        assert again.identity == identity


@pytest.mark.parametrize(("text", "meant"), DAMAGED)
def test_a_damaged_citation_is_read_but_never_mended_by_itself(text: str, meant: str) -> None:
    (change,) = restyled(f"See {text}.", "")

    assert change.citation.is_damaged and change.written == meant
    assert text_in_style(f"See {text}.", "bluebook") == (f"See {text}.", 0)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_citation_or_could_be_two_is_left_alone(text: str) -> None:
    assert citations_of(text) == []


def test_styles_write_stops_and_blanks() -> None:
    text = "See 410 US 113; 42 USC 1983; 29 CFR 1630.2(g); Fed R Civ P 12(b)(6); [1932] AC 562; (2015) UKSC 11."

    styled, n = text_in_style(text, "bluebook")

    assert n == 6
    assert styled == (
        "See 410 U.S. 113; 42 U.S.C. § 1983; 29 C.F.R. § 1630.2(g); Fed. R. Civ. P. 12(b)(6); [1932] A.C. 562;"
        " [2015] UKSC 11."
    )
    back = "See 410 US 113; 42 USC § 1983; 29 CFR § 1630.2(g); Fed R Civ P 12(b)(6); [1932] AC 562; [2015] UKSC 11."
    assert text_in_style(styled, "plain") == (back, 5)


def test_every_report_is_read_in_both_forms() -> None:
    for name in REPORTERS:
        for written in (name, plain(name)):
            (one,) = citations_of(f"A v. B, 12 {written} 345 (1990)")
            assert one.parts == ("12", name, "345") and not one.is_damaged


# ---- what holds for all texts

_numbers = st.integers(1, 9_999).map(str)
_noise = st.sampled_from(
    ["", " ", ".", ", ", " v. ", "(1990)", "\n", "§", "l", "O5", "I", " U.S. ", " F. ", "[", "]", "2"]
)
_cases = st.builds(
    lambda volume, name, page, is_plain: f"{volume} {plain(name) if is_plain else name} {page}",
    _numbers, st.sampled_from(REPORTERS), _numbers, st.booleans(),
)  # fmt: skip
_years = st.integers(1850, 2030).map(str)
_others = st.one_of(
    st.builds(lambda y, c, n: f"[{y}] {c} {n}", _years, st.sampled_from((*BRACKETED, *PLAIN, "FCA")), _numbers),
    st.builds(lambda y, c, n: f"{y} {c} {n}", _years, st.sampled_from((*PLAIN, "TCC")), _numbers),
    st.builds(lambda y, c, n: f"[{y}] 1 {c} {n}", _years, st.sampled_from(sorted(YEARLY)), _numbers),
    st.builds(lambda t, s: f"{t} USC {s}", st.integers(1, 54).map(str), _numbers),
    st.builds(lambda t, s: f"{t} CFR {s}.{s}(a)", st.integers(1, 50).map(str), _numbers),
    st.builds(lambda k, n: f"{RULES[k]} {n}(b)", st.sampled_from(sorted(RULES)), st.integers(1, 99).map(str)),
)
_texts = st.lists(st.one_of(_cases, _others, _noise, st.text(max_size=6)), max_size=6).map(" ".join)


@settings(max_examples=80, deadline=None)
@given(_texts, st.sampled_from(["bluebook", "plain"]))
@example("1 U.S. 2 12 F 34 (1990)", "plain")
def test_a_style_never_changes_what_is_meant_and_twice_is_once(text: str, style: str) -> None:
    styled, n = text_in_style(text, style)

    assert [one.identity for one in citations_of(styled)] == [one.identity for one in citations_of(text)]
    assert text_in_style(styled, style)[0] == styled
    assert (n == 0) == (styled == text)
    figures = [character for character in text if character.isdigit()]
    assert [character for character in styled if character.isdigit()] == figures, "no figure comes or goes"


@settings(max_examples=60, deadline=None)
@given(_texts, st.sampled_from(["", "bluebook", "plain"]))
def test_findings_index_the_text_and_their_suggestions_name_the_same(text: str, style: str) -> None:
    corpus = Corpus(items=[Item(key=1, prompt=text, completion="")], option=style)
    before = {one.start: one.identity for one in citations_of(text)}
    for one in legal_citations.check(corpus):
        assert one.start is not None and one.end is not None and one.suggestion is not None
        assert text[one.start : one.end] == one.excerpt != one.suggestion
        mended = text[: one.start] + one.suggestion + text[one.end :]
        assert {each.start: each.identity for each in citations_of(mended)}[one.start] == before[one.start]


# ---- eyecite, which knows more reports and read ours independently


def cases_read(text: str) -> list[tuple[str, str, str]]:
    eyecite = pytest.importorskip("eyecite")
    models = pytest.importorskip("eyecite.models")
    found = [one for one in eyecite.get_citations(text) if isinstance(one, models.FullCaseCitation)]
    return [(one.groups["volume"], one.corrected_reporter(), one.groups["page"]) for one in found]


def test_eyecite_reads_the_same_case_in_our_form() -> None:
    for name in REPORTERS:
        assert cases_read(f"Smith v. Jones, 12 {name} 345 (1990)") == [("12", name, "345")]
    for text, identity in CLEAN:
        read = cases_read(text) if identity[0] == "us_case" and "_" not in text else []
        if read:
            (one,) = citations_of(text)
            assert cases_read(written_as(one, "bluebook")) == read == [identity[1:]]


def test_workers_ask_eyecite_for_reports_that_we_do_not_list() -> None:
    pytest.importorskip("eyecite")
    text = "State v. X, 12 Tex.Crim. 345 (1990); 410 U.S. 113; 5 U.S. (1 Cranch) 137."

    (other,) = other_reports(text)

    assert other.written == "12 Tex. Crim. 345" and text[other.citation.start : other.citation.end] in text
    items = [Item(key=1, prompt=text, completion="")]
    assert legal_citations.check(Corpus(items=items, option="bluebook")) == []
    assert len(legal_citations.check(Corpus(items=items, option="bluebook", is_worker=True))) == 1


def test_without_a_citation_to_look_up_eyecite_is_not_loaded() -> None:
    code = (
        "import sys\nfrom reviewapp.curation.checks.registry import CHECKS\n"
        "from reviewapp.curation.checks.finding import Corpus, Item\n"
        "item = Item(key=1, prompt='See 410 US 113. Take 2 Aspirin 100 mg.', completion='12 Tex.Crim. 345')\n"
        "run = {check.name: check.run for check in CHECKS}['legal_citations']\n"
        "assert run(Corpus(items=[item], option='bluebook'))\nassert 'eyecite' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
