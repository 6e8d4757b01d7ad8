"""Recalls and the chain through merges and teachers: what a parent learned reaches what was made of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reviewapp.lineage import exporting, selectors, standing
from reviewapp.lineage.model_card import card_sections
from reviewapp.lineage.services import recall_extend
from reviewapp.lineage.touching import touched_by
from reviewapp.projects.models import Project
from reviewapp.runs.models import ModelVersion
from reviewapp.samples.models import Hold
from tests import factories
from tests.reviewapp.lineage.shipping import recall, report, shippable, sign
from tests.reviewapp.trainingsets import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    """A shippable model, a merge of it with another one, and a student that it taught on other samples."""
    found = shippable(project, people)
    others = builders.accepted(project, 4, start=50)
    found.other = factories.version(project, others)
    second = factories.model_version(project, found.base, factories.run(project, found.other, found.base))
    merge = factories.model_merge(project, [found.model, second])
    found.merged = factories.model_version(project, found.base, merge=merge, adapter_path="merged")
    found.lesson = factories.run(project, found.other, found.base, teacher=found.model)
    found.student = factories.model_version(project, found.base, found.lesson)
    found.apart, found.others = second, others
    return found


def test_a_recall_reaches_merges_and_students_and_their_students(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    later = factories.run(project, world.other, world.base, teacher=world.merged)
    last = factories.model_version(project, world.base, later)
    touched = touched_by([world.samples[0].pk])
    assert touched["model"] == sorted(made.pk for made in (world.model, world.merged, world.student, last))
    assert touched["run"] == sorted(run.pk for run in (world.run, world.lesson, later))
    assert touched["version"] == [world.version.pk]  # what only stands beside it is not touched
    recall(world, people.lead)
    held = set(Hold.objects.filter(kind="model").values_list("object_id", flat=True))
    assert held == set(touched["model"]) and world.apart.pk not in held


def test_a_recall_reaches_what_replayed_a_version(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    held = factories.run(project, world.other, world.base, general_version=world.version)
    model = factories.model_version(project, world.base, held)
    assert model.pk in touched_by([world.samples[0].pk])["model"]
    assert model in selectors.forward_of([world.version.pk]).models


def test_a_merge_ships_by_its_own_report_alone(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    """Its parent has a report that says SHIP."""
    assert standing.promotion_problems(world.model, standing.report_deciding(world.model)) == []
    assert standing.report_deciding(world.merged) is None
    problems = standing.promotion_problems(world.merged, None)
    assert len(problems) == 1 and "No report was frozen" in problems[0]
    own = sign(report(project, world.merged, people), people)
    assert standing.promotion_problems(world.merged, own) == []


def test_a_hold_on_what_a_parent_learned_from_stands_against_a_merge_made_since(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    made = recall(world, people.lead, samples=world.others[:1])
    merge = factories.model_merge(project, [world.model, world.apart])
    since = factories.model_version(project, world.base, merge=merge, adapter_path="since")
    own = sign(report(project, since, people), people)
    problems = standing.promotion_problems(since, own)
    assert len(problems) == 1 and str(world.apart) in problems[0] and str(world.other) in problems[0]
    recall_extend(recall=made, extended_by=people.lead)
    assert Hold.objects.filter(kind="model", object_id=since.pk).exists()


def test_the_chain_of_a_merges_answer_names_every_version_behind_it(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    generation = factories.generation_run(
        project, factories.heldout_set(project, prompts=1), factories.model_version(project, world.base), world.merged
    )
    chain = selectors.output_chain(generation.outputs.get(arm="candidate"))
    assert (chain.run, chain.version, chain.also) == (world.run, world.version, [world.other])
    taught = factories.generation_run(
        project, factories.heldout_set(project, prompts=1), factories.model_version(project, world.base), world.student
    )
    behind = selectors.output_chain(taught.outputs.get(arm="candidate"))
    assert (behind.version, behind.also) == (world.other, [world.version])


def test_the_card_of_a_merge_says_what_it_was_made_of_and_from_whose_data(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    sections = {section.title: section for section in card_sections(world.merged)}
    learned = sections["What it learned from"].rows
    assert learned == [
        ("Training set", f"{each}, {each.content_hash}") for each in (world.version, world.other)
    ]  # fmt: skip
    made = dict(sections["How it was made"].rows)
    assert made["Method"] == "Merged by cat, without training" and made["Hash of the settings"]
    for parent in (world.model, world.apart):
        assert f"model version {parent.number}, weight 0.5" in made[parent.label]
    people_lines = sections["Who stands behind the data"].lines
    assert f"{world.version}: 1 of 1 signatures stand." in people_lines
    assert any(line.startswith(f"{world.other}: ") for line in people_lines)
    assert any("merged and not trained" in line for line in sections["Limits"].lines)
    recall(world, people.lead)
    kinds = [line.removeprefix("Recall 1, ").removesuffix(": open") for line in card_lines(world.merged, "Recalls")]
    assert sorted(kinds) == ["Model version", "Model version", "Training run", "Training-set version"]


def card_lines(model: ModelVersion, title: str) -> list[str]:
    return next(section.lines for section in card_sections(model) if section.title == title)


def test_a_model_that_went_on_from_another_names_what_both_learned(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    """Here by a teacher; a run that starts from a model version is behind it in the same way."""
    learned = dict(next(s.rows for s in card_sections(world.student) if s.title == "What it learned from"))
    assert learned["Content hash"] == world.other.content_hash
    assert learned["Also learned from"] == f"{world.version}, {world.version.content_hash}"


def test_a_merge_is_tested_on_validation_prompts_of_each_parent_in_turn(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    assert exporting.export_problem(world.merged, "adapter") == ""
    rows = exporting._prompts(world.merged)
    wanted = [
        set(version.examples.filter(split="validation").values_list("sample__external_id", flat=True))
        for version in (world.version, world.other)
    ]
    assert wanted[0] and wanted[1]
    assert {row["id"] for row in rows} == wanted[0] | wanted[1]
    assert rows[0]["id"] in wanted[0] and rows[1]["id"] in wanted[1]
    assert "Not promoted" in exporting.export_problem(world.merged, "merged")


def test_the_export_of_a_merge_is_refused_where_a_parent_is_held(
    project: Project, people: SimpleNamespace, world: SimpleNamespace
) -> None:
    recall(world, people.lead, samples=world.others[:1])
    assert "On hold after recall 1" in exporting.export_problem(world.merged, "adapter")
