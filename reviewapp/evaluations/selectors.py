"""Reads of generation runs, outputs, rounds and grades. What counts is the last row of a chain that is not undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404
from django.utils import timezone

from reviewapp.core.models import SLOT_TAKEN, Job
from reviewapp.evaluations.models import (
    GenerationRun,
    Grade,
    GradeAssignment,
    GradingRound,
    Output,
    RoundItem,
)
from reviewapp.projects.models import Project
from reviewapp.runs.models import ModelVersion

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


@dataclass(frozen=True, kw_only=True)
class RoundProgress:
    """Grades asked for and given; ``missing`` outputs were never generated, so nobody can grade them."""

    needed: int
    given: int
    outputs: int
    outputs_done: int
    graders: int

    @property
    def is_complete(self) -> bool:
        return self.needed > 0 and self.given >= self.needed

    @property
    def left(self) -> int:
        return max(0, self.needed - self.given)


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """What a grader finds: how far they are, and why there is nothing for them if there is not."""

    mine_done: int
    mine_possible: int  # what this person could still take now, and what they already did
    open_now: int
    held_by_others: int
    reason: str  # '' when something is open: sealed, not_opened, unsealed, finished, held, mine_done


def generation_runs(project: Project) -> QuerySet[GenerationRun]:
    return (
        GenerationRun.objects.filter(project=project)
        .select_related("heldout_set", "baseline", "candidate", "job", "requested_by")
        .annotate(n_outputs=Count("outputs"))
        .order_by("-number")
    )


def generation_run_get(project: Project, run_id: int) -> GenerationRun:
    """Raises Http404 for a run of another project."""
    run = generation_runs(project).filter(pk=run_id).first()
    if run is None:
        raise Http404("No such generation run.")
    return run


def rounds(project: Project) -> QuerySet[GradingRound]:
    return GradingRound.objects.filter(project=project).select_related(
        "generation_run__heldout_set", "generation_run__candidate", "generation_run__baseline", "rubric_version__rubric"
    )


def round_get(project: Project, round_id: int) -> GradingRound:
    """Raises Http404 for a round of another project."""
    found = rounds(project).filter(pk=round_id).first()
    if found is None:
        raise Http404("No such grading round.")
    return found


def effective_grades(grades: QuerySet[Grade] | None = None) -> QuerySet[Grade]:
    """Grades that count: not undone and not superseded."""
    return (Grade.objects.all() if grades is None else grades).filter(is_undone=False, superseded_by=None)


def grades_for_output(output: Output) -> QuerySet[Grade]:
    """The grades of an output that count, with scores, spans and grader."""
    return (
        effective_grades(Grade.objects.filter(output=output))
        .select_related("grader", "round")
        .prefetch_related("scores__criterion", "spans__criterion")
    )


def round_progress(round: GradingRound) -> RoundProgress:
    items = RoundItem.objects.filter(round=round)
    slots = items.values_list("slots", flat=True)
    grades = effective_grades(Grade.objects.filter(round=round))
    per_output = dict(grades.values_list("output").annotate(n=Count("id")))
    done = sum(1 for output, need in items.values_list("output_id", "slots") if per_output.get(output, 0) >= need)
    return RoundProgress(
        needed=sum(slots),
        given=sum(per_output.values()),
        outputs=len(slots),
        outputs_done=done,
        graders=grades.values("grader").distinct().count(),
    )


def grader_progress(round: GradingRound) -> list[dict[str, Any]]:
    """How many grades each grader gave, by name."""
    grades = effective_grades(Grade.objects.filter(round=round))
    rows = grades.values("grader__display_name", "grader__is_simulated").annotate(n=Count("id"))
    return [dict(row) for row in rows.order_by("grader__display_name")]


def grader_labels(round: GradingRound) -> dict[int, str]:
    """Pseudonyms of a round's graders: Grader 1, 2, 3 in an order drawn from the seed, not by name or date."""
    ids = effective_grades(Grade.objects.filter(round=round)).order_by().values_list("grader_id", flat=True).distinct()
    drawn = sorted(ids, key=lambda pk: sha256(f"{round.seed}:{round.pk}:{pk}".encode()).hexdigest())
    return {pk: f"Grader {number}" for number, pk in enumerate(drawn, start=1)}


def items_open_for(round: GradingRound, user: User) -> QuerySet[RoundItem]:
    """Items with a free slot that this person neither holds nor has graded."""
    taken = Count("assignments", filter=_taken("assignments__"))
    mine = GradeAssignment.objects.filter(SLOT_TAKEN, holder=user, item__round=round).values("item_id")
    items = RoundItem.objects.annotate(n_taken=taken).filter(round=round, n_taken__lt=F("slots")).exclude(pk__in=mine)
    return cast("QuerySet[RoundItem]", items)


def _taken(prefix: str) -> Q:
    states = [GradeAssignment.State.LEASED, GradeAssignment.State.SUBMITTED]
    return Q(**{f"{prefix}state__in": states})


def queue_state(round: GradingRound, user: User) -> QueueState:
    mine = GradeAssignment.objects.filter(item__round=round, holder=user)
    done = mine.filter(state=GradeAssignment.State.SUBMITTED).count()
    held = mine.live().exists()
    open_now = items_open_for(round, user).count()
    others = GradeAssignment.objects.filter(item__round=round).live().exclude(holder=user).count()
    progress = round_progress(round)
    return QueueState(
        mine_done=done,
        mine_possible=done + open_now + int(held),
        open_now=open_now + int(held),
        held_by_others=others,
        reason=_empty_reason(round, progress, open_now + int(held), others),
    )


