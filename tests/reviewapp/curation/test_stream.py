"""Scans of many samples: texts are read when they are looked at, and what is found is what was always found."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.build import World, world_build
from reviewapp.core import jobs
from reviewapp.curation import house_form, material, services
from reviewapp.curation.checks import lazy, ocr_confusions
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Item
from reviewapp.curation.checks.lazy import LazyItems, chosen, firsts_of, groups_of, keys_of, numbers_at
from reviewapp.curation.checks.registry import CHECKS
from reviewapp.curation.contamination.overlapping import fingerprints_of
from reviewapp.curation.material import project_material
from reviewapp.curation.models import Finding
from reviewapp.curation.redaction.sentences import sentences_make
from reviewapp.curation.redaction.tagger import SHIPPED, tagger_open
from reviewapp.curation.redaction.tokens import KnownFeatures, features_of, lower_words, stretches
from reviewapp.curation.tokens import Counts
from reviewapp.projects.models import Project
from reviewapp.samples.cleaning import clean
from reviewapp.samples.models import Sample
from tests import factories

CORPUS_CHECKS = [check for check in CHECKS if check.scope == "corpus"]


class Shelf:
    """Items that count how many of them are taken out at once."""

    def __init__(self, items: list[Item]) -> None:
        self.items, self.most, self.readings = items, 0, 0

    def read(self, rows: Counts) -> list[Item]:
        self.most = max(self.most, len(rows))
        self.readings += 1
        return [self.items[row] for row in rows.tolist()]

    def lazy(self) -> LazyItems:
        sizes = np.array([len(item.prompt) + len(item.completion) for item in self.items], dtype=np.int64)
        return LazyItems(np.array([item.key for item in self.items], dtype=np.int64), sizes, self.read)


def made(n: int, seed: int = 3) -> list[Item]:
    """Texts of which many are the same, nearly the same, of one prompt, or of one completion."""
    mind = random.Random(seed)
    words = ["".join(mind.choices("abcdefghij", k=mind.randint(2, 7))) for _ in range(400)]
    texts: list[tuple[str, str]] = []
    for _ in range(n):
        prompt, completion = " ".join(mind.choices(words, k=40)), " ".join(mind.choices(words, k=12))
        kind = mind.random()
        if texts and kind < 0.5:
            other = mind.choice(texts)
            prompt, completion = [
                other, (other[0].upper(), other[1]), (other[0], completion), (prompt, other[1]),
                (other[0].replace(words[0], "x", 1) + " end", other[1]), (other[0] + " more", completion),
            ][int(kind * 12)]  # fmt: skip
        texts.append((prompt, completion))
    return [Item(key=7 * place + 2, prompt=a, completion=b) for place, (a, b) in enumerate(texts)]


class Held(str):
    """A text of which can be told whether anybody still holds it; a match of a pattern does."""


def held_most(check: Any, items: list[Item], **aside: Any) -> int:
    """The most texts that were held at once while a check ran over items that are made when they are read."""
    made_so_far, most = list[weakref.ref[Held]](), 0

    def read(rows: Counts) -> list[Item]:
        nonlocal made_so_far, most
        found = []
        for row in rows.tolist():
            prompt, completion = Held(items[row].prompt), Held(items[row].completion)
            made_so_far += [weakref.ref(prompt), weakref.ref(completion)]
            found.append(Item(key=items[row].key, prompt=prompt, completion=completion, figures=items[row].figures))
        made_so_far = [one for one in made_so_far if one() is not None]
        most = max(most, len(made_so_far))
        return found

    sizes = np.array([len(item.prompt) + len(item.completion) for item in items], dtype=np.int64)
    lazily = LazyItems(np.array([item.key for item in items], dtype=np.int64), sizes, read)
    for _ in check.run(Corpus(items=lazily, **aside)):
        pass
    return most


def of_all_kinds(n: int) -> list[Item]:
    """Letters with identifiers, headings, long completions and misread words in most of them."""
    letters = []
    for place, item in enumerate(made(n)):
        number = f"{place:07}" if place % 3 else f"{place:05}"
        completion = f"Plan:\n{item.completion}\nPLAN\n- 1O mg\n* two\nX{place} Y:\n" + "x " * (
            90 if place % 12 == 0 else 1
        )
        letters.append(Item(key=item.key, prompt=f"MRN {number}. {item.prompt}", completion=completion))
    return letters


@pytest.mark.parametrize("check", CORPUS_CHECKS, ids=lambda check: check.name)
def test_no_check_holds_the_texts_it_has_read(check: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "AT_ONCE", 50)
    monkeypatch.setattr(lazy, "_MOST_AT_HAND", 50)
    items = of_all_kinds(1_500)
    aside = {
        "heldout": [(5, items[3].prompt), (9, items[100].prompt[:150])],
        "benchmarks": [("B", fingerprints_of([items[7].prompt, "nothing of all this"]))],
    }
    assert held_most(check, items, **aside) < len(items), "of 3,000"


def test_words_and_headings_without_end_are_forgotten_while_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["The patient was clear this morning.", "A modern wound clinic.", "Her medication dose in the morning."]
    items = [Item(key=n, prompt=f"{texts[n % 3]} Zq{n}x", completion=f"Plan:\nrest\nDr A{n}:\nyes") for n in range(300)]
    items += [Item(key=300, prompt="The pat1ent is well.", completion="PLAN\nrest")]
    found = {check.name: told(list(check.run(Corpus(items=items)))) for check in CORPUS_CHECKS if check.name in FORGET}
    assert [len(rows) for rows in found.values()] == [1, 1]
    monkeypatch.setattr(ocr_confusions, "MOST_WORDS", 30)
    monkeypatch.setattr(house_form, "MOST_NAMES", 20)
    assert len(ocr_confusions._counts(items)) <= 30 + 4
    for check in CORPUS_CHECKS:
        if check.name in FORGET:
            again = told(list(check.run(Corpus(items=items))))
            assert [row[:2] for row in again] == [row[:2] for row in found[check.name]]


FORGET = ("ocr_confusions", "section_format")


def told(found: list[FindingDraft]) -> list[tuple[object, ...]]:
    return [(one.key, one.fingerprint, one.message, one.excerpt, one.severity, one.score) for one in found]


@pytest.mark.parametrize("check", CORPUS_CHECKS, ids=lambda check: check.name)
def test_what_is_read_in_parts_gives_what_the_whole_gives(check: object) -> None:
    items = made(600)
    run: Callable[[Corpus], object] = check.run  # type: ignore[attr-defined]
    aside = {
        "heldout": [(5, items[3].prompt), (9, items[100].prompt[:150])],
        "benchmarks": [("B", fingerprints_of([items[7].prompt, "nothing of all this"]))],
    }
    shelf = Shelf(items)
    whole = list(run(Corpus(items=items, **aside)))  # type: ignore[call-overload, arg-type]
    parts = list(run(Corpus(items=shelf.lazy(), **aside)))  # type: ignore[call-overload, arg-type]
    assert told(parts) == told(whole)
    assert shelf.most <= lazy.AT_ONCE
    assert shelf.readings < 60, "texts are read together, not one by one"
    assert [draft.key for draft in parts] == sorted(draft.key for draft in parts)


def test_the_checks_find_what_they_found_before_they_read_in_parts(demo_world: World) -> None:
    """The numbers are those of the code that held all texts at once (commit e257548), on the same samples."""
    items = [
        Item(key=key, prompt=clean(row["prompt"]).text, completion=clean(row["completion"]).text)
        for key, row in _rows(demo_world)
    ]
    corpus = Corpus(items=Shelf(items).lazy(), heldout=[(key, row["prompt"]) for key, row in _held(demo_world)])
    before = {
        "heldout_overlap": 13, "benchmark_overlap": 0, "exact_duplicates": 30, "near_duplicates": 73,
        "contradictory_completions": 50, "repeated_parts": 0, "off_topic": 51,
    }  # fmt: skip
    assert {check.name: len(list(check.run(corpus))) for check in CORPUS_CHECKS if check.name in before} == before


def _rows(world: World) -> list[tuple[int, dict[str, str]]]:
    return [(int(row["id"][2:]), row) for row in world.samples]


def _held(world: World) -> list[tuple[int, dict[str, str]]]:
    return [(int(row["id"][2:]), row) for row in world.heldout]


@pytest.fixture(scope="module")
def demo_world() -> World:
    return world_build(7)


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_property_items_come_as_they_are_however_they_are_asked_for(values: list[int], at_once: int) -> None:
    items = [Item(key=3 * place, prompt="x" * value, completion="") for place, value in enumerate(values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lazy, "AT_ONCE", at_once)
        patch.setattr(lazy, "MOST_CHARACTERS", 10)
        shelf = Shelf(items)
        got = shelf.lazy()
        assert list(got) == items
        assert list(got[1:5]) == items[1:5]
        assert [got[place] for place in range(len(items))] == items
        some = np.arange(0, len(items), 2)
        got.ahead(some.tolist())
        assert list(chosen(got, some)) == chosen(items, some)
        assert keys_of(chosen(got, some)).tolist() == keys_of(chosen(items, some)).tolist()
        assert sum(map(len, lazy.batches(got))) == len(items)
        assert shelf.most <= at_once
    numbers = np.array(values, dtype=np.uint64)
    assert firsts_of(numbers).tolist() == [values.index(value) for value in values]
    groups = sorted(group.tolist() for group in groups_of(numbers))
    assert groups == sorted(
        [at for at, one in enumerate(values) if one == value] for value in set(values) if values.count(value) > 1
    )


def test_long_texts_are_read_a_few_at_a_time() -> None:
    items = [Item(key=key, prompt="x" * (lazy.MOST_CHARACTERS // 3), completion="") for key in range(7)]
    shelf = Shelf(items)
    assert list(shelf.lazy()) == items
    assert shelf.most == 3


def test_a_scan_holds_no_text_and_reads_the_revisions_that_it_began_with(project: Project) -> None:
    samples = [factories.sample(project, prompt=f"Ask {number}", external_id=f"s{number}") for number in range(9)]
    Sample.objects.filter(pk=samples[4].pk).update(split=Sample.Split.HELDOUT)
    Sample.objects.filter(pk=samples[6].pk).update(state=Sample.State.REJECTED)
    looked_at = project_material(project)
    again = factories.revision(samples[2], prompt="Another", number=2)
    Sample.objects.filter(pk=samples[2].pk).update(revision=again)
    assert [item.prompt for item in looked_at.items] == [f"Ask {number}" for number in range(9) if number != 6]
    assert looked_at.keys[looked_at.exempt].tolist() == [samples[4].pk]
    assert project_material(project).fingerprint != looked_at.fingerprint
    assert [len(block.items) for block in looked_at.blocks(np.arange(8), 3)] == [3, 3, 2]


def test_a_scan_writes_the_same_in_small_stretches(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    other = factories.project("other")
    for place in (project, other):
        for item in made(40):
            factories.sample(place, prompt=item.prompt, completion=item.completion, external_id=str(item.key))
    _scan(project)
    monkeypatch.setattr("reviewapp.curation.jobs._KEYS", 7)
    monkeypatch.setattr("reviewapp.curation.jobs._BLOCK", 3)
    monkeypatch.setattr(lazy, "AT_ONCE", 5)
    monkeypatch.setattr(material, "_CHUNK", 4)
    _scan(other)
    assert _findings(project) == _findings(other)
    assert {name for _, name, *_ in _findings(project)} >= {"exact_duplicates", "near_duplicates"}
    before = Finding.objects.count()
    log = _scan(other)
    assert "40 samples are as they were and were passed over" in log
    assert Finding.objects.count() == before


def _scan(project: Project) -> str:
    asked = services.scan_request(project=project, requested_by=factories.member(project, "engineer"))
    assert asked.job is not None
    jobs.execute(asked.job.pk)
    asked.job.refresh_from_db()
    assert asked.job.state == "succeeded", asked.job.traceback
    return asked.job.log


def _findings(project: Project) -> list[tuple[object, ...]]:
    columns = ("sample__external_id", "check_name", "kind", "message", "related_sample__external_id", "state")
    return sorted(Finding.objects.filter(sample__project=project).values_list(*columns), key=str)


# ---- the tagger, faster


def test_the_tagger_is_given_the_features_it_knows_in_their_order() -> None:
    tagger = tagger_open(str(SHIPPED))
    known = frozenset(tagger._tagger.info().attributes)
    features = KnownFeatures(known)
    texts = [one.text for one in sentences_make(5, 60)] + ["", "A", "Name: Ana\nName:", "a b: c d\n\n12 (x) Dr. Lee\n"]
    for text in texts:
        seen = lower_words(text)
        for stretch in stretches(text):
            every = features_of(stretch, seen)
            kept = [[one for one in item if one in known] for item in every]
            given_now = [[one for one in item if one in known] for item in features(stretch, seen)]
            assert given_now == kept
            assert tagger._tagger.tag(features(stretch, seen)) == tagger._tagger.tag(every)


def test_numbers_of_some_places_read_only_those() -> None:
    read: list[int] = []
    items = made(300)

    def shelf(rows: Counts) -> list[Item]:
        read.extend(rows.tolist())
        return [items[row] for row in rows.tolist()]

    keys = np.array([item.key for item in items], dtype=np.int64)
    lazily = LazyItems(keys, np.full(300, 60), shelf)
    found = numbers_at(lazily, np.array([7, 290, 7, 0]), lambda item: item.key)
    assert sorted(read) == [0, 7, 290]
    assert np.flatnonzero(found).tolist() == [0, 7, 290] and found[290] == items[290].key
    assert not numbers_at(lazily, np.array([], dtype=np.int64), lambda item: item.key).any()
