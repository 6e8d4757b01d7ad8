"""Labels to a model that chooses classes, and from its answer to the words it hangs on: with the real trainer."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.evaluations.models import Output, OutputExplanation
from reviewapp.evaluations.services import explanations
from reviewapp.projects.models import Project
from reviewapp.runs import rundir, services
from reviewapp.runs.models import ModelVersion, TrainingRun
from tests import factories
from tests.reviewapp.trainingsets import builders
from tests.reviewapp.trainingsets.labelled import labelled
from training import contract

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("trainer_here")]

SETTINGS = {
    "objective": "classes", "label_field": "reason", "max_steps": 3, "batch_size": 4, "eval_steps": 3,
    "max_length": 256, "early_stopping_patience": 0, "lora": {"r": 2, "alpha": 4},
}  # fmt: skip


def done(job: Job | None, folder: str) -> None:
    assert job is not None
    jobs.execute(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.SUCCEEDED, (job.message, rundir.log_tail(Path(folder)))


def explained(project: Project, people: SimpleNamespace, model: ModelVersion) -> OutputExplanation:
    heldout = factories.heldout_set(project, prompts=1)
    generation = factories.generation_run(
        project, heldout, ModelVersion.objects.get(run=None, base_model=model.base_model), model
    )
    output = Output.objects.get(generation_run=generation, arm="candidate")
    made = explanations.explanation_request(output=output, requested_by=people.lead)
    done(made.job, made.run_dir)
    return OutputExplanation.objects.get(pk=made.pk)


def test_labels_become_a_model_that_chooses_classes_and_says_why(
    project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any
) -> None:
    settings.MODEL_DIRS = [tiny_base.parent]
    base = services.base_model_register(
        project=project, name="Tiny", path=str(tiny_base), registered_by=people.engineer
    )
    labelled(project, 12)
    version = builders.signed(project, people.engineer, people.lead)
    run = services.run_request(
        project=project, version=version, base_model=base, requested_by=people.engineer,
        idempotency_key=uuid.uuid4(), values=SETTINGS,
    )  # fmt: skip
    done(run.job, run.run_dir)
    run = TrainingRun.objects.get(pk=run.pk)
    assert run.result is not None
    assert run.result["train_rows"] == version.counts["train"]
    found = run.result["classes"]
    assert [row["key"] for row in found["classes"]] == ["pain", "skin", "sleep"]
    assert sum(row["train_rows"] for row in found["classes"]) == version.counts["train"]
    assert found["rows"] == version.counts["validation"]
    card = contract.read_json(Path(run.model_version.adapter_path) / "template.json")
    assert card["head"]["texts"] == ["Pain", "Skin", "Sleep"]
    row = explained(project, people, run.model_version)
    assert row.result is not None
    words = row.output.heldout_prompt.prompt.split()
    assert [part["text"] for part in row.result["parts"]] == words
    assert len(row.result["occlusion"]) == len(words) == len(row.result["gradient"])
