"""The figures of the benchmark on texts of others, in a smaller form; `make bench-redaction` gives the full ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bench_redaction import GATES, false_alarms, meddocan, presidio


@pytest.mark.slow
def test_few_false_alarms_on_notes_without_identifiers(shared_data: Path) -> None:
    assert false_alarms(shared_data)["per_1000_words"] <= GATES["false_alarms"]


@pytest.mark.slow
def test_identifiers_with_a_form_are_found_in_texts_of_others(shared_data: Path) -> None:
    types = presidio(shared_data, is_halved=False)["types"]
    for kind in ("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "IBAN_CODE"):
        assert types[kind][1] >= 0.9, kind


@pytest.mark.slow
def test_a_tagger_trained_on_a_fifth_of_meddocan_in_a_few_rounds(shared_data: Path) -> None:
    figures = meddocan(shared_data, iterations=40, most=100)
    assert figures["f1"] >= 0.8 and figures["masked"] >= 0.88
