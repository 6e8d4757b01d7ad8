"""The pure parts: kinds of difference, planted variants, limits, fingerprints, parts that repeat."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.checks import (
    benchmark_overlap,
    contradictory_completions,
    exact_duplicates,
    heldout_overlap,
    near_duplicates,
    repeated_parts,
)
from reviewapp.curation.checks.finding import Corpus, Item
from reviewapp.curation.contamination.benchmarks import rows_of
from reviewapp.curation.contamination.overlapping import fingerprints_of, packed, unpacked
from reviewapp.curation.duplicates import limits, planting
from reviewapp.curation.duplicates.differing import difference_of
from reviewapp.samples.parsing.rows import FileError

NOTE = (
    "Mrs Ada Bell was seen on 12 March 2024 for knee pain. She fell on the stairs three weeks ago. "
    "The knee is swollen and warm. She takes 400 mg of ibuprofen. A picture was taken. She comes back in a week."
)


def corpus(*texts: tuple[str, str], **values: object) -> Corpus:
    items = [Item(key=key, prompt=prompt, completion=completion) for key, (prompt, completion) in enumerate(texts)]
    return Corpus(items=items, **values)  # type: ignore[arg-type]


# ---- kinds of difference

MISREAD = NOTE.replace("knee", "knce").replace("swollen", "swo1len").replace("week", "wcek")
KINDS = [
    (NOTE.upper(), "case_space"),
    (NOTE.replace(". ", ".\n\n").replace(",", ""), "case_space"),
    (NOTE.replace("400", "600").replace("12", "14"), "numbers"),
    (NOTE.replace("Ada Bell", "Eve Stone").replace("12 March", "3 April"), "names"),
    (MISREAD, "misread"),
    (NOTE[: int(0.7 * len(NOTE))].rpartition(" ")[0], "contained"),
    (NOTE.replace("The knee is swollen and warm. ", ""), "contained"),
    (" ".join(part + "." for part in reversed(NOTE.rstrip(".").split(". "))), "reordered"),
    (NOTE.replace("fell on", "slipped down").replace("comes back", "returns"), "reworded"),
]


@pytest.mark.parametrize(("other", "kind"), KINDS, ids=[f"{kind}-{n}" for n, (_, kind) in enumerate(KINDS)])
def test_the_kind_of_difference_is_named(other: str, kind: str) -> None:
    assert difference_of(NOTE, other).kind == kind
    assert difference_of(other, NOTE).kind == kind


def test_the_differing_words_are_given_as_written() -> None:
    difference = difference_of(NOTE, NOTE.replace("Ada Bell", "Eve Stone"))
    assert (difference.only_a, difference.only_b) == (("Ada", "Bell"), ("Eve", "Stone"))


sentences = st.lists(
    st.sampled_from(["He is 54.", "Knee pain.", "No fever today", "Ada saw him.", "Iron 3", ""]), max_size=8
)


@settings(deadline=None)
@given(sentences.map(" ".join), sentences.map(" ".join))
def test_property_the_kind_does_not_depend_on_the_order(a: str, b: str) -> None:
    assert difference_of(a, b).kind == difference_of(b, a).kind
    assert difference_of(a, a).kind == "case_space"


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_property_any_two_texts_can_be_compared(a: str, b: str) -> None:
    assert difference_of(a, b).kind in near_duplicates.KINDS


# ---- planted variants and limits


def texts(n: int, seed: int = 1) -> list[str]:
    mind = random.Random(seed)
    parts = ["The knee", "A rash", "The cough", "Her sleep", "His blood sugar", "The left ear", "Dr Bell", "The tablet"]
    does = ["is better since", "came back on", "was looked at on", "got worse after", "troubles them since"]
    return [
        " ".join(
            f"{mind.choice(parts)} {mind.choice(does)} {mind.randint(1, 28)} May {mind.randint(1900, 2024)}."
            for _ in range(9)
        )
        for _ in range(n)
    ]


@pytest.mark.parametrize("kind", planting.KINDS)
def test_a_variant_is_the_same_every_time_and_another_text(kind: str) -> None:
    known = [NOTE, *texts(20)]
    made = planting.Planter(known, 3).variant(NOTE, kind)
    assert made == planting.Planter(known, 3).variant(NOTE, kind)
    assert (made == NOTE) == (kind == "exact")


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=120), st.sampled_from(planting.KINDS))
def test_property_anything_can_be_varied(text: str, kind: str) -> None:
    assert isinstance(planting.Planter([text, NOTE], 1).variant(text, kind), str)
    assert "".join(planting.sentences_of(text)) == text


def test_names_and_figures_are_swapped_the_same_way_throughout() -> None:
    text = "Today Ada Bell came. Then Ada Bell left with 400 mg, and 400 mg more."
    made = planting.Planter([text, *texts(20)], 5).variant(text, "names_dates")
    first, second = made.split(". ")
    assert "Ada" not in made and "400" not in made
    assert first.split()[1] == second.split()[1]
    assert len(set(word for word in made.split() if word.isdigit())) == 1


def test_a_measurement_says_what_each_limit_finds() -> None:
    found = limits.measure(texts(60), available=600)
    by_limit = {row.limit: row for row in found.rows}
    assert set(by_limit) == set(limits.LIMITS)
    assert (found.n, found.available) == (60, 600)
    assert by_limit[0.5].by_kind["exact"] == by_limit[0.95].by_kind["exact"] == 1.0
    recalls = [row.recall for row in found.rows]
    assert recalls[0] > recalls[-1] and all(a >= b - 0.02 for a, b in zip(recalls, recalls[1:], strict=False))
    assert limits.Measured.of_json(found.as_json()) == found


def test_the_suggestion_is_the_highest_recall_among_the_precise() -> None:
    def row(limit: float, recall: float, precision: float | None) -> limits.AtLimit:
        return limits.AtLimit(limit=limit, recall=recall, by_kind={}, others=0, precision=precision)

    assert limits.suggested([row(0.5, 0.99, 0.9), row(0.6, 0.97, 0.995), row(0.7, 0.9, 1.0)]) == 0.6
    assert limits.suggested([row(0.6, 0.97, 1.0), row(0.7, 0.97, 1.0)]) == 0.7
    assert limits.suggested([row(0.5, 1.0, 0.5), row(0.9, 0.0, None)]) is None


def test_too_few_texts_are_not_measured() -> None:
    with pytest.raises(ValueError, match="20 different texts"):
        limits.measure([NOTE] * 50)


# ---- checks


def test_near_duplicates_say_in_what_they_differ_and_keep_the_projects_limit() -> None:
    other = NOTE.replace("400", "600")
    (finding,) = list(near_duplicates.check(corpus((NOTE, "a"), (other, "a"))))
    assert (finding.kind, finding.related) == ("near_numbers", 0)
    assert "“400” there, “600” here" in finding.message
    cut = (NOTE[: len(NOTE) // 2], "")
    assert list(near_duplicates.check(corpus((NOTE, ""), cut))) == []
    assert [f.kind for f in near_duplicates.check(corpus((NOTE, ""), cut, near_limit=0.5))] == ["contained_duplicate"]


def test_reworded_prompts_with_one_completion_are_near_duplicates() -> None:
    again = (
        NOTE.replace("was seen on", "came in on")
        .replace("fell on the stairs", "slipped on a staircase")
        .replace("The knee is swollen and warm", "It feels hot and it is swollen")
        .replace("A picture was taken", "We took an x-ray")
        .replace("She comes back", "We see her again")
    )
    done = "Knee pain after a fall, picture taken."
    (finding,) = list(near_duplicates.check(corpus((NOTE, done), (again, done))))
    assert (finding.key, finding.related, finding.kind) == (1, 0, "near_duplicate")
    assert finding.score is not None and finding.score < near_duplicates.LIMIT
    assert list(near_duplicates.check(corpus((NOTE, done), (again, "Another note for another visit.")))) == []


def test_exact_duplicates_tell_apart_copies_to_the_letter() -> None:
    found = list(exact_duplicates.check(corpus(("Ask", "Say"), ("Ask", "Say"), ("ask ", "say"))))
    assert [(f.key, f.kind) for f in found] == [(1, "exact_duplicate"), (2, "exact_case_space")]


def test_one_sample_repeated_many_times_takes_no_square() -> None:
    many = corpus(*[(NOTE, "Knee pain.")] * 20_000)
    assert sum(1 for _ in exact_duplicates.check(many)) == 19_999
    assert [*near_duplicates.check(many), *contradictory_completions.check(many), *repeated_parts.check(many)] == []


def test_nearly_the_same_prompt_with_another_answer() -> None:
    asked = NOTE.replace("three weeks", "two weeks")
    one = "Knee pain for three weeks; ibuprofen and a picture; review in a week. " * 4
    other = "Nothing was found, and the patient went home without any medicine at all. " * 4
    (finding,) = list(repeated_parts.check(corpus((NOTE, one), (asked, other))))
    assert (finding.key, finding.related, finding.kind, finding.field) == (1, 0, "near_prompt", "completion")
    assert list(repeated_parts.check(corpus((NOTE, one), (NOTE, other)))) == []  # a contradiction, of another check
    assert list(repeated_parts.check(corpus((NOTE, one), (asked, one)))) == []


def test_one_completion_for_many_prompts_is_boilerplate() -> None:
    stock = "Please see your own doctor about this as soon as you can."
    asked = [(text, stock) for text in texts(8)]
    found = [f for f in repeated_parts.check(corpus(*asked)) if f.kind == "repeated_completion"]
    assert [f.key for f in found] == list(range(1, 8))
    assert found[0].message.startswith("8 samples")
    assert [f for f in repeated_parts.check(corpus(*asked[:5])) if f.kind == "repeated_completion"] == []


# ---- fingerprints and benchmarks


def test_fingerprints_are_kept_as_numbers_and_read_again() -> None:
    prints = fingerprints_of([NOTE, "", "How many ducks are there?"])
    data = packed(prints)
    assert b"knee" not in data and "knee".encode("utf-32-le") not in data
    back = unpacked(data)
    assert np.array_equal(back.runs, prints.runs) and np.array_equal(back.sketches.bands, prints.sketches.bands)
    with pytest.raises(ValueError, match="another version"):
        unpacked(packed_with(scheme=99))


def packed_with(scheme: int) -> bytes:
    import io

    file = io.BytesIO()
    np.savez(file, scheme=np.array(scheme))
    return file.getvalue()


def test_a_benchmark_is_found_whole_nearly_and_in_part() -> None:
    rows = [NOTE, *texts(3)]
    long = " ".join(texts(2, seed=9))
    samples = corpus(
        (NOTE.upper(), "x"),
        (NOTE.replace("swollen", "puffy"), "x"),
        (f"{long} {NOTE[:160]} {long}", "x"),
        (long, "x"),
        benchmarks=[("GSM", fingerprints_of(rows)), ("Other", fingerprints_of([NOTE]))],
    )
    found = {finding.key: finding for finding in benchmark_overlap.check(samples)}
    assert {key: f.kind for key, f in found.items()} == {
        0: "benchmark_exact",
        1: "benchmark_near",
        2: "benchmark_passage",
    }
    assert "(GSM, row 1, Other, row 1)" in found[0].message
    assert found[2].excerpt in NOTE and len(found[2].excerpt) > 120
    assert list(benchmark_overlap.check(corpus((NOTE, "x")))) == []


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 60), st.integers(25, 60), st.integers(0, 40))
def test_property_a_verbatim_passage_is_always_found_where_it_is(before: int, length: int, start: int) -> None:
    mind = random.Random(7)
    words = [f"w{mind.randrange(10**9)}" for _ in range(400)]
    held, passage = words[:110], words[start : start + length]
    sample = [*words[200 : 200 + before], *passage, *words[300:330]]
    (finding,) = list(heldout_overlap.check(corpus((" ".join(sample), "x"), heldout=[(5, " ".join(held))])))
    assert (finding.related_heldout, finding.kind) == (5, "heldout_passage")
    assert finding.excerpt.split() == passage[: 110 - start]


def test_rows_of_a_benchmark_file(tmp_path: Path) -> None:
    file = tmp_path / "b.csv"
    file.write_text(
        "subject,question,A\nmaths,How many real roots has it?,None\n,,\nx,What is termed so by readers?,y\n"
    )
    rows = rows_of(file, "b.csv")
    assert rows.asked == ["How many real roots has it?", "What is termed so by readers?"]
    assert rows.whole[0] == "maths\nHow many real roots has it?\nNone"
    assert rows.left_out == 1
    lines = tmp_path / "b.txt"
    lines.write_text("One whole question of a test?\n\nok\n")
    assert rows_of(lines, "b.txt").asked == ["One whole question of a test?"]
    nested = tmp_path / "b.jsonl"
    nested.write_text('{"messages": [{"role": "user", "content": "Why is the sky so blue today?"}]}\n')
    assert "Why is the sky so blue today?" in rows_of(nested, "b.jsonl").asked[0]


@pytest.mark.parametrize(
    ("name", "content"), [("b.txt", b"\xff\xfe\x00bad"), ("b.txt", b"\n"), ("b.xls", b"x"), ("b.csv", b"")]
)
def test_a_file_that_is_no_benchmark_is_refused_with_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(FileError, match=r"\.$"):
        rows_of(tmp_path / "file", name)


# ---- real data


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_back_translated_conversations_are_found(shared_data: Path) -> None:
    """1,201 conversations and their English-French-English versions, one of them lost to a spreadsheet.

    A few originals resemble each other, and then their versions do: such pairs count as wrong here, so that the
    precision is a lower bound.
    """
    folder = shared_data / "mts-dialog" / "Augmented-Data"
    rows = read(next(folder.glob("*2402-Pairs.csv")))
    of = {row["ID"].split()[-1]: n for n, row in enumerate(rows[:1201])}
    made = corpus(*((row["dialogue"], row["section_text"]) for row in rows))
    reached = {}
    for limit in (0.5, 0.6, 0.7):
        found = list(near_duplicates.check(Corpus(items=made.items, near_limit=limit)))
        right = [f for f in found if f.key >= 1201 and f.related == of[rows[f.key]["ID"].split()[-1]]]
        reached[limit] = (len(right) / 1200, len(right) / len(found))
    # measured: recall 0.861 at precision 0.988 at the usual limit, 0.894 at 0.979, 0.938 at 0.965 at the lowest
    assert reached[0.7][0] >= 0.84 and reached[0.7][1] >= 0.975
    assert reached[0.5][0] >= 0.92 and reached[0.5][1] >= 0.955


@pytest.mark.slow
def test_the_five_leaked_conversations_are_contamination(shared_data: Path) -> None:
    folder = shared_data / "mts-dialog" / "Main-Dataset"
    train = read(folder / "MTS-Dialog-TrainingSet.csv")
    held = [
        row["dialogue"]
        for name in ("MTS-Dialog-ValidationSet.csv", "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv")
        for row in read(folder / name)
    ]
    made = corpus(*((row["dialogue"], row["section_text"]) for row in train), heldout=list(enumerate(held)))
    found = list(heldout_overlap.check(made))
    whole = {(f.key, f.related_heldout, f.kind) for f in found if f.kind != "heldout_passage"}
    assert whole == {
        *((56, 58, "heldout_exact"), (284, 4, "heldout_exact"), (926, 206, "heldout_exact")),
        *((318, 196, "heldout_near"), (539, 196, "heldout_near")),  # other commas, and "known" left out
    }
    assert len(found) - len(whole) <= 5  # passages in common, such as the same greeting


@pytest.mark.slow
def test_public_benchmarks_are_found_and_clinical_notes_left_in_peace(shared_data: Path) -> None:
    benchmarks = []
    for name, path in (("MMLU", "mmlu/slice_test_500.csv"), ("GSM8K", "gsm8k/slice_test_first500.jsonl")):
        rows = rows_of(shared_data / path, path)
        assert len(rows.asked) + rows.left_out == 500
        benchmarks.append((name, unpacked(packed(rows.fingerprints()))))
        planted = [text for text in rows.asked[::50] if len(text) > 120]
        samples = corpus(*((f"{text} Give the answer only.", "x") for text in planted), benchmarks=benchmarks[-1:])
        found = {finding.key for finding in benchmark_overlap.check(samples)}
        assert found == set(range(len(planted)))
    train = read(shared_data / "mts-dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv")
    clinical = corpus(*((row["dialogue"], row["section_text"]) for row in train), benchmarks=benchmarks)
    assert list(benchmark_overlap.check(clinical)) == []
