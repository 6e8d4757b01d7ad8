"""Whom texts are about, what is said of whom, swaps, plans: the arithmetic behind the balance page."""

from __future__ import annotations

import contextlib
import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, special, stats

from demo.world.build import world_build
from demo.world.rows import people_of
from reviewapp.curation.balance.reading import terms_of
from reviewapp.curation.bias import association, lexicon, shares
from reviewapp.curation.bias.attributes import age_of, attributes_of, band_of, ethnicity_of, gender_of
from reviewapp.curation.bias.facts import Facts, Text
from reviewapp.curation.bias.planning import UNUSABLE, Association, cells_of, copies_plan, effective_size, weights_of
from reviewapp.curation.bias.report import Comparison, associations, composition, report_of
from reviewapp.curation.bias.swapping import age_swap, copy_of, ethnicity_swap, sex_swap
from reviewapp.curation.bias.terms import DEFAULT_CONDITIONS, STEREOTYPES, ListError, Matcher, terms_read
from tests.reviewapp.curation.bias_sentences import AGES, ETHNICITIES, GENDERS
from tests.reviewapp.curation.bias_swaps import BARRED, BOTH_WAYS, LEFT_ALONE, ONE_WAY

MISSED = {  # known to be missed: unknown, never wrong
    "Family history: mother had breast cancer. She reports no lumps herself.",
    "Seen at 64 years of age.",
}


def of(text: str) -> tuple[tuple[str, str], ...]:
    return (("completion", text),)


# ---- whom a text is about


@pytest.mark.parametrize(
    ("detect", "rows"),
    [(gender_of, GENDERS), (age_of, AGES), (ethnicity_of, ETHNICITIES)],
    ids=["gender", "age", "ethnicity"],
)
def test_hand_made_sentences_are_read_as_a_careful_reader_does(detect, rows) -> None:  # type: ignore[no-untyped-def]
    read = {text: detect(of(text)).value for text, _ in rows}
    wrong = {text: (read[text], value) for text, value in rows if read[text] != value}
    assert set(wrong) <= MISSED
    assert all(found == "" for found, _ in wrong.values())


def test_there_are_enough_sentences_with_traps() -> None:
    assert len(GENDERS) >= 60 and sum(value == "" for _, value in GENDERS) >= 15


def test_the_words_that_say_so_are_shown() -> None:
    text = "Her husband says he found her. 54-year-old woman."
    found = gender_of(of(text))
    assert "54-year-old woman" in {text[start:end] for _, start, end in found.spans}
    assert all(text[start:end].lower() not in ("he", "husband") for _, start, end in found.spans)


@pytest.mark.parametrize(
    ("metadata", "name", "value"),
    [
        ({"sex": "F"}, "gender", "female"),
        ({"Gender": "Male"}, "gender", "male"),
        ({"gender": "X"}, "gender", "another"),
        ({"age": 70}, "age", "65 and over"),
        ({"age": "40 to 64"}, "age", "40 to 64"),
        ({"race": "Martian"}, "ethnicity", "Martian"),
        ({"clinic": "Old Mill"}, "site", "Old Mill"),
        ({"specialty": "cardiology"}, "department", "cardiology"),
        ({"lang": "de"}, "language", "de"),
    ],
)
def test_what_is_declared_wins(metadata: dict[str, object], name: str, value: str) -> None:
    found = attributes_of("", "30-year-old man.", metadata, "")[name]
    assert found.value == value
    assert found.how == "declared"


@pytest.mark.parametrize("given_sex", ["unknown", "", None, ["F"], {"a": 1}])
def test_what_declares_nothing_leaves_it_to_the_text(given_sex: object) -> None:
    found = attributes_of("", "30-year-old man.", {"sex": given_sex}, "")["gender"]
    assert (found.value, found.how) == ("male", "detected")


def test_nothing_known_is_unknown() -> None:
    found = attributes_of("", "", {}, "")
    assert {attribute.value for attribute in found.values()} == {""}
    assert {attribute.how for attribute in found.values()} == {"unknown"}


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "0 to 17"),
        (17.9, "0 to 17"),
        (18, "18 to 39"),
        ("64", "40 to 64"),
        (65, "65 and over"),
        (131, ""),
        ("old", ""),
        (-1, ""),
    ],
)
def test_bands(age: object, band: str) -> None:
    assert band_of(age) == band


