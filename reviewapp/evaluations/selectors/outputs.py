"""Reads of generation runs and their outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404

from reviewapp.core.models import Job
from reviewapp.evaluations.models import GenerationRun, GradingRound, Output
from reviewapp.evaluations.selectors.grades import grades_for_output
from reviewapp.projects.models import Project
from reviewapp.runs.models import ModelVersion

# generation runs whose first model is a base alone, as they are unless somebody chose another
OF_BASE = {"baseline__adapter_path": "", "baseline__model_path": ""}


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


def is_sealed(run: GenerationRun) -> bool:
    """Whether a round on these outputs is not unsealed yet."""
    rounds = GradingRound.objects.filter(generation_run=run, unsealed_at=None)
    return rounds.exclude(kind=GradingRound.Kind.CALIBRATION).exists()


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
        .select_related("heldout_prompt__group", "heldout_prompt__heldout_set", "model_version__run", "generation_run")
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
    is_tuned = bool(run.baseline.adapter_path or run.baseline.model_path)
    is_named = bool(more) or run.baseline.is_external or is_tuned
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
