"""The arithmetic of preference tuning by hand, and what is refused before a model is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training import preferring
from tests.training.tiny import example, execute, last_message, write_rows
from training import contract, data, pairs, preference, preference_losses
from training.errors import DataError, NumericalError
from training.pairs import Judged

T = torch.tensor


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_dpo_by_hand() -> None:
    """Two pairs: gains 1.5 and -0.5 nats, then 0.2 and 0.7; beta 0.1, so margins of 0.2 and -0.05."""
    losses = preference_losses.dpo_losses(T([1.5, 0.2]), T([-0.5, 0.7]), 0.1)
    assert losses.tolist() == pytest.approx([-math.log(sigmoid(0.2)), -math.log(sigmoid(-0.05))], rel=1e-6)
    assert losses.tolist() == pytest.approx([0.598139, 0.718460], abs=1e-6)
    assert preference_losses.dpo_losses(T([3.0]), T([3.0]), 0.5).item() == pytest.approx(math.log(2))


def test_ipo_by_hand() -> None:
    """The distance asked for is 1 / (2 * 0.1) = 5 nats: at 5 the loss is 0, beyond it rises again."""
    losses = preference_losses.ipo_losses(T([4.0, 5.0, 8.0]), T([1.0, 0.0, 0.0]), 0.1)
    assert losses.tolist() == pytest.approx([4.0, 0.0, 9.0])


def test_kto_by_hand() -> None:
    """Approved at gain 2 and rejected at gain 1, the model moved by 0.5; beta 0.1, weights 1 and 3."""
    losses = preference_losses.kto_losses(T([2.0, 1.0]), T(0.5), T([True, False]), 0.1, (1.0, 3.0))
    assert losses.tolist() == pytest.approx([1 - sigmoid(0.15), 3 * (1 - sigmoid(-0.05))], rel=1e-6)
    assert losses.tolist() == pytest.approx([0.462570, 1.537492], abs=1e-6)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_class_weights_make_both_judgements_count_the_same(labels: list[bool]) -> None:
    approved, rejected = pairs.class_weights(labels, balanced=True)
    assert min(approved, rejected) == 1
    if len(set(labels)) == 2:
        assert approved * sum(labels) == pytest.approx(rejected * (len(labels) - sum(labels)))
    assert pairs.class_weights(labels, balanced=False) == (1, 1)


@given(st.integers(2, 200), st.integers(0, 1000))
def test_no_row_is_compared_with_its_own_answer_and_each_answer_is_used_once(count: int, seed: int) -> None:
    found = preference.foreign(count, seed)
    assert sorted(found) == list(range(count)) and all(place != other for place, other in enumerate(found))
    assert found == preference.foreign(count, seed)


def test_margins_and_accuracy_are_of_all_rows_since_the_last_report() -> None:
    seen = preference_losses.Seen(right=[1.0, 0.0, 1.0], margins=[0.3, -0.1, 0.1])
    assert seen.told() == {"rewards_margin": pytest.approx(0.1), "rewards_accuracy": pytest.approx(2 / 3)}
    judged = preference_losses.Seen(right=[1.0], approved=[0.5, 0.7], rejected=[0.1])
    assert judged.told()["rewards_margin"] == pytest.approx(0.5)
    assert preference_losses.Seen(right=[1.0], approved=[0.5]).told() == {"rewards_accuracy": 1.0}
    assert preference_losses.Seen().told() == {}


def test_rows_of_several_processes_are_told_as_one() -> None:
    parts = [preference_losses.Seen(right=[1.0], approved=[0.5]), preference_losses.Seen(right=[0.0], rejected=[0.1])]
    told = preference_losses.together(parts).told()
    assert told == {"rewards_margin": pytest.approx(0.4), "rewards_accuracy": 0.5}


def test_learning_the_chosen_costs_its_mean_loss_a_token() -> None:
    chosen, tokens = torch.tensor([-6.0, -1.0]), torch.tensor([3, 2])
    assert preference_losses.learned_losses(chosen, tokens).tolist() == [2.0, 0.5]


# ---- rows


def load(tmp_path: Path, objective: str, rows: list[dict[str, Any]]) -> list[Judged]:
    path = tmp_path / contract.TRAIN_FILE
    write_rows(path, rows)
    return pairs.load(path, objective)


@pytest.mark.parametrize(
    ("objective", "change", "words"),
    [
        ("dpo", {"rejected": preferring.pair(1)["chosen"]}, r"line 2 \(row row-1\) has the same text"),
        ("dpo", {"rejected": " "}, "line 2 has no rejected"),
        ("dpo", {"id": "row-0"}, "stands twice"),
        ("kto", {"label": 1}, "label 1; it must be true or false"),
        ("kto", {"completion": ""}, "line 2 has no completion"),
    ],
)
def test_rows_that_teach_nothing_are_refused(
    tmp_path: Path, objective: str, change: dict[str, Any], words: str
) -> None:
    rows = preferring.pairs(3) if objective == "dpo" else preferring.judgements(3)
    rows[1] |= change
    with pytest.raises(DataError, match=words):
        load(tmp_path, objective, rows)


def test_sides_have_names(tmp_path: Path) -> None:
    assert [row.names for row in load(tmp_path, "dpo", preferring.pairs(1))] == [("chosen", "rejected")]
    judged = load(tmp_path, "kto", preferring.judgements(2, every=2))
    assert [row.names for row in judged] == [("rejected",), ("approved",)]


@pytest.mark.parametrize(("label", "words"), [(True, "All 3 training rows are approved"), (False, "are rejected")])
def test_one_class_only_is_refused(tmp_path: Path, label: bool, words: str) -> None:
    rows = load(tmp_path, "kto", [preferring.judged(number, label=label) for number in range(3)])
    with pytest.raises(DataError, match=words):
        pairs.check_judgements(rows, [])


def test_a_judgement_alone_in_its_split_is_refused(tmp_path: Path) -> None:
    rows = load(tmp_path, "kto", preferring.judgements(2, every=2))
    with pytest.raises(DataError, match="one validation row"):
        pairs.check_judgements(rows, rows[:1])
    pairs.check_judgements(rows, [])


def test_a_pair_is_cut_when_one_side_is(tokenizer: Any) -> None:
    long = preferring.pair(0) | {"rejected": "no " * 80}
    drowned = preferring.pair(1) | {"prompt": "cough " * 90}
    rows = [Judged(raw["id"], _sides(raw)) for raw in (long, drowned, preferring.pair(2))]
    renderer = data.Renderer(tokenizer, contract.Template())
    rendered = [[renderer.render(side) for side in row.sides] for row in rows]
    found = pairs.survey_of(rows, rendered, renderer, 64)
    assert (found.truncated_ids, found.dropped_ids) == (("row-0",), ("row-1",))
    assert (found.counts.rows, found.counts.truncated, found.counts.dropped, found.counts.over_long) == (3, 1, 1, 2)
    assert found.counts.trained_tokens == sum(side.cut(64).trained for row in rendered for side in row)


def _sides(raw: dict[str, Any]) -> tuple[data.Row, ...]:
    return tuple(data.Row(raw["id"], raw["prompt"], raw[name]) for name in ("chosen", "rejected"))


def test_references_that_are_no_numbers_stop_a_run() -> None:
    preference.require_numbers(["a"], [[-1.0, -2.0]])
    with pytest.raises(NumericalError, match="row b no finite likelihood"):
        preference.require_numbers(["a", "b"], [[-1.0, -2.0], [-1.0, math.nan]])


# ---- settings


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"objective": "dpo", "packing": True}, "switch them off for preference tuning"),
        ({"objective": "kto", "weighted": True}, "switch them off for preference tuning"),
        ({"objective": "dpo", "label_smoothing": 0.1}, "switch them off for preference tuning"),
        ({"objective": "dpo", "order": "length"}, "switch them off for preference tuning"),
        ({"objective": "dpo", "stop_on": "rougeL"}, "stops on the validation loss"),
        ({"objective": "dpo", "beta": 0.0}, "beta must be above 0"),
        ({"objective": "kto", "batch_size": 1}, "batch_size of at least 2"),
        ({"objective": "kto", "preference_loss": "ipo"}, "ipo is a form of DPO"),
        ({"preference_loss": "ipo"}, "ipo is a form of DPO"),
        ({"objective": "kto", "chosen_weight": 1.0}, "Only pairs have a chosen completion"),
        ({"objective": "dpo", "chosen_weight": -1.0}, "chosen_weight must be from 0 to 100"),
        ({"objective": "dpo", "processes": 2, "sharding": "fsdp"}, "does not divide the model: choose sharding none"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, values: dict[str, Any], words: str) -> None:
    objective = values.pop("objective", "sft")
    with pytest.raises(contract.ContractError, match=words):
        preferring.make_run(tmp_path / "run", tmp_path, objective, **values)


def test_a_stored_run_that_learns_answers_keeps_its_hash() -> None:
    config = contract.TrainConfig(
        model=contract.ModelSpec(path="m"), train_rows=1, validation_rows=1, train_sha256="a", validation_sha256="b"
    )
    told = contract.config_to_json(config)
    assert not {"objective", "beta", "preference_loss", "balanced"} & set(told)
    again = contract.config_from_json({**told, "objective": "kto", "beta": 0.2})
    assert isinstance(again, contract.TrainConfig) and (again.objective, again.beta) == ("kto", 0.2)


def test_validate_counts_pairs_without_a_model_being_loaded(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = preferring.make_run(tmp_path / "run", tiny_model, "dpo")
    assert execute("validate", run_dir) == contract.EXIT_OK
    assert '"train_rows":12,"validation_rows":5' in capsys.readouterr().out


# ---- the preview


def test_the_preview_shows_both_sides_and_counts_rows(tiny_model: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "preview"
    run_dir.mkdir()
    long = preferring.pair(7) | {"id": "long", "rejected": "no " * 80}
    write_rows(run_dir / contract.TRAIN_FILE, [*preferring.pairs(2), long])
    write_rows(run_dir / contract.VALIDATION_FILE, preferring.pairs(1, 50))
    config = contract.PreviewConfig(model=contract.ModelSpec(path=str(tiny_model)), max_length=64, objective="dpo")
    contract.write_config(run_dir, config)
    assert execute("preview", run_dir) == contract.EXIT_OK, last_message(run_dir)
    found = contract.read_json(run_dir / contract.PREVIEW_FILE)
    assert (found["counts"]["rows"], found["counts"]["truncated"], len(found["index"]["offsets"])) == (4, 1, 8)
    assert [row["side"] for row in found["rows"]] == ["chosen", "rejected"] * 4
    first, second = found["rows"][:2]
    assert first["id"] == second["id"] == "row-0"
    assert _learned(first).startswith(example(0)["completion"]) and "not said" in _learned(second)


def _learned(row: dict[str, Any]) -> str:
    return "".join(token["text"] for token in row["tokens"] if token["trained"])
