"""Real scores and passages: SQuALITY, 150 summaries by three reviewers (CC BY 4.0), against an independent oracle."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reviewapp.reviews import agreement
from reviewapp.reviews.agreement import Scale, Table
from reviewapp.reviews.agreement_icc import crossed
from reviewapp.reviews.agreement_spans import MarkedText, Span, span_alpha, span_f1

CRITERIA = ["correctness-rating", "selection-rating", "overall-rating", "overall-rank"]
SCALES: list[Scale] = ["nominal", "ordinal", "interval", "ratio"]


@pytest.fixture(scope="module")
def oracle() -> ModuleType:
    path = Path(__file__).resolve().parents[4] / "shared" / "reference" / "human_eval_ref.py"
    if not path.is_file():
        pytest.skip(f"no reference implementation at {path}")
    spec = importlib.util.spec_from_file_location("human_eval_ref", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def reviews(shared_data: Path) -> list[tuple[tuple[str, str, str], str, dict[str, Any]]]:
    """(unit, summary, review) of every review."""
    path = shared_data / "squality" / "human-eval-passages-1-10.jsonl"
    if not path.is_file():
        pytest.skip(f"no SQuALITY reviews at {path}")
    return list(reviews_in(path))


def reviews_in(path: Path) -> Iterator[tuple[tuple[str, str, str], str, dict[str, Any]]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        passage = json.loads(line)
        for question, systems in passage["questions"].items():
            for system, answer in systems.items():
                for review in answer["reviews"]:
                    yield (passage["passage-id"], question, system), answer["response"], review


def table_of(reviews: list[Any], criterion: str) -> Table:
    """Reviewers 2, 3, 6 and 8, in this order; each summary has three of them."""
    in_order = sorted(reviews, key=lambda one: one[2]["worker_id"])
    return agreement.ratings_table((review["worker_id"], unit, review[criterion]) for unit, _, review in in_order)


@pytest.mark.slow
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("scale", SCALES)
def test_alpha_of_real_scores_is_the_oracles(
    reviews: list[Any], oracle: ModuleType, criterion: str, scale: Scale
) -> None:
    table = table_of(reviews, criterion)
    result = agreement.krippendorff_alpha(table, scale)
    value, low, high = oracle.alpha_jackknife(table, scale)
    assert (result.n_units, result.n_ratings) == (150, 450)
    assert (result.value, result.low, result.high) == (
        pytest.approx(value, abs=1e-12),
        pytest.approx(low, abs=1e-9),
        pytest.approx(high, abs=1e-9),
    )


@pytest.mark.parametrize("criterion", CRITERIA)
def test_other_statistics_of_real_scores_are_the_oracles(
    reviews: list[Any], oracle: ModuleType, criterion: str
) -> None:
    table = table_of(reviews, criterion)
    for weights in ("identity", "quadratic"):
        expected, _ = oracle.gwet(table, weights=weights)
        assert agreement.gwet(table, weights=weights).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_intraclass_correlation_on_the_crossed_part_is_the_oracles(
    reviews: list[Any], oracle: ModuleType, criterion: str
) -> None:
    table = table_of(reviews, criterion)
    assert agreement.intraclass(table).reason == "incomplete"
    three = crossed(np.delete(table, 1, 0))
    assert three.shape == (3, 60)
    expected = oracle.icc(three.T)
    assert agreement.intraclass(three).value == pytest.approx(expected["2,1"], abs=1e-12)
    assert agreement.intraclass(three, "mean").value == pytest.approx(expected["2,k"], abs=1e-12)


def texts_of(reviews: list[Any]) -> list[MarkedText]:
    marks: dict[Any, dict[int | str, list[Span]]] = {}
    texts = {}
    for unit, text, review in reviews:
        texts[unit] = text
        passages = [one["selection"] for one in review["annotations"] if one["selection"] in text]
        spans = [Span(text.index(words), text.index(words) + len(words)) for words in passages]
        marks.setdefault(unit, {})[review["worker_id"]] = spans
    return [MarkedText(length=len(texts[unit]), marks=by_rater) for unit, by_rater in marks.items()]


def test_alpha_of_real_passages_is_the_oracles_over_single_characters(reviews: list[Any], oracle: ModuleType) -> None:
    texts = texts_of(reviews)[:12]
    characters = [
        [float(any(span.start <= place < span.end for span in spans)) for spans in text.marks.values()]
        for text in texts
        for place in range(text.length)
    ]
    expected = oracle.alpha(np.array(characters).T, "nominal")
    assert span_alpha(texts).value == pytest.approx(expected, abs=1e-12)


def test_real_passages_overlap_more_than_they_are_the_same(reviews: list[Any]) -> None:
    texts = texts_of(reviews)
    loose, exact = span_f1(texts), span_f1(texts, is_exact=True)
    assert loose.n_units == 150 and loose.value is not None and exact.value is not None
    assert 0 < exact.value < loose.value < 1
    assert loose.low is not None and loose.high is not None and loose.low < loose.value < loose.high
