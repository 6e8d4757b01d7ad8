"""Outputs of several outside systems: read, reconciled, graded blind, and two of them in the report."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import selectors
from reviewapp.evaluations.arm_scores import ArmScore, arm_scores
from reviewapp.evaluations.importing_systems import Columns, arm_keys, systems_read
from reviewapp.evaluations.models import GenerationRun, Output
from reviewapp.evaluations.services import rounds
from reviewapp.evaluations.services.systems import systems_import
from reviewapp.projects.models import Project
from reviewapp.reports.evidence import evidence_of, round_facts
from reviewapp.runs.selectors import base_models
from reviewapp.samples.parsing.rows import Row
from tests import factories
from tests.reviewapp.evaluations import mts
from tests.reviewapp.evaluations.world import good_form, grade_everything, opened_round

NAMED = Columns(prompt_id="id", text="text", system="who")
UNNAMED = Columns(prompt_id="id", text="text")


def rows(*triples: tuple[Any, Any, str]) -> list[Row]:
    return [Row(n, {"id": id, "text": text, "who": who}) for n, (id, text, who) in enumerate(triples, start=2)]


def test_systems_are_told_apart_by_their_column() -> None:
    read = systems_read(rows(("1", "a", "Old"), (2, "b", "New"), ("1", "c", "New")), NAMED, ["1", "2"])
    assert read.texts == {"Old": {"1": "a"}, "New": {"2": "b", "1": "c"}}
    assert read.missing == {"Old": ("2",), "New": ()} and not read.problems


def test_without_a_column_the_order_of_a_prompts_rows_tells() -> None:
    read = systems_read(rows(("1", "a", ""), ("1", "b", ""), ("2", "c", ""), ("1", "d", "")), UNNAMED, ["1", "2"])
    assert read.texts == {"System 1": {"1": "a", "2": "c"}, "System 2": {"1": "b"}, "System 3": {"1": "d"}}
    assert read.missing == {"System 1": (), "System 2": ("2",), "System 3": ("2",)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("", "a", "X"), "nobody knows which prompt"),
        ((None, "a", "X"), "nobody knows which prompt"),
        ((True, "a", "X"), "nobody knows which prompt"),
        (("1", None, "X"), "There is no text"),
        (("9", "a", "X"), "The held-out set has no prompt 9."),
        (("1", "a", " "), "nobody knows whose output"),
        (("1", "a", "Old"), "Prompt 1 stands twice for Old."),
    ],
)
def test_a_row_that_cannot_be_used_is_named(row: tuple[Any, Any, str], reason: str) -> None:
    read = systems_read(rows(("1", "first", "Old"), row), NAMED, ["1"])
    (problem,) = read.problems
    assert problem.line == 3 and reason in problem.reason


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "3", "x"]), st.text(max_size=3)), max_size=40))
def test_every_row_is_an_output_or_a_problem(pairs: list[tuple[str, str]]) -> None:
    read = systems_read(rows(*((name, text, "") for name, text in pairs)), UNNAMED, ["1", "2", "3"])
    kept = sum(len(texts) for texts in read.texts.values())
    assert kept + len([one for one in read.problems if one.line > 1]) == len(pairs)
    for system, texts in read.texts.items():
        assert set(texts) | set(read.missing[system]) == {"1", "2", "3"} and not set(texts) & set(read.missing[system])


@given(st.lists(st.text(min_size=1, max_size=60), unique=True, max_size=20))
def test_each_system_has_its_own_key(systems: list[str]) -> None:
    keys = arm_keys(systems)
    assert len(set(keys.values())) == len(systems) and all(0 < len(key) <= 40 for key in keys.values())
    assert not {"baseline", "candidate"} & set(keys.values())


def csv_of(*systems: str, prompts: list[str]) -> bytes:
    lines = [f'{name},{system},"Answer of {system}, to {name}."' for system in systems for name in prompts]
    return "\n".join(["id,who,text", *lines]).encode()


@pytest.fixture
def three(project: Project, people: SimpleNamespace) -> GenerationRun:
    heldout = factories.heldout_set(project, prompts=4)
    content = csv_of("Old", "New", "Élan+", prompts=[prompt.external_id for prompt in heldout.prompts.all()])
    return imported(project, people.engineer, heldout, content)


def imported(project: Project, user: User, heldout: Any, content: bytes, **values: Any) -> GenerationRun:
    known = {"file_name": "systems.csv", "columns": NAMED, "idempotency_key": uuid.uuid4()}
    return systems_import(project=project, heldout_set=heldout, content=content, imported_by=user, **(known | values))


def test_the_first_two_are_compared_and_the_others_are_arms(three: GenerationRun, project: Project) -> None:
    assert [(arm.key, arm.label) for arm in selectors.arms_of(three)] == [
        ("baseline", "Old"), ("candidate", "New"), ("elan", "Élan+"),
    ]  # fmt: skip
    assert selectors.arm_counts(three)["elan"] == {"attempted": 4, "completed": 4, "missing": 0}
    assert {version.is_external for version in (three.baseline, three.candidate)} == {True}
    assert not base_models(project).exists(), "what stands for an unknown base is never offered for training"
    assert AuditEvent.objects.get(action="generation_run.import_systems").data["systems"] == ["Old", "New", "Élan+"]


def test_a_lead_names_the_two_to_compare(project: Project, people: SimpleNamespace) -> None:
    heldout = factories.heldout_set(project, prompts=2)
    content = csv_of("A", "B", "C", prompts=[prompt.external_id for prompt in heldout.prompts.all()])
    run = imported(project, people.lead, heldout, content, compared=("", "A"))
    assert [arm.label for arm in selectors.arms_of(run)] == ["B", "A", "C"]
    with pytest.raises(ApplicationError, match="no system 'D'. It has A, B, C"):
        imported(project, people.lead, heldout, content, compared=("D", ""))
    with pytest.raises(ApplicationError, match="two different systems"):
        imported(project, people.lead, heldout, content, compared=("A", "A"))


def test_a_wrong_file_writes_nothing(project: Project, people: SimpleNamespace) -> None:
    heldout = factories.heldout_set(project, prompts=2)
    one = csv_of("A", prompts=[prompt.external_id for prompt in heldout.prompts.all()])
    for content, message in (
        (one, "outputs of one system"),
        (one + b"\nnowhere,B,x", "1 rows cannot be used"),
        (b"", "empty"),
    ):
        with pytest.raises(ApplicationError, match=message):
            imported(project, people.lead, heldout, content)
    assert not GenerationRun.objects.exists() and not Output.objects.exists()


def test_a_form_sent_twice_imports_once(project: Project, people: SimpleNamespace) -> None:
    heldout, key = factories.heldout_set(project, prompts=1), uuid.uuid4()
    content = csv_of("A", "B", prompts=[heldout.prompts.get().external_id])
    runs = {imported(project, people.lead, heldout, content, idempotency_key=key).pk for _ in range(2)}
    assert len(runs) == 1 and Output.objects.count() == 2


def test_all_systems_are_graded_and_the_report_is_about_two(three: GenerationRun, people: SimpleNamespace) -> None:
    round = opened_round(three, people.lead)
    assert grade_everything(round, [people.reviewer], lambda output, grader: good_form()) == 12
    assert selectors.round_progress(round).is_complete
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    evidence = evidence_of(round_facts(round))
    assert {arm: (counts.attempted, counts.completed, counts.missing) for arm, counts in evidence.counts.items()} == {
        "baseline": (4, 4, 0), "candidate": (4, 4, 0),
    }  # fmt: skip
    assert set(evidence.ratings) == {"baseline", "candidate"}


def test_the_form_and_the_pages(
    project: Project, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    heldout = factories.heldout_set(project, prompts=2)
    names = [prompt.external_id for prompt in heldout.prompts.all()]
    client, url = client_for(people.engineer), reverse("evaluations:system_import", args=["letters"])
    assert "Compare outside systems" in client.get(url).content.decode()
    form = {
        "heldout_set": heldout.pk, "prompt_column": "id", "text_column": "text", "system_column": "who",
        "idempotency_key": str(uuid.uuid4()),
    }  # fmt: skip
    wrong = SimpleUploadedFile("systems.csv", csv_of("A", "B", prompts=[*names, "nowhere"]))
    refused = client.post(url, form | {"file": wrong})
    assert refused.status_code == 422 and "Line 4: The held-out set has no prompt nowhere." in refused.content.decode()
    lines = [{"id": name, "text": "x", "who": who} for who in ("A", "B", "C") for name in names]
    right = SimpleUploadedFile("systems.jsonl", "\n".join(map(json.dumps, lines[:-1])).encode())
    made = client.post(url, form | {"file": right})
    assert made.status_code == 302
    page = client.get(made.url).content.decode()
    assert "3 systems compared" in page and f"C: {names[1]}" in page and "A report compares B with A" in page


def test_real_summaries_become_four_unnamed_systems(
    project: Project, people: SimpleNamespace, shared_data: Path
) -> None:
    run = mts.four_systems(project, people.engineer, shared_data)
    assert [arm.label for arm in selectors.arms_of(run)] == [f"System {n}" for n in range(1, 5)]
    assert {tuple(counts.values()) for counts in selectors.arm_counts(run).values()} == {(100, 100, 0)}
    kept = {(output.arm, output.heldout_prompt.external_id): output.text for output in
            run.outputs.select_related("heldout_prompt")}  # fmt: skip
    file = mts.rows_of(mts.summaries(shared_data))
    arms = ["baseline", "candidate", "system-3", "system-4"]
    assert all(kept[arms[n // 100], row["ID"]] == row["Automatic Summary"] for n, row in enumerate(file))
    assert len(kept) == len(file) == 400


def test_every_system_is_shown_once_the_round_is_unsealed(
    three: GenerationRun, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    round = opened_round(three, people.lead, overlap_percent=50)
    levels = {"baseline": "3", "candidate": "4", "elan": "3"}
    graders = [people.reviewer, people.reviewer2]
    grade_everything(round, graders, lambda output, grader: good_form(**{"score-accuracy": levels[output.arm]}))
    client, url = client_for(people.lead), reverse("evaluations:round_detail", args=["letters", round.pk])
    assert "All systems" not in client.get(url).content.decode()
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    page = client.get(url).content.decode()
    for label, mean in (("Old", "3.00"), ("New", "4.00"), ("Élan+", "3.00")):
        assert f'<th scope="row">{label}</th><td class="num" data-label="accuracy"><span>{mean}' in page


def test_a_mean_is_over_outputs_and_leaves_out_what_does_not_apply() -> None:
    rows = [("a", "x", 1, 4), ("a", "x", 1, 2), ("a", "x", 2, 1), ("a", "x", 3, None), ("b", "y", 4, 1)]
    found = arm_scores(rows, ["a", "b"], ["x", "y"])
    assert found["a"] == [ArmScore("x", 2.0, 2), ArmScore("y", None, 0)]
    assert found["b"] == [ArmScore("x", None, 0), ArmScore("y", 1.0, 1)]
