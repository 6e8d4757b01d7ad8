"""The pages of runs, base models and model versions: with zero workers, for each role, while a run moves and after."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.runs import selectors, services
from reviewapp.runs.models import BaseModel, ModelVersion, RunEvent, TrainingRun
from reviewapp.trainingsets.models import Preview, TrainingSetVersion
from tests.reviewapp.runs import folders
from tests.reviewapp.runs.test_services import finished
from tests.reviewapp.trainingsets import builders

pytestmark = pytest.mark.django_db

ClientFor = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def url(name: str, *args: Any) -> str:
    return reverse(f"runs:{name}", args=["letters", *args])


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return str(response.content.decode())


@pytest.fixture
def run(base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion) -> TrainingRun:
    return services.run_request(
        project=project, version=version, base_model=base, requested_by=people.engineer,
        idempotency_key=uuid.uuid4(), values={"max_steps": 30, "eval_steps": 5},
    )  # fmt: skip


def set_state(run: TrainingRun, state: str, **values: Any) -> None:
    assert run.job is not None
    Job.objects.filter(pk=run.job.pk).update(state=state, **values)


def add_events(run: TrainingRun, steps: int) -> None:
    """A healthy run up to this step."""
    rows, seq, start = [], 0, datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def add(kind: str, step: int, **data: Any) -> None:
        nonlocal seq
        seq += 1
        rows.append(RunEvent(run=run, seq=seq, at=start + timedelta(seconds=seq), kind=kind, step=step, data=data))

    plan = {"rows": 18, "dropped": 0}
    add("start", 0, command="sft")
    add("plan", 0, train=plan, validation={"rows": 2, "dropped": 0}, parameters_trained=12345)
    for step in range(1, steps + 1):
        add("step", step, loss=3 - step * 0.05, epoch=step / 10, seconds=2.0 * step, tokens_per_second=640.0)
        if step % 5 == 0:
            add("eval", step, eval_loss=3.1 - step * 0.05)
            add("best", step, eval_loss=3.1 - step * 0.05)
            add("checkpoint", step)
    RunEvent.objects.bulk_create(rows)


def test_a_warning_stands_on_the_page_however_many_events_came_after(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    assert "Worth a look" not in page(client_for(people.observer), url("run_detail", run.number))
    add_events(run, 30)
    words = "mlflow takes no more points: the server is gone. Training goes on."
    at = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    RunEvent.objects.bulk_create(
        [RunEvent(run=run, seq=1000 + n, at=at, kind="warning", step=1, data={"message": words}) for n in range(2)]
        + [RunEvent(run=run, seq=2000 + n, at=at, kind="checkpoint", step=n, data={}) for n in range(20)]
    )
    text = page(client_for(people.observer), url("run_detail", run.number))
    assert text.count(words) == 1 and "Worth a look" in text
    assert text.count(words) < page(client_for(people.observer), url("run_detail", run.number) + "?events=all").count(
        words
    )


# ---- lists and empty states


def test_an_empty_list_says_what_is_missing_first(
    project: Project, people: SimpleNamespace, client_for: ClientFor, models_dir: Path
) -> None:
    client = client_for(people.engineer)
    text = page(client, url("run_list"))
    assert "Register a base model" in text and "The queue server cannot be reached" in text
    services.base_model_register(
        project=project, name="B", path=str(folders.lookalike(models_dir / "b")), registered_by=people.engineer
    )
    assert "frozen and signed" in page(client, url("run_list"))
    builders.signed(project, people.engineer, people.lead)
    assert "Request the first run" in page(client, url("run_list"))
    assert "Request the first run" not in page(client_for(people.observer), url("run_list"))


def test_the_list_takes_as_many_queries_for_ten_runs_as_for_one(
    run: TrainingRun, project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.lead)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client, url("run_list"))
        return len(captured)

    few = queries()
    for _ in range(9):
        services.run_request(
            project=project, version=run.version, base_model=run.base_model, requested_by=people.lead,
            idempotency_key=uuid.uuid4(),
        )  # fmt: skip
    assert queries() == few <= 17
    text = page(client, url("run_list"))
    assert "Run 10" in text and "LoRA rank 16" in text and "Notes, version 1" in text


# ---- requesting


def form_values(version: TrainingSetVersion, base: BaseModel, **changes: Any) -> dict[str, Any]:
    return {
        "version": version.pk, "base_model": base.pk, "method": "lora", "epochs": "2", "learning_rate": "0.0003",
        "batch_size": "4", "gradient_accumulation": "2", "max_length": "256", "lora_r": "8", "lora_alpha": "16",
        "lora_dropout": "0.1", "scheduler": "linear", "warmup_ratio": "0.05", "weight_decay": "0", "eval_steps": "10",
        "early_stopping_patience": "2", "budget_seconds": "600", "seed": "3", "idempotency_key": uuid.uuid4(),
        **changes,
    }  # fmt: skip


def test_requesting_a_run_by_the_form(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    client = client_for(people.engineer)
    text = page(client, url("run_request") + f"?version={version.pk}")
    assert f'value="{version.pk}" selected' in text and "0.0002 is usual for LoRA" in text
    data = form_values(version, base)
    response = client.post(url("run_request"), data)
    assert response.headers["Location"] == url("run_detail", 1)
    client.post(url("run_request"), data)
    config = selectors.run_config(TrainingRun.objects.get())
    assert (config.epochs, config.lora.r, config.lora.dropout, config.scheduler) == (2.0, 8, 0.1, "linear")
    assert (config.seed, config.budget_seconds, config.gradient_accumulation) == (3, 600, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": "-1"}, "greater than or equal to"),
        ({"lora_r": "0"}, "greater than or equal to 1"),
        ({"epochs": "many"}, "Enter a number"),
        ({"version": "999"}, "Select a valid choice"),
        ({"method": "magic"}, "Select a valid choice"),
    ],
)
def test_wrong_settings_come_back_with_what_to_change(
    base: BaseModel, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor,
    changes: dict[str, str], message: str,
) -> None:  # fmt: skip
    response = client_for(people.lead).post(url("run_request"), {**form_values(version, base), **changes})
    assert response.status_code == 422
    assert message in response.content.decode() and 'value="0.1"' in response.content.decode()
    assert not TrainingRun.objects.exists()


def test_a_refusal_of_the_service_stands_on_the_page(
    base: BaseModel, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    folders.safetensors(Path(base.path) / "model.safetensors", {"a": [1]})
    response = client_for(people.lead).post(url("run_request"), form_values(version, base))
    assert response.status_code == 422 and "not the ones that were registered" in response.content.decode()


def test_unsigned_versions_are_not_offered(
    base: BaseModel, project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    unsigned = builders.frozen(project, people.lead)
    assert "No signed version" in page(client_for(people.lead), url("run_request"))
    response = client_for(people.lead).post(url("run_request"), form_values(unsigned, base))
    assert response.status_code == 422 and not TrainingRun.objects.exists()


# ---- the page of a run


def test_a_waiting_run_says_why(run: TrainingRun, people: SimpleNamespace, client_for: ClientFor) -> None:
    text = page(client_for(people.observer), url("run_detail", run.number))
    assert "Why it waits" in text and "queue server cannot be reached" in text
    assert 'hx-trigger="every 2s"' in text and "Too early to say" in text
    assert "Cancel run" not in text


def test_a_running_run_shows_curve_plan_diagnosis_and_events(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    set_state(run, "running", heartbeat_at=timezone.now())
    add_events(run, 20)
    client = client_for(people.engineer)
    text = page(client, url("run_detail", run.number))
    assert "20 / 30" in text and "2.100" in text and "640" in text and "Cancel run" in text
    assert "Learning" in text and "Equals approved" in text and "20 s" in text
    assert '<path class="line-b" d="M' in text and "now, step 20" in text
    assert "Step 20, loss 2.100, the lowest so far." in text and "All 10" in text
    assert "18 train and 2 validation examples, 0 dropped" in page(
        client, url("run_detail", run.number) + "?events=all"
    )
    table = page(client, url("run_detail", run.number) + "?curve=table")
    assert '<svg class="cs-chart cs-chart-wide"' not in table and re.search(r">20</th>.*2\.0000.*2\.1000", table)
    assert f'hx-get="{url("run_live", run.number)}?curve=table"' in table


def test_the_moving_part_is_polled_until_the_run_ends(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.lead)
    set_state(run, "running", heartbeat_at=timezone.now())
    add_events(run, 5)
    response = client.get(url("run_live", run.number), headers=HTMX)
    text = response.content.decode()
    assert text.lstrip().startswith('<div id="live"') and "<html" not in text and "HX-Refresh" not in response.headers
    set_state(run, "failed", message="The accelerator ran out of memory.")
    response = client.get(url("run_live", run.number), headers=HTMX)
    assert response.headers["HX-Refresh"] == "true"
    assert client.get(url("run_live", run.number)).headers["Location"] == url("run_detail", run.number)


def test_polling_a_long_run_takes_few_queries(run: TrainingRun, people: SimpleNamespace, client_for: ClientFor) -> None:
    set_state(run, "running", heartbeat_at=timezone.now())
    add_events(run, 30)
    client = client_for(people.lead)
    with CaptureQueriesContext(connection) as captured:
        client.get(url("run_live", run.number), headers=HTMX)
    assert len(captured) <= 22


def test_a_failed_run_says_why_and_can_be_tried_again(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    set_state(run, "failed", message="18 rows would lose the end of their completion.", finished_at=timezone.now())
    client = client_for(people.lead)
    text = page(client, url("run_detail", run.number))
    assert "18 rows would lose the end" in text and "Try again" in text and "every 2s" not in text
    add_events(run, 5)
    assert "Resume" in page(client, url("run_detail", run.number))
    client.post(url("run_resume", run.number))
    run.refresh_from_db()
    assert run.job is not None and Job.objects.get(pk=run.job.pk).state == "queued"
    response = client.post(url("run_resume", run.number))
    assert response.status_code == 422 and "waiting or running already" in response.content.decode()


def test_cancelling(run: TrainingRun, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.lead)
    assert "data-confirm=" in page(client, url("run_detail", run.number))
    assert client.post(url("run_cancel", run.number)).status_code == 302
    response = client.post(url("run_cancel", run.number))
    assert response.status_code == 422 and "not running any more" in response.content.decode()


def test_a_finished_run_leads_to_its_model_version(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    add_events(run, 30)
    set_state(run, "succeeded", finished_at=timezone.now())
    Path(run.run_dir).mkdir(parents=True)
    result = finished(run, best_eval_loss=1.6, best_step=30, ended_by="steps", steps=30, seconds=60.0, tokens=38400,
                      validation_rows=2, hardware={"device": "cpu"}, parameters=29)  # fmt: skip
    model = services.run_succeed(run=selectors.run_in(run.project, run.number), result=result)
    client = client_for(people.observer)
    text = page(client, url("run_detail", run.number))
    assert f"Model version {model.number}" in text and "Complete" in text and "1 min" in text and "1.600" in text
    text = page(client, url("model_detail", model.number))
    assert "Notes, version 1" in text and run.version.content_hash in text and "Lead" in text and "18 trained" in text
    text = page(client, url("model_list"))
    assert "Base model alone" in text and "Base and adapter" in text
    assert "Nothing of this project" in page(client, url("model_detail", 1))
    later = services.run_request(
        project=run.project, version=run.version, base_model=run.base_model, requested_by=people.lead,
        idempotency_key=uuid.uuid4(), values={"max_steps": 60},
    )  # fmt: skip
    text = page(client, url("run_detail", later.number))
    assert "Plan from run 1" in text and "2 min" in text and "run 1 ended at 1.600" in text


def test_the_log_is_shown_as_text_and_downloaded(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.observer)
    assert "Nothing written yet" in page(client, url("run_log", run.number))
    Path(run.run_dir).mkdir(parents=True)
    Path(run.run_dir, "log.txt").write_text("loading\n<script>alert(1)</script>\n")
    assert "&lt;script&gt;" in page(client, url("run_log", run.number))
    assert "&lt;script&gt;" in page(client, url("run_detail", run.number))
    response = client.get(url("run_log", run.number) + "?download=1")
    assert response.headers["Content-Type"].startswith("text/plain") and b"<script>" in b"".join(
        response.streaming_content
    )


# ---- base models and previews


def test_registering_a_base_model_and_its_refusals(
    people: SimpleNamespace, project: Project, client_for: ClientFor, models_dir: Path
) -> None:
    client = client_for(people.engineer)
    assert str(models_dir) in page(client, url("base_model_register"))
    folder = folders.lookalike(models_dir / "small")
    data = {"name": "Small", "path": str(folder), "separator": "\r\n###\r\n", "use_chat_template": "on"}
    pickled = folders.lookalike(models_dir / "pickled")
    (pickled / "model.safetensors").rename(pickled / "model.pt")
    for path, message in ((str(models_dir / "x"), "There is no folder"), (str(pickled), "pickle"), ("/tmp", "only")):
        response = client.post(url("base_model_register"), {**data, "path": path})
        assert response.status_code == 422 and message in response.content.decode()
    assert not BaseModel.objects.exists()
    assert client.post(url("base_model_register"), data).headers["Location"] == url("base_model_list")
    assert BaseModel.objects.get().template["separator"] == "\n###\n"
    text = page(client, url("base_model_list"))
    assert "LlamaForCausalLM" in text and ">29<" in text and "256 tokens" in text


def test_no_allowed_folder_says_what_the_operator_does(
    people: SimpleNamespace, project: Project, client_for: ClientFor, settings: Any
) -> None:
    settings.MODEL_DIRS = []
    assert "COUNTERSIGN_MODEL_DIRS" in page(client_for(people.lead), url("base_model_register"))


def test_asking_for_a_preview(
    base: BaseModel, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    client = client_for(people.engineer)
    assert f'value="{version.pk}" selected' in page(client, url("preview_request") + f"?version={version.pk}")
    data = {"version": version.pk, "base_model": base.pk, "max_length": 128, "idempotency_key": uuid.uuid4()}
    response = client.post(url("preview_request"), data)
    assert response.headers["Location"] == reverse("trainingsets:version_detail", args=["letters", version.pk])
    client.post(url("preview_request"), data)
    preview = Preview.objects.get()
    assert (preview.base_model_path, preview.max_length) == (base.path, 128)
    response = client.post(url("preview_request"), {**data, "max_length": 2})
    assert response.status_code == 422 and "greater than or equal to 16" in response.content.decode()


def test_a_preview_without_a_base_model_says_so(
    people: SimpleNamespace, project: Project, client_for: ClientFor
) -> None:
    assert "No base model is registered" in page(client_for(people.lead), url("preview_request"))


# ---- who may


READ = ["run_list", "base_model_list", "model_list"]
TRAINERS = {"lead", "engineer"}


@pytest.mark.parametrize("role", ["annotator", "reviewer", "lead", "engineer", "observer", "admin"])
def test_who_may_do_what(run: TrainingRun, people: SimpleNamespace, client_for: ClientFor, role: str) -> None:
    client = client_for(getattr(people, role))
    for name in READ:
        assert client.get(url(name)).status_code == 200, name
    for name in ("run_detail", "run_log"):
        assert client.get(url(name, run.number)).status_code == 200, name
    for name in ("run_request", "preview_request", "base_model_register"):
        assert (client.get(url(name)).status_code == 200) == (role in TRAINERS), name
        assert (client.post(url(name)).status_code == 422) == (role in TRAINERS), name
    for name in ("run_cancel", "run_resume"):
        assert (client.post(url(name, run.number)).status_code == 403) == (role not in TRAINERS), name


def test_outsiders_and_other_projects_find_nothing(
    run: TrainingRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    outsider = client_for(people.outsider)
    for slug in ("letters", "elsewhere"):
        for name in ("run_detail", "run_live", "run_log"):
            assert outsider.get(reverse(f"runs:{name}", args=[slug, run.number]), headers=HTMX).status_code == 404
        for name in ("run_cancel", "run_resume"):
            assert outsider.post(reverse(f"runs:{name}", args=[slug, run.number])).status_code == 404
        assert outsider.get(reverse("runs:model_detail", args=[slug, 1])).status_code == 404
    for name in READ:
        assert outsider.get(url(name)).status_code == 404
    assert ModelVersion.objects.count() == 1
