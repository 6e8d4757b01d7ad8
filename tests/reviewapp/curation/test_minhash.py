from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.minhash import (
    PLACES,
    Layout,
    Link,
    Pairs,
    Sets,
    Sketches,
    clusters_of,
    estimates,
    layout_for,
    near_pairs,
    pairs_between,
    pairs_within,
    signatures_of,
    sketched,
    sketches_of,
)
from reviewapp.curation.tokens import (
    Hashes,
    Runs,
    char_runs,
    char_shingles,
    containment,
    jaccard,
    known_places,
    mix,
    normal_form,
    plain_words,
    word_grams,
    word_runs,
    word_shingles,
    words_of,
)


def numbers(*values: int) -> Hashes:
    return np.unique(mix(np.array(values, dtype=np.uint64)))


# Tokens


def test_normal_form_ignores_case_space_and_compatibility_forms() -> None:
    assert normal_form("  Ｄr.\tGrün\n\nSTRASSE ﬁne ") == "dr. grün strasse fine"
    assert normal_form("Straße") == normal_form("STRASSE")


def test_words_know_their_places() -> None:
    text = "Don’t stop: 2.5 mg,\nÉté"
    assert [(word, text[start:end]) for word, start, end in words_of(text)] == [
        *[("don’t", "Don’t"), ("stop", "stop"), ("2", "2"), ("5", "5"), ("mg", "mg"), ("été", "Été")]
    ]


def test_shingles_of_short_texts() -> None:
    assert len(char_shingles("")) == 0
    assert len(char_shingles("abc")) == 1  # the whole text, shorter than a run
    assert len(char_shingles("abcdef")) == 2
    assert len(word_shingles("one two")) == 1
    assert len(word_grams("a b c d", 3)) == 2


def test_shingles_depend_on_order_and_are_the_same_every_time() -> None:
    assert jaccard(word_shingles("one two three four"), word_shingles("four three two one")) == 0.0
    # A stored signature must stay comparable: these numbers may only change with a new name for the scheme.
    assert char_shingles("hello").tolist() == [8576929112783056957]
    assert word_shingles("hello world again").tolist() == [18096484074184749382]


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_property_jaccard_of_shingles_is_that_of_plain_sets(a: str, b: str) -> None:
    def runs(text: str) -> set[str]:
        folded = normal_form(text)
        size = min(5, len(folded))
        return {folded[i : i + size] for i in range(len(folded) - size + 1)} if size else set()

    plain_a, plain_b = runs(a), runs(b)
    expected = len(plain_a & plain_b) / len(plain_a | plain_b) if plain_a | plain_b else 1.0
    assert jaccard(char_shingles(a), char_shingles(b)) == pytest.approx(expected)


def test_containment() -> None:
    assert containment(numbers(1, 2), numbers(1, 2, 3, 4)) == 1.0
    assert containment(numbers(1, 2, 3, 4), numbers(4, 5)) == 0.5
    assert containment(numbers(), numbers(1)) == 0.0


@settings(deadline=None)
@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_property_known_places(values: list[int], known: list[int]) -> None:
    array, ordered = np.array(values, dtype=np.uint64), np.array(sorted(set(known)), dtype=np.uint64)
    assert known_places(array, ordered).tolist() == [place for place, value in enumerate(values) if value in set(known)]


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_property_many_texts_have_the_runs_of_each(texts: list[str]) -> None:
    for runs, one in ((char_runs(texts, 5), char_runs), (word_runs(texts, 3), word_runs)):
        alone = [one([text], 5 if one is char_runs else 3).values for text in texts]
        assert runs.counts.tolist() == [len(values) for values in alone]
        assert runs.values.tolist() == [value for values in alone for value in values.tolist()]
        assert runs.owners.tolist() == [place for place, values in enumerate(alone) for _ in values]


@settings(deadline=None)
@given(st.text(max_size=60))
def test_property_runs_of_words_are_at_the_places_of_words(text: str) -> None:
    words = words_of(text)
    assert [word.casefold() for word in plain_words(text)] == [word for word, _, _ in words]
    assert len(word_grams(text, 1)) == len(words)


# Signatures


def of_sets(*sets: Hashes) -> Runs:
    return Runs(np.concatenate([*sets, numbers()]), np.array([len(one) for one in sets], dtype=np.int64))


def sketches(*sets: Hashes, layout: Layout = layout_for(0.7)) -> Sketches:  # noqa: B008 - frozen
    return sketched(signatures_of(of_sets(*sets)), np.array([len(one) > 0 for one in sets]), layout)


def estimate(a: Hashes, b: Hashes) -> float:
    signed = signatures_of(of_sets(a, b))
    return float((signed[0] == signed[1]).mean())


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
def test_property_estimate_is_close_to_exact_jaccard(shared: int, left: int, right: int) -> None:
    both = np.arange(shared, dtype=np.uint64)
    a = np.unique(mix(np.concatenate([both, np.arange(10_000, 10_000 + left, dtype=np.uint64)])))
    b = np.unique(mix(np.concatenate([both, np.arange(20_000, 20_000 + right, dtype=np.uint64)])))
    if not len(a) or not len(b):
        return
    exact = jaccard(a, b)
    # six standard errors of a mean of 128 yes-or-no places (places that borrow are not quite independent); the hashes
    # are fixed, so this never flickers
    assert abs(estimate(a, b) - exact) <= 6 * math.sqrt(exact * (1 - exact) / PLACES) + 1e-9