@given(st.text(max_size=300))
def test_no_text_is_too_odd_to_read(text: str) -> None:
    found = attributes_of(text, text, {}, "")
    for attribute in found.values():
        assert all(0 <= start < end <= len(text) for _, start, end in attribute.spans)


def test_the_demo_world_is_read_right() -> None:
    """Its truth is known: the sex and age of every patient. Read with the note, and from the conversation alone."""
    people = {person.key: person for person in people_of(7)[0]}
    samples = [row for row in world_build(7).samples if row["group"] in people]
    for completion in (True, False):
        right = known = 0
        for row in samples:
            person = people[row["group"]]
            found = attributes_of(row["prompt"], row["completion"] if completion else "", {}, "")["gender"].value
            known += found != ""
            right += found == ("female" if person.sex == "woman" else "male")
        assert right / max(1, known) >= 0.98
        assert known / len(samples) >= (0.95 if completion else 0.6)


# ---- terms


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("She has asthma.", True),
        ("No asthma.", False),
        ("Denies cough, asthma or wheeze.", False),
        ("No fever, but asthma since childhood.", True),
        ("Her mother has asthma.", False),
        ("Family history of asthma.", False),
        ("Mother of two with asthma.", True),
        ("Lives with her husband; asthma is well controlled.", True),
        ("Asthmatic since 2001.", True),
        ("No fever. Asthma.", True),
    ],
)
def test_a_term_counts_where_it_is_said_of_the_person(text: str, is_said: bool) -> None:
    assert Matcher(terms_read("asthma = asthma, asthmatic")).asserted(text) == ({0} if is_said else set())


@pytest.mark.parametrize(
    "text", ["= x", "a = b = c", "x = y [z", "name = a", "name = *", "name = a*b", "one = aa\none = bb"]
)
def test_a_list_that_cannot_be_read_names_its_line(text: str) -> None:
    with pytest.raises(ListError, match="Line"):
        terms_read(text)


def test_the_lists_that_come_with_it_can_be_read() -> None:
    assert len(terms_read(DEFAULT_CONDITIONS)) > 35 and len(terms_read(STEREOTYPES, "stereotype")) >= 10
    assert terms_read("# a note\n\nPSA = psa, prostat* [male]")[0].groups == ("male",)


@given(st.text(alphabet="abc =,*[]#\n", max_size=60))
def test_any_list_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ListError):
        Matcher(terms_read(text)).asserted("abc abca bcab")


# ---- statistics


def test_log_odds_against_the_exact_posterior() -> None:
    """The log odds of Beta(a, b) have mean psi(a) - psi(b) and variance psi1(a) + psi1(b)."""
    first, second, n, m = 90.0, 40.0, 400, 380
    value, error = association.log_odds(np.array([first]), n, np.array([second]), m)
    pooled = (first + second + 0.5) / (n + m + 1)
    yes, no = association.PRIOR * pooled + 0.5, association.PRIOR * (1 - pooled) + 0.5
    cells = [(first + yes, n - first + no), (second + yes, m - second + no)]
    means = [special.digamma(a) - special.digamma(b) for a, b in cells]
    variance = sum(special.polygamma(1, a) + special.polygamma(1, b) for a, b in cells)
    assert value[0] == pytest.approx(means[0] - means[1], abs=0.01)
    assert error[0] == pytest.approx(math.sqrt(variance), rel=0.02)


def test_log_odds_golden_value() -> None:
    """By hand, as Monroe, Colaresi and Quinn's equations 15 and 20 say, with the prior of this report."""
    value, error = association.log_odds(np.array([30.0]), 100, np.array([10.0]), 100)
    pooled = 40.5 / 201
    yes, no = 20 * pooled + 0.5, 20 * (1 - pooled) + 0.5
    assert value[0] == pytest.approx(math.log((30 + yes) / (70 + no)) - math.log((10 + yes) / (90 + no)))
    assert error[0] == pytest.approx(math.sqrt(1 / (30 + yes) + 1 / (70 + no) + 1 / (10 + yes) + 1 / (90 + no)))
    assert value[0] == pytest.approx(1.0737, abs=0.0001) and value[0] / error[0] == pytest.approx(3.116, abs=0.001)


