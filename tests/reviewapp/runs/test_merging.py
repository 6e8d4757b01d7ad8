"""Merges: who may take part, what is registered and what never is, the pages, and the real merge of a real base."""

from __future__ import annotations

import json
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.evaluations.jobs import _joined
from reviewapp.lineage import exporting
from reviewapp.lineage.touching import touched_by
from reviewapp.projects.models import Project
from reviewapp.runs import basefolder, merging, selectors, services
from reviewapp.runs.ancestry import versions_behind
from reviewapp.runs.models import BaseModel, ModelMerge, ModelVersion
from tests import factories
from tests.reviewapp.runs import folders
from tests.reviewapp.runs.test_beside import adapter_version, hold
from tests.reviewapp.runs.test_views import page, url
from tests.reviewapp.trainingsets import builders
from training import contract

pytestmark = pytest.mark.django_db

ClientFor = Callable[[User], Client]


@pytest.fixture
def parents(base: BaseModel, project: Project, tmp_path: Path) -> list[ModelVersion]:
    return [adapter_version(project, base, tmp_path / name) for name in ("one", "three")]


def ask(project: Project, by: Any, weights: dict[int, float], **values: Any) -> ModelMerge:
    key = values.pop("idempotency_key", None) or uuid.uuid4()
    return merging.merge_request(project=project, weights=weights, values=values, requested_by=by, idempotency_key=key)


def halves(parents: list[ModelVersion]) -> dict[int, float]:
    return {parent.number: 0.5 for parent in parents}


def test_a_merge_is_frozen_with_the_weights_it_was_asked_for(
    project: Project, people: SimpleNamespace, parents: list[ModelVersion]
) -> None:
    key = uuid.uuid4()
    merge = ask(project, people.engineer, halves(parents), method="ties", density=0.4, idempotency_key=key)
    config = contract.config_from_json(merge.config)
    assert isinstance(config, contract.MergeConfig) and contract.config_sha256(config) == merge.config_hash
    assert [(part.adapter, part.sha256, part.weight) for part in config.parts] == [
        (parent.adapter_path, parent.weights_sha256, 0.5) for parent in parents
    ]
    assert (config.method, config.density) == ("ties", 0.4)
    assert [part.model_version for part in merge.parts.all()] == parents
    assert merge.job is not None and (merge.job.queue, merge.job.kwargs) == ("training", {"merge_id": merge.pk})
    assert ask(project, people.lead, halves(parents), idempotency_key=key) == merge
    assert AuditEvent.objects.get(action="merge.request").data["parts"] == {
        str(parent.number): 0.5 for parent in parents
    }


