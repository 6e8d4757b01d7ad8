"""Conditions, votes and the label model, without the application."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.programmatic.conditions import (
    Condition,
    ConditionInvalid,
    Matcher,
    Material,
    TooSlow,
    condition_check,
    content_hash,
)
from reviewapp.curation.programmatic.label_model import dawid_skene, majority
from reviewapp.curation.programmatic.python_files import PythonFunction, files_in
from reviewapp.curation.programmatic.reasons import BROKEN, LATE, Stopped
from reviewapp.curation.programmatic.votes import ABSTAIN, conflicts_of, figures_of, rate_of, votes_array

TEXT = Material(
    prompt="My knee hurts; ibuprofen 400 mg did not help.", language="en",
    metadata={"age": "54", "limit": 50, "site": "North", "seen": "2026-03-31", "empty": " ", "tags": ["a"]},
    scores={"model 3": {"pain": 0.81}},
)  # fmt: skip


def fires(target: str = "pain", **values: object) -> object:
    return Matcher(Condition.of_json(values), target).find(TEXT)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"kind": "keyword", "text": "back, Knee"}, (3, 7)),
        ({"kind": "keyword", "text": "kne"}, None),
        ({"kind": "pattern", "text": r"\d+\s*mg"}, (25, 31)),
        ({"kind": "pattern", "text": r"(?<=ibuprofen )\d++"}, (25, 28)),
        ({"kind": "length", "unit": "words", "least": 9, "most": 9}, (0, 0)),
        ({"kind": "length", "unit": "characters", "least": 46}, None),
        ({"kind": "compare", "column": "age", "operator": "above", "value": "{limit}"}, (0, 0)),
        ({"kind": "compare", "column": "age", "operator": "below", "value": "9"}, None),
        ({"kind": "compare", "column": "site", "operator": "is", "value": "NORTH"}, (0, 0)),
        ({"kind": "compare", "column": "site", "operator": "above", "value": "3"}, None),
        ({"kind": "compare", "column": "seen", "operator": "at_most", "value": "2026-04-01"}, (0, 0)),
        ({"kind": "compare", "column": "language", "operator": "is_not", "value": "de"}, (0, 0)),
        ({"kind": "compare", "column": "tags", "operator": "holds", "value": '"a"'}, (0, 0)),
        ({"kind": "compare", "column": "empty", "operator": "missing"}, (0, 0)),
        ({"kind": "compare", "column": "nothing", "operator": "is_not", "value": "x"}, None),
        ({"kind": "compare", "column": "age", "operator": "present"}, (0, 0)),
        ({"kind": "score", "source": "model 3", "at_least": 0.8}, (0, 0)),
        ({"kind": "score", "source": "model 4", "at_least": 0.1}, None),
        ({"kind": "line", "unit": "pattern", "text": r"knee hurts?"}, (3, 13)),
    ],
)
def test_a_condition_fires_where_it_should(values: dict[str, object], found: object) -> None:
    assert fires(**values) == found
    condition = Condition.of_json(values)
    assert Condition.of_json(condition.as_json()).as_json() == condition.as_json()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "keyword", "text": " , "}, "word"),
        ({"kind": "keyword", "text": "x" * 501}, "longer than 500"),
        ({"kind": "pattern", "text": "(a"}, "no pattern"),
        ({"kind": "pattern", "text": "a*"}, "empty text"),
        ({"kind": "pattern", "text": " "}, "Write the pattern"),
        ({"kind": "pattern", "text": "x{2147483648}"}, "at most 1000"),
        ({"kind": "pattern", "text": "x{ 5, 99999 }y"}, "at most 1000"),
        ({"kind": "pattern", "text": "(?:x{900}){900}"}, "multiply"),
        ({"kind": "pattern", "text": "(" * 31 + "a" + ")" * 31}, "groups"),
        ({"kind": "pattern", "text": "a(?R)?b"}, "itself"),
        ({"kind": "pattern", "text": r"\L<names>"}, "no pattern"),
        ({"kind": "length", "unit": "words"}, "smallest length"),
        ({"kind": "length", "unit": "pages", "least": 1}, "words or characters"),
        ({"kind": "length", "unit": "words", "least": 9, "most": 3}, "that long"),
        ({"kind": "length", "unit": "words", "least": -2}, "that long"),
        ({"kind": "compare", "column": "", "operator": "is", "value": "x"}, "Name the field"),
        ({"kind": "compare", "column": "age", "operator": "like", "value": "x"}, "how the field"),
        ({"kind": "compare", "column": "age", "operator": "is"}, "compared with"),
        ({"kind": "score", "source": "", "at_least": 0.5}, "whose score"),
        ({"kind": "score", "source": "m", "at_least": math.nan}, "above 0"),
        ({"kind": "code", "text": "import os"}, "no rule of this kind"),
    ],
)
def test_a_condition_that_cannot_be_used_says_why(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConditionInvalid, match=says):
        condition_check(Condition.of_json(values))


def test_what_is_no_condition_cannot_be_read() -> None:
    with pytest.raises(ConditionInvalid, match="cannot be read"):
        Condition.of_json({"kind": "keyword", "call": "os.system"})


@pytest.mark.parametrize("pattern", [r"^(a|aa)+$", r"(a|a)*b$|(x+x+)+y"])
def test_a_pattern_that_runs_away_is_interrupted(pattern: str) -> None:
    matcher = Matcher(Condition(kind="pattern", text=pattern), "pain")
    with pytest.raises(TooSlow) as slow:
        matcher.find(Material(prompt="a" * 60 + "!" + "x" * 40))
    assert slow.value.is_one


def test_a_pattern_that_is_slow_on_every_text_is_stopped_as_a_whole() -> None:
    matcher = Matcher(Condition(kind="pattern", text=r"k\w+"), "pain", spare=0.0)
    matcher.spent = 1.0
    with pytest.raises(TooSlow) as slow:
        matcher.find(TEXT)
    assert not slow.value.is_one


def test_the_hash_is_of_what_a_function_does() -> None:
    words = Condition(kind="keyword", text="rash")
    assert content_hash("skin", words) == content_hash("skin", Condition(kind="keyword", text="rash", column="age"))
    assert content_hash("skin", words) != content_hash("pain", words)


# ---- figures

VOTES = np.array([[0, 0, -1], [0, 1, -1], [-1, -1, -1], [-1, 1, 1], [2, -1, -1]], dtype=np.int16)
EXPERTS = np.array([0, 1, ABSTAIN, 1, 3])
GROUPS = np.arange(5)


def test_figures_counted_by_hand() -> None:
    found = figures_of(VOTES, EXPERTS, GROUPS)
    assert (found.n, found.covered, found.overlaps, found.conflicts) == (5, 4, 3, 1)
    first, second, third = found.functions
    assert (first.fires, first.overlaps, first.conflicts) == (3, 2, 1)
    assert (first.accuracy.n, first.accuracy.right) == (3, 1)
    assert (second.fires, second.overlaps, second.conflicts, second.accuracy.right) == (3, 3, 1, 3)
    assert (third.fires, third.conflicts, third.accuracy.n) == (1, 0, 1)
    assert found.pairs[0][1] == (2, 1) and found.pairs[1][2] == (1, 0) and found.pairs[0][2] == (0, 0)
    assert found.pairs[0][0] == (3, 0)


def test_the_interval_of_single_samples_is_clopper_and_pearsons() -> None:
    found = rate_of(np.array([True] * 8 + [False] * 2), np.arange(10))
    assert (found.rate, found.n, found.groups) == (0.8, 10, 10)
    assert found.low == pytest.approx(0.44390, abs=1e-4) and found.high == pytest.approx(0.97479, abs=1e-4)
    every = rate_of(np.ones(20, dtype=bool), np.arange(20))
    assert every.low == pytest.approx(0.83157, abs=1e-4) and every.high == 1.0


def test_samples_of_one_group_count_for_less() -> None:
    right, alone = np.array([True] * 40 + [False] * 20), np.arange(60)
    wide, narrow = rate_of(right, alone // 10), rate_of(right, alone)
    assert wide.low is not None and narrow.low is not None and wide.low < narrow.low
    assert rate_of(np.ones(50, dtype=bool), np.zeros(50)).low == pytest.approx(0.025)
    assert rate_of(np.zeros(0, dtype=bool), np.zeros(0)).rate is None


votes_of_any_kind = st.integers(1, 4).flatmap(
    lambda m: st.lists(st.lists(st.integers(-1, 2), min_size=m, max_size=m), min_size=1, max_size=30)
)


@given(votes_of_any_kind, st.data())
@settings(max_examples=60)
def test_figures_agree_with_counting_one_by_one(rows: list[list[int]], data: st.DataObject) -> None:
    votes = np.array(rows, dtype=np.int16)
    experts = np.array(data.draw(st.lists(st.integers(-1, 3), min_size=len(rows), max_size=len(rows))))
    found = figures_of(votes, experts, np.arange(len(rows)))
    said = [[vote for vote in row if vote != ABSTAIN] for row in rows]
    assert found.covered == sum(bool(row) for row in said)
    assert found.conflicts == sum(len(set(row)) > 1 for row in said) == int(conflicts_of(votes).sum())
    for j, one in enumerate(found.functions):
        assert one.fires == sum(row[j] != ABSTAIN for row in rows)
        assert one.conflicts == sum(
            row[j] != ABSTAIN and any(vote not in (ABSTAIN, row[j]) for vote in row) for row in rows
        )
        assert one.overlaps >= one.conflicts and one.accuracy.right <= one.accuracy.n <= one.fires
        rate = one.accuracy
        assert rate.rate is None or 0 <= (rate.low or 0) <= rate.rate <= (rate.high or 0) <= 1
    told = [(i, j, vote) for i, row in enumerate(rows) for j, vote in enumerate(row) if vote != ABSTAIN]
    assert (votes_array(told, len(rows), votes.shape[1]) == votes).all()


# ---- the label model


def slowly(votes: np.ndarray, k: int, rounds: int) -> list[list[float]]:
    """The same model written out one vote at a time, for the rows that have a vote."""
    rows = [[k if vote == ABSTAIN else int(vote) for vote in row] for row in votes if (row != ABSTAIN).any()]
    m, n = len(rows[0]), len(rows)
    usual = [[sum(row[j] == a for row in rows) / n for a in range(k + 1)] for j in range(m)]
    said = [[sum(vote == c for vote in row) for c in range(k)] for row in rows]
    said = [[count / sum(row) for count in row] for row in said]
    for _ in range(rounds):
        shares = [(sum(row[c] for row in said) + 1 / k) / (n + 1) for c in range(k)]
        tables = []
        for j in range(m):
            table = []
            for c in range(k):
                counts = [sum(said[i][c] for i in range(n) if rows[i][j] == a) for a in range(k + 1)]
                counts = [count + usual[j][a] for a, count in enumerate(counts)]
                counts[c if usual[j][c] else k] += 0.01 * n
                table.append([count / sum(counts) for count in counts])
            tables.append(table)
        chances = [[shares[c] * math.prod(tables[j][c][row[j]] for j in range(m)) for c in range(k)] for row in rows]
        said = [[chance / sum(row) for chance in row] for row in chances]
    return said


def planted(n: int, seed: int, rates: list[float], k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Functions that say the right class at these rates, fire on two of three samples, and err evenly otherwise."""
    mind = np.random.default_rng(seed)
    truth = mind.integers(0, k, n)
    votes = np.full((n, len(rates)), ABSTAIN, dtype=np.int16)
    for j, rate in enumerate(rates):
        said = np.where(mind.random(n) < rate, truth, (truth + mind.integers(1, k, n)) % k)
        votes[:, j] = np.where(mind.random(n) < 2 / 3, said, ABSTAIN)
    return votes, truth


