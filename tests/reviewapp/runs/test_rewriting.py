"""Texts for synthetic samples by a model: the form, and the job with the real trainer on small models."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import services as curation
from reviewapp.curation.models import Augmentation
from reviewapp.projects.models import Project
from reviewapp.runs import services
from reviewapp.runs.models import BaseModel, ModelVersion
from reviewapp.runs.rewriting import model_facts, models_able
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.augmenting import fill

Clients = Callable[[Any], Client]
STORY = "Once upon a time there was a little girl who loved to play in the garden with her dog."


def url() -> str:
    return reverse("runs:rewriting_create", args=["letters"])


def form(**values: Any) -> dict[str, Any]:
    base = {
        "of": "accepted", "most": "5", "variants": "1", "seed": "1", "kind": "rewrite", "part": "prompt",
        "there": "Say it in other words:\n{text}", "back": "{text}", "max_new_tokens": "16",
        "idempotency_key": str(uuid.uuid4()),
    }  # fmt: skip
    return {**base, **values}


def asked(project: Project, by: Any, kind: str = "rewrite", **values: Any) -> Augmentation:
    model = model_facts(next(iter(models_able(project).values())))
    base: dict[str, Any] = {"of": "accepted", "most": 5, "variants": 1, "seed": 1, "part": "prompt", "model": model}
    steps = ["{text}", "{text}"]
    return curation.augmentation_request(
        project=project, kind=kind, values={**base, "steps": steps, "max_new_tokens": 24, **values},
        requested_by=by, idempotency_key=uuid.uuid4(),
    )  # fmt: skip


def executed(row: Augmentation) -> Job:
    assert row.job is not None
    jobs.execute(row.job.pk)
    row.refresh_from_db()
    return Job.objects.get(pk=row.job_id)


def test_a_recipe_is_asked_for_through_the_form(
    project: Project, people: SimpleNamespace, base: BaseModel, client_for: Clients
) -> None:
    client = client_for(people.engineer)
    page = client.get(url()).content.decode()
    assert "Small" in page and "tuned to follow instructions" in page
    assert "Translate into French" in client.get(url() + "?kind=back").content.decode()
    number = str(ModelVersion.objects.get().number)
    for wrong, words in (({"there": "no place"}, "needs {text} once"), ({"model": "99"}, "Select a valid choice")):
        refused = client.post(url(), form(**{"model": number, **wrong}))
        assert refused.status_code == 422 and words in refused.content.decode()
    sent = form(model=number)
    assert [client.post(url(), sent).status_code for _ in range(2)] == [302, 302]
    row = Augmentation.objects.get()
    assert row.job is not None and row.job.queue == "training"
    assert row.recipe["model"]["label"] == "Small" and row.recipe["steps"] == [sent["there"]]
    detail = client.get(reverse("curation:augmentation_detail", args=["letters", 1])).content.decode()
    assert "Say it in other words" in detail
    assert "Say it in other words" in client.get(url() + "?again=1").content.decode()


def test_a_model_answers_the_same_each_time(project: Project, people: SimpleNamespace, base: BaseModel) -> None:
    with pytest.raises(ApplicationError, match="Ask for one variant"):
        asked(project, people.lead, variants=2)


def test_other_weights_are_not_used(
    project: Project, people: SimpleNamespace, base: BaseModel, models_dir: Path
) -> None:
    fill(project, 2)
    row = asked(project, people.lead)
    shutil.rmtree(models_dir / "small")
    job = executed(row)
    assert job.state == Job.State.FAILED and "is gone" in job.message
    assert row.texts.filter(outcome="").count() == 2  # chosen, and waiting for a resume


@pytest.mark.slow
@pytest.mark.usefixtures("trainer_here")
@pytest.mark.django_db(transaction=True)
def test_translation_and_back_takes_two_steps_on_a_real_small_model(
    project: Project, people: SimpleNamespace, shared_data: Path, settings: Any
) -> None:
    folder = shared_data / "tiny-lm-stories260k" / "hf"
    settings.MODEL_DIRS = [folder]
    services.base_model_register(project=project, name="Stories", path=str(folder), registered_by=people.engineer)
    factories.sample(project, prompt=STORY, completion="A tale.", state=Sample.State.ACCEPTED, external_id="story")
    factories.sample(project, prompt="word " * 600, completion="Words.", state=Sample.State.ACCEPTED)
    fill(project, 1)
    row = asked(project, people.lead, "back", max_new_tokens=10)
    job = executed(row)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    told = row.texts.get(parent__external_id="story")
    assert told.outcome == "kept" and told.prompt not in ("", STORY), (told.outcome, told.prompt)
    assert row.plan["dropped"]["too_long"] == 1
    assert row.texts.get(parent__external_id="v0").outcome in ("number", "dose", "negation", "length", "empty")
    assert all((Path(settings.RUNS_DIR) / f"augmentation-{row.pk}-{step}").is_dir() for step in (1, 2))
    curation.augmentation_apply(augmentation=row, applied_by=people.lead)
    assert Sample.objects.get(origin="copy").metadata["copy_of"] == "story"