def test_what_cannot_be_merged_says_why(
    project: Project, people: SimpleNamespace, base: BaseModel, parents: list[ModelVersion], models_dir: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    folder = folders.lookalike(models_dir / "other")
    other = services.base_model_register(project=project, name="Other", path=str(folder), registered_by=people.lead)
    alone = ModelVersion.objects.get(base_model=base, adapter_path="")
    elsewhere = adapter_version(project, other, tmp_path / "elsewhere")
    held = adapter_version(project, base, tmp_path / "held")
    hold(project, "model", held.pk, people.lead)
    altered = adapter_version(project, base, tmp_path / "altered")
    folders.safetensors(Path(altered.adapter_path) / "adapter_model.safetensors", {"a": [9]})
    first = parents[0]
    for extra, message in (
        (alone, "no adapter that could be merged"),
        (elsewhere, "different base models"),
        (held, "is on hold"),
        (altered, "gone or altered"),
    ):
        with pytest.raises(ApplicationError, match=message):
            ask(project, people.lead, {first.number: 1.0, extra.number: 1.0})
    for weights, values, message in (
        ({first.number: 1.0}, {}, "2 to 16 adapters"),
        ({}, {}, "at least two"),
        ({each.number: 0.0 for each in parents}, {}, "not 0"),
        (halves(parents), {"method": "ties", "density": 0.0}, "density must be above 0"),
        (halves(parents), {"method": "linear", "rank": 4}, "Only the method svd"),
        (halves(parents), {"callable": "os.system"}, "callable"),
    ):
        with pytest.raises(ApplicationError, match=message):
            ask(project, people.lead, weights, **values)
    assert not ModelMerge.objects.exists() and not Job.objects.filter(path=merging.JOB).exists()


def result_of(merge: ModelMerge, **values: Any) -> dict[str, Any]:
    """What a merge that ended well leaves behind."""
    folder = Path(merge.run_dir) / "adapter"
    folder.mkdir(parents=True, exist_ok=True)
    folders.safetensors(folder / "adapter_model.safetensors", {"a": [3, 3]})
    files = {"adapter_model.safetensors": contract.file_sha256(folder / "adapter_model.safetensors")}
    return {
        "config_sha256": merge.config_hash, "base_sha256": merge.base_model.facts["weights_sha256"],
        "output": "adapter", "files": files, "template_sha256": "t", "rank": 8, "numbers": 9, **values,
    }  # fmt: skip


def test_only_what_was_asked_for_is_registered_and_everything_behind_it_is_known(
    project: Project, people: SimpleNamespace, base: BaseModel, tmp_path: Path
) -> None:
    samples = builders.accepted(project, 8)
    versions = [factories.version(project, samples[:4]), factories.version(project, samples[4:])]
    parents = [
        adapter_version(project, base, tmp_path / f"p{n}", run=factories.run(project, version, base))
        for n, version in enumerate(versions)
    ]
    merge = ask(project, people.lead, halves(parents))
    for wrong in (
        {"config_sha256": "x"},
        {"base_sha256": "x"},
        {"files": {"adapter_model.safetensors": "x"}},
        {"files": {}},
    ):
        with pytest.raises(ApplicationError, match="Nothing was registered"):
            merging.merge_succeed(merge=merge, result=result_of(merge, **wrong))
    assert not ModelVersion.objects.filter(merge=merge).exists()
    made = merging.merge_succeed(merge=merge, result=result_of(merge))
    assert (made.label, made.run, made.merge) == ("Small, merge 1", None, merge)
    assert made.weights_sha256 == basefolder.fingerprint(Path(made.adapter_path))
    assert versions_behind(made) == versions
    assert made in selectors.models_tuned(project)  # it can be generated with and graded like any other
    again = adapter_version(
        project, base, tmp_path / "again", merge=ask(project, people.lead, {made.number: 1.0, parents[0].number: 1.0})
    )
    touched = touched_by([samples[5].pk])
    assert touched["model"] == sorted([parents[1].pk, made.pk, again.pk]) and touched["version"] == [versions[1].pk]
    assert set(touched_by([samples[0].pk])["model"]) == {parents[0].pk, made.pk, again.pk}


def test_examples_of_several_versions_stand_once_in_one_file() -> None:
    first = contract.jsonl_text([{"id": "a", "completion": "x"}, {"id": "b", "completion": "y"}])
    second = contract.jsonl_text([{"id": "b", "completion": "y"}, {"id": "a", "completion": "z"}])
    rows = [json.loads(line) for line in _joined([first, second]).splitlines()]
    assert [(row["id"], row["completion"]) for row in rows] == [("a", "x"), ("b", "y"), ("a (2)", "z")]


# ---- pages


def test_the_pages_of_a_merge_from_the_form_to_the_model(
    project: Project, people: SimpleNamespace, parents: list[ModelVersion], client_for: ClientFor
) -> None:
    client = client_for(people.engineer)
    assert "Merge model versions" in page(client, url("merge_create"))
    fields = {"method": "dare_ties", "density": "0.4", "rank": "0", "seed": "3", "idempotency_key": uuid.uuid4()}
    names = [f"weight_{parent.number}" for parent in parents]
    few = client.post(url("merge_create"), {**fields, names[0]: "1"})
    assert few.status_code == 422 and "at least two model versions" in few.content.decode()
    refused = client.post(url("merge_create"), {**fields, names[0]: "1", names[1]: "0"})
    assert refused.status_code == 422 and "not 0" in refused.content.decode()
    response = client.post(url("merge_create"), {**fields, names[0]: "1", names[1]: "-0.5"})
    assert response.headers["Location"] == url("merge_detail", 1)
    merge = ModelMerge.objects.get()
    text = page(client, url("merge_detail", 1))
    assert (
        "weight -0.5" in text and "dare_ties" in text and parents[0].label in text and "Ask for another merge" in text
    )
    assert merge.job is not None
    fragment = client.get(url("merge_detail", 1), headers={"HX-Request": "true"})
    assert "job-panel" in fragment.content.decode() and "HX-Refresh" not in fragment.headers
    made = merging.merge_succeed(merge=merge, result=result_of(merge))
    Job.objects.filter(pk=merge.job.pk).update(state="succeeded")
    after = page(client, url("merge_detail", 1))
    assert f"Model version {made.number}" in after and "9, all finite" in after
    assert client.get(url("merge_detail", 1), headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    model = page(client, url("model_detail", made.number))
    assert "What it was merged from" in model and "Merged adapters" in model
    assert "Merge 1" in page(client, url("model_list")) and "Earlier merges" in page(client, url("merge_create"))


def test_a_project_without_two_adapters_is_told_what_is_missing(
    base: BaseModel, people: SimpleNamespace, client_for: ClientFor
) -> None:
    assert "Too few adapters" in page(client_for(people.lead), url("merge_create"))


# ---- the real thing


@pytest.mark.slow
@pytest.mark.usefixtures("trainer_here")
@pytest.mark.django_db(transaction=True)
def test_a_worker_merges_real_adapters_to_a_new_model_version(
    project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any, tmp_path: Path
) -> None:
    settings.MODEL_DIRS = [tiny_base.parent]
    real = services.base_model_register(project=project, name="Tiny", path=str(tiny_base), registered_by=people.lead)
    made = [tmp_path / "first", tmp_path / "second"]
    folders.adapters(tiny_base, made)
    samples = builders.accepted(project, 8)
    parents = [
        factories.model_version(
            project, real, factories.run(project, factories.version(project, samples[4 * n : 4 * n + 4]), real),
            adapter_path=str(folder), weights_sha256=basefolder.fingerprint(folder), template_sha256="",
        )
        for n, folder in enumerate(made)
    ]  # fmt: skip
    merge = ask(project, people.lead, halves(parents), method="svd", rank=3)
    assert merge.job is not None
    jobs.execute(merge.job.pk)
    merge.refresh_from_db()
    job = Job.objects.get(pk=merge.job.pk)
    assert job.state == Job.State.SUCCEEDED, (job.message, job.traceback)
    assert merge.result is not None and merge.result["rank"] == 3
    assert merge.model_version.weights_sha256 == basefolder.fingerprint(Path(merge.model_version.adapter_path))
    assert job.message == "Finished: Tiny, merge 1."
    _leaves(merge.model_version, people.lead)


def _leaves(model: ModelVersion, lead: User) -> None:
    """Its adapter is exported, tested on prompts of both parents, and its card names them."""
    export = exporting.export_request(
        model=model, form="adapter", dtype="fp32", reason="To look at it.", requested_by=lead,
        idempotency_key=uuid.uuid4(),
    )  # fmt: skip
    assert export.job is not None
    jobs.execute(export.job.pk)
    export.refresh_from_db()
    job = Job.objects.get(pk=export.job.pk)
    assert job.state == Job.State.SUCCEEDED, (job.message, job.traceback)
    assert export.self_test is not None and export.self_test["agreement"] == 1.0
    assert export.self_test["prompts"] == 2  # one validation example of each parent
    with zipfile.ZipFile(export.stored_path) as archive:
        (card,) = [name for name in archive.namelist() if name.endswith("README.md")]
        text = archive.read(card).decode()
    assert "Merged by svd, without training" in text and "NOT PROMOTED" in text
    assert model.merge is not None
    for part in model.merge.parts.all():
        assert f"model version {part.model_version.number}, weight 0.5" in text
