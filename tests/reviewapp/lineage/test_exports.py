"""Exports of model versions: nothing leaves without a countersignature, and nothing that failed its test."""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError, JobFailed
from reviewapp.core.models import Job
from reviewapp.lineage import exporting
from reviewapp.lineage import jobs as lineage_jobs
from reviewapp.lineage.models import ModelExport
from reviewapp.lineage.services import holds_resolve, promotion_withdraw
from reviewapp.projects.models import Project
from reviewapp.runs import services as runs
from reviewapp.runs.models import BaseModel, ModelVersion
from reviewapp.samples.models import Hold
from tests import factories
from tests.reviewapp.lineage.shipping import promote, recall, shippable
from tests.reviewapp.runs import folders
from training import contract


@pytest.fixture
def world(project: Project, people: SimpleNamespace, tmp_path: Path, settings: Any) -> SimpleNamespace:
    """A model version that a lead may promote, with weights of a few bytes."""
    made = shippable(project, people)
    settings.MODEL_DIRS = [tmp_path]
    folder = folders.lookalike(tmp_path / "base")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    base = runs.base_model_register(project=project, name="Small", path=str(folder), registered_by=people.engineer)
    BaseModel.objects.filter(pk=made.base.pk).update(path=base.path, facts=base.facts, template=base.template)
    base.model_versions.all()
    QuerySet(model=ModelVersion).filter(pk=made.model.pk).update(
        adapter_path=str(tmp_path / "adapter"), weights_sha256="a" * 64, template_sha256="b" * 64
    )  # past the model's own guard
    made.model = ModelVersion.objects.get(pk=made.model.pk)
    return made


def ask(world: SimpleNamespace, by: Any, form: str = "adapter", **values: Any) -> ModelExport:
    values = {"dtype": "fp32", "reason": "To look at it.", "idempotency_key": uuid.uuid4()} | values
    return exporting.export_request(model=world.model, form=form, requested_by=by, **values)


def refused(world: SimpleNamespace, by: Any, form: str = "adapter", **values: Any) -> str:
    with pytest.raises(ApplicationError) as caught:
        ask(world, by, form, **values)
    assert not ModelExport.objects.exists() and not Job.objects.filter(path=exporting.EXPORT_JOB).exists()
    return caught.value.message


# ---- what may leave


def test_a_whole_model_leaves_only_when_promoted(world: SimpleNamespace, people: SimpleNamespace) -> None:
    assert "Not promoted" in refused(world, people.lead, "merged")
    promote(world, people.lead)
    export = ask(world, people.lead, "merged", dtype="bf16")
    assert (export.is_promoted, export.reason, export.dtype) == (True, "", "bf16")
    assert "NOT PROMOTED" not in export.card and "| Licence | apache-2.0 |" in export.card
    event = AuditEvent.objects.get(action="model.export")
    assert event.data["form"] == "merged" and event.data["is_promoted"] is True


def test_an_adapter_that_nobody_promoted_leaves_marked_and_with_a_reason(
    world: SimpleNamespace, people: SimpleNamespace
) -> None:
    assert "Say what its adapter is exported for" in refused(world, people.lead, reason=" ")
    export = ask(world, people.lead)
    assert export.card.startswith("> NOT PROMOTED.") and not export.is_promoted
    assert AuditEvent.objects.get(action="model.export").data["reason"] == "To look at it."


def test_a_form_sent_twice_gives_one_export(world: SimpleNamespace, people: SimpleNamespace) -> None:
    key = uuid.uuid4()
    first = ask(world, people.lead, idempotency_key=key)
    assert ask(world, people.lead, idempotency_key=key) == first
    assert first.job is not None and first.job.queue == "training"


def test_a_hold_anywhere_behind_it_refuses(world: SimpleNamespace, people: SimpleNamespace) -> None:
    promote(world, people.lead)
    made = recall(world, people.lead)
    for form in ("adapter", "merged"):
        assert "On hold after recall 1" in refused(world, people.lead, form)
    ids = Hold.objects.values_list("pk", flat=True)
    holds_resolve(recall=made, hold_ids=ids, outcome="kept", words="Kept.", resolved_by=people.lead)
    assert ask(world, people.lead, "merged")


