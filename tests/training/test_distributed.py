"""Two processes over gloo, started by accelerate itself: the same run, every approved row in one of them, once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from safetensors.torch import load_file

from tests.training.conftest import MakeRun
from tests.training.tiny import events_of, examples, execute, last_message
from training import contract, distributed, memory, rows_of_processes
from training.contract import ContractError
from training.data import IGNORED
from training.distributed import Machines
from training.errors import DataError, Locked, TrainingError
from training.session import locked

STILL = contract.Lora(r=4, alpha=8, dropout=0.0)
SPEC = contract.ModelSpec(path="base")


def config(**values: Any) -> contract.TrainConfig:
    usual = {"train_rows": 8, "validation_rows": 2, "train_sha256": "a", "validation_sha256": "b"}
    return contract.TrainConfig(**{"model": SPEC, **usual, **values})


def losses(run_dir: Path) -> list[float]:
    found = [event["data"] for event in events_of(run_dir)]
    return [data[key] for data in found for key in ("loss", "eval_loss", "grad_norm") if key in data]


@pytest.mark.slow
@pytest.mark.parametrize(("sharding", "rows"), [("none", 7), ("fsdp", 8)])
def test_two_processes_learn_what_one_would(make_sft: MakeRun, sharding: str, rows: int) -> None:
    values: dict[str, Any] = {
        "train": examples(rows), "validation": examples(4, 100), "max_steps": 2, "eval_steps": 2, "lora": STILL,
    }  # fmt: skip
    group = make_sft("group", batch_size=2, processes=2, sharding=sharding, **values)
    assert execute("sft", group) == contract.EXIT_OK
    result = contract.read_json(group / contract.RESULT_FILE)
    assert result["train_rows"] == rows and result["steps"] == 2
    assert result["processes"] == {"count": 2, "sharding": sharding}
    said = [event["data"].get("message", "") for event in events_of(group)]
    filled = "; 1 blank to fill the last batch" if rows % 4 else ""
    assert f"{rows} approved rows, each in exactly one of 2 processes{filled}." in said
    assert sum(event["kind"] == "finished" for event in events_of(group)) == 1
    seen = {int(path.parent.name) for path in (group / contract.RANKS_DIR).glob("*/lock")}
    assert seen == {0, 1}

    if rows == 8:  # the same rows a step, so the very same run
        alone = make_sft("alone", batch_size=4, **values)
        assert execute("sft", alone) == contract.EXIT_OK
        assert losses(group) == pytest.approx(losses(alone), rel=1e-4)
        one, two = (load_file(path / "adapter" / "adapter_model.safetensors") for path in (alone, group))
        assert one.keys() == two.keys()
        assert all(one[name].allclose(two[name], atol=1e-5) for name in one)


# ---- what is refused, and how it is started


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"processes": 0}, "processes must be from 1"),
        ({"sharding": "fsdp"}, "give 2 processes or more"),
        ({"processes": 2, "sharding": "fsdp", "method": "qlora"}, "4 bits is not sharded"),
        ({"processes": 2, "order": "length"}, "order from easy to hard needs one process"),
        ({"processes": 2, "stop_on": "rougeL"}, "generated in one process only"),
        ({"processes": 2, "objective": "raw", "packing": True}, "Raw text, a general set, KL, EWC and a teacher need"),
        ({"processes": 2, "keeping": contract.Keeping(kl_weight=0.5)}, "need one process: switch them off"),
    ],
)
def test_what_several_processes_cannot_do_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        config(**values)


def test_the_launcher_gets_a_config_of_its_own() -> None:
    made = distributed.launch_config(config(processes=2), has_gpu=False, machines=Machines())
    assert (made["distributed_type"], made["num_processes"], made["use_cpu"]) == ("MULTI_GPU", 2, True)
    assert made["main_process_port"] == 0 and "main_process_ip" not in made and "fsdp_config" not in made
    sharded = config(processes=16, sharding="fsdp")
    made = distributed.launch_config(sharded, has_gpu=True, machines=Machines(2, 1, "10.0.0.1:3000"))
    assert (made["num_machines"], made["machine_rank"]) == (2, 1)
    assert (made["main_process_ip"], made["main_process_port"]) == ("10.0.0.1", 3000)
    assert made["distributed_type"] == "FSDP" and made["fsdp_config"]["fsdp_version"] == 2
    made = distributed.launch_config(config(processes=2, sharding="deepspeed"), has_gpu=True, machines=Machines())
    assert made["deepspeed_config"]["zero_stage"] == 2


@pytest.mark.parametrize("sharding", ["none", "fsdp", "deepspeed"])
def test_accelerate_itself_reads_it(tmp_path: Path, sharding: Any) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    made = distributed.launch_config(config(processes=2, sharding=sharding), has_gpu=True, machines=Machines())
    contract.write_json(tmp_path / contract.LAUNCH_FILE, made)
    read: Any = load_config_from_file(str(tmp_path / contract.LAUNCH_FILE))
    assert read.num_processes == 2 and read.distributed_type == made["distributed_type"]


def test_deepspeed_is_refused_where_it_is_not_installed(make_sft: MakeRun) -> None:
    run_dir = make_sft(processes=2, sharding="deepspeed")
    with pytest.raises(TrainingError, match="package deepspeed"):
        distributed.supervise(run_dir, parent=None, allow_hub=False, machines=Machines())
    assert execute("sft", run_dir) == contract.EXIT_FAILED
    assert "package deepspeed" in last_message(run_dir)


def test_a_process_that_outlived_its_supervisor_turns_others_away(tmp_path: Path) -> None:
    place = tmp_path / contract.RANKS_DIR / "1"
    place.mkdir(parents=True)
    with locked(place), pytest.raises(Locked):
        distributed._clear_ranks(tmp_path / contract.RANKS_DIR)
    distributed._clear_ranks(tmp_path / contract.RANKS_DIR)
    assert list((tmp_path / contract.RANKS_DIR).iterdir()) == []


@pytest.mark.parametrize(
    ("codes", "launcher", "expected"),
    [
        ((0, 0), 0, contract.EXIT_OK),
        ((4, 4), 0, contract.EXIT_CANCELLED),
        ((4, 3), 1, contract.EXIT_FAILED),
        ((4, 6), 1, contract.EXIT_DISK_FULL),
        ((4, distributed.EXIT_SMALLER), 1, distributed.EXIT_SMALLER),
        ((), 1, contract.EXIT_RANK_LOST),
        ((0,), -9, contract.EXIT_RANK_LOST),
    ],
)
def test_the_group_ends_as_its_first_cause_says(
    tmp_path: Path, codes: tuple[int, ...], launcher: int, expected: int
) -> None:
    (tmp_path / contract.RANKS_DIR).mkdir()
    (tmp_path / contract.EVENTS_FILE).touch()
    for number, code in enumerate(codes):
        (tmp_path / contract.RANKS_DIR / f"exit-{number}").write_text(str(code))
    assert distributed._status(tmp_path, launcher) == expected


def test_a_sentence_of_another_process_reaches_the_events(tmp_path: Path) -> None:
    place = tmp_path / contract.RANKS_DIR / "1"
    place.mkdir(parents=True)
    (tmp_path / contract.EVENTS_FILE).touch()
    line = contract.canonical_json({"seq": 1, "kind": "failed", "data": {"message": "The disk is full."}})
    (place / contract.EVENTS_FILE).write_text(line + "\n")
    (tmp_path / contract.RANKS_DIR / "exit-1").write_text("6")
    assert distributed._status(tmp_path, 1) == contract.EXIT_DISK_FULL
    assert last_message(tmp_path) == "The disk is full."


def test_only_a_process_of_a_group_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")  # of somebody else's launcher
    assert distributed.rank() is None and distributed.is_first() and distributed.agreed(5) == 5
    monkeypatch.setenv(distributed.MEMBER, "1")
    assert distributed.rank() == 1 and not distributed.is_first()


# ---- rows


class _Sampler(SimpleNamespace):
    def __iter__(self) -> Any:
        return iter(self.batches)


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ([[0, 1]], [[2, 3]], ""),
        ([[0, 1]], [[2, 0]], "3 of 4 approved rows, 1 of them more than once"),
        ([[0, 1]], [[2]], "3 of 4 approved rows, 0 of them"),
    ],
)
def test_rows_that_two_processes_share_or_nobody_reads_are_refused(
    monkeypatch: pytest.MonkeyPatch, own: list[list[int]], other: list[list[int]], words: str
) -> None:
    monkeypatch.setattr(distributed, "gathered", lambda value: [value, [n for batch in other for n in batch]])
    trainer = SimpleNamespace(get_train_dataloader=lambda: SimpleNamespace(batch_sampler=_Sampler(batches=own)))
    if not words:
        return rows_of_processes.check(trainer, 4, 4)
    with pytest.raises(DataError, match=words):
        rows_of_processes.check(trainer, 4, 4)


def test_a_blank_row_teaches_nothing_and_fits_every_form() -> None:
    rows = Dataset.from_list([{"id": "a", "input_ids": [5, 6], "labels": [-100, 6], "weights": [0.5]}] * 3)
    filled = rows_of_processes._filled(rows, 1, 0)
    assert len(filled) == 4 and filled.features == rows.features
    assert filled[3] == {"id": "", "input_ids": [0], "labels": [IGNORED], "weights": [0.0]}
    packs = Dataset.from_list([{"ids": ["a", "b"], "input_ids": [5, 6], "labels": [5, 6], "seq_lengths": [1, 1]}])
    assert rows_of_processes._filled(packs, 1, 7)[1] == {
        "ids": [], "input_ids": [7], "labels": [IGNORED], "seq_lengths": [1],
    }  # fmt: skip


def test_steps_are_counted_over_all_processes() -> None:
    from training.trainer import total_steps

    assert total_steps(config(train_rows=7, batch_size=2, processes=2, epochs=1)) == 2
    assert total_steps(config(train_rows=9, batch_size=2, gradient_accumulation=2, processes=2, epochs=2)) == 4


def test_the_supervisor_says_that_memory_was_short(tmp_path: Path) -> None:
    before, after = memory.Batch(4, 1, 4), memory.Batch(2, 2, 2)
    distributed._say_smaller(tmp_path, before, after)
    assert "in one of the processes with 4 rows at a time. The run goes on with 2 rows" in last_message(tmp_path)