@pytest.mark.parametrize("size", [30, 300, 3_000])
def test_estimate_has_no_bias(size: int) -> None:
    errors = []
    for seed in range(200):
        base = np.arange(seed * 10_000, seed * 10_000 + size, dtype=np.uint64)
        a, b = np.unique(mix(base[: 2 * size // 3])), np.unique(mix(base[size // 3 :]))
        errors.append(estimate(a, b) - 1 / 3)
    assert abs(float(np.mean(errors))) < 0.012  # standard error 0.003 to 0.005
    assert 0.025 < float(np.std(errors)) < 0.075  # sqrt(1/3 * 2/3 / 128) = 0.042; more where few fill the places


def test_eight_bits_of_a_place_are_enough_to_estimate_by() -> None:
    a, b, c = numbers(*range(300)), numbers(*range(100, 400)), numbers(*range(9_000, 9_300))
    made = sketches(a, b, c)
    found = estimates(made, np.array([0, 0]), made, np.array([1, 2]))
    assert found[0] == pytest.approx(0.5, abs=0.1)
    assert found[1] == pytest.approx(0.0, abs=0.02)


def test_signature_of_a_long_set_is_the_minimum_over_its_blocks() -> None:
    whole = np.unique(mix(np.arange(50_000, dtype=np.uint64)))
    halves = np.minimum(*signatures_of(of_sets(whole[::2], whole[1::2])))
    assert np.array_equal(signatures_of(of_sets(whole))[0], halves)


@pytest.mark.parametrize("limit", [0.5, 0.55, 0.65, 0.7, 0.8, 0.95])
def test_layout_finds_95_of_100_pairs_at_its_limit(limit: float) -> None:
    layout = layout_for(limit)
    assert layout.bands * layout.rows <= PLACES
    assert 1 - (1 - limit**layout.rows) ** layout.bands >= 0.95


# Pairs and clusters


def found(sets: list[Hashes], limit: float = 0.7) -> Pairs:
    return near_pairs(sketches(*sets, layout=layout_for(limit)), Sets(sets.__getitem__), limit)


def links(pairs: Pairs) -> list[Link]:
    return [Link(*row) for row in zip(pairs.a.tolist(), pairs.b.tolist(), pairs.similarity.tolist(), strict=True)]


def test_pairs_well_above_the_limit_are_all_found() -> None:
    sets = [numbers(*range(100)), numbers(*range(5, 105)), numbers(*range(500, 600)), numbers(*range(100)), numbers()]
    pairs = found(sets)
    assert [(link.a, link.b) for link in links(pairs)] == [(0, 1), (0, 3), (1, 3)]
    assert pairs.similarity[1] == 1.0


def test_a_pair_near_the_limit_is_looked_at_exactly() -> None:
    sets = [numbers(*range(100)), numbers(*range(16, 116))]  # 84 of 116
    (link,) = links(found(sets))
    assert link.similarity == pytest.approx(84 / 116)
    assert len(found([numbers(*range(100)), numbers(*range(18, 118))])) == 0  # 82 of 118


def test_empty_sets_are_no_twins() -> None:
    assert len(found([numbers(), numbers()])) == 0
    empty, full = sketches(numbers()), sketches(numbers(*range(9)))
    assert len(pairs_between(empty, empty, 0.1)) == len(pairs_between(empty, full, 0.1)) == 0


def test_pairs_between_two_collections() -> None:
    left = sketches(numbers(*range(100)), numbers(*range(1_000, 1_100)))
    right = sketches(numbers(*range(5_000, 5_100)), numbers(*range(2, 102)), numbers(*range(100)))
    pairs = pairs_between(left, right, 0.6)
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == [(0, 1), (0, 2)]


def test_a_crowd_costs_no_square() -> None:
    """A thousand texts that are all alike: each meets a few others, and all hang together."""
    made = sketches(*[numbers(*range(100))] * 1_000)
    pairs = pairs_within(made, 0.6)
    assert len(pairs) < 10_000
    assert set(pairs.b.tolist()) == set(range(1, 1_000))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=40))
def test_property_every_copy_is_found(kinds: list[int]) -> None:
    texts = [f"text of kind {kind} " * 4 + "x" * kind for kind in kinds]
    pairs = pairs_within(sketches_of(texts, layout_for(0.7)), 0.99)
    alike = {(a, b) for a in range(len(kinds)) for b in range(a + 1, len(kinds)) if texts[a] == texts[b]}
    met = set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
    hanging = {b for _, b in alike}
    assert hanging <= {b for _, b in met}
    assert all(a < b for a, b in met)


def test_a_chain_of_small_steps_is_cut() -> None:
    sets = [numbers(*range(step * 15, step * 15 + 100)) for step in range(8)]  # neighbours share 74%
    pairs = found(sets)
    assert len(pairs) == 7
    clusters = clusters_of(links(pairs), sketches(*sets), diameter=0.5)
    assert len(clusters) > 1
    for cluster in clusters:
        assert jaccard(sets[cluster[0]], sets[cluster[-1]]) >= 0.4


def test_clusters_join_what_is_alike_throughout() -> None:
    sets = [numbers(*range(100)), numbers(*range(3, 103)), numbers(*range(6, 106)), numbers(*range(900, 999))]
    made = sketches(*sets)
    assert clusters_of(links(found(sets)), made, diameter=0.5) == [[0, 1, 2]]
    assert clusters_of([Link(0, 3, 0.9)], made, diameter=0.5) == []
