"""Plan and actual of a run, measure by measure: steps, time, memory, cost, speed, examples."""

from __future__ import annotations

from dataclasses import dataclass

from reviewapp.core.models import Job
from reviewapp.core.templatetags.parts import duration
from reviewapp.runs import budgets
from reviewapp.runs.keeping_page import replay_words
from reviewapp.runs.models import TrainingRun
from reviewapp.runs.planning.card import money_said, size_said
from reviewapp.runs.selectors import Progress, run_memory
from reviewapp.words import grouped, say
from training.contract import TrainConfig

TOLERANCE = 1.1  # a forecast up to 10% over plan counts as within it
MEMORY_TOLERANCE = 1.15


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """One measure; ``state`` is pass, warn or open and comes with its words."""

    name: str
    plan: str
    now: str
    forecast: str
    state: str
    words: str


def plan_rows(run: TrainingRun, config: TrainConfig, progress: Progress, earlier: TrainingRun | None) -> list[PlanRow]:
    """What was foreseen when the run was requested (of older runs: what an earlier run took) beside what came."""
    rows = [_steps_row(run, progress), _time_row(run, config, progress, earlier), _memory_row(run), _cost_row(run)]
    return [row for row in [*rows, _speed_row(progress, earlier), _examples_row(run, config), _replay_row(run)] if row]


def _replay_row(run: TrainingRun) -> PlanRow | None:
    found = replay_words(run)
    if found is None:
        return None
    approved, now, is_equal = found
    words = say("Equals approved") if is_equal else say("Differs from approved")
    return PlanRow(
        name=say("General examples"), plan=approved, now=now, forecast=approved, words=words,
        state="pass" if is_equal else "warn",
    )  # fmt: skip


def _is_done(run: TrainingRun) -> bool:
    return run.job is not None and run.job.state == Job.State.SUCCEEDED


def _steps_row(run: TrainingRun, progress: Progress) -> PlanRow:
    total, now = grouped(progress.total_steps), grouped(progress.step)
    result = run.result or {}
    ends = {
        "early_stopping": say("Stopped early, no improvement"),
        "budget": say("Stopped at the budget"),
        "steps": say("Complete"),
    }
    if result:
        words = ends.get(result.get("ended_by", ""), say("Ended"))
        return PlanRow(name=say("Steps"), plan=total, now=now, forecast=now, state="pass", words=words)
    words = say("Yes") if progress.step else say("Not started")
    return PlanRow(
        name=say("Steps"), plan=total, now=now, forecast=total, state="pass" if progress.step else "open", words=words
    )


def _time_row(run: TrainingRun, config: TrainConfig, progress: Progress, earlier: TrainingRun | None) -> PlanRow:
    planned = run.plan["seconds"]["shown"] if run.plan else _planned_seconds(progress, earlier)
    forecast = progress.seconds if _is_done(run) else None
    if progress.seconds_left is not None:
        forecast = progress.seconds + progress.seconds_left
    budget = (
        say(", stops at %(budget_seconds)s", budget_seconds=duration(config.budget_seconds))
        if config.budget_seconds
        else ""
    )
    if planned is None:
        state, words = "open", say("No earlier run%(budget)s", budget=budget)
    elif forecast is None:
        state, words = "open", say("No forecast yet%(budget)s", budget=budget)
    elif forecast <= planned * TOLERANCE:
        state, words = "pass", say("Yes%(budget)s", budget=budget)
    else:
        state, words = (
            "warn",
            say("%(percent)s%% over plan%(budget)s", percent=f"{100 * (forecast / planned - 1):.0f}", budget=budget),
        )
    return PlanRow(
        name=say("Training time"),
        plan=duration(planned),
        now=duration(progress.seconds),
        forecast=duration(forecast),
        state=state,
        words=words,
    )


