"""Everything the page of one run shows, put into words and geometry. Reads only; asked again every two seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from reviewapp.core import queues
from reviewapp.core.queues import JobWait
from reviewapp.core.templatetags.parts import duration
from reviewapp.runs import budgets, rundir, selectors
from reviewapp.runs.checking import run_advice
from reviewapp.runs.classes_page import ClassesView, classes_view
from reviewapp.runs.curves import Chart, Point, Series, build_chart
from reviewapp.runs.diagnosis import Diagnosis, diagnose, lowest
from reviewapp.runs.gauges import Gauge, gauges_of
from reviewapp.runs.keeping_page import Held, held_of
from reviewapp.runs.models import RunEvent, TrainingRun
from reviewapp.runs.plan_rows import PlanRow, plan_rows
from reviewapp.runs.planning.card import Card, card_kept
from reviewapp.runs.selectors import Progress
from reviewapp.runs.settings_page import Group, method_words, settings_of
from reviewapp.words import say
from training.contract import PREFERENCES, Keeping, TrainConfig

EVENTS_SHOWN = 8
WARNINGS_SHOWN = 5
LOG_LINES = 8


@dataclass(frozen=True, kw_only=True)
class EventWords:
    at: datetime
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class CurveRow:
    """One line of the table behind the picture."""

    step: int
    train: float | None
    validation: float | None


@dataclass(frozen=True, kw_only=True)
class Reward:
    """One measure of preference tuning with its picture and its points, train and validation."""

    name: str
    words: str
    chart: Chart
    rows: list[CurveRow]


@dataclass(frozen=True, kw_only=True)
class RunPage:
    run: TrainingRun
    config: TrainConfig
    progress: Progress
    chart: Chart | None
    diagnosis: Diagnosis
    best: Point | None
    last: Point | None
    earlier: TrainingRun | None
    plan: list[PlanRow]
    card: Card | None
    ceiling: str
    gauges: list[Gauge]
    warnings: list[str]
    events: list[EventWords]
    event_count: int
    log: str
    wait: JobWait | None
    series: Series
    method: str
    settings: list[Group]
    classes: ClassesView | None
    rewards: list[Reward]
    advice: list[str]
    held: list[Held]

    @property
    def is_terminal(self) -> bool:
        return self.run.job is None or self.run.job.is_terminal

    @property
    def heard_seconds(self) -> float | None:
        """Seconds since the worker last wrote to the job row; None before it ever did."""
        beat = self.run.job.heartbeat_at if self.run.job else None
        return None if beat is None else max(0.0, (timezone.now() - beat).total_seconds())

    @property
    def curve_rows(self) -> list[CurveRow]:
        return _curve_rows(self.series)


def _curve_rows(series: Series) -> list[CurveRow]:
    """Steps with a validation, and about forty of the others, for the table behind the picture."""
    train = {point.step: point.value for point in series.train}
    validation = {point.step: point.value for point in series.validation}
    stride = max(1, len(train) // 40)
    steps = sorted(set(sorted(train)[::stride]) | set(validation))
    return [CurveRow(step=step, train=train.get(step), validation=validation.get(step)) for step in steps]


_REWARDS = {
    "margin": (
        "Reward margin",
        "How much likelier preferred completions became than those turned down, since before the run, times beta. "
        "It should rise.",
    ),
    "accuracy": (
        "Reward accuracy",
        "Share of the examples on which the model has moved the right way. A half is chance for pairs.",
    ),
}


def _rewards(run: TrainingRun) -> list[Reward]:
    """Margin and accuracy where a run is tuned by preferences and has said something."""
    found = []
    for key, (name, words) in _REWARDS.items():
        series = selectors.run_rewards(run, key)
        chart = build_chart(series)
        if chart is not None:
            found.append(Reward(name=name, words=words, chart=chart, rows=_curve_rows(series)))
    return found


def page_of(run: TrainingRun, *, all_events: bool = False) -> RunPage:
    config, series = selectors.run_config(run), selectors.run_series(run)
    progress, earlier = selectors.run_progress(run), selectors.run_earlier(run)
    events = selectors.events_shown(run, limit=None if all_events else EVENTS_SHOWN)
    return RunPage(
        run=run,
        config=config,
        progress=progress,
        chart=build_chart(series),
        diagnosis=diagnose(series.train, series.validation, patience=config.early_stopping_patience),
        best=lowest(series.validation),
        last=series.validation[-1] if series.validation else None,
        earlier=earlier,
        plan=plan_rows(run, config, progress, earlier),
        card=card_kept(run.plan) if run.plan else None,
        ceiling=_ceiling(run),
        gauges=gauges_of(selectors.run_gauges(run)),
        warnings=selectors.warnings_of(run, limit=WARNINGS_SHOWN),
        events=_all_words(run, events),
        event_count=selectors.event_count(run),
        log=_log(run),
        wait=queues.job_wait(run.job) if run.job else None,
        series=series,
        method=method_words(config),
        settings=settings_of(config, run.result),
        classes=classes_view(run.result),
        rewards=_rewards(run) if config.objective in PREFERENCES else [],
        advice=run_advice(run, config),
        held=held_of(run) if config.keeping != Keeping() or config.teacher.base else [],
    )


def _ceiling(run: TrainingRun) -> str:
    """Why a run that has stopped may not go on yet; empty for all others."""
    is_stopped = run.job is not None and run.job.is_terminal and run.result is None
    return budgets.reached(run) if is_stopped else ""


def _log(run: TrainingRun) -> str:
    """The last lines of the trainer's log, or of the job's when the trainer has not written any."""
    text = rundir.log_tail(Path(run.run_dir), max_bytes=4096) if run.run_dir else ""
    if not text and run.job is not None:
        text = run.job.log
    return "\n".join(text.splitlines()[-LOG_LINES:])


# ---- events


def _all_words(run: TrainingRun, events: list[RunEvent]) -> list[EventWords]:
    best = set(run.events.filter(kind="best").values_list("step", flat=True))
    return [_words(event, is_best=event.step in best) for event in events]


def _words(event: RunEvent, *, is_best: bool) -> EventWords:
    title, text = say(_TITLES.get(event.kind, event.kind.capitalize())), _text(event)
    if event.kind == "eval" and is_best:
        text = text.removesuffix(".") + say(", the lowest so far.")
    if event.kind == "plan" and event.step:
        title = say("Resumed")
    return EventWords(at=event.at, title=title, text=text)


_TITLES = {
    "start": "Started",
    "plan": "Read",
    "eval": "Validation",
    "checkpoint": "Checkpoint",
    "log": "Stage",
    "warning": "Warning",
    "paused": "Paused",
    "cancelled": "Cancelled",
    "failed": "Failed",
    "finished": "Finished",
}


def _text(event: RunEvent) -> str:
    data = event.data
    if event.kind == "eval":
        return say(
            "Step %(step)s, loss %(loss)s%(task)s.",
            step=f"{event.step:,}",
            loss=_number(data.get("eval_loss")),
            task=_task(data),
        )
    if event.kind == "checkpoint":
        return say("Step %(step)s saved.", step=f"{event.step:,}")
    if event.kind == "plan":
        return (
            say("Continues from the checkpoint at step %(step)s.", step=f"{event.step:,}")
            if event.step
            else _plan_text(data)
        )
    if event.kind == "start":
        return say("The trainer is at work.")
    if event.kind == "finished":
        return say(
            "%(step)s steps in %(time)s; the best is kept, step %(best)s.",
            step=f"{event.step:,}",
            time=duration(data.get("seconds")),
            best=data.get("best_step"),
        )
    return str(data.get("message", ""))


def _task(data: dict[str, Any]) -> str:
    """What generated answers were worth, where the run looks at them."""
    if "eval_rougeL" in data:
        return say(", ROUGE-L %(value)s", value=_number(data["eval_rougeL"]))
    if "eval_rewards_accuracy" in data:
        return say(", reward accuracy %(value)s", value=_number(data["eval_rewards_accuracy"]))
    if "eval_slot_accuracy" in data:
        return say(", slot accuracy %(value)s", value=_number(data["eval_slot_accuracy"]))
    if "eval_macro_f1" in data:
        return say(", macro F1 %(value)s", value=_number(data["eval_macro_f1"]))
    return ""


def _plan_text(data: dict[str, Any]) -> str:
    train, validation = data["train"], data["validation"]
    dropped = train["dropped"] + validation["dropped"]
    return say(
        "%(train)s train and %(validation)s validation examples, %(dropped)s dropped. "
        "%(parameters)s parameters are trained.",
        train=f"{train['rows']:,}",
        validation=f"{validation['rows']:,}",
        dropped=dropped,
        parameters=f"{data['parameters_trained']:,}",
    )


def _number(value: float | None) -> str:
    return say("not a number") if value is None else f"{value:.3f}"
