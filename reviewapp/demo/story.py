"""The whole loop as one story, step by step, through the services that the screens use.

``make loop`` tells it headless and ``make demo`` tells its first part. Every step looks first at what is there: a
story that was stopped goes on where it stopped. Every expert in it is simulated and named so.
"""

from __future__ import annotations

import time
from typing import Any

from reviewapp.demo import steps_data, steps_model
from reviewapp.demo.telling import Telling
from reviewapp.rubrics.models import Rubric


def tell_beginning(story: Telling) -> None:
    """Everything before the first training run: what the demo shows at once."""
    story.begin()
    story.rubric("clinical_note", Rubric.AppliesTo.SAMPLES)
    story.rubric("generic_generation", Rubric.AppliesTo.OUTPUTS)
    story.step("import_heldout", lambda: steps_data.import_heldout(story))
    tell_data(story, 1)


def tell_data(story: Telling, number: int) -> None:
    """Samples come in, are checked and reviewed, and a version is frozen and signed."""
    chapter = story.plan.chapters[number - 1]
    steps_data.overlap_set(story, chapter.overlap)
    story.step(f"import_{number}", lambda: steps_data.import_wave(story, chapter.wave))
    story.step(f"checks_{number}", lambda: steps_data.scan(story))
    story.step(f"review_{number}", lambda: steps_data.review(story, chapter.wave.reviewer))
    story.step(f"version_{number}", lambda: steps_data.sign_version(story, number, chapter))


def tell_model(story: Telling, number: int) -> None:
    """From a signed version to its report."""
    chapter = story.plan.chapters[number - 1]
    story.step(f"run_{number}", lambda: steps_model.train(story, number, chapter))
    story.step(f"generation_{number}", lambda: steps_model.generate(story, number, chapter))
    story.step(f"grading_{number}", lambda: steps_model.grade(story))
    story.step(f"report_{number}", lambda: steps_model.report(story))


def tell(story: Telling) -> dict[str, Any]:
    """The whole story; returns what happened at each stage, and the figures that it is about."""
    started = time.monotonic()
    tell_beginning(story)
    tell_model(story, 1)
    for number in range(2, len(story.plan.chapters) + 1):
        tell_data(story, number)
        tell_model(story, number)
    story.step("feedback", lambda: steps_model.feed_back(story))
    return {
        "project": story.plan.slug,
        "experts": "simulated",
        "figures": steps_model.figures(story),
        "verdicts": [story.told[f"report_{n}"]["verdict"] for n in range(1, len(story.plan.chapters) + 1)],
        "is_reconciled": all(told.get("reconciled", True) for told in story.told.values()),
        "stages": story.told,
        "seconds": round(time.monotonic() - started, 1),
    }
