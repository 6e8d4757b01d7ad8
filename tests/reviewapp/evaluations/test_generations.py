from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.evaluations import selectors
from reviewapp.evaluations.models import GenerationRun, Output
from reviewapp.evaluations.services import generations
from reviewapp.projects.models import Project
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import HeldoutSet
from tests import factories
from tests.reviewapp.evaluations.world import generated, lines_for, model_versions
from training import contract


@pytest.fixture
def registered(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModelVersion, ModelVersion]:
    """A base and a tuned version whose weights are what was registered."""
    from reviewapp.runs import basefolder

    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    baseline, candidate = model_versions(project)
    base = baseline.base_model
    base.path, base.facts = str(folder), {"weights_sha256": basefolder.fingerprint(folder)}
    base.save()
    return ModelVersion.objects.get(pk=baseline.pk), ModelVersion.objects.get(pk=candidate.pk)


def request(project: Project, people: SimpleNamespace, candidate: ModelVersion, **values: Any) -> GenerationRun:
    heldout = values.pop("heldout_set", None) or factories.heldout_set(project)
    return generations.generation_run_request(
        project=project,
        heldout_set=heldout,
        candidate=candidate,
        requested_by=people.engineer,
        idempotency_key=values.pop("key", None) or uuid.uuid4(),
        values=values,
    )


