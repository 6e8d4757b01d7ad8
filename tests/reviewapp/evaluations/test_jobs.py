"""The generation job with the real trainer on a tiny model."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.evaluations import selectors
from reviewapp.evaluations.judges import services as judges
from reviewapp.evaluations.models import GenerationRun, Output
from reviewapp.evaluations.services import base_comparisons, generations, rounds
from reviewapp.projects.models import Project
from reviewapp.runs import services as runs
from reviewapp.runs.models import ModelVersion
from tests import factories
from tests.reviewapp.evaluations import world
from training import contract

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
here = pytest.mark.usefixtures("trainer_here")


@pytest.fixture
def run(project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any) -> GenerationRun:
    settings.MODEL_DIRS = [tiny_base.parent]
    base = runs.base_model_register(project=project, name="Tiny", path=str(tiny_base), registered_by=people.engineer)
    # the same weights once more, as a whole tuned model: both arms must then answer alike
    candidate = ModelVersion.objects.create(
        project=project, number=9, base_model=base, label="Tiny again", model_path=str(tiny_base)
    )
    return generations.generation_run_request(
        project=project,
        heldout_set=factories.heldout_set(project, prompts=3),
        candidate=candidate,
        requested_by=people.engineer,
        idempotency_key=uuid.uuid4(),
        values={"max_new_tokens": 8, "max_length": 256},
    )


def execute(run: GenerationRun) -> Job:
    assert run.job is not None
    jobs.execute(run.job.pk)
    run.refresh_from_db()
    return Job.objects.get(pk=run.job.pk)


def test_both_models_answer_and_everything_is_taken_in_once(run: GenerationRun) -> None:
    job = execute(run)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    counts = selectors.arm_counts(run)
    assert all(found == {"attempted": 3, "completed": 3, "missing": 0} for found in counts.values())
    texts = {arm: list(run.outputs.filter(arm=arm).order_by("heldout_prompt").values_list("text", flat=True))
             for arm in Output.Arm.values}  # fmt: skip
    assert texts["baseline"] == texts["candidate"]
    assert {"rougeL", "slot_accuracy"} <= set(run.metrics["arms"]["candidate"])
    assert all(output.metrics["slots"] for output in run.outputs.all())
    assert selectors.is_generated(run)
    assert run.metrics["noise"]["arms"] == ["baseline", "baseline_again"], "an adapter that changes nothing is no base"
    assert run.metrics["noise"]["answers"] == {"n": 3, "equal": 3}
    lines = list(contract.read_jsonl(Path(run.run_dir) / contract.OUTPUTS_FILE))
    again = generations.outputs_ingest(run=run, lines=lines, metrics=run.metrics, result=run.result or {})
    assert (again.written, again.known) == (0, 6)


@here
def test_altered_outputs_are_not_taken_in(run: GenerationRun) -> None:
    execute(run)
    Output.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    GenerationRun.objects.update(result=None)
    path = Path(run.run_dir) / contract.OUTPUTS_FILE
    path.write_text(path.read_text(encoding="utf-8").replace("end_token", "end_tokem", 1) + "\n", encoding="utf-8")
    Job.objects.update(state=Job.State.FAILED)
    generations.generation_run_resume(run=GenerationRun.objects.get(), resumed_by=run.requested_by)  # type: ignore[arg-type]
    job = execute(run)
    assert job.state == Job.State.FAILED and "was altered" in job.message
    assert not Output.objects.exists()


@here
def test_a_set_changed_after_the_request_is_refused(run: GenerationRun) -> None:
    prompt = run.heldout_set.prompts.first()
    assert prompt is not None
    type(prompt).objects.filter(pk=prompt.pk)._raw_delete("default")
    job = execute(run)
    assert job.state == Job.State.FAILED and not Output.objects.exists()
    assert "prompts.jsonl" in job.message


def test_a_cancelled_run_is_not_started(run: GenerationRun, people: SimpleNamespace) -> None:
    generations.generation_run_cancel(run=run, cancelled_by=people.engineer)
    assert execute(run).state == Job.State.CANCELLED
    with pytest.raises(ApplicationError, match="no outputs yet"):
        rounds.round_create(
            generation_run=run,
            rubric_version=factories.rubric_version(run.project, applies_to="outputs"),
            overlap_percent=0,
            created_by=people.lead,
        )


@here
def test_two_untuned_bases_answer_in_one_job(
    project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any
) -> None:
    settings.MODEL_DIRS = [tiny_base.parent]
    bases = [
        runs.base_model_register(project=project, name=name, path=str(tiny_base), registered_by=people.engineer)
        for name in ("One", "The same")
    ]
    comparison = base_comparisons.base_comparison_request(
        project=project, heldout_set=factories.heldout_set(project, prompts=2), bases=bases,
        requested_by=people.engineer, idempotency_key=uuid.uuid4(), values={"max_new_tokens": 4},
    )  # fmt: skip
    assert comparison.job is not None
    jobs.execute(comparison.job.pk)
    job = Job.objects.get(pk=comparison.job.pk)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    first, second = comparison.trials.all()
    assert first.metrics["arms"] == second.metrics["arms"]  # the same weights: the same figures
    assert first.result["bits_per_character"] == second.result["bits_per_character"] > 0
    assert first.result["answered"] == 2 and first.result["tokens_per_second"] > 0


@pytest.fixture
def judged(project: Project) -> GenerationRun:
    return world.generated(project, prompts=3)


@pytest.fixture
def judge(
    judged: GenerationRun, people: SimpleNamespace, tiny_base: Path, tmp_path: Path, settings: Any
) -> ModelVersion:
    """The tiny model with room for a whole question: its places are computed, not learned."""
    folder = tmp_path / "judge"
    shutil.copytree(tiny_base, folder)
    config = contract.read_json(folder / "config.json")
    contract.write_json(folder / "config.json", {**config, "max_position_embeddings": 4096})
    settings.MODEL_DIRS = [tiny_base.parent, tmp_path]
    base = runs.base_model_register(
        project=judged.project, name="Judge", path=str(folder), registered_by=people.engineer
    )
    return ModelVersion.objects.get(base_model=base)


@here
def test_a_local_model_judges_every_output_in_both_orders(
    judged: GenerationRun, people: SimpleNamespace, judge: ModelVersion
) -> None:
    run = judged
    version = factories.rubric_version(run.project, applies_to="outputs", used=True)
    made = judges.judge_request(
        run=run, kind="criteria", rubric_version=version, criteria=list(judges.judged_criteria(version))[:1],
        judge=judge, endpoint_model="", requested_by=people.engineer, idempotency_key=uuid.uuid4(),
    )  # fmt: skip
    assert made.job is not None
    jobs.execute(made.job.pk)
    job = Job.objects.get(pk=made.job.pk)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    made.refresh_from_db()
    verdicts = list(made.verdicts.all())
    assert len(verdicts) == 6 * 2 and {verdict.order for verdict in verdicts} == {0, 1}
    assert all(verdict.answer in ("1", "2", "3", "4") for verdict in verdicts), {one.reason for one in verdicts}
    assert made.result is not None and made.result["missing"] == 0 and made.result["tokens"] > 0


@here
def test_a_model_version_answers_beside_an_earlier_one(
    run: GenerationRun, people: SimpleNamespace, tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "earlier")
    earlier = ModelVersion.objects.create(
        project=run.project, number=7, base_model=run.candidate.base_model, label="Earlier",
        model_path=str(tmp_path / "earlier"),
    )  # fmt: skip
    made = generations.generation_run_request(
        project=run.project, heldout_set=run.heldout_set, candidate=run.candidate, baseline=earlier,
        requested_by=people.engineer, idempotency_key=uuid.uuid4(), values={"max_new_tokens": 8, "max_length": 256},
    )  # fmt: skip
    job = execute(made)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    assert {row.model_version for row in made.outputs.filter(arm="baseline")} == {earlier}
    assert [arm.label for arm in selectors.arms_of(made)] == ["Earlier", "Tiny again"]
    assert made.metrics["noise"]["arms"] == ["baseline", "baseline_again"]
