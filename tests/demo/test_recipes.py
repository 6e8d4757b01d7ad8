from __future__ import annotations

from typing import Any

import pytest

from demo import recipes
from demo.experts import true_scores
from demo.world.build import world_build
from training.contract import GenerateConfig, Template


@pytest.mark.parametrize("values", [recipes.FIRST, recipes.SECOND])
def test_settings_make_a_config(values: dict[str, Any]) -> None:
    config = recipes.train_config(
        values, model="demo/base_model", train_rows=9, validation_rows=3, train_sha256="a", validation_sha256="b"
    )
    assert config.method == values["method"]
    assert config.template == Template(**recipes.TEMPLATE)
    assert (config.train_rows, config.validation_rows) == (9, 3)


def test_generation_leaves_room_for_every_reference() -> None:
    assert set(recipes.GENERATION) <= set(GenerateConfig.__dataclass_fields__)
    longest = max(len(row["reference"].split()) for row in world_build(7).heldout)
    assert recipes.GENERATION["max_new_tokens"] > 2 * longest


def test_feedback_corrects_one_fact_and_is_in_no_file() -> None:
    assert recipes.FEEDBACK_ANSWER != recipes.FEEDBACK_CORRECTION
    assert true_scores([], recipes.FEEDBACK_CORRECTION)["relevance"] == 4
    world = world_build(7)
    assert recipes.FEEDBACK_PROMPT not in {row["prompt"] for row in [*world.samples, *world.heldout]}
