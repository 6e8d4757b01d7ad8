"""Names of contamination checks are fixed texts, so that they can be translated; their limits are the checks'."""

from __future__ import annotations

from reviewapp.curation.checks import heldout_overlap
from reviewapp.trainingsets.contamination import KINDS


def test_the_names_say_the_limits_of_the_checks() -> None:
    assert f"{heldout_overlap.LIMIT:.0%} alike" in KINDS["heldout_near"]
    assert f"runs of {heldout_overlap.RUN} words" in KINDS["heldout_passage"]
