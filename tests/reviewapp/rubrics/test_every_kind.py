"""A rubric of every kind, all the way: reviews, grades, their pages, agreement and reports."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations.models import Grade, GradeScore, GradingRound
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from reviewapp.reports.content import report_content
from reviewapp.reports.defaults import Setting, offered_gates
from reviewapp.reports.evidence import criteria_of, round_facts
from reviewapp.reports.gates import SafetyBound, parse_gates
from reviewapp.reviews.models import CriterionScore, Review
from reviewapp.reviews.selectors.agreements import agreement_rows, rating_set
from reviewapp.reviews.services import review_undo
from reviewapp.rubrics.schema import rubric_parse
from reviewapp.rubrics.selectors import rubrics_builtin
from reviewapp.rubrics.services import rubric_create
from tests import factories
from tests.reviewapp.evaluations.world import generated, lock, span
from tests.reviewapp.reviews.reviewing import claim
from tests.reviewapp.rubrics.kinds import GOOD_FORM, every_kind

COUNTED = {"score-errors-fabrication-minor": "2", "score-remark": "Long."}


@pytest.fixture
def lead(project: Project) -> User:
    return factories.member(project, "lead", "made-the-rubric")


@pytest.fixture
def samples(project: Project, lead: User) -> SimpleNamespace:
    project.review_overlap = 2
    project.save()
    document = rubric_parse(every_kind("samples"))
    return SimpleNamespace(
        version=rubric_create(project=project, document=document, created_by=lead),
        samples=[factories.sample(project, completion="Reason: knee pain.") for _ in range(2)],
        ann=factories.member(project, "annotator", "ann"),
        bob=factories.member(project, "annotator", "bob"),
    )


@pytest.fixture
def round(project: Project, lead: User) -> GradingRound:
    version = rubric_create(project=project, document=rubric_parse(every_kind()), created_by=lead)
    made = rounds.round_create(
        generation_run=generated(project), rubric_version=version, overlap_percent=100, created_by=lead
    )
    return rounds.round_open(round=made, opened_by=lead)


def sent(client: Client, project: Project, user: User, **form: str) -> Any:
    assignment = claim(project, user)
    values = GOOD_FORM | COUNTED | {"decision": "accept", "idempotency_key": str(uuid.uuid4())} | form
    return client.post(reverse("reviews:review_submit", args=["letters", assignment.key]), values)


def test_a_review_of_every_kind_is_stored(samples: SimpleNamespace, project: Project, client_for: Any) -> None:
    client = client_for(samples.ann)
    page = client.get(reverse("reviews:review_edit", args=["letters", claim(project, samples.ann).key]))
    assert "How many omissions" in page.content.decode() and "better" not in page.content.decode()
    answer = sent(client, project, samples.ann)
    assert answer.status_code in (200, 302), answer.content.decode()
    stored = {s.criterion.key: (s.value, s.text) for s in CriterionScore.objects.select_related("criterion")}
    assert stored["errors"] == (2, "fabrication minor 2") and stored["remark"] == (None, "Long.")
    assert stored["omissions"] == (0, "") and len(stored) == 8
    review = Review.objects.get()
    draft = review_undo(review=review, idempotency_key=uuid.uuid4()).draft
    assert draft["score-remark"] == "Long." and draft["score-errors-fabrication-minor"] == "2"


def test_a_refused_review_keeps_what_was_typed(samples: SimpleNamespace, project: Project, client_for: Any) -> None:
    client = client_for(samples.ann)
    typed = {"score-omissions": "several", "score-remark": "Typed words."}
    answer = sent(client, project, samples.ann, **typed)
    page = answer.content.decode()
    assert answer.status_code == 422 and not Review.objects.exists()
    assert "count the omissions and give a whole number" in page and "Typed words." in page


def test_two_reviews_of_every_kind_are_settled_and_measured(
    samples: SimpleNamespace, project: Project, client_for: Any
) -> None:
    for user, form in ((samples.ann, {}), (samples.bob, {"score-omissions": "4", "note-omissions": "All four."})):
        for _ in samples.samples:
            sent(client_for(user), project, user, **form)
    assert Review.objects.count() == 4
    assert project.samples.filter(state="adjudicate").count() == 2  # counts that are four apart
    rows = {row.rated.name: row for row in agreement_rows(rating_set(project, samples.version))}
    assert {"Omissions", "Named owner", "Errors"} <= set(rows) and "Remark" not in rows
    lead = factories.member(project, "lead", "settles")
    client = client_for(lead)
    page = client.get(reverse("reviews:agreement", args=["letters"]))
    assert page.status_code == 200
    answer = client.post(reverse("reviews:adjudication_claim", args=["letters"]), follow=True)
    page_text = answer.content.decode()
    assert "4 omissions" in page_text and "0 omissions" in page_text and "Penalty 2" in page_text


def graded(round: GradingRound, user: User, **changes: str) -> Grade:
    assignment = grades.grade_claim(round=round, user=user)
    assert assignment is not None
    return lock(assignment, **(GOOD_FORM | {"score-errors": "marked", "spans": "[]"} | changes))


def test_a_grade_of_every_kind_is_stored(round: GradingRound, project: Project, client_for: Any) -> None:
    grader = factories.member(project, "reviewer", "grader")
    assignment = grades.grade_claim(round=round, user=grader)
    assert assignment is not None
    page = client_for(grader).get(reverse("evaluations:grade", args=["letters", assignment.key])).content.decode()
    assert "All errors are marked" in page and "Made up" in page and "Better" not in page
    errors = [span("errors", error_type="fabrication"), span("omissions", start=0, end=0, severity="minor")]
    graded(round, grader, **{"score-omissions": "1", "score-remark": "Short.", "spans": json.dumps(errors)})
    stored = {s.criterion.key: (s.value, s.text) for s in GradeScore.objects.select_related("criterion")}
    assert stored["errors"] == (5, "") and stored["remark"] == (None, "Short.") and stored["omissions"] == (1, "")
    assert "better" not in stored


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score-errors": ""}, "mark every error, then say that all are marked"),
        ({"score-omissions": "2"}, "Omissions: mark the passage that shows it."),
        ({"spans": json.dumps([span("errors", error_type="wrong_value")])}, "say which kind of error it is"),
        ({"spans": json.dumps([span("better")])}, "Error 1 does not fit this output"),
    ],
)
def test_a_grade_that_lacks_something_is_refused(
    round: GradingRound, project: Project, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ApplicationError) as caught:
        graded(round, factories.member(project, "reviewer", "grader"), **changes)
    assert any(message in problem for problem in caught.value.extra["problems"])


def test_evidence_is_of_the_kind_that_is_asked_for(project: Project, lead: User) -> None:
    document = every_kind()
    document["criteria"] = document["criteria"][:2]
    document["criteria"][0]["evidence"] = ["output", "absent"]
    document["criteria"][1]["evidence"] = ["source"]
    version = rubric_create(project=project, document=rubric_parse(document), created_by=lead)
    made = rounds.round_create(
        generation_run=generated(project), rubric_version=version, overlap_percent=0, created_by=lead
    )
    opened = rounds.round_open(round=made, opened_by=lead)
    form = {"score-unsafe": "1", "score-clear": "1", "score-errors": ""}
    wrong = [span("unsafe"), span("clear")]
    grader = factories.member(project, "reviewer", "grader")
    with pytest.raises(ApplicationError) as caught:
        graded(opened, grader, **form, spans=json.dumps(wrong))
    assert caught.value.extra["problems"] == [
        "Error 1: say that the prompt has nothing about it, or put the error under another criterion.",
        "Error 2: this criterion is about what was left out. Select that passage of the prompt instead.",
    ]
    right = [
        span("unsafe", source_start=None, source_end=None, is_absent_from_source=True),
        span("clear", start=0, end=0),
    ]
    assert graded(opened, grader, **form, spans=json.dumps(right)).pk


def test_a_report_measures_what_it_can(round: GradingRound, project: Project) -> None:
    graders = [factories.member(project, "reviewer", name) for name in ("one", "two")]
    errors = json.dumps([span("errors", error_type="fabrication")])
    for grader in graders:
        while grades.grade_claim(round=round, user=grader) is not None:
            graded(round, grader, **{"score-remark": "Words.", "spans": errors})
    gates = (SafetyBound(name="Unsafe", criterion="unsafe", limit=0.05),)
    content = report_content(round_facts(round), gates)
    # Points are won by what is met, and lost as by a violation.
    assert [one["key"] for one in content["criteria"]] == ["clear", "named_owner"]
    assert content["criteria"][1]["means"]["candidate"]["value"] == 1.0
    assert [one["criterion"] for one in content["faults"]] == ["unsafe", "invents"]
    assert [one["key"] for one in content["agreement"]] == ["unsafe", "clear", "named_owner", "invents"]
    assert content["taxonomy"]["candidate"][0]["type"] == "fabrication"
    assert content["process"]["not_applicable"] == 0  # words are no answer that does not apply


def test_a_rubric_of_preferences_alone_needs_pairs(project: Project, lead: User) -> None:
    version = rubric_create(project=project, document=rubrics_builtin()["pairwise"], created_by=lead)
    with pytest.raises(ApplicationError, match="scores nothing of one output by itself"):
        rounds.round_create(
            generation_run=generated(project), rubric_version=version, overlap_percent=0, created_by=lead
        )
    assert not GradingRound.objects.exists()


@pytest.mark.parametrize("name", sorted(set(rubrics_builtin()) - {"clinical_note", "pairwise"}))
def test_gates_are_offered_for_every_builtin_rubric(project: Project, lead: User, name: str) -> None:
    version = rubric_create(project=project, document=rubrics_builtin()[name], created_by=lead)
    criteria = criteria_of(version)
    offers = offered_gates(criteria, Setting(prompts=200, critical=frozenset(criteria)))
    assert {"safety_bound", "non_inferiority"} <= {offer.values["kind"] for offer in offers}
    assert parse_gates([offer.values for offer in offers], criteria)
