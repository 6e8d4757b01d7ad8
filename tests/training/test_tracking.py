"""TensorBoard files that TensorBoard reads; other trackers by setting, refused where they are not installed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import MakeRun
from tests.training.tiny import events_of, execute, kinds_of, last_message
from training import contract, tensorboard, tracking
from training.errors import TrainingError
from training.events import EventLog


def records(path: Path) -> Iterator[bytes]:
    """The records of a file, read back by the format's own rules: length, checksum, data, checksum."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack_from("<Q", data)
        body = data[12 : 12 + length]
        assert data == tensorboard.record(body) + data[16 + length :]
        yield body
        data = data[16 + length :]


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a protobuf message, from the wire format alone."""

    def varint() -> int:
        nonlocal data
        value = shift = 0
        while True:
            byte, data = data[0], data[1:]
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    while data:
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        length = {1: 8, 5: 4}.get(kind) or varint()
        value, data = data[:length], data[length:]
        yield key >> 3, struct.unpack({1: "<d", 5: "<f"}[kind], value)[0] if kind != 2 else value


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    found = []
    for path in sorted(folder.iterdir()):
        for body in records(path):
            event = dict(fields(body))
            for _, value in fields(event.get(5, b"")):
                each = dict(fields(value))
                found.append((event[2], each[1].decode(), each[2]))
    return found


@pytest.mark.parametrize(
    ("data", "value"),  # RFC 3720, B.4
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"123456789", 0xE3069283)],
)
def test_the_checksum_is_crc_32c(data: bytes, value: int) -> None:
    assert tensorboard.crc32c(data) == value


def test_a_file_begins_as_tensorboard_wants_it() -> None:
    # bytes that the tensorboard package 2.21 writes for the same event
    assert tensorboard.record(tensorboard.event(1.0, 0, version="brain.Event:2")).hex().startswith("1a00000000000000")
    event = dict(fields(tensorboard.event(1.5, 300, {"train/loss": 0.25})))
    assert (event[1], event[2]) == (1.5, 300)
    (_, value) = next(fields(event[5]))
    assert dict(fields(value)) == {1: b"train/loss", 2: 0.25}


def test_a_run_leaves_its_curves_for_tensorboard(make_sft: MakeRun) -> None:
    run_dir = make_sft(max_steps=2, eval_steps=1)
    assert execute("sft", run_dir) == contract.EXIT_OK
    found = scalars(run_dir / contract.TENSORBOARD_DIR)
    told = {
        (e["step"], key): e["data"][key]
        for e in events_of(run_dir)
        for key in ("loss", "eval_loss")
        if key in e["data"]
    }
    for step in (1, 2):
        for tag, key in (("train/loss", "loss"), ("validation/loss", "eval_loss")):
            (value,) = [value for at, name, value in found if (at, name) == (step, tag)]
            assert value == pytest.approx(told[step, key], rel=1e-6)
    assert {"train/learning_rate", "train/grad_norm"} <= {tag for _, tag, _ in found}


def test_the_tensorboard_package_reads_it(tmp_path: Path) -> None:
    reading: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for start in (1, 3):  # two attempts
        writer = tensorboard.Writer(tmp_path)
        for step in (start, start + 1):
            writer.scalars(step, {"train/loss": 1 / step, "train/learning_rate": 2e-4})
        writer.close()
    read = reading.EventAccumulator(str(tmp_path))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("train/loss")] == [
        (step, pytest.approx(1 / step)) for step in (1, 2, 3, 4)
    ]


def test_numbers_that_are_none_make_no_point() -> None:
    assert tracking.scalars_of("step", {"loss": None, "grad_norm": float("nan"), "learning_rate": 1e-3}) == {
        "train/learning_rate": 1e-3
    }
    assert tracking.scalars_of("log", {"loss": 1.0}) == {}


def test_unknown_or_missing_trackers_are_refused_before_anything_starts(
    make_sft: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tracking.wanted(" , ") == []
    with pytest.raises(TrainingError, match="it takes mlflow, wandb, trackio"):
        tracking.wanted("comet")
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv(tracking.SETTING, "mlflow")
    run_dir = make_sft()
    assert execute("sft", run_dir) == contract.EXIT_FAILED
    assert "asks for mlflow, which is not installed on this worker" in last_message(run_dir)
    assert kinds_of(run_dir) == ["failed"]


@pytest.mark.parametrize(
    ("said", "shown"), [("the store is closed.\nsecond line", "the store is closed\\."), ("", "ValueError\\.")]
)
def test_a_tracker_that_cannot_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, shown: str
) -> None:
    def closed(run_dir: Path) -> None:
        raise ValueError(said)

    monkeypatch.setitem(tracking._OPENED, "wandb", closed)
    with (
        EventLog(tmp_path / contract.EVENTS_FILE) as log,
        pytest.raises(TrainingError, match=rf"cannot be opened: {shown} Mend that"),
        tracking.followed(log, tmp_path, ["wandb"]),
    ):
        pass


class Broken:
    """A tracker whose server goes away: at its first point, or when it is closed."""

    said: list[int]

    def __init__(self, at_close: bool) -> None:
        self.said, self._at_close = [], at_close

    def scalars(self, step: int, values: Any) -> None:
        self.said.append(step)
        if not self._at_close:
            raise RuntimeError("the server is gone")

    def close(self) -> None:
        assert self._at_close, "was switched off"
        raise RuntimeError("the server is gone")


@pytest.mark.parametrize(
    ("at_close", "steps", "words"),
    [(False, [1], "mlflow takes no more points: the server is gone. Training goes on"),
     (True, [1, 2], "mlflow could not be closed: the server is gone. Its last points")],
)  # fmt: skip
def test_a_tracker_that_breaks_is_said_once_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_close: bool, steps: list[int], words: str
) -> None:
    broken = Broken(at_close)
    monkeypatch.setitem(tracking._OPENED, "mlflow", lambda run_dir: broken)
    with EventLog(tmp_path / contract.EVENTS_FILE) as log, tracking.followed(log, tmp_path, ["mlflow"]):
        for step in (1, 2):
            log.append("step", step, 2, loss=0.5)
    assert broken.said == steps
    assert [step for step, tag, _ in scalars(tmp_path / contract.TENSORBOARD_DIR)] == [1, 2]
    (warning,) = [event for event in events_of(tmp_path) if event["kind"] == "warning"]
    assert warning["data"]["message"].startswith(words)


@pytest.mark.parametrize(("name", "left"), [("mlflow", "mlflow.db"), ("wandb", "wandb"), ("trackio", "trackio")])
def test_trackers_write_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, left: str) -> None:
    pytest.importorskip(name)
    for variable in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "TRACKIO_DIR"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / contract.CONFIG_FILE).write_text('{"seed": 17}')
    with EventLog(tmp_path / contract.EVENTS_FILE) as log, tracking.followed(log, tmp_path, [name]):
        log.append("step", 1, 1, loss=0.5)
    assert (tmp_path / left).exists()
