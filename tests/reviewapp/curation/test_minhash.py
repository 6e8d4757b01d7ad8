from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.curation.minhash import PLACES, Index, Link, clusters_of, estimate, links_of, signature
from reviewapp.curation.tokens import (
    Hashes,
    char_shingles,
    containment,
    jaccard,
    known_places,
    mix,
    normal_form,
    word_grams,
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
    assert char_shingles("hello").tolist() == [1738665128328604276]
    assert word_shingles("hello world again").tolist() == [6545807948504569023]


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
    assert known_places(array, ordered) == [place for place, value in enumerate(values) if value in set(known)]


# Signatures


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400))
def test_property_estimate_is_close_to_exact_jaccard(shared: int, left: int, right: int) -> None:
    both = np.arange(shared, dtype=np.uint64)
    a = np.unique(mix(np.concatenate([both, np.arange(10_000, 10_000 + left, dtype=np.uint64)])))
    b = np.unique(mix(np.concatenate([both, np.arange(20_000, 20_000 + right, dtype=np.uint64)])))
    if not len(a) or not len(b):
        return
    exact = jaccard(a, b)
    # five standard errors of a mean of 128 yes-or-no places: the hashes are fixed, so this never flickers
    assert abs(estimate(signature(a), signature(b)) - exact) <= 5 * math.sqrt(exact * (1 - exact) / PLACES) + 1e-9


def test_estimate_has_no_bias() -> None:
    errors = []
    for seed in range(200):
        base = np.arange(seed * 1_000, seed * 1_000 + 300, dtype=np.uint64)
        a, b = np.unique(mix(base[:200])), np.unique(mix(base[100:]))
        errors.append(estimate(signature(a), signature(b)) - 1 / 3)
    assert abs(float(np.mean(errors))) < 0.01  # standard error 0.003
    assert 0.030 < float(np.std(errors)) < 0.055  # sqrt(1/3 * 2/3 / 128) = 0.042


def test_signature_of_a_long_set_is_the_minimum_over_its_blocks() -> None:
    whole = np.unique(mix(np.arange(5_000, dtype=np.uint64)))
    halves = np.minimum(signature(whole[:2_500]), signature(whole[2_500:]))
    assert np.array_equal(signature(whole), halves)


# Links and clusters


def test_links_are_exact_and_find_every_pair_well_above_the_limit() -> None:
    sets = [numbers(*range(100)), numbers(*range(5, 105)), numbers(*range(500, 600)), numbers(*range(100)), numbers()]
    done: list[int] = []
    links, signatures = links_of(len(sets), sets.__getitem__, 0.7, step=done.append)
    assert [(link.a, link.b) for link in links] == [(0, 1), (0, 3), (1, 3)]
    assert links[0].similarity == pytest.approx(95 / 105)
    assert (len(signatures), done) == (5, [1, 2, 3, 4, 5])


def test_empty_sets_are_no_twins() -> None:
    links, _ = links_of(2, lambda _: numbers(), 0.7)
    assert links == []


def test_index_does_not_return_strangers() -> None:
    index = Index()
    index.add(7, signature(numbers(*range(100))))
    assert index.near(signature(numbers(*range(1_000, 1_100))), 0.7) == []
    assert index.near(signature(numbers(*range(100))), 0.7) == [(7, 1.0)]


def test_a_chain_of_small_steps_is_cut() -> None:
    sets = [numbers(*range(step * 15, step * 15 + 100)) for step in range(8)]  # neighbours share 74%
    links, signatures = links_of(len(sets), sets.__getitem__, 0.7)
    assert len(links) == 7
    clusters = clusters_of(links, signatures, diameter=0.5)
    assert len(clusters) > 1
    for cluster in clusters:
        assert jaccard(sets[cluster[0]], sets[cluster[-1]]) >= 0.4


def test_clusters_join_what_is_alike_throughout() -> None:
    sets = [numbers(*range(100)), numbers(*range(3, 103)), numbers(*range(6, 106)), numbers(*range(900, 999))]
    links, signatures = links_of(len(sets), sets.__getitem__, 0.7)
    assert clusters_of(links, signatures, diameter=0.5) == [[0, 1, 2]]
    assert clusters_of([Link(0, 3, 0.9)], signatures, diameter=0.5) == []