def _planned_seconds(progress: Progress, earlier: TrainingRun | None) -> float | None:
    """The earlier run's seconds a step, times the steps of this one."""
    result = (earlier.result or {}) if earlier else {}
    if not result.get("steps") or not result.get("seconds"):
        return None
    return float(result["seconds"]) / int(result["steps"]) * progress.total_steps


def _speed_row(progress: Progress, earlier: TrainingRun | None) -> PlanRow | None:
    now = progress.tokens_per_second
    if now is None:
        return None
    result = (earlier.result or {}) if earlier else {}
    before = result["tokens"] / result["seconds"] if result.get("seconds") and result.get("tokens") else None
    words, state = say("No earlier run"), "open"
    if before is not None:
        state, words = (
            ("pass", say("Yes"))
            if now * TOLERANCE >= before
            else ("warn", say("%(n)s%% slower", n=f"{100 * (1 - now / before):.0f}"))
        )
    return PlanRow(
        name=say("Tokens per second"),
        plan=say("not known") if before is None else grouped(round(before)),
        now=grouped(round(now)),
        forecast=grouped(round(now)),
        state=state,
        words=words,
    )


def _examples_row(run: TrainingRun, config: TrainConfig) -> PlanRow:
    plan = run.events.filter(kind="plan").order_by("-seq").values_list("data", flat=True).first()
    approved = grouped(config.train_rows)
    if plan is None:
        return PlanRow(
            name=say("Train examples read"),
            plan=approved,
            now=say("not yet"),
            forecast=approved,
            state="open",
            words=say("Not read yet"),
        )
    read = int(plan["train"]["rows"])
    is_equal = read == config.train_rows and not plan["train"]["dropped"]
    return PlanRow(
        name=say("Train examples read"),
        plan=approved,
        now=grouped(read),
        forecast=grouped(read),
        state="pass" if is_equal else "warn",
        words=say("Equals approved") if is_equal else say("Differs from approved"),
    )


def _memory_row(run: TrainingRun) -> PlanRow | None:
    """The peak so far; on a processor all that the trainer's process holds, on a card what it allocated there."""
    peak = run_memory(run)
    if run.plan is None and peak is None:
        return None
    plan = run.plan["memory"] if run.plan else None
    is_card = bool(run.plan and run.plan["hardware"]["kind"] == "cuda")
    planned = (plan["shown"] if is_card else plan["total"]) if plan else None
    state, words = "open", say("Not measured yet") if peak is None else say("No plan")
    if planned and peak:
        over = peak / planned
        state, words = ("pass", say("Yes")) if over <= MEMORY_TOLERANCE else ("warn", _over(over))
    now = say("not yet") if peak is None else size_said(peak)
    return PlanRow(
        name=say("Memory at most"),
        plan=size_said(planned) if planned else say("not known"),
        now=now,
        forecast=now if peak else "–",
        state=state,
        words=words,
    )


def _over(ratio: float) -> str:
    return say("%(percent)s%% over plan", percent=f"{100 * (ratio - 1):.0f}")


def _cost_row(run: TrainingRun) -> PlanRow | None:
    """What workers' time has cost so far; none where no price is set."""
    cost, planned = (run.plan or {}).get("cost"), None
    spent = budgets.spent_on(run)
    if cost is None and not spent.cost:
        return None
    if run.plan and cost is not None:
        planned = money_said(cost, run.plan["hardware"]["currency"])
    state, words = "open", say("No plan")
    if cost is not None:
        state, words = ("pass", say("Yes")) if spent.cost <= cost * TOLERANCE else ("warn", _over(spent.cost / cost))
    if run.ceiling_cost is not None:
        words += say(", stops at %(cost)s", cost=budgets.cost_said(run.ceiling_cost))
    now = budgets.cost_said(spent.cost)
    return PlanRow(
        name=say("Cost"), plan=planned or say("not known"), now=now, forecast=now if _is_done(run) else "–",
        state=state, words=words,
    )  # fmt: skip
