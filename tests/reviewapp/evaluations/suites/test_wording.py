"""Why ROUGE-L is shown and never a gate by itself: the worst errors of a report hardly move it."""

from __future__ import annotations

import pytest

from reviewapp.evaluations.suites.wording import rouge_l


@pytest.mark.parametrize(
    ("reference", "text", "value"),
    [
        (
            "No evidence of pulmonary embolism on CT of chest",
            "evidence of pulmonary embolism on CT of chest",
            0.941,
        ),
        ("Start warfarin 5 mg daily", "Start warfarin 50 mg daily", 0.80),
    ],
)
def test_a_dropped_no_and_a_tenfold_dose_leave_most_of_rouge_l(reference: str, text: str, value: float) -> None:
    assert rouge_l(reference, text) == pytest.approx(value, abs=5e-4)
