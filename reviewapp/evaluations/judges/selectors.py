"""Reads of judge runs, and of what the experts said of the same outputs."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from django.db.models import QuerySet
from django.http import Http404

from reviewapp.evaluations.judges.figures import Said
from reviewapp.evaluations.judges.models import JudgeRun
from reviewapp.evaluations.judges.questions import BASELINE, CANDIDATE
from reviewapp.evaluations.models import GenerationRun, GradeScore, Preference
from reviewapp.evaluations.preferring import prompt_outcome
from reviewapp.evaluations.selectors import effective_grades
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import RubricVersion


def judge_runs(project: Project) -> QuerySet[JudgeRun]:
    return JudgeRun.objects.filter(project=project).select_related(
        "project", "generation_run__heldout_set", "rubric_version__rubric", "judge", "job", "requested_by"
    )


def judge_run_get(project: Project, number: int) -> JudgeRun:
    """Raises Http404 for a run of another project."""
    run = judge_runs(project).filter(number=number).first()
    if run is None:
        raise Http404("No such judge run.")
    return run


def newest_for(run: GenerationRun, version: RubricVersion, *, before: datetime | None = None) -> JudgeRun | None:
    """The newest finished judge run by single criteria of this very rubric version."""
    found = JudgeRun.objects.filter(
        generation_run=run, rubric_version=version, kind=JudgeRun.Kind.CRITERIA, finished_at__isnull=False
    ).select_related("judge")
    if before is not None:
        found = found.filter(finished_at__lte=before)
    return found.order_by("-finished_at", "-pk").first()


def newest_pairs(run: GenerationRun) -> JudgeRun | None:
    """The newest finished judge run that compared base and tuned, whatever rubric it was asked with."""
    found = JudgeRun.objects.filter(generation_run=run, kind=JudgeRun.Kind.PAIRS, finished_at__isnull=False)
    return found.select_related("judge", "rubric_version").order_by("-finished_at", "-pk").first()


def verdicts_of(run: JudgeRun) -> list[Said]:
    rows = run.verdicts.order_by("id").values_list("output_id", "criterion", "order", "answer", "reason")
    return [Said(output=o, criterion=c, order=n, answer=a, reason=r) for o, c, n, a, r in rows]


def expert_levels(run: GenerationRun, version: RubricVersion) -> dict[str, dict[int, list[int]]]:
    """Criterion -> output -> the values that experts gave in unsealed rounds with this rubric version."""
    grades = effective_grades().filter(
        output__generation_run=run, round__rubric_version=version, round__unsealed_at__isnull=False
    )
    rows = GradeScore.objects.filter(grade__in=grades, value__isnull=False)
    found: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for key, output, value in rows.values_list("criterion__key", "grade__output_id", "value"):
        found[key][output].append(value)
    return {key: dict(by_output) for key, by_output in found.items()}


def expert_choices(run: GenerationRun) -> dict[int, int]:
    """Output of the base -> what experts of unsealed pairwise rounds prefer: 1 tuned, -1 base, 0 neither."""
    rows = Preference.objects.filter(
        left__generation_run=run, is_undone=False, superseded_by=None, round__unsealed_at__isnull=False
    ).values_list("choice", "left_id", "left__arm", "right_id", "right__arm")
    given: dict[int, list[int]] = defaultdict(list)
    for choice, left, left_arm, right, right_arm in rows:
        if {left_arm, right_arm} != {BASELINE, CANDIDATE}:
            continue
        chosen = {"left": left_arm, "right": right_arm}.get(choice)
        outcome = 0 if chosen is None else 1 if chosen == CANDIDATE else -1
        given[left if left_arm == BASELINE else right].append(outcome)
    return {output: prompt_outcome(outcomes) for output, outcomes in given.items()}
