"""Runs on pairs and judgements: from the form to the config, refused where they do not fit, curves, a model."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.runs import run_form, rundir, selectors, services
from reviewapp.runs.models import BaseModel, RunEvent, TrainingRun
from reviewapp.runs.settings_page import method_words, settings_of
from reviewapp.trainingsets import services as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from tests.reviewapp.runs.test_views import add_events, form_values, page, url
from tests.reviewapp.trainingsets import builders, judging
from training import contract

ClientFor = Callable[[User], Client]
Kind = TrainingSetVersion.Kind
database = pytest.mark.django_db


@pytest.fixture
def pairs(project: Project, people: SimpleNamespace) -> TrainingSetVersion:
    judging.fixed(project, people.reviewer, 12)
    return builders.signed(project, people.engineer, people.lead, set_name="Pairs", kind=Kind.PREFERENCE)


@pytest.fixture
def judged(project: Project, people: SimpleNamespace) -> TrainingSetVersion:
    judging.decided(project, people.reviewer, 12, start=40)
    return builders.signed(project, people.engineer, people.lead, set_name="Judged", kind=Kind.JUDGED)


def request(version: TrainingSetVersion, base: BaseModel, by: Any, **values: Any) -> TrainingRun:
    return services.run_request(
        project=base.project, version=version, base_model=base, requested_by=by, idempotency_key=uuid.uuid4(),
        values=values,
    )  # fmt: skip


def told_rewards(run: TrainingRun, steps: int) -> None:
    """Events up to this step with rising rewards. Stored events never change, so these are written past the model."""
    add_events(run, steps)
    for event in RunEvent.objects.filter(run=run, kind__in=("step", "eval")):
        before = "eval_" if event.kind == "eval" else ""
        found = {f"{before}rewards_margin": event.step / 10, f"{before}rewards_accuracy": 0.5 + event.step / 40}
        with connection.cursor() as cursor:
            data = json.dumps({**event.data, **found})
            cursor.execute("UPDATE runs_runevent SET data = %s WHERE id = %s", [data, event.pk])


# ---- requests


@database
def test_the_version_decides_what_is_learned(
    pairs: TrainingSetVersion, judged: TrainingSetVersion, version: TrainingSetVersion, base: BaseModel, people: Any
) -> None:
    configs = [selectors.run_config(request(one, base, people.engineer)) for one in (pairs, judged, version)]
    assert [config.objective for config in configs] == ["dpo", "kto", "sft"]
    assert configs[0].train_rows == pairs.examples.filter(split="train").count()
    assert "objective" not in contract.config_to_json(configs[2])


@database
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"objective": "kto"}, "holds pairs, and this needs judgements"),
        ({"objective": "sft"}, "holds pairs, and this needs completions"),
        ({"packing": True}, "switch them off for preference tuning"),
        ({"beta": -1.0}, "beta must be above 0"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_started(
    values: dict[str, Any], words: str, pairs: TrainingSetVersion, base: BaseModel, people: Any
) -> None:
    with pytest.raises(ApplicationError, match=words):
        request(pairs, base, people.engineer, **values)
    assert not TrainingRun.objects.exists()


@database
def test_a_batch_of_one_judgement_is_refused(judged: TrainingSetVersion, base: BaseModel, people: Any) -> None:
    with pytest.raises(ApplicationError, match="batch_size of at least 2"):
        request(judged, base, people.engineer, batch_size=1)


@database
def test_the_form_proposes_what_fits_the_version(
    pairs: TrainingSetVersion, version: TrainingSetVersion, base: BaseModel, people: Any, client_for: ClientFor
) -> None:
    form = run_form.RunForm.fresh(base.project, str(pairs.pk))
    assert form.initial["objective"] == "dpo" and form.initial["learning_rate"] == pytest.approx(2e-5)
    usual = run_form.RunForm.fresh(base.project, str(version.pk))
    assert usual.initial["objective"] == "sft" and "learning_rate" not in usual.initial
    text = page(client_for(people.engineer), f"{url('run_request')}?version={pairs.pk}")
    assert "Pairs, one preferred (DPO)" in text and "Closeness to the model as it was" in text


@database
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"objective": "kto"}, "objective"),
        ({"objective": "dpo", "packing": "on"}, "objective"),
        ({"objective": "dpo", "order": "length"}, "objective"),
        ({"objective": "dpo", "stop_on": "rougeL"}, "stop_on"),
        ({"objective": "dpo", "beta": "0"}, "beta"),
        ({"objective": "dpo", "chosen_weight": "-1"}, "chosen_weight"),
        ({"objective": "dpo", "processes": "2", "sharding": "fsdp"}, "sharding"),
    ],
)
def test_the_form_says_beside_the_field_what_does_not_fit(
    changes: dict[str, str], field: str, pairs: TrainingSetVersion, base: BaseModel, people: Any, client_for: ClientFor
) -> None:
    response = client_for(people.lead).post(url("run_request"), {**form_values(pairs, base), **changes})
    assert response.status_code == 422 and field in response.context["form"].errors
    assert not TrainingRun.objects.exists()


@database
def test_a_form_without_the_new_fields_still_requests_a_run(
    pairs: TrainingSetVersion, base: BaseModel, people: Any, client_for: ClientFor
) -> None:
    values = form_values(pairs, base)
    kept = {name: value for name, value in values.items() if name not in ("objective", "beta", "preference_loss")}
    assert client_for(people.lead).post(url("run_request"), kept).status_code == 302
    assert selectors.run_config(TrainingRun.objects.get()).objective == "dpo"


# ---- the page


@database
def test_the_page_shows_margin_and_accuracy(
    pairs: TrainingSetVersion, base: BaseModel, people: Any, client_for: ClientFor
) -> None:
    run = request(pairs, base, people.engineer, max_steps=30, eval_steps=5)
    client = client_for(people.observer)
    assert "Reward margin" not in page(client, url("run_detail", run.number))
    told_rewards(run, 10)
    text = page(client, url("run_detail", run.number))
    assert "Reward margin" in text and "Training goes from 0.1 to 1. Validation goes from 0.5 to 1." in text
    assert "Reward accuracy" in text and "reward accuracy 0.750" in text
    table = page(client, f"{url('run_detail', run.number)}?curve=table")
    assert table.count("<caption") >= 3 and "0.7500" in table
    margin = selectors.run_rewards(run, "margin")
    assert [point.value for point in margin.validation] == [0.5, 1.0] and margin.is_rising


@database
def test_an_earlier_run_of_another_objective_is_no_plan(
    pairs: TrainingSetVersion, version: TrainingSetVersion, base: BaseModel, people: Any
) -> None:
    first, second, third = (request(one, base, people.engineer) for one in (pairs, version, pairs))
    TrainingRun.objects.filter(pk__in=[first.pk, second.pk]).update(result={"steps": 1})
    assert selectors.run_earlier(third) == first
    assert selectors.run_earlier(second) is None


def test_the_settings_in_words() -> None:
    usual = {"train_rows": 9, "validation_rows": 3, "train_sha256": "a", "validation_sha256": "b"}
    config = contract.TrainConfig(model=contract.ModelSpec(path="m"), objective="kto", beta=0.2, **usual)
    assert method_words(config) == "KTO, LoRA rank 16"
    rows = dict(settings_of(config)[0].rows)
    assert (rows["Learns from"], rows["Beta"], rows["Weights of judgements"]) == ("judgements (KTO)", "0.2", "balanced")
    made = {"preference": {"weights": {"approved": 1.0, "rejected": 3.0}}}
    assert dict(settings_of(config, made)[0].rows)["Weights of judgements"] == "approved 1, rejected 3"


# ---- the whole way


@pytest.mark.slow
@pytest.mark.usefixtures("trainer_here")
@pytest.mark.django_db(transaction=True)
def test_what_reviewers_fixed_tunes_a_model_that_is_registered(
    project: Project, people: SimpleNamespace, pairs: TrainingSetVersion, tiny_base: Path, settings: Any
) -> None:
    settings.MODEL_DIRS = [tiny_base.parent]
    base = services.base_model_register(
        project=project, name="Tiny", path=str(tiny_base), registered_by=people.engineer
    )
    preview = trainingsets.preview_request(
        version=pairs, base_model_path=base.path, max_length=256, requested_by=people.lead
    )
    run = request(
        pairs, base, people.engineer, max_steps=2, eval_steps=2, batch_size=4, max_length=256, learning_rate=1e-3,
        early_stopping_patience=0, lora={"r": 2, "alpha": 4, "dropout": 0.0},
    )  # fmt: skip
    for job in (preview.job, run.job):
        assert job is not None
        jobs.execute(job.pk)
        job.refresh_from_db()
        assert job.state == Job.State.SUCCEEDED, (job.message, rundir.log_tail(Path(run.run_dir)))
    preview.refresh_from_db()
    assert preview.result is not None and preview.result["counts"]["rows"] == 12
    assert [row["side"] for row in preview.result["rows"][:2]] == ["chosen", "rejected"]
    run.refresh_from_db()
    assert run.result is not None
    assert run.result["train_rows"] == pairs.counts["train"] == pairs.examples.filter(split="train").count()
    rows = list(contract.read_jsonl(Path(run.run_dir) / contract.TRAIN_FILE))
    assert set(rows[0]) == {"id", "prompt", "chosen", "rejected"}
    assert Path(run.model_version.adapter_path, "adapter_model.safetensors").is_file()
    assert selectors.run_rewards(run, "margin").validation


@database
def test_the_preferred_completion_is_learned_too_where_pairs_are_and_only_there(
    pairs: TrainingSetVersion, judged: TrainingSetVersion, version: TrainingSetVersion, base: BaseModel, people: Any,
    client_for: ClientFor,
) -> None:  # fmt: skip
    """The field is sent for every version, for it is hidden and not gone."""
    client = client_for(people.lead)
    for each in (pairs, judged, version):
        sent = {**form_values(each, base), "chosen_weight": "0.25"}
        assert client.post(url("run_request"), sent).status_code == 302
    configs = [selectors.run_config(run) for run in TrainingRun.objects.order_by("number")]
    assert [(config.objective, config.chosen_weight) for config in configs] == [("dpo", 0.25), ("kto", 0), ("sft", 0)]
    assert "Preferred completion learned too" in page(client, url("run_detail", 1))
    assert "Preferred completion learned too" not in page(client, url("run_detail", 2))


@database
def test_a_stored_form_without_the_field_means_the_margin_alone(
    pairs: TrainingSetVersion, base: BaseModel, people: Any, client_for: ClientFor
) -> None:
    values = {name: value for name, value in form_values(pairs, base).items() if name != "chosen_weight"}
    assert client_for(people.lead).post(url("run_request"), values).status_code == 302
    assert "chosen_weight" not in TrainingRun.objects.get().config
