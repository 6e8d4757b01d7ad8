"""What was labelled trains: from the label form over the frozen version to a model, with the real trainer."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.runs import rundir, services
from tests.reviewapp.labelling import documents as d
from tests.reviewapp.trainingsets import builders
from tests.reviewapp.trainingsets.labelled import labelled
from training import contract

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("trainer_here")]

SETTINGS = {
    "max_steps": 6, "batch_size": 2, "eval_steps": 3, "max_length": 256, "learning_rate": 1e-3,
    "early_stopping_patience": 0, "lora": {"r": 2, "alpha": 4},
}  # fmt: skip


def test_a_class_labelled_set_trains_end_to_end(
    project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any
) -> None:
    settings.MODEL_DIRS = [tiny_base.parent]
    base = services.base_model_register(
        project=project, name="Tiny", path=str(tiny_base), registered_by=people.engineer
    )
    labelled(project, 12, d.one_class(), d.ranking())
    version = builders.signed(project, people.engineer, people.lead)
    run = services.run_request(
        project=project, version=version, base_model=base, requested_by=people.engineer,
        idempotency_key=uuid.uuid4(), values=SETTINGS,
    )  # fmt: skip
    assert run.job is not None
    jobs.execute(run.job.pk)
    run.refresh_from_db()
    job = Job.objects.get(pk=run.job.pk)
    folder = Path(run.run_dir)
    assert job.state == Job.State.SUCCEEDED, (job.message, rundir.log_tail(folder))
    assert run.result is not None
    assert run.result["train_rows"] == version.counts["train"] == version.examples.filter(split="train").count()
    rows = list(contract.read_jsonl(folder / contract.TRAIN_FILE))
    assert {row["completion"].split("\n")[0] for row in rows} == {"Reason: Pain", "Reason: Skin", "Reason: Sleep"}
    pairs = list(contract.read_jsonl(folder / contract.TRAIN_PREFERENCES_FILE))
    assert len(pairs) == 3 * version.counts["train"] and set(pairs[0]) == {"id", "prompt", "chosen", "rejected"}
    assert Path(run.model_version.adapter_path, "adapter_model.safetensors").is_file()