def test_a_converter_must_be_set(world: SimpleNamespace, people: SimpleNamespace, settings: Any) -> None:
    promote(world, people.lead)
    assert "COUNTERSIGN_GGUF_CONVERTER" in refused(world, people.lead, "gguf")
    settings.GGUF_CONVERTER = "/opt/convert.py"
    config, files = exporting.export_config(ask(world, people.lead, "gguf"))
    assert (config.converter, config.min_agreement) == ("/opt/convert.py", 0.99)
    assert set(files) == {contract.PROMPTS_FILE, contract.CARD_FILE}


@pytest.mark.parametrize(
    ("form", "values", "sentence"),
    [
        ("adapter", {"dtype": "int4"}, "Choose adapter, merged model or GGUF"),
        ("zip", {}, "Choose adapter, merged model or GGUF"),
    ],
)
def test_unknown_forms_are_refused(
    world: SimpleNamespace, people: SimpleNamespace, form: str, values: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(world, people.lead, form, **values)


def test_only_a_lead_exports(world: SimpleNamespace, people: SimpleNamespace) -> None:
    assert "Only a lead" in refused(world, people.engineer)


def test_bases_outside_systems_and_whole_models_say_why(project: Project, world: SimpleNamespace) -> None:
    base = factories.model_version(project, world.base)
    outside = factories.model_version(project, world.base, is_external=True, adapter_path="/x")
    merged = factories.model_version(project, world.base, model_path="/x")
    assert "Nothing of it was trained here" in exporting.export_problem(base, "adapter")
    assert "Nothing of it was trained here" in exporting.export_problem(outside, "adapter")
    assert "no validation prompts" in exporting.export_problem(merged, "merged")


def test_prompts_are_of_the_validation_split(world: SimpleNamespace, people: SimpleNamespace) -> None:
    config, files = exporting.export_config(ask(world, people.lead))
    rows = [line for line in files[contract.PROMPTS_FILE].splitlines() if line]
    wanted = world.version.examples.filter(split="validation").values_list("sample__external_id", flat=True)
    assert config.prompts_rows == len(rows) == min(20, len(wanted)) > 0
    assert all(any(f'"{name}"' in row for name in wanted) for row in rows)
    assert contract.config_from_json(contract.config_to_json(config)) == config


# ---- what is kept


def written(export: ModelExport) -> dict[str, Any]:
    """As the trainer leaves an export that passed."""
    made = Path(export.run_dir) / contract.EXPORT_DIR
    made.mkdir(parents=True)
    (made / "adapter_model.safetensors").write_bytes(b"weights")
    (made / contract.CARD_FILE).write_text(export.card)
    files = {path.name: contract.file_sha256(path) for path in made.iterdir()}
    figures = {
        "agreement": 1.0,
        "min_agreement": 0.99,
        "is_passed": True,
        "tokens": 9,
        "prompts": 2,
        "answers_alike": 2,
    }
    return {"files": files, "self_test": figures}


def test_the_same_content_gives_the_same_file(world: SimpleNamespace, people: SimpleNamespace) -> None:
    made = []
    for _ in range(2):
        export = ask(world, people.lead)
        made.append(exporting.export_keep(export, written(export)))
        assert not (Path(export.run_dir) / contract.EXPORT_DIR).exists()
    assert made[0].file_name == made[1].file_name and made[0].sha256 == made[1].sha256
    assert made[0].file_name.startswith("model-version-1-v1-adapter-not-promoted-")
    path = Path(made[0].stored_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == made[0].sha256 and path.stat().st_size == made[0].size
    with zipfile.ZipFile(path) as archive:
        inside = {name.rpartition("/")[2] for name in archive.namelist()}
    assert inside == {"README.md", "SHA256SUMS", "adapter_model.safetensors"}


def test_a_recall_during_the_work_keeps_it_in(world: SimpleNamespace, people: SimpleNamespace) -> None:
    export = ask(world, people.lead)
    result = written(export)
    recall(world, people.lead)
    with pytest.raises(JobFailed, match="On hold after recall 1"):
        exporting.export_keep(export, result)
    export.refresh_from_db()
    assert export.made_at is None


def test_what_was_altered_after_its_test_is_not_kept(world: SimpleNamespace, people: SimpleNamespace) -> None:
    export = ask(world, people.lead)
    result = written(export)
    (Path(export.run_dir) / contract.EXPORT_DIR / "adapter_model.safetensors").write_bytes(b"others")
    with pytest.raises(JobFailed, match="altered after its test"):
        exporting.export_keep(export, result)


def test_the_figures_of_a_failed_test_are_kept_and_shown(
    world: SimpleNamespace, people: SimpleNamespace, client_for: Callable[[Any], Client]
) -> None:
    export = ask(world, people.lead)
    figures = written(export)["self_test"] | {"agreement": 0.5, "is_passed": False}
    contract.write_json(Path(export.run_dir) / contract.SELF_TEST_FILE, figures)
    lineage_jobs.keep_figures(export, Path(export.run_dir))
    text = client_for(people.observer).get(url("model_exports", world.model.number)).content.decode()
    assert "50.0% of 9 tokens agree, 99% needed" in text and 'data-state="fail"' in text


# ---- the pages

ClientFor = Callable[[Any], Client]


def url(name: str, *rest: Any) -> str:
    return reverse(f"lineage:{name}", args=["letters", *rest])


def test_the_page_asks_shows_and_gives_the_file(
    world: SimpleNamespace, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client, page = client_for(people.lead), url("model_exports", world.model.number)
    assert "Only the adapter may leave, for research" in client.get(page).content.decode()
    assert client.post(page, {"form": "merged"}).status_code == 422
    asked = {"form": "adapter", "reason": "A look.", "idempotency_key": uuid.uuid4()}
    assert client.post(page, asked).status_code == 302
    export = exporting.export_keep(ModelExport.objects.get(), {**written(ModelExport.objects.get())})
    text = client.get(page).content.decode()
    assert export.file_name in text and "100.0% of 9 tokens agree, 99% needed" in text and "not promoted" in text
    download = url("model_export_download", world.model.number, export.pk)
    assert download not in client_for(people.observer).get(page).content.decode()
    response = client.get(download)
    assert b"".join(response.streaming_content) == Path(export.stored_path).read_bytes()  # type: ignore[attr-defined]
    assert AuditEvent.objects.get(action="model.download").data["sha256"] == export.sha256
    Path(export.stored_path).unlink()
    assert client.get(download).status_code == 404


def test_a_withdrawn_promotion_closes_the_download(
    world: SimpleNamespace, people: SimpleNamespace, client_for: ClientFor
) -> None:
    promotion = promote(world, people.lead)
    export = ask(world, people.lead, "merged")
    exporting.export_keep(export, written(export))
    promotion_withdraw(promotion=promotion, reason="A fault.", withdrawn_by=people.lead)
    response = client_for(people.lead).get(url("model_export_download", world.model.number, export.pk))
    assert response.status_code == 422 and "Not promoted" in response.content.decode()
    assert not AuditEvent.objects.filter(action="model.download").exists()


# ---- with the real trainer


def execute(export: ModelExport) -> Job:
    assert export.job is not None
    jobs.execute(export.job.pk)
    export.refresh_from_db()
    return Job.objects.get(pk=export.job.pk)


@pytest.mark.slow
@pytest.mark.usefixtures("trainer_here")
@pytest.mark.django_db(transaction=True)
def test_a_job_writes_tests_and_keeps_the_model(
    project: Project, people: SimpleNamespace, tiny_base: Path, settings: Any
) -> None:
    from training import data, models

    world, folder, settings.MODEL_DIRS = shippable(project, people), tiny_base, [tiny_base.parent]
    template = data.Renderer(models.load_tokenizer(folder), contract.Template()).sha256()
    base = runs.base_model_register(project=project, name="Tiny", path=str(folder), registered_by=people.engineer)
    BaseModel.objects.filter(pk=world.base.pk).update(path=base.path, facts=base.facts, template=base.template)
    weights = base.facts["weights_sha256"]
    values = {"model_path": str(folder), "weights_sha256": weights, "template_sha256": template}
    QuerySet(model=ModelVersion).filter(pk=world.model.pk).update(**values)
    world.model = ModelVersion.objects.get(pk=world.model.pk)
    promote(world, people.lead)
    export = ask(world, people.lead, "merged")
    job = execute(export)
    assert job.state == Job.State.SUCCEEDED, f"{job.message}\n{job.log}\n{job.traceback}"
    assert export.self_test["agreement"] == 1.0 and export.self_test["tokens"] > 0  # type: ignore[index]
    with zipfile.ZipFile(export.stored_path) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md", "SHA256SUMS"} <= names
