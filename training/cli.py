"""``python -m training COMMAND RUN_DIR``.

Commands: validate, preview, range, sft, generate, suites, merge, explain, judge, embed, export, fetch,
pretrain.
Exit status: 0 done, 3 an expected failure (a sentence on stderr and in the last event), 4 cancelled or paused,
5 the run directory is in use, 6 the disk is full. Heavy libraries are imported inside the subcommand.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from training import contract, distributed, environment, memory, run_readme, tracking
from training.disk import full_disk_told
from training.errors import Cancelled, DiskFull, Locked, Paused, TrainingError
from training.session import Session, open_session

Runner = Callable[[Session, contract.Config, bool], None]


def _preview(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import preview

    assert isinstance(config, contract.PreviewConfig)  # noqa: S101  (the command table pairs them)
    preview.run(session, config, allow_hub=allow_hub)


def _range(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import rate_range

    assert isinstance(config, contract.RangeConfig)  # noqa: S101
    rate_range.run(session, config, allow_hub=allow_hub)


def _sft(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import sft

    assert isinstance(config, contract.TrainConfig)  # noqa: S101
    sft.run(session, config, allow_hub=allow_hub)


def _generate(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import generate

    assert isinstance(config, contract.GenerateConfig)  # noqa: S101
    generate.run(session, config, allow_hub=allow_hub)


def _suites(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training.suites import answer

    assert isinstance(config, contract.SuitesConfig)  # noqa: S101
    answer.run(session, config, allow_hub=allow_hub)


def _export(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import export

    assert isinstance(config, contract.ExportConfig)  # noqa: S101
    export.run(session, config, allow_hub=allow_hub)


def _fetch(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import fetch

    assert isinstance(config, contract.FetchConfig)  # noqa: S101
    fetch.run(session, config, allow_hub=allow_hub)


def _merge(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import merge

    assert isinstance(config, contract.MergeConfig)  # noqa: S101
    merge.run(session, config, allow_hub=allow_hub)


def _explain(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import explain

    assert isinstance(config, contract.ExplainConfig)  # noqa: S101
    explain.run(session, config, allow_hub=allow_hub)


def _judge(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import judge

    assert isinstance(config, contract.JudgeConfig)  # noqa: S101
    judge.run(session, config, allow_hub=allow_hub)


def _embed(session: Session, config: contract.Config, allow_hub: bool) -> None:
    from training import embed

    assert isinstance(config, contract.EmbedConfig)  # noqa: S101
    embed.run(session, config)


TRAINING = ("sft",)
RUNNERS: dict[str, Runner] = {
    "preview": _preview,
    "range": _range,
    "sft": _sft,
    "generate": _generate,
    "suites": _suites,
    "merge": _merge,
    "explain": _explain,
    "judge": _judge,
    "embed": _embed,
    "export": _export,
    "fetch": _fetch,
}


def _execute(command: str, run_dir: Path, arguments: argparse.Namespace) -> int:
    """Runs one command under the directory's lock and turns its end into events and an exit status."""
    rank = distributed.rank()
    parent = arguments.parent if rank is None else os.getppid()
    with open_session(run_dir, parent=parent, rank=rank) as session, _explained(session, command):
        try:
            with full_disk_told(run_dir), _tracked(session, command):
                _work(session, command, arguments)
        except Cancelled as stopped:
            session.events.append("paused" if isinstance(stopped, Paused) else "cancelled", message=str(stopped))
            return contract.EXIT_CANCELLED
        except DiskFull as full:
            with contextlib.suppress(OSError):  # the exit status says it all the same
                session.events.append("failed", message=str(full), is_bug=False)
            raise
        except (TrainingError, contract.ContractError) as failure:
            session.events.append("failed", message=str(failure), is_bug=False)
            raise
    return contract.EXIT_OK


@contextlib.contextmanager
def _explained(session: Session, command: str) -> Iterator[None]:
    """However a training ends, its directory says so in words."""
    try:
        yield
    finally:
        if command in TRAINING and distributed.is_first():
            with contextlib.suppress(OSError, contract.ContractError):  # a full disk, a config that was refused
                run_readme.write(session.run_dir)


