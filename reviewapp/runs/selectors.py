"""Runs, their curves and numbers, base models and model versions. Reads only."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.runs.curves import Point, Series
from reviewapp.runs.models import BaseModel, ModelVersion, RunEvent, TrainingRun
from training.contract import PREFERENCES, TrainConfig, config_from_json

RECENT_STEPS = 50  # a forecast looks at so many steps back
GAUGES = ("learning_rate", "grad_norm", "tokens_per_second", "memory")
MAX_SERIES = 4000  # points read for a curve; of a longer run every second, third ... step


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands, from its events. Seconds are training seconds, without loading."""

    step: int
    total_steps: int
    epoch: float | None
    seconds: float
    seconds_left: float | None
    tokens_per_second: float | None
    ends_at: datetime | None


def base_models(project: Project) -> QuerySet[BaseModel]:
    # what stands for the base of outside systems has no weights and is never offered
    return BaseModel.objects.filter(project=project).exclude(path="").select_related("registered_by").order_by("name")


def model_versions(project: Project) -> QuerySet[ModelVersion]:
    """All model versions of a project, newest first: bases, tuned ones, and systems whose outputs are imported."""
    return (
        ModelVersion.objects.filter(project=project)
        .select_related(
            "base_model",
            "merge",
            "run__version__training_set",
            "run__job",
            "run__teacher",
            "run__general_version__training_set",
            "run__start_from",
        )
        .order_by("-number")
    )


def models_tuned(project: Project) -> QuerySet[ModelVersion]:
    """Those made here, by a run or by a merge."""
    return model_versions(project).filter(Q(run__isnull=False) | Q(merge__isnull=False), is_external=False)


def model_version_in(project: Project, pk: int) -> ModelVersion:
    """Raises ModelVersion.DoesNotExist for one of another project."""
    return model_versions(project).get(pk=pk)


def runs_of(project: Project) -> QuerySet[TrainingRun]:
    return (
        TrainingRun.objects.filter(project=project)
        .select_related(
            "project",
            "version__training_set__project",
            "base_model",
            "job",
            "requested_by",
            "model_version",
            "trial__search",
            "teacher",
            "general_version__training_set",
            "start_from",
        )
        .order_by("-number")
    )


def run_in(project: Project, number: int) -> TrainingRun:
    """Raises TrainingRun.DoesNotExist for a number that this project does not have."""
    return runs_of(project).get(number=number)


def number_next(project: Project) -> int:
    return (TrainingRun.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0) + 1


def model_number_next(project: Project) -> int:
    return (ModelVersion.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0) + 1


def run_config(run: TrainingRun) -> TrainConfig:
    """The frozen settings of a run; raises ContractError when they were altered beyond reading."""
    config = config_from_json(run.config)
    assert isinstance(config, TrainConfig)  # noqa: S101 - a run is never written with another kind
    return config


def planned_steps(config: TrainConfig, units: int = 0) -> int:
    """Optimiser steps of the whole run, as the trainer counts them; ``units``: packs, where examples are packed."""
    per_epoch = steps_per_epoch(config, units)
    return config.max_steps if config.max_steps > 0 else math.ceil(config.epochs * per_epoch)


def steps_per_epoch(config: TrainConfig, units: int = 0) -> int:
    units = units or config.train_rows + config.keeping.rows_an_epoch(config.train_rows)
    return math.ceil(math.ceil(units / (config.batch_size * config.processes)) / config.gradient_accumulation)


def run_packs(run: TrainingRun) -> int:
    """How many packs the trainer made of the examples; 0 where it packs none, or has not said yet."""
    if not run.config.get("packing"):
        return 0
    plan = run.events.filter(kind="plan").order_by("-seq").values_list("data", flat=True).first()
    return int(((plan or {}).get("packing") or {}).get("packs") or 0)


def run_steps(run: TrainingRun) -> int:
    """Steps of the whole run; of a packed one at most so many, until the trainer has packed."""
    return planned_steps(run_config(run), run_packs(run))


# ---- curves


def run_series(run: TrainingRun) -> Series:
    """Both losses by step."""
    config, packs = run_config(run), run_packs(run)
    return Series(
        train=_points(run, "step", "loss"),
        validation=_points(run, "eval", "eval_loss"),
        total_steps=planned_steps(config, packs),
        steps_per_epoch=steps_per_epoch(config, packs),
        is_running=run.job is not None and run.job.state == Job.State.RUNNING,
    )


def run_rewards(run: TrainingRun, name: str) -> Series:
    """``margin`` or ``accuracy`` of the rewards by step, of a run that is tuned by preferences; else empty."""
    losses, is_tuned = run_series(run), run_config(run).objective in PREFERENCES
    return replace(
        losses,
        train=_points(run, "step", f"rewards_{name}") if is_tuned else [],
        validation=_points(run, "eval", f"eval_rewards_{name}") if is_tuned else [],
        is_rising=True,
    )


