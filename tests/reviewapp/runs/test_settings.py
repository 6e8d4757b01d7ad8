"""Settings of a run from the form to the trainer's config: defaults, contradictions, weights, orders, facts, advice."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.runs import difficulty, inputs, jobs, run_form, selectors, services
from reviewapp.runs.advice import Facts, advice
from reviewapp.runs.models import BaseModel, RunEvent, TrainingRun
from reviewapp.runs.settings_page import method_words, settings_of
from reviewapp.samples.models import SampleTag
from reviewapp.trainingsets import exports, weights
from reviewapp.trainingsets import selectors as trainingsets
from reviewapp.trainingsets.freezing import FreezeError
from reviewapp.trainingsets.models import TrainingSetVersion
from tests.reviewapp.runs.test_views import form_values
from tests.reviewapp.trainingsets import builders
from training import contract
from training.contract import Lora, ModelSpec, TrainConfig

ClientFor = Callable[[User], Client]
URL = "/projects/letters/runs/new/"


def config(**values: Any) -> TrainConfig:
    usual = {"train_rows": 5000, "validation_rows": 500, "train_sha256": "a" * 64, "validation_sha256": "b" * 64}
    return TrainConfig(**{"model": ModelSpec(path="base"), **usual, **values})


# ---- stored runs


def test_a_stored_config_keeps_its_hash_and_reads_with_the_usual_values() -> None:
    """The hash was computed before any of these settings existed: a stored run must still be resumable."""
    old = TrainConfig(
        model=ModelSpec(path="x"), train_rows=1, validation_rows=1, train_sha256="a", validation_sha256="b"
    )
    assert contract.config_sha256(old) == "6d8f1cdfc4de45c2098bfa85fe6529bc099d084e891af219c7c82a28f06985fb"
    stored = contract.config_to_json(old)
    assert "packing" not in stored and "dora" not in stored["lora"]
    assert contract.config_from_json(stored) == old
    new = dataclasses.replace(old, packing=True, lora=Lora(dora=True))
    assert contract.config_from_json(contract.config_to_json(new)) == new
    assert contract.config_sha256(new) != contract.config_sha256(old)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "full", "lora": Lora(dora=True)}, "forms of LoRA"),
        ({"packing": True, "order": "loss"}, "switch packing off, or choose order shuffled"),
        ({"order": "difficulty"}, "give both or neither"),
        ({"stop_on": "perplexity", "early_stopping_patience": 0}, "patience above 0"),
        ({"past_plateau": True, "early_stopping_patience": 0}, "from when on there is a plateau"),
        ({"keep": "last"}, "stopping early contradict each other"),
        ({"label_smoothing": 0.9}, "label_smoothing must be from 0 to 0.5"),
        ({"decay_to": 0.0}, "decay_to must be above 0"),
        ({"decay_stages": 1}, "at least 2"),
        ({"weight_decay": -0.1}, "weight_decay must be 0 or more"),
        ({"max_grad_norm": -1.0}, "max_grad_norm"),
        ({"plateau_change": 1.0}, "plateau_change"),
        ({"task_rows": 0}, "task_rows must be at least 1"),
        ({"early_stopping_patience": -1}, "early_stopping_patience must be 0 or more"),
        ({"train_rows": 0}, "at least one training row"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_change(values: dict[str, Any], message: str) -> None:
    with pytest.raises(contract.ContractError, match=message):
        config(**values)


# ---- words


def test_a_method_is_named_as_people_name_it() -> None:
    assert method_words(config()) == "LoRA rank 16"
    assert method_words(config(method="qlora")) == "QLoRA rank 16"
    assert method_words(config(method="full")) == "full fine-tune"
    assert method_words(config(lora=Lora(dora=True))) == "DoRA, rank 16"
    assert method_words(config(method="qlora", lora=Lora(dora=True, rslora=True))) == "DoRA, rsLoRA, 4 bits, rank 16"


def test_every_setting_stands_on_the_page() -> None:
    chosen = config(scheduler="step", stop_on="perplexity", packing=True, label_smoothing=0.1)
    made = {"packing": {"packs": 1200, "filled": 0.934}, "precision": "bf16", "gradient_checkpointing": True}
    rows = {name: value for group in settings_of(chosen, made) for name, value in group.rows}
    assert rows["Schedule"] == "step, warm-up 0.1, down to 0.1 in 3 stages"
    assert rows["Early stopping"] == "after 3 validations: perplexity on a plateau"
    assert rows["Packing"] == "1,200 packs, 93% filled"
    assert (rows["Precision"], rows["Gradient checkpointing"], rows["Label smoothing"]) == ("bf16", "on", "0.1")
    assert rows["Counts as improvement"] == "from 1%"
    task = config(stop_on="rougeL", past_plateau=True, order="length", method="full", max_steps=9)
    rows = {name: value for group in settings_of(task, {"plateau_step": 40}) for name, value in group.rows}
    assert (rows["Early stopping"], rows["Plateau reached"]) == ("trains on past the plateau", "step 40")
    assert rows["Answered each time"] == "32 validation rows" and rows["Order"].startswith("short first")
    assert rows["Steps"] == "9 steps" and "Adapter" not in rows


@pytest.mark.parametrize(
    ("values", "facts", "words"),
    [
        ({"lora": Lora(dora=True)}, {}, "vLLM cannot serve DoRA"),
        ({"lora": Lora(r=64)}, {}, "up to rank 16 unless it is started with a higher"),
        ({"lora": Lora(rslora=True)}, {}, "by 8.0 here, plain LoRA by 2.0"),
        ({"train_rows": 999}, {}, "999 train examples are few: a LoRA dropout of 0.1 to 0.3"),
        ({"method": "qlora"}, {"parameters": 10**8}, "LoRA is the better choice here"),
        ({"method": "full"}, {"parameters": 8 * 10**9}, "0.00002 is usual"),
        ({"packing": True}, {}, "A batch is 8 packs of up to 1,024 tokens"),
        ({"label_smoothing": 0.1}, {}, "scores of the whole vocabulary"),
        ({}, {"weighted": 12}, "12 examples of this version carry a weight, and it is not used"),
        ({"eval_steps": 5000}, {}, "it is validated once, at its end"),
        ({"past_plateau": True}, {}, "goes on past its plateau"),
        ({"order": "length", "epochs": 1.0}, {}, "two epochs mix them again"),
        ({"objective": "dpo"}, {}, "it may rise while both completions become less likely"),
    ],
)
def test_advice_says_what_to_expect(values: dict[str, Any], facts: dict[str, int], words: str) -> None:
    found = advice(config(**values), Facts(steps=1875, **facts))
    assert len(found) == 1 and words in found[0]
    assert advice(config(), Facts(steps=1875, parameters=8 * 10**9)) == []
    assert advice(config(objective="dpo", chosen_weight=1.0), Facts(steps=1875)) == []


# ---- difficulty


def test_disagreement_and_slow_reading_are_hard() -> None:
    reviewed = difficulty.Reviewed
    examples = {
        "easy": reviewed(decisions=["accept", "accept"], seconds=[10, 12], words=100),
        "split": reviewed(decisions=["accept", "fix"], seconds=[11, 13], words=100),
        "slow": reviewed(decisions=["accept", "accept"], seconds=[90, 80], words=100),
        "long": reviewed(decisions=["accept"], seconds=[100], words=1000),
        "unknown": reviewed(),
    }
    found, known = difficulty.difficulties(examples)
    assert known == 4 and found["unknown"] == difficulty.MIDDLE
    assert found["long"] < found["easy"] < found["split"]  # seconds count by length
    assert found["slow"] > found["easy"]
    assert difficulty.disagreement(["fix", "accept", "accept"]) == pytest.approx(1 / 3)
    assert difficulty.ranks([3.0, None, 1.0, 3.0]) == [0.75, None, 0.0, 0.75]
    assert difficulty.ranks([5.0]) == [0.0]


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=30))
def test_ranks_keep_the_order_and_stay_between_0_and_1(values: list[float | None]) -> None:
    found = difficulty.ranks(values)
    pairs = sorted((v, r) for v, r in zip(values, found, strict=True) if v is not None and r is not None)
    assert len(pairs) == sum(value is not None for value in values)
    assert [rank for _, rank in pairs] == sorted(rank for _, rank in pairs)
    assert all(0 <= rank <= 1 for _, rank in pairs)


@pytest.mark.django_db
def test_an_order_by_experts_needs_their_reviews(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion, monkeypatch: Any
) -> None:
    with pytest.raises(ApplicationError, match="Of 0 of 18 train examples it is known how hard they were"):
        inputs.inputs_of(version, {"order": "difficulty"})
    real = inputs.reviewed_examples(version)
    assert len(real) == 18 and all(row.words > 10 and not row.decisions for row in real.values())
    known = {
        key: difficulty.Reviewed(decisions=["accept"], seconds=[number + 1], words=10)
        for number, key in enumerate(real)
    }
    monkeypatch.setattr(inputs, "reviewed_examples", lambda version: known)
    run = services.run_request(
        project=project, version=version, base_model=base, requested_by=people.lead, idempotency_key=uuid.uuid4(),
        values={"order": "difficulty"},
    )  # fmt: skip
    text = run.inputs[contract.DIFFICULTY_FILE]
    assert selectors.run_config(run).difficulty_sha256 == contract.text_sha256(text)
    jobs._prepare(run)
    written = list(contract.read_jsonl(Path(run.run_dir) / contract.DIFFICULTY_FILE))
    assert [row["id"] for row in written] == list(real) and written[-1]["difficulty"] == 1.0
    (Path(run.run_dir) / contract.DIFFICULTY_FILE).write_text("{}\n")
    with pytest.raises(contract.ContractError, match="altered after it was written"):
        jobs._prepare(run)


@pytest.mark.django_db
def test_slot_accuracy_needs_facts_of_the_validation_examples(
    project: Project, people: SimpleNamespace, version: TrainingSetVersion
) -> None:
    with pytest.raises(ApplicationError, match="Stop on ROUGE-L or on the loss instead"):
        inputs.inputs_of(version, {"stop_on": "slot_accuracy"})
    example = version.examples.filter(split="validation").first()
    assert example is not None
    example.sample.metadata = {"facts": '[{"slot": "age", "value": "54"}, {"slot": 3}]'}
    example.sample.save(update_fields=["metadata"])
    rows = inputs.inputs_of(version, {"stop_on": "slot_accuracy"})[contract.FACTS_FILE].splitlines()
    assert len(rows) == version.counts["validation"]
    assert sum('"value":"54"' in row for row in rows) == 1
    assert inputs.facts_read("no json") == inputs.facts_read({"slot": "x"}) == []


# ---- weights


def test_a_tag_is_a_weight_only_when_it_is_a_number() -> None:
    assert [weights.weight_read(name) for name in ("weight-0.75", "weight-2", "weight-loss", "weight--1")] == [
        *(0.75, 2.0, None, None)
    ]


@pytest.mark.django_db
def test_weights_are_signed_with_the_rows_and_reach_the_trainer(
    base: BaseModel, project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    samples = builders.accepted(project)
    plain = trainingsets.version_plan(builders.draft(project, people.engineer)).content
    for sample, names in ((samples[0], ["weight-0.5", "weight-3"]), (samples[1], ["weight-1", "weight-loss"])):
        for name in names:
            SampleTag.objects.create(project=project, sample=sample, name=name)
    version = builders.signed(project, people.engineer, people.lead, set_name="Weighed")
    assert version.counts["weighted"] == 1
    assert plain is not None and '"weight"' not in plain.train_jsonl + plain.validation_jsonl
    content = trainingsets.version_content(version)
    assert (content.train_jsonl + content.validation_jsonl).count('"weight":1.5}') == 1
    assert sum('"weight":1.5' in line for line in exports.example_lines(version)) == 1
    seen = client_for(people.lead).get(f"/projects/letters/training-sets/{version.pk}/").content.decode()
    assert "1 example carries a weight of its own" in seen
    SampleTag.objects.all().delete()  # what was signed stays as it was
    assert trainingsets.version_is_trainable(version).is_ok
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trainingsets_example SET weight = 4 WHERE weight = 1.5")
    assert not trainingsets.version_is_trainable(version).is_ok


@pytest.mark.django_db
def test_a_weight_that_cannot_be_meant_stops_the_freeze(project: Project, people: SimpleNamespace) -> None:
    sample = builders.accepted(project)[0]
    SampleTag.objects.create(project=project, sample=sample, name="weight-0")
    with pytest.raises(FreezeError, match="take the sample out of the set"):
        weights.weights_of(project, [sample.pk])
    assert "take the sample out" in trainingsets.version_plan(builders.draft(project, people.engineer)).problem


@pytest.mark.django_db
def test_weights_are_refused_where_the_version_has_none(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion
) -> None:
    with pytest.raises(ApplicationError, match="Notes, version 1 carries no weights"):
        services.run_request(
            project=project, version=version, base_model=base, requested_by=people.lead,
            idempotency_key=uuid.uuid4(), values={"weighted": True},
        )  # fmt: skip


# ---- the form


NEW: dict[str, Any] = {
    "adapter": "both", "order": "length", "scheduler": "exponential", "decay_to": "0.05", "label_smoothing": "0.1",
    "precision": "fp32", "gradient_checkpointing": "on", "stop_on": "rougeL", "task_rows": "8", "past_plateau": "on",
    "keep": "last", "max_grad_norm": "0.5",
}  # fmt: skip


@pytest.mark.django_db
def test_every_setting_goes_from_the_form_into_the_config(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    response = client_for(people.engineer).post(URL, form_values(version, base, **NEW))
    assert response.status_code == 302, response.content.decode()
    made = selectors.run_config(TrainingRun.objects.get())
    assert (made.lora.dora, made.lora.rslora, made.order, made.scheduler, made.decay_to) == (
        *(True, True, "length", "exponential", 0.05),
    )
    assert (made.label_smoothing, made.precision, made.gradient_checkpointing) == (0.1, "fp32", "on")
    assert (made.stop_on, made.task_rows, made.past_plateau, made.keep) == ("rougeL", 8, True, "last")
    assert (made.max_grad_norm, made.packing, made.weighted, made.plateau_change) == (0.5, False, False, 0.01)


@pytest.mark.django_db
def test_a_form_without_the_newer_fields_takes_the_usual_values(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    client_for(people.engineer).post(URL, form_values(version, base))
    stored = TrainingRun.objects.get().config
    assert not {"order", "packing", "stop_on", "precision", "label_smoothing"} & set(stored)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "full", "adapter": "dora"}, "choose the method LoRA or QLoRA, or plain here"),
        ({"packing": "on", "order": "loss"}, "switch packing off, or choose the order shuffled"),
        ({"early_stopping_patience": "0", "stop_on": "perplexity"}, "Early stopping is off."),
        ({"early_stopping_patience": "0", "past_plateau": "on"}, "plateau to train past"),
        ({"keep": "last"}, "A run that stops early keeps the best."),
        ({"learning_rate": "-0.001"}, "greater than or equal to"),
        ({"lora_r": "0"}, "greater than or equal to 1"),
        ({"label_smoothing": "0.8"}, "less than or equal to 0.5"),
        ({"order": "difficulty"}, "it is known how hard they were"),
        ({"weighted": "on"}, "carries no weights"),
        ({"decay_stages": "1"}, "greater than or equal to 2"),
    ],
)
def test_contradictions_come_back_in_words_with_nothing_lost(
    base: BaseModel, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor,
    changes: dict[str, str], message: str,
) -> None:  # fmt: skip
    response = client_for(people.lead).post(URL, form_values(version, base, **changes))
    text = response.content.decode()
    assert response.status_code == 422 and message in text
    assert 'name="lora_dropout" value="0.1"' in text and not TrainingRun.objects.exists()
    assert ('class="cs-more" open' in text) == bool({"label_smoothing", "decay_stages"} & set(changes))


@pytest.mark.django_db
def test_four_bits_without_support_are_refused_in_the_form(
    base: BaseModel, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor, monkeypatch: Any
) -> None:
    monkeypatch.setattr(run_form, "_is_installed", lambda name: name == "torch")
    response = client_for(people.lead).post(URL, form_values(version, base, method="qlora"))
    assert response.status_code == 422 and "install the extra qlora, or choose LoRA" in response.content.decode()
    monkeypatch.setattr(run_form, "_is_installed", lambda name: False)  # the workers are elsewhere
    assert client_for(people.lead).post(URL, form_values(version, base, method="qlora")).status_code == 302


@pytest.mark.django_db
def test_a_check_says_what_would_be_and_starts_nothing(
    base: BaseModel, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    client = client_for(people.engineer)
    response = client.post(URL, form_values(version, base, check="1", adapter="dora", lora_dropout="0.05"))
    text = response.content.decode()
    assert response.status_code == 200 and not TrainingRun.objects.exists()
    assert "What this would do" in text and "DoRA, rank 8" in text and "Nothing was started" in text
    assert "vLLM cannot serve DoRA" in text and "18 train examples are few" in text
    refused = client.post(URL, form_values(version, base, check="1", weighted="on"))
    assert refused.status_code == 422 and "carries no weights" in refused.content.decode()
    assert client_for(people.reviewer).post(URL, form_values(version, base, check="1")).status_code in (403, 404)


@pytest.mark.django_db
def test_the_page_of_a_run_shows_its_frozen_settings(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion, client_for: ClientFor
) -> None:
    client = client_for(people.engineer)
    client.post(URL, form_values(version, base, **NEW))
    run = TrainingRun.objects.get()
    RunEvent.objects.create(
        run=run, seq=1, at=run.created_at, kind="eval", step=10, data={"eval_loss": 1.5, "eval_rougeL": 0.42}
    )
    with CaptureQueriesContext(connection) as captured:
        text = client.get(reverse("runs:run_detail", args=["letters", run.number])).content.decode()
    assert len(captured) <= 32
    for words in (
        "DoRA, rsLoRA, rank 8", "exponential, warm-up 0.05, down to 0.05", "short first, then shuffled",
        "trains on past the plateau", "the last", "Worth a thought", "Step 10, loss 1.500, ROUGE-L 0.420",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.django_db
def test_steps_of_a_packed_run_are_those_that_the_trainer_counted(
    base: BaseModel, project: Project, people: SimpleNamespace, version: TrainingSetVersion
) -> None:
    run = services.run_request(
        project=project, version=version, base_model=base, requested_by=people.lead, idempotency_key=uuid.uuid4(),
        values={"packing": True, "batch_size": 2, "epochs": 3.0},
    )  # fmt: skip
    assert selectors.run_steps(run) == 27  # at most: as if nothing had been packed
    data = {"packing": {"packs": 5, "filled": 0.9}}
    RunEvent.objects.create(run=run, seq=1, at=run.created_at, kind="plan", step=0, data=data)
    assert selectors.run_steps(run) == 9
    series = selectors.run_series(run)
    assert (series.total_steps, series.steps_per_epoch) == (9, 3)
