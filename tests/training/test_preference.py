"""DPO and KTO through the real command: losses recomputed by hand, resume, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training import preferring
from tests.training.tiny import cancelled_when, events_of, execute, kinds_of, last_message
from training import contract, data, memory, models, preference, trainer
from training.errors import DataError
from training.session import open_session

pytestmark = pytest.mark.slow

Trained = Callable[[str], Path]


@pytest.fixture(scope="module")
def trained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Finished runs of four steps, one an objective, made at the first use."""
    folder, made = tmp_path_factory.mktemp("preferences"), dict[str, Path]()

    def run_of(objective: str) -> Path:
        if objective not in made:
            made[objective] = preferring.make_run(folder / objective, tiny_model, objective)
            assert execute("sft", made[objective]) == contract.EXIT_OK, last_message(made[objective])
        return made[objective]

    return run_of


def of_kind(run_dir: Path, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events_of(run_dir) if event["kind"] == kind]


def log_probs(model: Any, renderer: data.Renderer, rows: list[data.Row]) -> list[float]:
    """Summed log-probability of each completion by plain logits, without TRL and without padding."""
    found = []
    for row in rows:
        tokens = renderer.render(row)
        logits = model(input_ids=torch.tensor([tokens.input_ids])).logits[0, :-1]
        labels = torch.tensor(tokens.labels[1:])
        seen = labels != data.IGNORED
        found.append(float(logits.log_softmax(-1)[seen].gather(-1, labels[seen, None]).sum()))
    return found


def gains(run_dir: Path, base: Path, rows: list[data.Row]) -> list[float]:
    """Tuned minus base, from the files that the run left."""
    renderer = data.Renderer(models.load_tokenizer(base), contract.Template())
    with torch.no_grad():
        before = log_probs(models.load_model(base, dtype=torch.float32).eval(), renderer, rows)
        tuned = models.with_adapter(models.load_model(base, dtype=torch.float32), run_dir / "adapter").eval()
        return [after - was for after, was in zip(log_probs(tuned, renderer, rows), before, strict=True)]


def sides(raw: list[dict[str, Any]], name: str) -> list[data.Row]:
    return [data.Row(row["id"], row["prompt"], row[name]) for row in raw]


def test_dpo_starts_at_log_2_and_ends_at_the_loss_computed_by_hand(trained: Trained, tiny_model: Path) -> None:
    run_dir, held = trained("dpo"), preferring.pairs(5, 1000)
    first = of_kind(run_dir, "step")[0]
    assert first["loss"] == pytest.approx(math.log(2)) and first["rewards_margin"] == 0
    chosen, rejected = (gains(run_dir, tiny_model, sides(held, name)) for name in ("chosen", "rejected"))
    margins = [0.1 * (won - lost) for won, lost in zip(chosen, rejected, strict=True)]
    last = of_kind(run_dir, "eval")[-1]
    assert last["eval_loss"] == pytest.approx(sum(math.log1p(math.exp(-m)) for m in margins) / 5, rel=1e-4)
    assert last["eval_rewards_margin"] == pytest.approx(sum(margins) / 5, rel=1e-4)
    assert last["eval_rewards_accuracy"] == sum(m > 0 for m in margins) / 5
    assert last["eval_loss"] < math.log(2)  # it has learned something


def test_kto_ends_at_the_loss_computed_by_hand(trained: Trained, tiny_model: Path) -> None:
    run_dir, held = trained("kto"), preferring.judgements(5, 1000)
    own = sides(held, "completion")
    partners = preference.foreign(5, 17)
    foreign = [data.Row(row.id, row.prompt, own[at].completion) for row, at in zip(own, partners, strict=True)]
    found, moved = gains(run_dir, tiny_model, own), gains(run_dir, tiny_model, foreign)
    losses: list[float] = []
    for batch in ((0, 1, 2, 3), (4,)):  # of the config's batch size, in the order of the file
        general = max(0.0, sum(moved[at] for at in batch) / len(batch))
        for at in batch:
            signed = found[at] - general if held[at]["label"] else general - found[at]
            weight = 1 if held[at]["label"] else 3  # 9 approved and 3 rejected train
            losses.append(weight * (1 - 1 / (1 + math.exp(-0.1 * signed))))
    assert of_kind(run_dir, "eval")[-1]["eval_loss"] == pytest.approx(sum(losses) / 5, rel=1e-4)