def test_the_model_is_the_one_written_out_slowly() -> None:
    votes, _truth = planted(40, 3, [0.9, 0.7, 0.6])
    fitted = dawid_skene(votes, 3)
    slow = np.array(slowly(votes, 3, fitted.rounds))
    fires = (votes != ABSTAIN).any(axis=1)
    assert fitted.chances[fires] == pytest.approx(slow.max(axis=1), abs=1e-9)
    assert (fitted.labels[fires] == slow.argmax(axis=1)).all()


def test_it_finds_out_who_is_right_and_beats_the_majority() -> None:
    rates = [0.95, 0.9, 0.4, 0.4, 0.4]
    votes, truth = planted(3_000, 5, rates)
    fitted, most = dawid_skene(votes, 3), majority(votes, 3)
    known = (votes != ABSTAIN).any(axis=1)
    right = (fitted.labels == truth)[known].mean()
    assert right > 0.85 and right > (most.labels == truth)[known].mean() + 0.05
    found = [np.trace(table[:, :-1]) / table[:, :-1].sum() for table in fitted.tables]
    assert found == pytest.approx(rates, abs=0.06)


@pytest.mark.parametrize("seed", range(3))
def test_functions_of_one_class_each_keep_their_classes(seed: int) -> None:
    """Many classes, a good and a poor function for each: the model must not explain them by other classes."""
    mind = np.random.default_rng(seed)
    truth = mind.choice(5, 3_000, p=[0.4, 0.25, 0.15, 0.12, 0.08])
    votes = np.full((3_000, 10), ABSTAIN, dtype=np.int16)
    for j in range(10):
        hit, slip = ((0.6, 0.02), (0.3, 0.12))[j // 5]
        votes[mind.random(3_000) < np.where(truth == j % 5, hit, slip), j] = j % 5
    fitted = dawid_skene(votes, 5)
    fires = fitted.labels != ABSTAIN
    counts = np.stack([(votes == one).sum(axis=1) for one in range(5)], axis=1)
    by_chance = np.argmax(counts + mind.random(counts.shape) / 2, axis=1)  # the majority, ties broken by chance
    assert (fitted.labels == truth)[fires].mean() > (by_chance == truth)[fires].mean() + 0.03


def test_functions_of_one_class_each_tell_classes_apart() -> None:
    """The one that fires rightly outweighs two that fire anywhere, though none of them knows another class."""
    mind = np.random.default_rng(1)
    truth = mind.integers(0, 2, 2_000)
    votes = np.full((2_000, 4), ABSTAIN, dtype=np.int16)
    for j, (target, hit, slip) in enumerate([(0, 0.7, 0.02), (1, 0.7, 0.02), (0, 0.35, 0.3), (0, 0.3, 0.28)]):
        votes[mind.random(2_000) < np.where(truth == target, hit, slip), j] = target
    fitted = dawid_skene(votes, 2)
    disputed = (votes[:, 1] == 1) & ((votes[:, 2] == 0) | (votes[:, 3] == 0)) & (votes[:, 0] == ABSTAIN)
    assert disputed.sum() > 100
    assert (fitted.labels == truth)[disputed].mean() > (majority(votes, 2).labels == truth)[disputed].mean() + 0.2


@given(votes_of_any_kind)
@settings(max_examples=60)
def test_rounds_never_make_it_worse_and_silence_gets_no_label(rows: list[list[int]]) -> None:
    votes = np.array(rows, dtype=np.int16)
    fitted, most = dawid_skene(votes, 3), majority(votes, 3)
    steps = np.diff(fitted.objective)
    assert (steps >= -1e-8 * np.abs(fitted.objective[1:])).all() if len(steps) else True
    silent = (votes == ABSTAIN).all(axis=1)
    assert (fitted.labels[silent] == ABSTAIN).all() and (fitted.labels[~silent] != ABSTAIN).all()
    assert ((fitted.chances >= 0) & (fitted.chances <= 1 + 1e-12)).all()
    for row, label, share in zip(rows, most.labels, most.shares, strict=True):
        counts = sorted((row.count(c) for c in range(3)), reverse=True)
        assert (label != ABSTAIN) == (counts[0] > counts[1])
        assert label == ABSTAIN or (row.count(label) == counts[0] and share == counts[0] / sum(counts))


@given(votes_of_any_kind)
@settings(max_examples=30)
def test_the_order_of_samples_and_of_functions_does_not_matter(rows: list[list[int]]) -> None:
    votes = np.array(rows, dtype=np.int16)
    there = dawid_skene(votes[::-1, ::-1], 3)
    assert dawid_skene(votes, 3).chances == pytest.approx(there.chances[::-1], abs=1e-6)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (3, 0), (3, 2)])