def test_the_prior_shrinks_rare_terms_and_leaves_common_ones() -> None:
    rare, _ = association.log_odds(np.array([2.0]), 500, np.array([0.0]), 500)
    common, _ = association.log_odds(np.array([200.0]), 500, np.array([100.0]), 500)
    plain = math.log(200 / 300) - math.log(100 / 400)
    assert 0 < rare[0] < 2.0 and common[0] == pytest.approx(plain, rel=0.05)


def test_repeating_a_patients_samples_adds_no_evidence() -> None:
    """Ten copies of every sample under the same group: the clustered error stays, the naive one falls."""
    rng = np.random.default_rng(1)
    held = (rng.random(200) < np.where(np.arange(200) < 100, 0.4, 0.2)).astype(float)
    side = np.where(np.arange(200) < 100, 1, -1).astype(np.int8)
    once = association.compare(sparse.csr_array(held[:, None]), side, np.arange(200), 200)
    again = association.compare(
        sparse.csr_array(np.repeat(held, 10)[:, None]), np.repeat(side, 10), np.repeat(np.arange(200), 10), 200
    )
    _, naive = association.log_odds(again.first, again.n_first, again.second, again.n_second)
    assert again.error[0] == pytest.approx(once.error[0], rel=0.25)
    assert naive[0] < 0.5 * once.error[0]


def test_the_clustered_error_is_what_a_direct_sum_gives() -> None:
    rng = np.random.default_rng(2)
    matrix = (rng.random((60, 4)) < 0.3).astype(float)
    side = rng.choice([1, -1, 0], 60).astype(np.int8)
    clusters = rng.integers(0, 15, 60)
    found = association.clustered_error(sparse.csr_array(matrix), side, clusters, 15)
    y = {s: matrix[side == s].sum(axis=0) for s in (1, -1)}
    n = {s: float((side == s).sum()) for s in (1, -1)}
    pooled = (y[1] + y[-1] + 0.5) / (n[1] + n[-1] + 1)
    p = {s: (y[s] + 20 * pooled) / (n[s] + 20) for s in y}
    w = {s: 1 / ((n[s] + 20) * p[s] * (1 - p[s])) for s in y}
    total, seen = np.zeros(4), 0
    for g in range(15):
        of_g = {s: (clusters == g) & (side == s) for s in y}
        seen += bool(of_g[1].any() or of_g[-1].any())
        parts = {s: w[s] * (matrix[of_g[s]].sum(axis=0) - p[s] * of_g[s].sum()) for s in y}
        total += (parts[1] - parts[-1]) ** 2
    assert found == pytest.approx(np.sqrt(total * seen / (seen - 1)))


def test_benjamini_hochberg_is_scipys() -> None:
    p = np.random.default_rng(3).random(50) ** 2
    assert association.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert len(association.benjamini_hochberg([])) == 0


def test_wilson_is_scipys() -> None:
    for n, total in [(0, 10), (3, 10), (10, 10), (787, 1469)]:
        found = shares.share_of(n, total)
        golden = stats.binomtest(n, total).proportion_ci(method="wilson")
        assert found is not None and (found.low, found.high) == pytest.approx((golden.low, golden.high), abs=1e-9)
    assert shares.share_of(0, 0) is None


def test_a_share_against_its_target() -> None:
    share = shares.share_of(300, 1000)
    assert share is not None
    assert [shares.against(share, target) for target in (0.2, 0.3, 0.5)] == ["above", "within", "below"]


def test_risk_ratio_golden_value() -> None:
    """scipy's relative_risk: the same interval of Katz."""
    golden = stats.contingency.relative_risk(20, 100, 10, 120)
    found = shares.risk_ratio(20, 100, 10, 120)
    ends = golden.confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((golden.relative_risk, ends.low, ends.high))


