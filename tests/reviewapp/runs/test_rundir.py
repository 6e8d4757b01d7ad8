"""The run directory: written once, read as it grows, never trusted after a change."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.runs import rundir
from reviewapp.runs.rundir import RunDirError
from training import contract
from training.contract import Arm, GenerateConfig, ModelSpec, PreviewConfig, TrainConfig, jsonl_text

TRAIN = jsonl_text([{"id": "a", "prompt": "p", "completion": "c"}, {"id": "b", "prompt": "é\r\n", "completion": "d"}])
VALIDATION = jsonl_text([{"id": "v", "prompt": "p2", "completion": "c2"}])
FILES = {contract.TRAIN_FILE: TRAIN, contract.VALIDATION_FILE: VALIDATION}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def train_config(**changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "model": ModelSpec(path="/models/tiny"),
        "train_rows": 2,
        "validation_rows": 1,
        "train_sha256": sha256(TRAIN),
        "validation_sha256": sha256(VALIDATION),
    }
    return TrainConfig(**{**values, **changes})  # type: ignore[arg-type]


def test_what_is_written_is_read_by_the_trainer(tmp_path: Path) -> None:
    rundir.write(tmp_path / "run", train_config(), FILES)
    assert contract.read_config(tmp_path / "run") == train_config()
    assert list(contract.read_jsonl(tmp_path / "run" / contract.TRAIN_FILE))[1]["prompt"] == "é\r\n"


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    rundir.write(tmp_path, train_config(), FILES)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    rundir.write(tmp_path, train_config(), FILES)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before


def test_other_settings_need_another_run(tmp_path: Path) -> None:
    rundir.write(tmp_path, train_config(), FILES)
    with pytest.raises(RunDirError, match="other settings"):
        rundir.write(tmp_path, train_config(learning_rate=1e-5), FILES)


def test_a_directory_without_config_is_completed_after_a_crash(tmp_path: Path) -> None:
    (tmp_path / contract.TRAIN_FILE).write_text(TRAIN, encoding="utf-8", newline="")
    rundir.write(tmp_path, train_config(), FILES)
    assert contract.read_config(tmp_path) == train_config()


def test_content_that_is_not_what_the_config_names_is_refused_before_the_config_exists(tmp_path: Path) -> None:
    with pytest.raises(RunDirError, match=r"validation.jsonl .* approved content"):
        rundir.write(tmp_path, train_config(validation_sha256=sha256("other")), FILES)
    assert not (tmp_path / contract.CONFIG_FILE).exists()


@pytest.mark.parametrize("name", [contract.TRAIN_FILE, contract.VALIDATION_FILE])
def test_one_changed_byte_is_noticed(tmp_path: Path, name: str) -> None:
    rundir.write(tmp_path, train_config(), FILES)
    data = bytearray((tmp_path / name).read_bytes())
    data[-3] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(RunDirError, match=name):
        rundir.verify_inputs(tmp_path, train_config())
    with pytest.raises(RunDirError, match="altered"):
        rundir.write(tmp_path, train_config(), FILES)


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    rundir.write(tmp_path, train_config(), FILES)
    (tmp_path / contract.TRAIN_FILE).unlink()
    with pytest.raises(RunDirError, match=r"train.jsonl is missing"):
        rundir.verify_inputs(tmp_path, train_config())


def test_prompts_of_a_generation_are_verified(tmp_path: Path) -> None:
    text = jsonl_text([{"id": "h", "prompt": "p", "reference": "r", "facts": []}])
    config = GenerateConfig(
        model=ModelSpec(path="/m"), arms=(Arm(name="base"),), prompts_rows=1, prompts_sha256=sha256(text)
    )
    rundir.write(tmp_path, config, {contract.PROMPTS_FILE: text, contract.TRAIN_FILE: TRAIN})
    assert contract.read_config(tmp_path) == config
    (tmp_path / contract.PROMPTS_FILE).write_text(text.replace("p", "q"), encoding="utf-8")
    with pytest.raises(RunDirError, match=r"prompts.jsonl"):
        rundir.verify_inputs(tmp_path, config)


def test_a_preview_carries_no_hashes(tmp_path: Path) -> None:
    config = PreviewConfig(model=ModelSpec(path="/m"))
    rundir.write(tmp_path, config, FILES)
    rundir.verify_inputs(tmp_path, config)
    assert contract.read_config(tmp_path) == config


# ---- events


def events_file(run_dir: Path, data: bytes) -> None:
    (run_dir / contract.EVENTS_FILE).write_bytes(data)


def test_no_file_yet_means_no_events(tmp_path: Path) -> None:
    assert rundir.read_events(tmp_path) == rundir.EventBatch(events=[], offset=0)


EVENT = st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=8), st.none()), max_size=3)


@settings(max_examples=60)
@given(st.lists(EVENT, max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_each_event_is_read_once_whatever_the_moments_of_reading(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, object]], cuts: list[int]
) -> None:
    run_dir = tmp_path_factory.mktemp("events")
    data = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode("utf-8", "surrogatepass")
    seen: list[dict[str, object]] = []
    offset = 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        events_file(run_dir, data[:cut])
        batch = rundir.read_events(run_dir, offset)
        seen += batch.events
        offset = batch.offset
    assert seen == events
    assert offset == len(data)


def test_a_half_written_last_line_waits(tmp_path: Path) -> None:
    events_file(tmp_path, b'{"seq":1}\n{"seq":2')
    first = rundir.read_events(tmp_path)
    assert (first.events, first.offset) == ([{"seq": 1}], 10)
    events_file(tmp_path, b'{"seq":1}\n{"seq":2}\n')
    assert rundir.read_events(tmp_path, first.offset).events == [{"seq": 2}]


def test_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    events_file(tmp_path, b'{"seq":1}\n{"seq":2,"lo{"seq":3}\n7\n\xff\xfe\n{"seq":4}\n')
    batch = rundir.read_events(tmp_path)
    assert [event["seq"] for event in batch.events] == [1, 4]
    assert batch.unreadable == 3


def test_a_file_that_shrank_is_an_error(tmp_path: Path) -> None:
    events_file(tmp_path, b'{"seq":1}\n')
    with pytest.raises(RunDirError, match="may only grow"):
        rundir.read_events(tmp_path, 11)


def test_the_last_message_of_a_kind_is_its_last_sentence(tmp_path: Path) -> None:
    assert rundir.last_message(tmp_path, "failed") == ""
    events_file(
        tmp_path,
        b'{"kind":"failed","data":{"message":"First."}}\n{"kind":"step"}\n'
        b'{"kind":"failed","data":{"message":"Second."}}\n{"kind":"step"}\n',
    )
    assert rundir.last_message(tmp_path, "failed") == "Second."
    assert rundir.last_message(tmp_path, "cancelled") == ""


# ---- result, stop, log


def test_result_exists_only_when_complete(tmp_path: Path) -> None:
    assert rundir.read_result(tmp_path) is None
    contract.write_json(tmp_path / contract.RESULT_FILE, {"trained_rows": 2})
    assert rundir.read_result(tmp_path) == {"trained_rows": 2}
    contract.write_json(tmp_path / contract.RESULT_FILE, [1])
    with pytest.raises(RunDirError):
        rundir.read_result(tmp_path)


def test_a_stop_can_be_asked_and_withdrawn(tmp_path: Path) -> None:
    rundir.withdraw_stop(tmp_path)
    rundir.ask_to_stop(tmp_path)
    rundir.ask_to_stop(tmp_path)
    assert (tmp_path / contract.CANCEL_FILE).exists()
    rundir.withdraw_stop(tmp_path)
    assert not (tmp_path / contract.CANCEL_FILE).exists()


def test_a_directory_is_locked_while_another_process_holds_it(tmp_path: Path) -> None:
    assert not rundir.is_locked(tmp_path)
    with (tmp_path / contract.LOCK_FILE).open("a") as handle:
        assert not rundir.is_locked(tmp_path)
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert rundir.is_locked(tmp_path)
    assert not rundir.is_locked(tmp_path)


def test_log_tail_gives_whole_last_lines(tmp_path: Path) -> None:
    assert rundir.log_tail(tmp_path) == ""
    (tmp_path / contract.LOG_FILE).write_bytes(b"first line\nsecond \xff line\nthird\n")
    assert rundir.log_tail(tmp_path, max_bytes=20) == "third\n"
    assert rundir.log_tail(tmp_path) == "first line\nsecond \ufffd line\nthird\n"