def test_nothing_to_learn_from_is_no_error(shape: tuple[int, int]) -> None:
    votes = np.full(shape, ABSTAIN, dtype=np.int16)
    assert (dawid_skene(votes, 0).labels == ABSTAIN).all() and (majority(votes, 0).labels == ABSTAIN).all()
    assert figures_of(votes, np.full(shape[0], ABSTAIN), np.arange(shape[0])).covered == 0


# ---- Python files


def written(folder: Path, text: str, name: str = "rule") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_votes_in_a_process_of_its_own(tmp_path: Path) -> None:
    text = (
        "import os, sys\n"
        "print('noise')\n"
        "def label(prompt, metadata):\n"
        "    print('more noise'); sys.stderr.write('and more')\n"
        "    assert 'SECRET_KEY' not in os.environ and sys.stdin.read() == ''\n"
        "    return 'pain' if 'schmerz' in prompt and metadata['age'] > 50 else None\n"
    )
    one = PythonFunction(written(tmp_path, text))
    try:
        assert one.label("Knieschmerz, größer", {"age": 60}) == "pain"
        assert one.label("Knieschmerz", {"age": 40}) is None
        assert one.label("x" * 300_000, {"age": 60}) is None
    finally:
        one.close()


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("def label(prompt, metadata):\n    while True: pass", LATE, "1"),
        ("def label(prompt, metadata):\n    raise KeyError('age')", BROKEN, "KeyError"),
        ("def label(prompt, metadata):\n    raise SystemExit(3)", BROKEN, "SystemExit"),
        ("import os\ndef label(prompt, metadata):\n    os._exit(3)", BROKEN, "process ended"),
        ("def label(prompt, metadata):\n    return 7", BROKEN, "int"),
        ("def label(prompt, metadata):\n    return 'x' * 10**10", BROKEN, "MemoryError"),
        ("x = (", BROKEN, "SyntaxError"),
        ("raise SystemExit", BROKEN, "SystemExit"),
        ("labels = 1", BROKEN, "defines no function"),
        ("while True: pass", LATE, "1"),
    ],
)
def test_a_file_that_fails_is_stopped_with_the_reason(tmp_path: Path, text: str, code: str, says: str) -> None:
    with pytest.raises(Stopped) as stop:
        one = PythonFunction(written(tmp_path, text), load_seconds=1 if code == LATE else 20, text_seconds=1)
        try:
            one.label("My knee hurts.", {})
        finally:
            one.close()
    assert stop.value.code == code and says in stop.value.detail


def test_only_files_of_the_projects_folder_take_part(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "others").mkdir()
    for folder, name in (("letters", "b"), ("letters", "a"), ("letters", "_shared"), ("others", "c")):
        written(tmp_path / folder, "", name)
    (tmp_path / "letters" / "note.txt").write_text("", encoding="utf-8")
    assert [path.name for path in files_in(tmp_path, "letters")] == ["a.py", "b.py"]
    assert files_in(None, "letters") == [] and files_in(tmp_path, "nobody") == []