def test_a_request_freezes_prompts_and_both_arms(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    run = request(project, people, registered[1], max_new_tokens=40)
    config = contract.config_from_json(run.config)
    assert isinstance(config, contract.GenerateConfig)
    both = [("baseline", ""), ("candidate", "/nowhere/adapter")]
    assert [(arm.name, arm.adapter) for arm in config.arms] == [*both, ("baseline_again", "")]
    once = contract.config_from_json(request(project, people, registered[1], base_twice=False).config)
    assert isinstance(once, contract.GenerateConfig)
    assert [(arm.name, arm.adapter) for arm in once.arms] == both
    assert config.prompts_rows == 3 and config.max_new_tokens == 40
    assert run.baseline == registered[0] and run.job is not None
    assert (run.job.queue, run.job.kwargs) == ("training", {"run_id": run.pk})
    assert AuditEvent.objects.filter(action="generation_run.request", target_id=str(run.pk)).exists()


def test_a_form_sent_twice_gives_one_run(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    key = uuid.uuid4()
    assert request(project, people, registered[1], key=key) == request(project, people, registered[1], key=key)
    assert GenerationRun.objects.count() == Job.objects.count() == 1


def test_what_cannot_be_generated_is_refused(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    baseline, candidate = registered
    open_set = factories.heldout_set(project, sealed=False)
    empty = factories.heldout_set(project, prompts=0)
    foreign = factories.heldout_set(factories.project("other"))
    external = ModelVersion.objects.create(
        project=project, number=9, base_model=baseline.base_model, label="Vendor", is_external=True
    )
    for values, part in (
        ({"heldout_set": open_set}, "is not sealed"),
        ({"heldout_set": empty}, "has no prompts"),
        ({"heldout_set": foreign}, "held-out set of this project"),
        ({"max_new_tokens": 0}, "at least 1"),
        ({"temperature": 2}, "Unknown setting 'temperature'"),
    ):
        with pytest.raises(ApplicationError, match=part):
            request(project, people, candidate, **values)
    for version, part in ((external, "Import its outputs"), (baseline, "Choose a tuned model version")):
        with pytest.raises(ApplicationError, match=part):
            request(project, people, version)
    assert not GenerationRun.objects.exists() and not Job.objects.exists()


def test_a_model_version_is_compared_with_an_earlier_one(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    candidate = registered[1]
    earlier = ModelVersion.objects.create(
        project=project, number=3, base_model=candidate.base_model, label="Earlier", adapter_path="/nowhere/earlier"
    )
    made = beside(project, people, candidate, earlier)
    config = contract.config_from_json(made.config)
    assert isinstance(config, contract.GenerateConfig)
    assert [(arm.name, arm.adapter) for arm in config.arms] == [
        ("baseline", "/nowhere/earlier"), ("candidate", "/nowhere/adapter"), ("baseline_again", "/nowhere/earlier"),
    ]  # fmt: skip
    assert made.baseline == earlier
    assert [arm.label for arm in selectors.arms_of(made)] == ["Earlier", candidate.label]
    plain = request(project, people, candidate)
    assert [arm.label for arm in selectors.arms_of(plain)] == ["Base", "Tuned"]


def beside(project: Project, people: SimpleNamespace, candidate: ModelVersion, baseline: ModelVersion) -> GenerationRun:
    return generations.generation_run_request(
        project=project, heldout_set=factories.heldout_set(project), candidate=candidate, baseline=baseline,
        requested_by=people.engineer, idempotency_key=uuid.uuid4(),
    )  # fmt: skip


def test_what_one_job_cannot_ask_beside_is_refused(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    base, candidate = registered
    rows = {"project": project, "label": "Other", "adapter_path": "/nowhere/other"}
    elsewhere = factories.base_model(project)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"base_model": elsewhere}, "made from another base model"),
        ({"base_model": base.base_model, "template_sha256": "9" * 64}, "learned with another template"),
        ({"base_model": base.base_model, "is_external": True}, "another model version of this project"),
    ]
    for number, (values, part) in enumerate(cases, start=5):
        other = ModelVersion.objects.create(**(rows | values), number=number)
        with pytest.raises(ApplicationError, match=part):
            beside(project, people, candidate, other)
    with pytest.raises(ApplicationError, match="another model version of this project"):
        beside(project, people, candidate, candidate)
    assert not GenerationRun.objects.exists()


def test_altered_weights_are_refused(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    (Path(registered[0].base_model.path) / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ApplicationError, match="not the ones that were registered"):
        request(project, people, registered[1])


@pytest.fixture
def waiting(project: Project) -> GenerationRun:
    baseline, candidate = model_versions(project)
    return GenerationRun.objects.create(
        project=project,
        number=1,
        heldout_set=factories.heldout_set(project),
        baseline=baseline,
        candidate=candidate,
        idempotency_key=uuid.uuid4(),
    )


def ingest(run: GenerationRun, lines: list[dict[str, Any]]) -> generations.IngestCounts:
    return generations.outputs_ingest(run=run, lines=lines, metrics={"arms": {}}, result={"outputs": len(lines)})


def test_outputs_are_taken_in_once(waiting: GenerationRun) -> None:
    lines = lines_for(waiting.heldout_set)
    assert ingest(waiting, lines) == generations.IngestCounts(written=6, known=0, unanswered=0)
    assert ingest(waiting, lines) == generations.IngestCounts(written=0, known=6, unanswered=0)
    assert Output.objects.count() == 6
    output = Output.objects.filter(arm="candidate").last()
    assert output.model_version == waiting.candidate and output.content_hash == factories.sha(output.text)
    assert output.metrics["rougeL"] == 0.7123


def test_an_unanswered_prompt_is_missing_and_named(waiting: GenerationRun) -> None:
    lines = lines_for(waiting.heldout_set)
    lines[1] |= {"text": "", "stop_reason": "prompt_too_long"}
    counts = ingest(waiting, lines)
    assert (counts.written, counts.unanswered) == (5, 1)
    waiting.refresh_from_db()
    assert waiting.result is not None
    assert waiting.result["unanswered"] == {"baseline": [], "candidate": [lines[1]["prompt_id"]]}
    assert selectors.arm_counts(waiting) == {
        "baseline": {"attempted": 3, "completed": 3, "missing": 0},
        "candidate": {"attempted": 3, "completed": 2, "missing": 1},
    }


@pytest.mark.parametrize("change", ["missing", "foreign", "doubled"])
def test_outputs_that_do_not_fit_the_set_are_refused_whole(waiting: GenerationRun, change: str) -> None:
    lines = lines_for(waiting.heldout_set)
    if change == "missing":
        lines.pop()
    elif change == "foreign":
        lines[0]["prompt_id"] = "somewhere else"
    else:
        lines.append(lines[0])
    with pytest.raises(ApplicationError, match="do not fit the held-out set"):
        ingest(waiting, lines)
    assert not Output.objects.exists()
    waiting.refresh_from_db()
    assert waiting.result is None


def jsonl(rows: list[Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def bring_in(run: GenerationRun, people: SimpleNamespace, content: bytes, **values: Any) -> GenerationRun:
    values = {"label": "Vendor note writer", "is_simulated": True, "idempotency_key": uuid.uuid4()} | values
    return generations.outputs_import(
        project=run.project, baseline_run=run, content=content, imported_by=people.engineer, **values
    )


def rows_for(heldout: HeldoutSet) -> list[dict[str, Any]]:
    return [{"prompt_id": prompt.external_id, "text": prompt.reference} for prompt in heldout.prompts.order_by("id")]


def test_imported_outputs_stand_beside_the_same_base(project: Project, people: SimpleNamespace) -> None:
    source = generated(project, prompts=4)
    run = bring_in(source, people, jsonl(rows_for(source.heldout_set)))
    assert run.is_imported and run.candidate.is_external and run.candidate.is_simulated
    assert run.outputs.filter(arm="candidate", metrics__slot_accuracy=1.0).count() == 4
    outputs = [part.outputs.filter(arm="baseline").order_by("heldout_prompt") for part in (source, run)]
    base = [list(part.values_list("heldout_prompt", "text", "metrics")) for part in outputs]
    assert base[0] == base[1] and len(base[0]) == 4
    assert run.metrics["arms"]["candidate"]["slot_accuracy"]["value"] == 1.0
    assert selectors.is_generated(run)


def test_prompts_without_a_line_are_missing(project: Project, people: SimpleNamespace) -> None:
    source = generated(project, prompts=4)
    rows = rows_for(source.heldout_set)
    run = bring_in(source, people, jsonl(rows[1:]))
    assert run.result is not None and run.result["unanswered"] == {"candidate": [rows[0]["prompt_id"]]}
    assert selectors.arm_counts(run)["candidate"] == {"attempted": 4, "completed": 3, "missing": 1}


def test_an_import_sent_twice_is_imported_once(project: Project, people: SimpleNamespace) -> None:
    source, key = generated(project), uuid.uuid4()
    content = jsonl(rows_for(source.heldout_set))
    runs = [bring_in(source, people, content, idempotency_key=key) for _ in range(2)]
    assert runs[0] == runs[1] and GenerationRun.objects.count() == 2


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "The file is empty"),
        (b"\n\n", "The file is empty"),
        (b"prompt_id,text\n1,x", "Line 1: "),
        (b"[1, 2]", "Line 1: "),
        (b'{"text": "x"}', "Line 1: The line has no prompt_id."),
        (b'{"prompt_id": "h", "text": 3}', "Line 1: The line has no text"),
        (b'{"prompt_id": "nowhere", "text": "x"}', "Line 1: The held-out set has no prompt nowhere."),
        ("\n{}\n".encode("utf-16"), "not UTF-8"),
        (b'{"prompt_id": "KNOWN", "text": "a"}\n{"prompt_id": "KNOWN", "text": "b"}', "Line 2: Prompt KNOWN stands"),
    ],
)
def test_a_bad_file_is_refused_with_its_lines(
    project: Project, people: SimpleNamespace, content: bytes, part: str
) -> None:
    source = generated(project)
    known = source.heldout_set.prompts.first()
    assert known is not None
    content, part = content.replace(b"KNOWN", known.external_id.encode()), part.replace("KNOWN", known.external_id)
    with pytest.raises(ApplicationError) as raised:
        bring_in(source, people, content)
    assert part in " ".join([raised.value.message, *raised.value.extra.get("problems", [])])
    assert GenerationRun.objects.count() == 1 and not ModelVersion.objects.filter(is_external=True).exists()


def test_a_run_can_be_cancelled_and_resumed(
    project: Project, people: SimpleNamespace, registered: tuple[ModelVersion, ModelVersion]
) -> None:
    run = request(project, people, registered[1])
    with pytest.raises(ApplicationError, match="waiting or running"):
        generations.generation_run_resume(run=run, resumed_by=people.engineer)
    generations.generation_run_cancel(run=run, cancelled_by=people.engineer)
    assert run.job is not None
    run.job.refresh_from_db()
    assert run.job.state == Job.State.CANCELLED
    with pytest.raises(ApplicationError, match="not running any more"):
        generations.generation_run_cancel(run=run, cancelled_by=people.engineer)
    generations.generation_run_resume(run=run, resumed_by=people.engineer)
    run.job.refresh_from_db()
    assert run.job.state == Job.State.QUEUED


def test_row_numbers_tell_nothing_of_the_model(project: Project) -> None:
    run = generated(project, prompts=20)
    arms = list(run.outputs.order_by("pk").values_list("arm", flat=True))
    changes = sum(one != other for one, other in zip(arms, arms[1:], strict=False))
    assert 8 < changes < 32, "neither sorted by arm nor in turns"