def test_the_result_says_what_it_was_tuned_by(trained: Trained) -> None:
    result = contract.read_json(trained("kto") / contract.RESULT_FILE)
    assert (result["train_rows"], result["validation_rows"], result["output"]) == (12, 5, "adapter")
    assert result["preference"] == {
        "objective": "kto", "beta": 0.1,
        "rows": {"approved": 9, "rejected": 3}, "weights": {"approved": 1.0, "rejected": 3.0},
    }  # fmt: skip
    assert result["best_eval_rewards_margin"] is not None
    plan = of_kind(trained("dpo"), "plan")[0]
    assert plan["preference"] == {"objective": "dpo", "beta": 0.1, "loss": "sigmoid"}
    assert (plan["train"]["rows"], plan["steps"]) == (12, 4)


def test_a_run_that_was_stopped_ends_with_the_very_same_weights(
    trained: Trained, tiny_model: Path, tmp_path: Path
) -> None:
    run_dir = preferring.make_run(tmp_path / "stopped", tiny_model, "dpo")
    with cancelled_when(run_dir, lambda events: any(event["kind"] == "step" for event in events)):
        status = execute("sft", run_dir)
    if status == contract.EXIT_CANCELLED:  # else it was over before the request was seen
        assert (run_dir / contract.CHECKPOINTS_DIR / preference.REFERENCE_FILE).is_file()
        (run_dir / contract.CANCEL_FILE).unlink()
        assert execute("sft", run_dir) == contract.EXIT_OK
        assert kinds_of(run_dir).count("plan") == 2
    whole, again = (load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (trained("dpo"), run_dir))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_all_weights_can_be_tuned_without_a_second_model(tiny_model: Path, tmp_path: Path) -> None:
    run_dir = preferring.make_run(
        tmp_path / "full", tiny_model, "dpo", method="full", max_steps=2, learning_rate=1e-3, preference_loss="ipo"
    )
    assert execute("sft", run_dir) == contract.EXIT_OK, last_message(run_dir)
    steps = of_kind(run_dir, "step")
    assert steps[0]["loss"] == pytest.approx(25) and steps[0]["rewards_margin"] == 0  # IPO: (1 / (2 * 0.1))^2
    assert of_kind(run_dir, "eval")[-1]["eval_rewards_margin"] > 0