def _empty_reason(round: GradingRound, progress: RoundProgress, open_now: int, others: int) -> str:
    if round.unsealed_at:
        return "unsealed"
    if not round.opened_at:
        return "not_opened"
    if open_now:
        return ""
    if progress.is_complete:
        return "finished"
    return "held" if others else "mine_done"


def assignment_get(project: Project, key: UUID, holder: User) -> GradeAssignment:
    """A person's own assignment by its key; nobody else's can be opened. Raises Http404."""
    found: GradeAssignment | None = (
        GradeAssignment.objects.filter(key=key, holder=holder, item__round__project=project)
        .select_related("item__output__heldout_prompt", "item__round__rubric_version__rubric", "item__round__project")
        .first()
    )
    if found is None:
        raise Http404("This output is not assigned to you.")
    return found


def output_number(item: RoundItem) -> int:
    """What an output is called in its round: its place in the random order, which says nothing of the model."""
    return RoundItem.objects.filter(round_id=item.round_id, order_key__lt=item.order_key).count() + 1


def output_numbers(round: GradingRound) -> dict[int, int]:
    """Output id to its number in the round."""
    ids = RoundItem.objects.filter(round=round).order_by("order_key").values_list("output_id", flat=True)
    return {output_id: number for number, output_id in enumerate(ids, start=1)}


def undoable_grade(user: User, round: GradingRound) -> Grade | None:
    """The last grade of this person in the round, if it can still be taken back."""
    since = timezone.now() - timedelta(minutes=settings.UNDO_MINUTES)
    grades = Grade.objects.filter(grader=user, round=round, submitted_at__gte=since)
    return effective_grades(grades).select_related("assignment__item", "output").last()


def grade_locked(assignment: GradeAssignment) -> Grade | None:
    """The grade that counts of an assignment, with scores and evidence; None while it is open or was taken back."""
    grades = effective_grades(Grade.objects.filter(assignment=assignment))
    return grades.select_related("output").prefetch_related("scores__criterion", "spans__criterion").last()


def is_sealed(run: GenerationRun) -> bool:
    """Whether a round on these outputs is not unsealed yet."""
    return GradingRound.objects.filter(generation_run=run, unsealed_at=None).exists()


def is_hidden(run: GenerationRun) -> bool:
    """Whether single outputs must stay hidden: until experts have graded them, and while any round is sealed."""
    opened = GradingRound.objects.filter(generation_run=run, unsealed_at__isnull=False).exists()
    return not opened or is_sealed(run)


def is_generated(run: GenerationRun) -> bool:
    """Whether the outputs are in: the job succeeded, or they were imported."""
    return run.job is None or run.job.state == Job.State.SUCCEEDED


def output_get(project: Project, output_id: int) -> Output:
    """An output with what it answers. Raises Http404, also while it is hidden: opening it would unblind."""
    output: Output | None = (
        Output.objects.filter(pk=output_id, generation_run__project=project)
        .select_related("heldout_prompt__group", "heldout_prompt__heldout_set", "model_version", "generation_run")
        .first()
    )
    if output is None or is_hidden(output.generation_run):
        raise Http404("No such output, or its grading round is still sealed.")
    return output


def sibling_outputs(output: Output) -> list[Output]:
    """The other systems' answers to the same prompt, in the order of the arms."""
    others = Output.objects.filter(generation_run=output.generation_run_id, heldout_prompt=output.heldout_prompt_id)
    found = {other.arm: other for other in others.exclude(pk=output.pk).select_related("model_version")}
    return [found[arm.key] for arm in arms_of(output.generation_run) if arm.key in found]


def output_chain(output: Output) -> dict[str, Any]:
    """The steps behind an output that this app knows: prompt, run, models, rounds and the grades that count."""
    run = output.generation_run
    return {
        "output": output,
        "heldout_prompt": output.heldout_prompt,
        "heldout_set": output.heldout_prompt.heldout_set,
        "generation_run": run,
        "model_version": output.model_version,
        "rounds": list(GradingRound.objects.filter(items__output=output).order_by("number")),
        "grades": list(grades_for_output(output)),
    }


def outputs_for_model_version(model_version_id: int) -> QuerySet[Output]:
    return Output.objects.filter(model_version_id=model_version_id).select_related("heldout_prompt", "generation_run")


@dataclass(frozen=True)
class ArmView:
    """A system of a generation run; ``label`` is what people read."""

    key: str
    label: str
    model_version: ModelVersion


def arms_of(run: GenerationRun) -> list[ArmView]:
    """The systems of a run: base and tuned, or, where outside systems are compared, all of them by their names."""
    more = list(run.more_arms.select_related("model_version"))
    pair = ((Output.Arm.BASELINE, run.baseline), (Output.Arm.CANDIDATE, run.candidate))
    is_named = bool(more) or run.baseline.is_external
    return [
        *(ArmView(arm.value, version.label if is_named else arm.label, version) for arm, version in pair),
        *(ArmView(arm.key, arm.model_version.label, arm.model_version) for arm in more),
    ]


def arm_counts(run: GenerationRun) -> dict[str, dict[str, int]]:
    """Attempted, completed and missing outputs of each arm: every prompt is attempted once an arm."""
    attempted = run.heldout_set.prompts.count()
    done = dict(run.outputs.values_list("arm").annotate(n=Count("id")))
    return {
        arm.key: {
            "attempted": attempted,
            "completed": done.get(arm.key, 0),
            "missing": attempted - done.get(arm.key, 0),
        }
        for arm in arms_of(run)
    }