def _points(run: TrainingRun, kind: str, key: str) -> list[Point]:
    """Values of one kind of event in the order of their steps; one that was no number comes as NaN."""
    events = RunEvent.objects.filter(run=run, kind=kind)
    stride = events.count() // MAX_SERIES + 1
    rows = events.annotate(phase=F("step") % stride).filter(phase=0).order_by("seq").values_list("step", "data")
    values = {step: data[key] for step, data in rows if key in data}
    return [Point(step, math.nan if value is None else float(value)) for step, value in sorted(values.items())]


def run_gauges(run: TrainingRun) -> dict[str, list[Point]]:
    """What steps tell beside the loss, by name: learning_rate, grad_norm, tokens_per_second, memory."""
    events = RunEvent.objects.filter(run=run, kind="step")
    stride = events.count() // MAX_SERIES + 1
    rows = events.annotate(phase=F("step") % stride).filter(phase=0).order_by("step").values_list("step", "data")
    found: dict[str, list[Point]] = {name: [] for name in GAUGES}
    for step, data in rows:
        for name in GAUGES:
            if data.get(name) is not None:
                found[name].append(Point(step, float(data[name])))
    return found


def run_memory(run: TrainingRun) -> float | None:
    """Bytes at most: of the result, or of the newest step; None for runs of before it was measured."""
    peak = ((run.result or {}).get("memory") or {}).get("peak")
    if peak is None:
        data = run.events.filter(kind="step").order_by("-seq").values_list("data", flat=True).first()
        peak = (data or {}).get("memory")
    return None if peak is None else float(peak)


def run_progress(run: TrainingRun) -> Progress:
    """Step, speed and time left; unknown parts are None. Time left is read from the last RECENT_STEPS steps."""
    total = run_steps(run)
    recent = list(
        RunEvent.objects.filter(run=run, kind="step").order_by("-seq").values_list("step", "data")[:RECENT_STEPS]
    )
    if not recent:
        return Progress(
            step=0, total_steps=total, epoch=None, seconds=0.0, seconds_left=None, tokens_per_second=None, ends_at=None
        )
    step, data = recent[0]
    left = _seconds_left(recent, total)
    is_running = run.job is not None and run.job.state == Job.State.RUNNING
    return Progress(
        step=step,
        total_steps=total,
        epoch=data.get("epoch"),
        seconds=float(data.get("seconds") or 0.0),
        seconds_left=left if is_running else None,
        tokens_per_second=_mean([row[1].get("tokens_per_second") for row in recent]),
        ends_at=timezone.now() + timedelta(seconds=left) if is_running and left is not None else None,
    )


def _seconds_left(recent: list[tuple[int, dict[str, Any]]], total: int) -> float | None:
    (newest_step, newest), (oldest_step, oldest) = recent[0], recent[-1]
    seconds = float(newest.get("seconds") or 0.0) - float(oldest.get("seconds") or 0.0)
    if newest_step <= oldest_step or seconds <= 0:
        return None
    return max(0, total - newest_step) * seconds / (newest_step - oldest_step)


def _mean(values: list[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


def run_earlier(run: TrainingRun) -> TrainingRun | None:
    """The last finished run of the same base model and method, to plan from and to compare with."""
    return (
        TrainingRun.objects.filter(
            project=run.project,
            base_model=run.base_model,
            number__lt=run.number,
            result__isnull=False,
            config__method=run.config["method"],
            **_same_objective(run),
        )
        .order_by("-number")
        .first()
    )


def _same_objective(run: TrainingRun) -> dict[str, Any]:
    objective = run.config.get("objective")
    return {"config__objective": objective} if objective else {"config__objective__isnull": True}


_UNLISTED = ("step", "best")


def events_shown(run: TrainingRun, *, limit: int | None) -> list[RunEvent]:
    """The newest events first, without the single steps of the curve; a best loss is said by its validation."""
    rows = run.events.exclude(kind__in=_UNLISTED).order_by("-seq")
    return list(rows[:limit] if limit else rows)


def warnings_of(run: TrainingRun, *, limit: int) -> list[str]:
    """What its trainer warned of, each sentence once, the newest first; however many events came after."""
    rows = run.events.filter(kind="warning").order_by("-seq").values_list("data__message", flat=True)
    return list(dict.fromkeys(str(message) for message in rows[: 4 * limit]))[:limit]


def event_count(run: TrainingRun) -> int:
    return run.events.exclude(kind__in=_UNLISTED).count()


def best_loss(run: TrainingRun) -> float | None:
    """The lowest validation loss of a finished run; None while it is not finished or had no validation."""
    value = (run.result or {}).get("best_eval_loss")
    return None if value is None else float(value)


def model_of(run: TrainingRun) -> ModelVersion | None:
    """The model version that a run made; None while there is none."""
    return getattr(run, "model_version", None)
