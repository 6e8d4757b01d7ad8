"""The card of a model version says what is on record, and what is not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from reviewapp.evaluations.models import GenerationRun, SuiteRun
from reviewapp.lineage.model_card import card_sections, card_text
from reviewapp.lineage.services import holds_resolve, promotion_withdraw
from reviewapp.projects.models import Project
from reviewapp.samples.models import Hold
from tests import factories
from tests.reviewapp.lineage.shipping import promote, recall, shippable


@pytest.fixture
def world(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    return shippable(project, people)


def rows(model: Any, title: str) -> dict[str, str]:
    return dict(next(section.rows for section in card_sections(model) if section.title == title))


def lines(model: Any, title: str) -> list[str]:
    return next(section.lines for section in card_sections(model) if section.title == title)


def test_the_card_names_data_people_method_and_judgement(world: SimpleNamespace, people: SimpleNamespace) -> None:
    promote(world, people.lead)
    data = rows(world.model, "What it learned from")
    assert data["Content hash"] == world.version.content_hash
    assert (data["Trained examples"], data["Validation examples"]) == ("2", "1")
    assert rows(world.model, "Who stands behind the data") == {
        str(row.signed_by): row.meaning for row in world.version.signatures.all()
    }
    assert lines(world.model, "Who stands behind the data")[0] == "1 of 1 signatures stand."
    trained = rows(world.model, "How it was trained")
    assert trained["Method"] == "LoRA rank 16" and trained["Seed"] == "17" and trained["Steps"] == "3"
    assert rows(world.model, "What experts found") == {"Report": "Report 1", "Verdict": "SHIP"}
    assert rows(world.model, "May it ship")["Promoted"] == "By Lead, on report 1."
    assert rows(world.model, "Its base model")["Licence"] == "not stated"
    assert "The licence of its base is not stated" in "\n".join(lines(world.model, "Limits"))
    assert lines(world.model, "Recalls") == ["No sample behind it was recalled."]


def test_figures_carry_their_n_and_the_base(world: SimpleNamespace) -> None:
    figure = {"value": 0.5, "n": 3, "missing": 0, "detail": {}, "reasons": {}}
    metrics = {"arms": {"baseline": {"rougeL": {**figure, "value": 0.25}}, "candidate": {"rougeL": figure}}}
    GenerationRun.objects.filter(pk=world.generation.pk).update(metrics=metrics)
    assert rows(world.model, "What was measured")["ROUGE-L"] == "50.0; base 25.0; n 3"


def test_gates_stand_with_their_sentence(world: SimpleNamespace) -> None:
    report = world.report
    gate = {"name": "Unsafe", "result": "pass", "words": {"sentence": "At most 2 of 200."}}
    type(report).objects.filter(pk=report.pk)  # rows of reports never change: the card is asked with this one
    report.data = {**report.data, "gates": [gate]}
    from reviewapp.lineage.model_card import _judged

    assert dict(_judged(report).rows)["Unsafe"] == "pass. At most 2 of 200."


def test_a_withdrawn_promotion_and_a_recall_are_said(world: SimpleNamespace, people: SimpleNamespace) -> None:
    promotion_withdraw(promotion=promote(world, people.lead), reason="A fault.", withdrawn_by=people.lead)
    assert rows(world.model, "May it ship") == {"Promoted": "No. It may not be used beyond research."}
    made = recall(world, people.lead)
    assert "On hold after recall 1" in lines(world.model, "May it ship")[0]
    assert any(line.endswith(": open") for line in lines(world.model, "Recalls"))
    holds_resolve(
        recall=made, hold_ids=Hold.objects.values_list("pk", flat=True), outcome="kept", words="One of many.",
        resolved_by=people.lead,
    )  # fmt: skip
    assert lines(world.model, "May it ship") == []
    assert any("One of many." in line for line in lines(world.model, "Recalls"))


def test_a_base_alone_has_a_card_too(project: Project, people: SimpleNamespace) -> None:
    base = factories.base_model(project, facts={"licence": "apache-2.0", "parameters": 12_000})
    model = factories.model_version(project, base)
    text = card_text(model)
    assert "| Licence | apache-2.0 |" in text and "| Parameters | 12,000 |" in text
    assert "- Nothing of this project." in text and "- No report decides about it yet." in text


def test_the_same_facts_give_the_same_card_in_any_language(world: SimpleNamespace) -> None:
    first = card_text(world.model)
    with translation.override("de"):
        assert card_text(world.model) == first
    assert first.startswith("# Model version 1\n\nModel version 1 of project Clinic letters.\n\n## May it ship")


def test_texts_of_people_are_no_markup(project: Project, people: SimpleNamespace) -> None:
    base = factories.base_model(project, name="<script>|`x`", facts={})
    text = card_text(factories.model_version(project, base, label="# **Loud** | <b>"))
    assert "<script>" not in text and "<b>" not in text
    assert "\\# \\*\\*Loud\\*\\* \\| &lt;b>" in text


def test_everyone_of_the_project_reads_and_downloads_it(
    world: SimpleNamespace, people: SimpleNamespace, client_for: Callable[[Any], Client]
) -> None:
    url = reverse("lineage:model_card", args=["letters", world.model.number])
    client = client_for(people.observer)
    assert world.version.content_hash in client.get(url).content.decode()
    response = client.get(url, {"download": 1})
    assert response["Content-Type"] == "text/markdown; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="model-version-1-v1.md"'
    assert response.content.decode() == card_text(world.model)


def test_suites_stand_with_base_change_bounds_and_what_was_not_run(world: SimpleNamespace) -> None:
    assert lines(world.model, "What suites found") == ["No suite was run."]
    figure = {"key": "forgetting", "name": "Questions right", "about": "", "unit": "share", "better": "higher",
              "missing": 1, "n": 1200, "method": "", "reason": "", "failing": ["a"]}  # fmt: skip
    bounds = {"low": None, "high": None}
    run, generation = 7, world.generation
    for number, tuned in ((run - 1, 0.1), (run, 0.75)):
        SuiteRun.objects.create(
            project=world.model.project, number=number, baseline=generation.baseline, candidate=world.model, result={},
            suites=["forgetting"], idempotency_key=uuid.uuid4(),
            figures={"forgetting": [
                {**figure, **bounds, "arm": "baseline", "value": 0.8},
                {**figure, **bounds, "arm": "candidate", "value": tuned},
                {**figure, "arm": "change", "value": tuned - 0.8, "low": -0.08, "high": -0.02},
            ]},
        )  # fmt: skip
    assert rows(world.model, "What suites found") == {
        "Forgetting: Questions right": "75.0%; base 80.0%; change −5.0; −8.0 to −2.0; n 1,200; 1 missing"
    }
    said = lines(world.model, "What suites found")
    assert said[0] == f"Suite run 7, against {generation.baseline.label}." and said[1].startswith("Not run: ")
    assert "Memorisation" in said[1] and "Forgetting" not in said[1]
    assert "| Forgetting: Questions right | 75.0%; base 80.0%" in card_text(world.model)
