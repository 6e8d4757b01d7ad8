"""Grades that were given elsewhere: read row by row, kept as a finished round, and never more than exploratory."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import selectors
from reviewapp.evaluations.importing_grades import GradeColumns, Scale, grades_read, preferred
from reviewapp.evaluations.importing_passages import PassageInvalid, Texts, passages_read
from reviewapp.evaluations.models import GradeScore, GradeSpan, GradingRound
from reviewapp.evaluations.services.outside_grades import grades_import
from reviewapp.projects.models import Project
from reviewapp.reports.services import gates_declare, report_freeze
from reviewapp.samples.parsing.rows import Row
from tests import factories
from tests.reviewapp.evaluations.world import generated

COLUMNS = GradeColumns(grader="who", prompt_id="id", system="system", criterion="what", value="value", rank="place")
SCALES = {"accuracy": Scale("Accuracy", 1, 4), "safety": Scale("Safety", 0, 1)}
TEXTS = Texts("Seen on Monday, 61 years old.", "Doctor: How old? Patient: 16.")
OUTPUTS = {"baseline": {"1": TEXTS, "2": TEXTS}, "candidate": {"1": TEXTS, "2": TEXTS}}
ARMS = {"base": "baseline", "tuned": "candidate"}
GOOD = {"who": "Dr Vogel", "id": "1", "system": "Tuned", "what": "accuracy", "value": "3"}


def read(*rows: dict[str, Any]) -> Any:
    numbered = [Row(line, {**GOOD, **row}) for line, row in enumerate(rows, start=2)]
    return grades_read(numbered, COLUMNS, outputs=OUTPUTS, arms=ARMS, scales=SCALES)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": ""}, "Leave the row out where Accuracy was not answered."),
        ({"value": None}, "There is no number in the column “value”."),
        ({"value": True}, "There is no number"),
        ({"value": "NaN"}, "“NaN” is no answer to Accuracy."),
        ({"value": float("nan")}, "“nan” is no answer to Accuracy."),
        ({"value": "inf"}, "“inf” is no answer"),
        ({"value": "good"}, "“good” is no number; Accuracy takes whole numbers from 1 to 4."),
        ({"value": 5}, "5 is off the scale of Accuracy"),
        ({"value": "-1"}, "-1 is off the scale"),
        ({"value": 2.5}, "2.5 lies between two levels of Accuracy"),
        ({"who": " "}, "nobody knows whose grade it is"),
        ({"id": ""}, "nobody knows which prompt"),
        ({"id": "9"}, "There is no output for prompt 9 of this system."),
        ({"system": "Other"}, "This generation run has no system Other. It has base, tuned."),
        ({"what": "style"}, "The rubric has no criterion style. It has accuracy, safety."),
        ({"what": "place", "value": 0}, "0 is off the scale of place"),
        ({}, "Dr Vogel answered accuracy for prompt 1 of this system twice."),
    ],
)
def test_a_row_that_cannot_be_used_says_why(row: dict[str, Any], reason: str) -> None:
    found = read({}, row)
    (problem,) = found.problems
    assert problem.line == 3 and reason in problem.reason
    assert found.scores == {("Dr Vogel", "candidate", "1"): {"accuracy": 3}} and not found.ranks


@given(st.lists(st.one_of(st.integers(-2, 6), st.floats(), st.text("a1-. ", max_size=3), st.none()), max_size=12))
@settings(max_examples=25)
def test_every_row_is_kept_or_told_and_no_level_is_made_up(values: list[Any]) -> None:
    found = read(*({"who": f"Grader {n}", "value": value} for n, value in enumerate(values)))
    assert len(found.scores) + len(found.problems) == len(values) == found.rows
    assert all(1 <= by["accuracy"] <= 4 for by in found.scores.values())


def test_ranks_become_preferences_of_one_person_at_a_time() -> None:
    places = [("A", "Base", 1), ("A", "Tuned", 2), ("B", "Base", 3), ("B", "Tuned", 1), ("C", "Tuned", 1)]
    found = read(*({"who": who, "system": system, "what": "place", "value": place} for who, system, place in places))
    assert preferred(found.ranks, "baseline", "candidate") == {("A", "1"): "baseline", ("B", "1"): "candidate"}
    tied = read(*({"system": system, "what": "place", "value": 1} for system in ("Base", "Tuned")))
    assert preferred(tied.ranks, "baseline", "candidate") == {("Dr Vogel", "1"): ""}


@pytest.fixture
def world(project: Project, people: SimpleNamespace) -> SimpleNamespace:
    run = generated(project, prompts=2)
    version = factories.rubric_version(project, applies_to="outputs")
    prompts = [prompt.external_id for prompt in run.heldout_set.prompts.order_by("id")]
    return SimpleNamespace(run=run, version=version, prompts=prompts, lead=people.lead)


def lines(world: SimpleNamespace, **changes: Any) -> bytes:
    rows = [
        {**GOOD, "who": who, "id": prompt, "system": system, "what": key, "value": value, **changes}
        for who in ("Dr Vogel", "Dr Ames") for prompt in world.prompts for system in ("base", "tuned")
        for key, value in (("accuracy", 4), ("tone", 3), ("safety", 0))
    ]  # fmt: skip
    return "\n".join(map(json.dumps, rows)).encode()


def imported(world: SimpleNamespace, content: bytes, **values: Any) -> GradingRound:
    known = {"columns": COLUMNS, "file_name": "grades.jsonl", "idempotency_key": uuid.uuid4()}
    return grades_import(
        generation_run=world.run, rubric_version=world.version, content=content, imported_by=world.lead,
        **(known | values),
    )  # fmt: skip


def test_a_finished_round_of_outside_people(world: SimpleNamespace) -> None:
    key = uuid.uuid4()
    round, again = (imported(world, lines(world), idempotency_key=key) for _ in range(2))
    assert round == again and GradingRound.objects.count() == 1
    progress = selectors.round_progress(round)
    assert (progress.given, progress.needed, progress.graders) == (8, 8, 2) and round.unsealed_at
    graders = User.objects.filter(is_outside=True)
    assert {str(one) for one in graders} == {"Dr Vogel", "Dr Ames"}
    assert not any(one.is_active or one.has_usable_password() or one.memberships.exists() for one in graders)
    world.version.refresh_from_db()
    assert world.version.used_at, "a rubric that graded something is not edited any more"
    event = AuditEvent.objects.get(action="grading_round.import")
    assert event.data["grades"] == 8 and event.data["left_out"] == 0 and len(event.data["file_sha256"]) == 64


def test_rows_left_out_are_missing_and_listed(world: SimpleNamespace) -> None:
    content = lines(world) + b'\n{"who": "Dr Vogel", "value": NaN}'
    with pytest.raises(ApplicationError, match="1 rows cannot be used") as refused:
        imported(world, content)
    assert "NaN is not a JSON value" in refused.value.extra["problems"][0] and not GradingRound.objects.exists()
    round = imported(world, content, leaves_out=True)
    assert round.imported["left_out"] == 1 and "Line 25: NaN" in round.imported["problems"][0]


@pytest.mark.parametrize(
    ("changes", "columns", "message"),
    [
        ({"system": "base"}, COLUMNS, "twice|cannot be used"),
        ({"value": ""}, COLUMNS, "24 rows cannot be used"),
        (
            {},
            GradeColumns(grader="who", prompt_id="id", criterion="what", value="value", rank="place"),
            "Ranks compare",
        ),
    ],
)
def test_a_file_that_grades_nothing_is_refused(
    world: SimpleNamespace, changes: dict[str, Any], columns: GradeColumns, message: str
) -> None:
    with pytest.raises(ApplicationError, match=message):
        imported(world, lines(world, **changes), columns=columns)
    assert not User.objects.filter(is_outside=True).exists()


def test_the_pages_from_the_run_to_an_exploratory_report(
    world: SimpleNamespace, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    client = client_for(people.lead)
    run_page = client.get(reverse("evaluations:generation_detail", args=["letters", world.run.pk])).content.decode()
    url = reverse("evaluations:grade_import", args=["letters", world.run.pk])
    assert url in run_page and "Its graders are kept by the names in the file" in client.get(url).content.decode()
    form = {
        "rubric_version": world.version.pk, "grader_column": "who", "prompt_column": "id", "system_column": "system",
        "criterion_column": "what", "value_column": "value", "idempotency_key": str(uuid.uuid4()),
    }  # fmt: skip
    wrong = client.post(url, form | {"file": SimpleUploadedFile("g.jsonl", lines(world, value=9))})
    assert wrong.status_code == 422 and "Line 1: 9 is off the scale of Accuracy" in wrong.content.decode()
    made = client.post(url, form | {"file": SimpleUploadedFile("g.jsonl", lines(world))})
    assert made.status_code == 302
    page = client.get(made.url).content.decode()
    assert "Graded elsewhere, imported" in page and "Dr Vogel" in page and "Outside" in page and "g.jsonl" in page
    round = GradingRound.objects.get()
    gates = reverse("reports:gates_declare", args=["letters", round.pk])
    assert gates in page, "gates come next, and after the fact"
    sent = {"more": json.dumps([{"kind": "safety_bound", "name": "Unsafe", "criterion": "safety", "limit": 0.05},
                                {"kind": "completeness", "name": "Complete"}])}  # fmt: skip
    assert client.post(gates, sent).status_code == 302
    assert (
        "the report is exploratory"
        in client.get(reverse("reports:gates_detail", args=["letters", round.pk])).content.decode()
    )
    report = client.post(reverse("reports:report_freeze", args=["letters", round.pk]))
    shown = client.get(report.url).content.decode()
    assert "Exploratory: graded elsewhere, imported" in shown and "not known: graded elsewhere" in shown
    assert "with gates declared after the grades were in" in shown


MARK = {"text": "61 years old", "severity": "major", "error_type": "wrong_value", "source": "16"}
KINDS = frozenset({"wrong_value", "omission"})


@pytest.mark.parametrize(
    ("passage", "place", "source"),
    [
        (MARK, (16, 28), (26, 28)),
        ({"text": "on", "start": 5, "end": 7, "severity": "minor", "absent": True}, (5, 7), (None, None)),
        ({"start": 5, "end": 7, "severity": "Minor"}, (5, 7), (None, None)),
        ({"source": "Doctor", "severity": "major", "error_type": "omission"}, (0, 0), (0, 6)),
    ],
)
def test_a_passage_stands_where_its_words_are(passage: dict[str, Any], place: Any, source: Any) -> None:
    for value in (passage, [passage], json.dumps([passage]), json.dumps(passage)):
        (found,) = passages_read(value, "accuracy", KINDS, TEXTS)
        assert ((found.start, found.end), (found.source_start, found.source_end)) == (place, source)
        assert found.severity == passage["severity"].lower() and found.error_type == passage.get("error_type", "")
        assert found.is_absent_from_source is passage.get("absent", False)
    assert passages_read(None, "accuracy", KINDS, TEXTS) == passages_read(" ", "accuracy", KINDS, TEXTS) == ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("61 years", "The passages are no JSON"),
        ("7", "no list of objects"),
        (["61"], "Passage 1: it is no object"),
        ([MARK, MARK | {"severity": ""}], "Passage 2: its severity is minor or major, not empty"),
        (MARK | {"error_type": "style"}, "style is no kind of error of accuracy. It knows omission, wrong_value."),
        (MARK | {"text": "62 years"}, "“62 years” does not stand in the output."),
        (MARK | {"text": "o"}, "“o” stands in the output more than once. Give start and end."),
        (MARK | {"source": "17"}, "“17” does not stand in the prompt."),
        (MARK | {"start": 0, "end": 12}, "from 0 to 12 the output says “Seen on Mond”, not “61 years old”."),
        (MARK | {"start": 20, "end": 90}, "start and end are no characters of the output, which has 29."),
        (MARK | {"start": True, "end": 4}, "start and end are no characters"),
        (MARK | {"start": 4}, "start and end are no characters"),
        ({"severity": "minor", "text": " "}, "it marks nothing"),
        (MARK | {"absent": True}, "absent is said of a passage"),
        (MARK | {"span": 1}, "span is not known"),
        ([MARK] * 201, "An answer may mark 200 passages; this one marks 201."),
    ],
)
def test_a_passage_that_does_not_fit_its_text_says_why(value: Any, reason: str) -> None:
    with pytest.raises(PassageInvalid) as refused:
        passages_read(value, "accuracy", KINDS, TEXTS)
    assert reason in str(refused.value)


@given(st.text("on6 1M", max_size=6), st.integers(-3, 40), st.integers(-3, 40), st.booleans())
def test_what_is_kept_of_a_passage_is_in_the_text(quote: str, start: int, end: int, by_place: bool) -> None:
    passage: dict[str, Any] = {"text": quote, "severity": "minor"} | ({"start": start, "end": end} if by_place else {})
    try:
        (found,) = passages_read([passage], "accuracy", KINDS, TEXTS)
    except PassageInvalid:
        return
    assert 0 <= found.start < found.end <= len(TEXTS.output)
    assert not quote or TEXTS.output[found.start : found.end] == quote


def test_a_row_with_a_bad_passage_is_a_problem_and_gives_no_score() -> None:
    columns = dataclasses.replace(COLUMNS, passages="marks")
    bad = Row(2, {**GOOD, "marks": json.dumps([MARK | {"text": "never said"}])})
    scales = {"accuracy": Scale("Accuracy", 1, 4, KINDS)}
    found = grades_read([bad], columns, outputs=OUTPUTS, arms=ARMS, scales=scales)
    assert [one.reason for one in found.problems] == ["Passage 1: “never said” does not stand in the output."]
    assert not found.scores and not found.passages


def marked_csv(world: SimpleNamespace) -> tuple[bytes, str]:
    """A table in which two graders find every tuned output wrong and mark its first word; the word of the first."""
    texts = {
        output.heldout_prompt.external_id: output
        for output in world.run.outputs.filter(arm="candidate").select_related("heldout_prompt")
    }
    handle = io.StringIO()
    table = csv.writer(handle)
    table.writerow(["who", "id", "system", "what", "value", "marks", "why"])
    for who in ("Dr Vogel", "Dr Ames"):
        for prompt in world.prompts:
            output = texts[prompt]
            mark = {"start": 0, "end": len(output.text.split()[0]), "severity": "major", "error_type": "wrong_value",
                    "source": output.heldout_prompt.prompt}  # fmt: skip
            for arm in ("base", "tuned"):
                wrong = arm == "tuned"
                table.writerow(
                    [
                        who,
                        prompt,
                        arm,
                        "accuracy",
                        1 if wrong else 4,
                        json.dumps([mark]) if wrong else "",
                        "Not the age that was said." if wrong else "",
                    ]
                )
                table.writerow([who, prompt, arm, "tone", 3, "", ""])
                table.writerow([who, prompt, arm, "safety", 0, "", ""])
    return handle.getvalue().encode(), texts[world.prompts[0]].text.split()[0]


def test_passages_and_notes_of_a_table_reach_the_report(
    world: SimpleNamespace, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    content, word = marked_csv(world)
    columns = dataclasses.replace(COLUMNS, passages="marks", note="why")
    round = imported(world, content, columns=columns, file_name="grades.csv")
    assert round.imported["passages"] == 4 == GradeSpan.objects.count()
    assert {span.excerpt for span in GradeSpan.objects.all()} >= {word}
    assert GradeScore.objects.filter(reason="Not the age that was said.").count() == 4
    shown = client_for(people.lead).get(reverse("evaluations:round_detail", args=["letters", round.pk])).text
    assert "4 passages were marked." in shown
    gates = [{"kind": "safety_bound", "name": "Wrong", "criterion": "accuracy", "at_or_below": 1, "limit": 0.05},
             {"kind": "completeness", "name": "Complete"}]  # fmt: skip
    gates_declare(round=round, declared=gates, declared_by=people.lead)
    report = report_freeze(round=round, frozen_by=people.lead)
    (row,) = report.data["taxonomy"]["candidate"]
    assert (row["type"], row["outputs"], row["major"]) == ("wrong_value", 2, 2)
    worst = report.data["worst"][0]
    assert worst["passages"][0]["excerpt"] and worst["graders"] == 2 and worst["passages"][0]["source"]