@pytest.mark.parametrize(("cells", "reason"), [((0, 100, 0, 100), "never"), ((1, 4, 1, 100), "few")])
def test_an_undefined_ratio_says_why(cells: tuple[int, int, int, int], reason: str) -> None:
    found = shares.risk_ratio(*cells)
    assert found.value is None and found.reason == reason


# ---- swaps


@pytest.mark.parametrize(("text", "swapped"), [*BOTH_WAYS, *[(b, a) for a, b in BOTH_WAYS], *ONE_WAY])
def test_a_text_about_somebody_of_the_other_sex(text: str, swapped: str) -> None:
    assert sex_swap(text).text == swapped


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_gendered_word_stays(text: str) -> None:
    assert sex_swap(text).text == text


@pytest.mark.parametrize(("text", "word"), BARRED)
def test_what_belongs_to_one_sex_bars_a_swap(text: str, word: str) -> None:
    assert copy_of("Doctor: Hello.", text, "gender", "male") == word


def test_the_projects_own_terms_bar_as_well() -> None:
    assert copy_of("", "He has lupus.", "gender", "female", ["lupus"]) == "lupus"
    assert not isinstance(copy_of("", "He has lupus.", "gender", "female"), str)


@pytest.mark.parametrize(
    ("text", "band", "swapped"),
    [
        ("54-year-old man with cough. He is 54.", "18 to 39", None),
        ("54-year-old man with cough.", "18 to 39", "31-year-old man with cough."),
        ("54-year-old man, 54 pack-years.", "18 to 39", None),
        ("A cough.", "18 to 39", "A cough."),
    ],
)
def test_an_age_is_moved_only_where_it_stands_alone(text: str, band: str, swapped: str | None) -> None:
    found = age_swap(text, band)
    assert (found.barred_by == "54") if swapped is None else (found.text == swapped)


def test_a_retired_person_keeps_their_age() -> None:
    assert copy_of("", "70-year-old retired teacher.", "age", "18 to 39") == "retired"


def test_an_ethnicity_takes_its_article_along() -> None:
    assert ethnicity_swap("A Black woman of 40.", "Asian").text == "An Asian woman of 40."
    assert ethnicity_swap("Black stools in an Asian man.", "White").text == "Black stools in a White man."
    assert copy_of("", "A Black man with sickle cell disease.", "ethnicity", "White") == "sickle cell"


_CLAUSES = st.sampled_from([a for a, _ in BOTH_WAYS] + [b for _, b in BOTH_WAYS])


@given(st.lists(_CLAUSES, min_size=1, max_size=5))
def test_swapping_twice_gives_the_text_back(clauses: list[str]) -> None:
    text = " ".join(clauses)
    once = sex_swap(text)
    assert sex_swap(once.text).text == text
    assert len(once.text.split()) == len(text.split())
    for start, _, new in once.changes:
        assert once.text[start : start + len(new)] == new


@given(st.text(max_size=200))
def test_only_gendered_words_are_touched(text: str) -> None:
    swapped = sex_swap(text)
    if swapped.changes:
        back, last = [], 0
        for start, old, new in swapped.changes:
            back += [swapped.text[last:start], old]
            last = start + len(new)
        assert "".join([*back, swapped.text[last:]]) == text
    else:
        assert swapped.text == text


