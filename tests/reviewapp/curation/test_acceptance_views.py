"""The screens of acceptance sampling: the live number, the draw, judging, closing, files, the requirement."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse

from reviewapp.audit.models import RecordView
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, AcceptanceRule, Finding
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.curation.accepting import closed, drawn, first, judged, samples

Clients = Callable[[Any], Client]
HTMX = {"HX-Request": "true"}
FORM = {
    "target": "overall", "definition": "Anything wrong.", "population": "current", "language": "", "batch": "",
    "origin": "", "tag": "", "design": "simple", "rate_percent": "25", "confidence_percent": "90", "allowed": "0",
}  # fmt: skip


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


@pytest.fixture
def plan(project: Project, people: SimpleNamespace) -> AcceptancePlan:
    samples(project, 20)
    return drawn(project, people.lead)


def url(name: str, *args: object) -> str:
    return reverse(f"curation:acceptance_{name}", args=["letters", *args])


def body(response: Any) -> str:
    return " ".join(response.content.decode().split())


# ---- the form


def test_the_number_is_worked_out_on_the_page(project: Project, lead: Client) -> None:
    samples(project, 20)
    usual = body(lead.get(url("draw")))
    assert "<strong>19</strong>" in usual and "Of an endless supply it would be 299." in usual
    asked = body(lead.get(url("draw"), FORM))
    assert "<strong>7</strong>" in asked and "Draw 7 texts" in asked
    linked = body(lead.get(url("draw"), {"target": "identifiers/phone", "population": "accepted"}))
    assert "leave no sample" in linked or "Select a valid choice" in linked


def test_htmx_gets_the_figure_alone(project: Project, lead: Client) -> None:
    samples(project, 20)
    part = body(lead.get(url("draw"), FORM | {"allowed": "1"}, headers=HTMX))
    assert part.startswith('<section class="card cs-figure"') and "<html" not in part
    assert "at most 1 of those would be among n" in part
    bad = lead.get(url("draw"), FORM | {"rate_percent": "0", "allowed": "x"}, headers=HTMX)
    assert bad.status_code == 200 and "something in the form cannot be used" in body(bad)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate_percent": "nan"}, "Enter a number"),
        ({"rate_percent": "60"}, "less than or equal to 50"),
        ({"confidence_percent": "100"}, "less than or equal to 99.99"),
        ({"allowed": "-1"}, "greater than or equal to 0"),
        ({"target": "weather"}, "Select a valid choice"),
        ({"design": "wish"}, "Select a valid choice"),
        ({"definition": "x" * 2001}, "at most 2000 characters"),
        ({"allowed": "9"}, "Allow fewer"),
        ({"origin": "feedback"}, "leave no sample"),
    ],
)
def test_what_cannot_be_used_is_said(project: Project, lead: Client, change: dict[str, str], words: str) -> None:
    samples(project, 20)
    told = body(lead.get(url("draw"), FORM | change))
    assert words in told and "Draw 7 texts" not in told
    answer = lead.post(url("draw"), FORM | change | {"expected_n": 7, "idempotency_key": uuid.uuid4()})
    assert answer.status_code == 422 and not AcceptancePlan.objects.exists()


def test_the_button_draws_what_was_shown_once(project: Project, lead: Client) -> None:
    samples(project, 20)
    sent = FORM | {"expected_n": 7, "idempotency_key": str(uuid.uuid4())}
    answers = [lead.post(url("draw"), sent) for _ in range(2)]
    made = AcceptancePlan.objects.get()
    assert {answer.headers["Location"] for answer in answers} == {url("detail", made.pk)}
    assert (made.n, made.definition, made.rate) == (7, "Anything wrong.", made.rate)
    samples(project, 40)
    refused = lead.post(url("draw"), sent | {"idempotency_key": str(uuid.uuid4())})
    assert refused.status_code == 422 and "it takes 8 now" in body(refused)
    assert "Anything wrong." in body(refused)  # nothing that was filled in is lost
    assert lead.post(url("draw"), {"expected_n": 7}).status_code == 422


def test_a_stratified_draw_shows_its_strata(project: Project, lead: Client) -> None:
    batch = factories.import_batch(project)
    samples(project, 20, batch=batch)
    samples(project, 10)
    told = body(lead.get(url("draw"), FORM | {"design": "batch"}))
    assert f"{batch.pk}: letters.csv" in told and "rounded up" in told
    assert "about groups, one text of each" in body(lead.get(url("draw"), FORM | {"design": "groups"}))


# ---- judging


def test_judging_goes_from_text_to_text(plan: AcceptancePlan, lead: Client) -> None:
    at = lead.post(url("take", plan.pk))
    assert at.headers["Location"] == url("judge", plan.pk, 1)
    page = body(lead.get(url("judge", plan.pk, 1)))
    assert first(plan).revision.prompt in page and "Anything wrong." in page
    view = RecordView.objects.get(page="curation:acceptance_judge")
    assert view.target_id == first(plan).sample_id
    on = lead.post(url("judge", plan.pk, 1), {"verdict": "fine"})
    assert on.headers["Location"] == url("judge", plan.pk, 2)
    again = body(lead.get(url("judge", plan.pk, 1)))
    assert "You judged this fine." in again
    sent = {"verdict": "defect", "words": "knee", "field": "prompt", "start": "13", "note": ""}
    assert lead.post(url("judge", plan.pk, 2), sent).headers["Location"] == url("judge", plan.pk, 3)
    assert Finding.objects.get().excerpt == "knee"
    later = lead.post(url("take", plan.pk), {"after": "3"})
    assert later.headers["Location"] == url("judge", plan.pk, 4)
    assert lead.post(url("undo", plan.pk)).headers["Location"] == url("judge", plan.pk, 2)


def test_a_defect_without_a_word_is_asked_about_and_nothing_is_lost(plan: AcceptancePlan, lead: Client) -> None:
    answer = lead.post(url("judge", plan.pk, 1), {"verdict": "defect", "words": "elbow", "note": "A <b>note</b>"})
    assert answer.status_code == 422
    assert "These words are not in the completion" in body(answer) and "A &lt;b&gt;note&lt;/b&gt;" in body(answer)
    assert lead.post(url("judge", plan.pk, 1), {"verdict": "defect", "note": "x" * 1_001}).status_code == 422
    assert lead.post(url("judge", plan.pk, 1), {"verdict": "defect", "start": "-4"}).status_code == 422
    assert first(plan).verdict == ""


def test_hints_are_shown_only_where_the_plan_says_so(project: Project, people: SimpleNamespace, lead: Client) -> None:
    for sample in samples(project, 20):
        factories.finding(sample, start=0, end=6, excerpt="Prompt", check_name="identifiers")
    hidden = drawn(project, people.lead, target="identifiers")
    shown = drawn(project, people.lead, target="identifiers/phone", shows_findings=True)
    assert "<mark" not in body(lead.get(url("judge", hidden.pk, 1)))
    assert '<mark class="cs-span" data-kind="finding">Prompt</mark>' in body(lead.get(url("judge", shown.pk, 1)))


def test_a_text_of_somebody_else_is_not_shown(plan: AcceptancePlan, people: SimpleNamespace, lead: Client) -> None:
    judged(plan, people.reviewer, missing=plan.n - 1)
    for answer in (lead.get(url("judge", plan.pk, 1)), lead.post(url("judge", plan.pk, 1), {"verdict": "fine"})):
        assert answer.headers["Location"] == url("detail", plan.pk)
    assert lead.get(url("judge", plan.pk, 99)).status_code == 404
    assert first(plan).judged_by == people.reviewer


def test_hostile_text_is_shown_as_text(project: Project, people: SimpleNamespace, lead: Client) -> None:
    factories.sample(project, prompt="<script>alert(1)</script>\r\nknee", completion="")
    made = drawn(project, people.lead)
    page = lead.get(url("judge", made.pk, 1)).content.decode()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page


def test_engineers_draw_and_close_but_do_not_judge(
    project: Project, people: SimpleNamespace, client_for: Clients, plan: AcceptancePlan
) -> None:
    engineer, observer = client_for(people.engineer), client_for(people.observer)
    assert engineer.get(url("draw")).status_code == 200
    assert engineer.post(url("take", plan.pk)).status_code == 403
    assert "Begin to judge" not in body(engineer.get(url("detail", plan.pk)))
    assert observer.get(url("draw")).status_code == 403
    assert observer.post(url("close", plan.pk)).status_code == 403
    assert "Close and state" not in body(observer.get(url("detail", plan.pk)))


# ---- what it came to


def test_an_open_plan_claims_nothing(plan: AcceptancePlan, people: SimpleNamespace, lead: Client) -> None:
    assert "Nothing can be claimed yet: 7 texts were not judged." in body(lead.get(url("detail", plan.pk)))
    judged(plan, people.lead, defects=1, missing=3)
    page = body(lead.get(url("detail", plan.pk)))
    assert "this plan cannot pass any more: 1 defect was found and 0 are allowed" in page
    assert lead.get(url("export", plan.pk)).status_code == 422
    assert lead.post(url("close", plan.pk)).status_code == 422
    assert lead.post(url("close", plan.pk), {"with_missing": "yes"}).status_code == 302
    assert "The plan failed" in body(lead.get(url("detail", plan.pk)))


def test_a_passed_plan_states_its_claim_and_what_changed(
    project: Project, plan: AcceptancePlan, people: SimpleNamespace, lead: Client
) -> None:
    statement = closed(plan, people.lead)
    samples(project, 2)
    page = body(lead.get(url("detail", plan.pk)))
    assert "0 of 7 were defective: with 90% confidence fewer than 25% of the 20 samples are (4 at most)." in page
    assert "2 came in. Nothing is claimed of what changed or came in" in page
    assert statement.content_hash[:8] in page and people.lead.display_name in page
    assert "judge it again" not in page and lead.get(url("judge", plan.pk, 1)).status_code == 302
    assert "Passed" in body(lead.get(url("list")))


def test_a_statement_that_was_altered_is_told(plan: AcceptancePlan, people: SimpleNamespace, lead: Client) -> None:
    statement = closed(plan, people.lead, defects=1)
    altered = statement.facts | {"closed_by": "Somebody else"}
    models.QuerySet(type(statement)).filter(pk=statement.pk).update(facts=altered)  # past the guard of the model
    assert "This statement is not what was closed" in body(lead.get(url("detail", plan.pk)))


def test_items_can_be_filtered_and_are_paged(project: Project, people: SimpleNamespace, lead: Client) -> None:
    samples(project, 60)
    made = drawn(project, people.lead, rate="0.05")
    judged(made, people.lead, defects=1, missing=made.n - 3)
    assert made.n > 20 and "1 to 20 of" in body(lead.get(url("detail", made.pk)))
    assert body(lead.get(url("detail", made.pk), {"verdict": "defect"})).count('data-label="Verdict"') == 1
    assert body(lead.get(url("detail", made.pk), {"verdict": "fine"})).count('data-label="Verdict"') == 2
    assert body(lead.get(url("detail", made.pk), {"verdict": ""})).count('data-label="Verdict"') == 20
    assert lead.get(url("detail", made.pk), {"verdict": "odd", "page": "x"}).status_code == 200


def test_files_are_handed_out(plan: AcceptancePlan, people: SimpleNamespace, lead: Client) -> None:
    closed(plan, people.lead)
    told = lead.get(url("export", plan.pk))
    assert told.headers["Content-Type"] == "application/json" and ".json" in told.headers["Content-Disposition"]
    rows = lead.get(url("export", plan.pk), {"as": "csv"}).getvalue().decode()  # type: ignore[attr-defined]
    assert rows.startswith("\ufeffstatement,value") and rows.count(",fine,") == 7


def test_marks_are_listed_with_the_other_findings(plan: AcceptancePlan, people: SimpleNamespace, lead: Client) -> None:
    judged(plan, people.lead, defects=2, missing=3)
    page = body(lead.get(reverse("curation:finding_list", args=["letters"]), {"check": "acceptance"}))
    assert "Marked by a person in an acceptance sample, 2" in page and "2 findings." in page


# ---- the requirement


def test_a_lead_requires_and_removes(people: SimpleNamespace, project: Project, lead: Client) -> None:
    sent = {"target": "identifiers", "rate_percent": "1", "confidence_percent": "95"}
    assert lead.post(url("rule_set"), sent).status_code == 302
    page = body(lead.get(url("list")))
    assert "Fewer than 1% defective, with 95% confidence." in page
    bad = lead.post(url("rule_set"), sent | {"rate_percent": "0"})
    assert bad.status_code == 422 and "greater than or equal to 0.01" in body(bad)
    row = AcceptanceRule.objects.get()
    for _ in range(2):
        assert lead.post(url("rule_remove", row.pk)).status_code == 302
    assert not AcceptanceRule.objects.exists()


def test_pages_take_a_fixed_number_of_queries(
    project: Project, people: SimpleNamespace, lead: Client, django_assert_max_num_queries: Any
) -> None:
    samples(project, 60)
    plans = [drawn(project, people.lead, rate="0.05", target=target) for target in ("overall", "identifiers")]
    closed(plans[0], people.lead)
    judged(plans[1], people.lead, missing=20)
    for path, most in ((url("list"), 12), (url("detail", plans[0].pk), 14), (url("detail", plans[1].pk), 16)):
        with django_assert_max_num_queries(most):
            lead.get(path)
    item = AcceptanceItem.objects.filter(plan=plans[1], verdict="").first()
    assert item is not None
    with django_assert_max_num_queries(14):
        lead.get(url("judge", plans[1].pk, item.position))
    with django_assert_max_num_queries(30):
        lead.post(url("judge", plans[1].pk, item.position), {"verdict": "fine"})