def test_a_poisoned_base_is_stopped_before_the_first_step(tiny_model: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for path in tiny_model.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"][0] = math.nan
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    run_dir = preferring.make_run(tmp_path / "run", base, "dpo")
    assert execute("sft", run_dir) == contract.EXIT_FAILED
    assert "no finite likelihood" in last_message(run_dir) and "step" not in kinds_of(run_dir)


@pytest.mark.parametrize(("objective", "rows"), [("dpo", preferring.pairs(4)), ("kto", preferring.judgements(4))])
def test_a_trainer_that_lost_or_changed_a_row_is_refused(
    objective: str, rows: list[dict[str, Any]], tiny_model: Path, tmp_path: Path
) -> None:
    run_dir = preferring.make_run(tmp_path / "run", tiny_model, objective, train=rows, validation=rows[:0] or None)
    config = contract.read_config(run_dir)
    assert isinstance(config, contract.TrainConfig)
    with open_session(run_dir) as session:
        material = preference.prepare(session, config, allow_hub=False)
    real, held = preference.dataset(material, is_train=True), preference.dataset(material, is_train=False)
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collator = preference.PairCollator(DataCollatorForLanguageModeling(pad_token_id=material.renderer.pad_id))

    def check(train: Any) -> None:
        held_by = SimpleNamespace(train_dataset=train, eval_dataset=held, data_collator=collator)
        preference.check_trainer(held_by, material)

    check(real)
    with pytest.raises(DataError, match="holds 3 training rows; 4 were approved"):
        check(real.select(range(3)))
    changed = real.map(lambda row: {"other_ids": [*row["other_ids"][:-1], 5]})
    with pytest.raises(DataError, match="other tokens than the preview showed"):
        check(changed)


def test_references_of_other_rows_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    run_dir = preferring.make_run(tmp_path / "run", tiny_model, "dpo", max_steps=2)
    folder = run_dir / contract.CHECKPOINTS_DIR
    folder.mkdir()
    contract.write_json(folder / preference.REFERENCE_FILE, {"ids": ["x"], "log_probs": [[0.0, 0.0]]})
    assert execute("sft", run_dir) == contract.EXIT_FAILED
    assert "does not speak of the approved rows" in last_message(run_dir)


def test_one_class_only_is_refused_by_the_command(tiny_model: Path, tmp_path: Path) -> None:
    rows = [preferring.judged(number, label=True) for number in range(4)]
    run_dir = preferring.make_run(tmp_path / "run", tiny_model, "kto", train=rows)
    assert execute("sft", run_dir) == contract.EXIT_FAILED
    assert "add rejected ones" in last_message(run_dir)


@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_two_processes_are_tuned_as_one_would(objective: str, tiny_model: Path, tmp_path: Path) -> None:
    """Eight rows: the very same steps. Five of validation: each once, the rest of the batch is blank."""
    rows = preferring.pairs(8) if objective == "dpo" else preferring.judgements(8)
    values: dict[str, Any] = {"train": rows, "max_steps": 3, "chosen_weight": 0.5 if objective == "dpo" else 0.0}
    alone = preferring.make_run(tmp_path / "alone", tiny_model, objective, **values)
    group = preferring.make_run(tmp_path / "group", tiny_model, objective, batch_size=2, processes=2, **values)
    for run_dir in (alone, group):
        assert execute("sft", run_dir) == contract.EXIT_OK, last_message(run_dir)
    for kind in ("step", "eval"):
        first, second = of_kind(alone, kind), of_kind(group, kind)
        assert len(first) == len(second) > 0
        names = {"loss", "grad_norm", "eval_loss", "rewards_margin", "rewards_accuracy", "eval_rewards_margin"}
        for one, two in zip(first, second, strict=True):
            for name in names & set(one):
                assert two[name] == pytest.approx(one[name], rel=1e-3, abs=1e-5), (kind, name)
    weights = [load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (alone, group)]
    assert all(weights[0][name].allclose(weights[1][name], atol=1e-4) for name in weights[0])
    result = contract.read_json(group / contract.RESULT_FILE)
    assert (result["train_rows"], result["processes"]) == (8, {"count": 2, "sharding": "none"})


def test_a_blank_pair_that_fills_a_batch_teaches_nothing(tiny_model: Path, tmp_path: Path) -> None:
    run_dir = preferring.make_run(
        tmp_path / "group", tiny_model, "dpo", train=preferring.pairs(7), batch_size=2, processes=2, max_steps=2
    )
    assert execute("sft", run_dir) == contract.EXIT_OK, last_message(run_dir)
    said = [event["data"].get("message", "") for event in events_of(run_dir)]
    assert "7 approved rows, each in exactly one of 2 processes; 1 blank to fill the last batch." in said
    assert contract.read_json(run_dir / contract.RESULT_FILE)["train_rows"] == 7


def test_learning_the_chosen_beside_the_margin_adds_its_loss(tiny_model: Path, tmp_path: Path) -> None:
    """The first step, before anything moved: log 2, and the mean loss a token of the chosen completions."""
    rows = preferring.pairs(4)
    run_dir = preferring.make_run(
        tmp_path / "run", tiny_model, "dpo", train=rows, max_steps=1, eval_steps=1, chosen_weight=0.5
    )
    assert execute("sft", run_dir) == contract.EXIT_OK, last_message(run_dir)
    chosen = sides(rows, "chosen")
    renderer = data.Renderer(models.load_tokenizer(tiny_model), contract.Template())
    with torch.no_grad():
        scores = log_probs(models.load_model(tiny_model, dtype=torch.float32).eval(), renderer, chosen)
    trained = [renderer.render(row).trained for row in chosen]
    learned = sum(-score / count for score, count in zip(scores, trained, strict=True)) / 4
    assert of_kind(run_dir, "step")[0]["loss"] == pytest.approx(math.log(2) + 0.5 * learned, rel=1e-4)
    assert of_kind(run_dir, "eval")[0]["eval_loss"] == pytest.approx(math.log(2), rel=1e-3)  # the margin alone
    result = contract.read_json(run_dir / contract.RESULT_FILE)
    assert result["preference"] == {"objective": "dpo", "beta": 0.1, "loss": "sigmoid", "chosen_weight": 0.5}


def test_the_probe_of_memory_reads_the_pair_with_the_longer_side_and_is_told_of_nowhere(
    tiny_model: Path, tmp_path: Path
) -> None:
    rows = preferring.pairs(5)
    rows[3]["rejected"] += " Nothing else was said." * 4
    run_dir = preferring.make_run(tmp_path / "run", tiny_model, "dpo", train=rows, max_steps=1)
    config = contract.read_config(run_dir)
    assert isinstance(config, contract.TrainConfig)
    with open_session(run_dir) as session:
        material = preference.prepare(session, config, allow_hub=False)
        built, _ = trainer.build_trainer(session, material, run_dir / contract.CHECKPOINTS_DIR)
        assert memory.longest(built, 1)[0]["id"] == rows[3]["id"]
        memory.probe(built, memory.Batch(4, 1, 4))
        tuned: Any = built
        assert len(tuned._seen.losses) == 4
        read: list[int] = []
        tuned.log = lambda logs, start_time=None: read.append(len(tuned._seen.losses)) if "loss" in logs else None
        tuned.train()
    assert read == [4]  # a step of four, and not the four of the probe beside them