def test_winogender_pairs_become_each_other(shared_data: Path) -> None:
    """240 pairs of sentences that differ in the pronoun alone (Rudinger et al. 2018): a test of the swap, both ways."""
    found: dict[str, dict[str, str]] = {}
    with (shared_data / "winogender" / "data" / "all_sentences.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            key, gender, _ = row["sentid"].rsplit(".", 2)
            found.setdefault(key, {})[gender] = row["sentence"]
    ways = [(pair[a], pair[b]) for pair in found.values() for a, b in (("male", "female"), ("female", "male"))]
    assert len(ways) == 480
    assert sum(sex_swap(text).text == other for text, other in ways) >= 478


def test_crows_pairs_of_pronouns_become_each_other(shared_data: Path) -> None:
    """Pairs about gender that differ in all their gendered words and in nothing else (Nangia et al. 2020): a test only.

    What is missed is another choice of words (Mrs for Ms, ma'am for madam), not grammar.
    """
    known = {w for pair in lexicon.PAIRS for w in pair} | {*lexicon.ONE_WAY, *lexicon.TITLES, "her", "his"}
    named = {name.lower() for pair in lexicon.NAMES for name in pair}
    ways = right = 0
    with (shared_data / "crows-pairs" / "data" / "crows_pairs_anonymized.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["bias_type"] != "gender":
                continue
            pair = [re.findall(r"[\w']+|[^\w\s]", row[name].lower()) for name in ("sent_more", "sent_less")]
            differ = [(a, b) for a, b in zip(*pair, strict=False) if a != b]
            same = {a for a, b in zip(*pair, strict=False) if a == b}
            is_other = len(pair[0]) != len(pair[1]) or not differ or same & (known | named)
            if is_other or not {word for both in differ for word in both} <= known:
                continue
            ways += 1
            swapped = sex_swap(row["sent_more"]).text.lower()
            right += re.findall(r"[\w']+|[^\w\s]", swapped) == pair[1]
    assert (ways, right) == (86, 80)


# ---- a corpus with a planted association


def corpus(n: int = 400, *, women: float = 0.4, men: float = 0.1) -> list[Text]:
    """``n`` notes in groups of two; anxiety is said of 40% of women and 10% of men, pregnancy of 20% of women."""
    rng = np.random.default_rng(5)
    texts = []
    for place in range(n):
        is_woman = (place // 2) % 2 == 0
        has = rng.random() < (women if is_woman else men)
        extra = "Pregnant, 20 weeks. " if is_woman and place % 10 == 0 else ""
        person, pronoun = ("woman", "She") if is_woman else ("man", "He")
        finding = rng.choice(["cough", "rash", "earache"])
        ill = "anxiety" if has else "no fever"
        said = f"{30 + place % 30}-year-old {person} with {finding}. {extra}{pronoun} has {ill}. Case {place}."
        texts.append(Text(key=place, group=place // 2, prompt=f"Note {place}.", completion=said, language="en"))
    return texts


def read(texts: list[Text]) -> Facts:
    facts = Facts(terms_of(DEFAULT_CONDITIONS))
    for text in texts:
        facts.add(text)
    return facts


def test_a_planted_association_is_found_and_an_expected_one_marked() -> None:
    rows, tested = associations(read(corpus()))
    found = {row["term"]: row for row in rows if row["attribute"] == "gender"}
    assert found["anxiety"]["standing"] == "open" and found["anxiety"]["first"] == "female"
    assert found["anxiety"]["odds"] > 2 and found["anxiety"]["q"] < 0.001
    assert found["pregnancy"]["standing"] == "expected"
    assert tested == len(rows)
    assert [abs(row["z"]) for row in rows] == sorted((abs(row["z"]) for row in rows), reverse=True)


def test_without_a_planted_association_there_is_none() -> None:
    rows, _ = associations(read(corpus(women=0.25, men=0.25)))
    assert not [row for row in rows if row["standing"] == "open" and row["attribute"] == "gender"]


def test_the_demo_world_has_no_association_open_to_question() -> None:
    """Its conditions are drawn regardless of sex: whatever is reported there is a false alarm."""
    groups: dict[str, int] = {}
    texts = [
        Text(
            key=i,
            group=groups.setdefault(row["group"], len(groups)),
            prompt=row["prompt"],
            completion=row["completion"],
        )
        for i, row in enumerate(world_build(7).samples)
    ]
    assert report_of(read(texts), {})["n_open"] == 0


def test_a_report_counts_what_it_does_not_know() -> None:
    texts = [*corpus(40), Text(key=99, group=99, prompt="Note.", completion="A cough.", language="")]
    report = report_of(read(texts), {"gender": {"female": 0.5, "another": 0.1}})
    gender = next(part for part in report["composition"] if part["attribute"] == "gender")
    assert (gender["known"], gender["missing"], gender["declared"]) == (40, 1, 0)
    by_value = {row["value"]: row for row in gender["rows"]}
    assert by_value["female"]["against"] == "within" and by_value["another"]["against"] == "below"
    assert report["language_unknown"] == 1 and report["languages"] == {"en": 40}


def test_an_empty_corpus_has_a_report() -> None:
    report = report_of(Facts(terms_of(DEFAULT_CONDITIONS)), {})
    assert report["n"] == 0 and report["diversity"] is None and report["associations"] == []
    assert all(part["rows"] == [] for part in report["composition"])


def test_diversity_is_the_mean_distance_of_all_pairs() -> None:
    facts = Facts([])
    for key, said in enumerate(["aa bb", "aa bb", "cc dd"]):
        facts.add(Text(key=key, group=key, prompt="", completion=said))
    assert facts.diversity == pytest.approx(1 - (1 + 0 + 0) / 3)


def test_twins_are_prompts_that_differ_in_gender_alone() -> None:
    texts = [
        Text(key=1, group=1, prompt="Mr Smith, 40, has a cough.", completion="40-year-old man. He needs an inhaler."),
        Text(key=2, group=2, prompt="Mrs Smith, 44, has a cough.", completion="44-year-old woman. She needs rest."),
        Text(key=3, group=3, prompt="Mr Smith, 50, has a rash.", completion="50-year-old man. He needs a cream."),
        Text(key=4, group=4, prompt="Ms Smith, 51, has a rash.", completion="51-year-old woman. She needs a cream."),
    ]
    twins = report_of(read(texts), {})["twins"]
    assert (twins["pairs"], twins["same"], twins["differing"]) == (2, 1, [[1, 2]])


ANXIETY = Association(Comparison("gender", "female", "male"), "anxiety", "condition")


def test_copies_bring_an_association_down_by_80_percent() -> None:
    texts = corpus()
    facts = read(texts)
    plan = copies_plan(facts, ANXIETY, lambda row: texts[row], bars=[], limit=400, seed=1, known=lambda copy: False)
    assert abs(plan.after) <= 0.2 * abs(plan.before) and plan.chosen
    for _, _, copy in plan.chosen:
        facts.add(copy)
    measured = cells_of(ANXIETY.comparison.side(facts), ANXIETY.has(facts)).value
    assert measured == pytest.approx(plan.after)
    assert all("regnan" not in copy.completion for _, _, copy in plan.chosen)
    assert all(copy.group == texts[row].group for row, _, copy in plan.chosen)


def test_a_plan_is_the_same_for_a_seed_and_stops_at_its_limit() -> None:
    texts = corpus()
    plans = [
        copies_plan(read(texts), ANXIETY, lambda row: texts[row], bars=[], limit=7, seed=seed, known=lambda copy: False)
        for seed in (1, 1, 2)
    ]
    rows = [[row for row, _, _ in plan.chosen] for plan in plans]
    assert len(rows[0]) == 7 and rows[0] == rows[1] != rows[2]


def test_what_is_not_usable_is_counted() -> None:
    texts = corpus(80)
    plan = copies_plan(
        read(texts),
        ANXIETY,
        lambda row: texts[row],
        bars=[],
        limit=50,
        seed=1,
        known=lambda copy: False,
        usable=lambda row: False,
    )
    assert plan.chosen == [] and set(plan.left) == {UNUSABLE} and plan.after == plan.before


def test_weights_make_group_and_term_independent() -> None:
    facts = read(corpus())
    weights, before, after = weights_of(facts, ANXIETY, {})
    assert abs(after.value) < 0.02 < abs(before.value)
    assert effective_size(weights) < len(weights)
    _, _, halves = weights_of(facts, ANXIETY, {"female": 0.7})
    assert halves.n_first / (halves.n_first + halves.n_second) == pytest.approx(0.7, abs=0.05)


def test_composition_by_age_keeps_the_order_of_the_bands() -> None:
    rows = composition(read(corpus(60)), "age", {})["rows"]
    assert [row["value"] for row in rows] == ["18 to 39", "40 to 64"]