@contextlib.contextmanager
def _tracked(session: Session, command: str) -> Iterator[None]:
    """Curves of a training for other programs; what is asked for and not installed is refused before anything."""
    if command not in TRAINING or not distributed.is_first():
        yield
        return
    names = tracking.wanted(os.environ.get(tracking.SETTING, ""))
    with tracking.followed(session.events, session.run_dir, names):
        yield


def _work(session: Session, command: str, arguments: argparse.Namespace) -> None:
    config = contract.read_config(session.run_dir)
    if config.kind != command:
        raise contract.ContractError(f"config.json is for {config.kind!r}, not for {command!r}.")
    trained = config.train if isinstance(config, contract.RangeConfig) else config
    is_quantised = isinstance(trained, contract.TrainConfig) and trained.method == "qlora"
    environment.load_libraries(command, without_four_bit=arguments.is_alone and not is_quantised)
    RUNNERS[command](session, config, arguments.allow_hub)


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    def call(arguments: argparse.Namespace) -> int:
        if name == "sft" and distributed.rank() is None and distributed.members(arguments.run_dir) > 1:
            machines = distributed.Machines(arguments.machines, arguments.machine_rank, arguments.main)
            return distributed.supervise(
                arguments.run_dir, parent=arguments.parent, allow_hub=arguments.allow_hub, machines=machines
            )
        return _execute(name, arguments.run_dir, arguments)

    return call


def _validate(arguments: argparse.Namespace) -> int:
    from training import validate

    validate.run(arguments.run_dir)
    return contract.EXIT_OK


def _pretrain(arguments: Sequence[str]) -> int:
    from training import pretrain

    return pretrain.main(list(arguments))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m training", description="Work on one run directory.")
    commands = top.add_subparsers(dest="command", required=True)
    run_dir = argparse.ArgumentParser(add_help=False)
    run_dir.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    run_dir.add_argument("--allow-hub", action="store_true", help="fetch a base model that is named by hub id")
    run_dir.add_argument("--parent", type=int, metavar="PID", help="save a checkpoint and stop when this process ends")
    texts = {
        "preview": "write what the model would learn",
        "range": "look for a learning rate: a few steps at a rising rate",
        "sft": "fine-tune, or go on from the newest checkpoint",
        "generate": "answer the held-out prompts and measure",
        "suites": "answer the items of suites",
        "export": "write a model version for use elsewhere, and test what was written",
        "fetch": "bring a base model of the hub to this machine",
        "merge": "make one adapter out of several, without training",
        "explain": "say which words of a prompt a classification model looked at",
        "judge": "choose between the verdicts of each question",
        "embed": "give a vector of each text by an encoder",
    }
    for name, text in texts.items():
        commands.add_parser(name, parents=[run_dir], help=text).set_defaults(call=_command(name))
    several = commands.choices["sft"]
    several.add_argument("--machines", type=int, default=1, help="machines that share the run and its directory")
    several.add_argument("--machine-rank", type=int, default=0, help="number of this machine, from 0")
    several.add_argument("--main", default="", metavar="ADDRESS:PORT", help="of the first machine")
    commands.add_parser("validate", parents=[run_dir], help="only check").set_defaults(call=_validate)
    commands.add_parser("pretrain", help="train the demo base model (see pretrain --help)")
    return top


def main(argv: Sequence[str], *, is_alone: bool = False) -> int:
    """Runs one command; returns its exit status. ``is_alone``: the process is there for nothing else."""
    if argv[:1] == ["pretrain"]:  # has options of its own, which argparse would take for ours
        environment.prepare()
        return _pretrain(argv[1:])
    arguments = parser().parse_args(argv, argparse.Namespace(is_alone=is_alone))
    environment.prepare(allow_hub=getattr(arguments, "allow_hub", False))
    status = _status(arguments)
    return status if distributed.rank() is None else distributed.leave(arguments.run_dir, status)


def _status(arguments: argparse.Namespace) -> int:
    ends: dict[type[Exception], int] = {Locked: contract.EXIT_LOCKED, DiskFull: contract.EXIT_DISK_FULL}
    try:
        status: int = arguments.call(arguments)
    except memory.ShortOfMemory:
        return distributed.EXIT_SMALLER
    except (TrainingError, contract.ContractError) as failure:
        sys.stderr.write(f"{failure}\n")
        return ends.get(type(failure), contract.EXIT_FAILED)
    return status
