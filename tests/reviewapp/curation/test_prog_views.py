"""The pages of labelling functions, as people use them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviewapp.audit.models import RecordView
from reviewapp.curation.models import LabellingFunction, LabellingRun
from reviewapp.curation.services import programmatic as services
from reviewapp.labelling.models import LabelSuggestion
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.curation import programming
from tests.reviewapp.labelling import documents

Clients = Callable[[Any], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def lead(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.lead)


@pytest.fixture
def annotator(people: SimpleNamespace, client_for: Clients) -> Client:
    return client_for(people.annotator)


def url(name: str, *args: object) -> str:
    return reverse(f"curation:{name}", args=["letters", *args])


def body(response: Any) -> str:
    text: str = response.content.decode()
    return " ".join(text.split())


def form(**values: Any) -> dict[str, Any]:
    given = {"name": "Pain words", "target": "pain", "kind": "keyword", "words": "hurts, pain", "act": "save"}
    return {**given, "unit": "words", "operator": "is", "idempotency_key": str(uuid.uuid4()), **values}


def test_without_a_schema_the_page_says_what_is_needed(project: Project, lead: Client) -> None:
    page = body(lead.get(url("labelling_function_list")))
    assert "A label schema is needed first" in page and "Run on all samples" not in page
    assert lead.get(url("labelling_function_new")).status_code == 302
    documents.version(project, documents.written())
    assert "A label schema is needed first" in body(lead.get(url("labelling_function_list")))


def test_a_lead_tries_saves_and_runs_a_function(project: Project, lead: Client) -> None:
    programming.schema(project)
    programming.experts(project, programming.fill(project))
    assert "No function yet" in body(lead.get(url("labelling_function_list")))
    tried = lead.post(url("labelling_function_new"), form(act="try"))
    shown = body(tried)
    assert "Fires on <b>6</b> of 18 samples." in shown and "Experts have labelled 3 of these; 3 as it says." in shown
    assert '<mark class="cs-span" data-kind="finding">hurts</mark>' in shown and 'value="Pain words"' in shown
    assert not LabellingFunction.objects.exists() and RecordView.objects.count() == 1
    data = form()
    for _ in range(2):
        saved = lead.post(url("labelling_function_new"), data, follow=True)
    assert LabellingFunction.objects.count() == 1 and "not run as it is now" in body(saved)
    key = saved.context["form"]["idempotency_key"].value()
    for _ in range(2):
        waiting = lead.post(url("labelling_run_request"), {"field": "reason", "idempotency_key": key}, follow=True)
    assert "Cancel the run" in body(waiting) and LabellingRun.objects.count() == 1
    assert "Waiting" in body(lead.get(url("labelling_run_live", 1), headers=HTMX))
    programming.finished(LabellingRun.objects.get())
    ended = lead.get(url("labelling_run_live", 1), headers=HTMX)
    assert ended.status_code == 286 and ended["HX-Refresh"] == "true"
    shown = body(lead.get(url("labelling_function_list")))
    assert "33%" in shown and "6 of 18 samples" in shown and "100%" in shown and "words: hurts, pain" in shown


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "required"),
        ({"target": "fever"}, "is no class of"),
        ({"kind": "code"}, "valid choice"),
        ({"kind": "pattern", "pattern": "(a"}, "no pattern"),
        ({"kind": "pattern", "pattern": "x{2147483648}"}, "at most 1000"),
        ({"kind": "length", "least": "9", "most": "3"}, "that long"),
        ({"kind": "length", "least": "-1"}, "greater than or equal"),
        ({"kind": "compare", "column": " ", "value": "x"}, "required"),
        ({"kind": "compare", "column": "age", "value": ""}, "compared with"),
        ({"kind": "score", "source": "made up", "at_least": "0.5"}, "valid choice"),
        ({"idempotency_key": "x"}, "Pain words"),
    ],
)
def test_bad_input_is_refused_and_nothing_lost(
    project: Project, lead: Client, wrong: dict[str, str], says: str
) -> None:
    programming.schema(project)
    answer = lead.post(url("labelling_function_new"), form(**wrong))
    assert answer.status_code == 422 and says in body(answer) and "hurts, pain" in body(answer)
    assert not LabellingFunction.objects.exists()


def test_what_stands_in_the_fields_of_another_kind_is_no_error(project: Project, lead: Client) -> None:
    programming.schema(project)
    lead.post(url("labelling_function_new"), form(least="x", at_least="9", operator="like", source="none"))
    assert LabellingFunction.objects.get().versions.get().condition == {"kind": "keyword", "text": "hurts, pain"}


def test_a_trial_that_runs_away_names_the_rule_and_ends(project: Project, lead: Client) -> None:
    programming.schema(project)
    factories.sample(project, prompt="a" * 60 + "!", completion="", external_id="bad")
    answer = lead.post(
        url("labelling_function_new"), form(act="try", name="Runs away", kind="pattern", pattern="^(a|aa)+$")
    )
    assert answer.status_code == 422
    assert "“Runs away” took longer than 0.25 seconds on sample bad" in body(answer)


def test_a_function_is_changed_and_switched_off(project: Project, people: SimpleNamespace, lead: Client) -> None:
    programming.world(project, people.lead)
    one = LabellingFunction.objects.get(name="skin words")
    edit = url("labelling_function_edit", one.pk)
    assert "rash, eczema" in body(lead.get(edit)) and "Version 1" in body(lead.get(edit))
    changed = lead.post(edit, form(name="Skin words", target="skin", words="rash"), follow=True)
    assert "“Skin words”, version 2 is saved." in body(changed)
    lead.post(url("labelling_function_switch", one.pk), {"on": "0"})
    one.refresh_from_db()
    assert not one.is_on and "Switch on" in body(lead.get(url("labelling_function_list")))
    assert one.versions.count() == 2


def test_the_result_of_a_run_and_its_examples(project: Project, people: SimpleNamespace, lead: Client) -> None:
    made = programming.world(project, people.lead)
    shown = body(lead.get(url("labelling_run_detail", made.number)))
    assert "Experts differ, 1" in shown and "sleep-1" in shown and "experts: Pain" in shown and "88.9%" in shown
    assert "none counts as an expert's" in shown.replace("&#x27;", "'")
    for tab, says in (
        ("conflicts", "pain-2"),
        ("unsure", "pain-5"),
        ("uncovered", "no such sample"),
        ("all", "skin-0"),
    ):
        assert says in body(lead.get(url("labelling_run_detail", made.number), {"tab": tab}))
    assert "no such sample" in body(lead.get(url("labelling_run_detail", made.number), {"tab": "all", "q": "zz"}))
    fires = body(lead.get(url("labelling_run_votes", made.number, 2)))
    assert "sleep-0" in fires and "votes Sleep" in fires and "awake" in fires
    assert "pain-2" in body(lead.get(url("labelling_run_votes", made.number, 2), {"tab": "others"}))
    experts = body(lead.get(url("labelling_run_votes", made.number, 2), {"tab": "experts"}))
    assert "sleep-1" in experts and "sleep-0" not in experts
    assert lead.get(url("labelling_run_votes", made.number, 9)).status_code == 404
    assert RecordView.objects.count() == 7


def test_suggesting_and_taking_back(project: Project, people: SimpleNamespace, lead: Client, annotator: Client) -> None:
    made = programming.world(project, people.lead)
    suggest = url("labelling_run_suggest", made.number)
    assert annotator.post(suggest, {"method": "model", "least": "0"}).status_code == 403
    assert lead.post(suggest, {"method": "magic", "least": "0"}).status_code == 422
    assert lead.post(suggest, {"method": "model", "least": "7"}).status_code == 422
    told = body(lead.post(suggest, {"method": "model", "least": "0"}, follow=True))
    assert "9 suggestions wait" in told and LabelSuggestion.objects.count() == 9
    assert "Take the suggestions back" in told
    lead.post(suggest, {"act": "take_back"})
    assert not LabelSuggestion.objects.exists()


def test_a_list_is_handed_to_an_act_on_many(project: Project, people: SimpleNamespace, lead: Client) -> None:
    made = programming.world(project, people.lead)
    page = lead.get(url("labelling_run_detail", made.number), {"tab": "unsure"})
    ids = page.context["ids"]
    assert len(ids.split(",")) == 9
    data = {"scope": "ticked", "ids": ids, "given": f"labelling run {made.number} unsure", "act": "tag"}
    asked = lead.post(reverse("reviews:bulk_confirm", args=["letters"]), data)
    assert asked.status_code == 200 and "labelling run 1 unsure" in body(asked)


def test_a_schema_that_shows_suggestions_at_once_is_said(
    project: Project, people: SimpleNamespace, lead: Client
) -> None:
    documents.version(project, suggestions="shown")
    programming.experts(project, programming.fill(project))
    programming.functions(project, people.lead)
    made = programming.ran(project, people.lead)
    assert "the figures are too high" in body(lead.get(url("labelling_run_detail", made.number)))


def test_a_run_by_another_schema_is_not_suggested(project: Project, people: SimpleNamespace, lead: Client) -> None:
    made = programming.world(project, people.lead)
    LabellingRun.objects.update(schema_hash="other")
    assert "has changed since this run" in body(lead.get(url("labelling_run_detail", made.number)))


def test_figures_of_runs_long_past_stay(
    project: Project, people: SimpleNamespace, lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "KEPT", 1)
    first = programming.world(project, people.lead)
    programming.ran(project, people.lead)
    assert "not kept any more" in body(lead.get(url("labelling_run_detail", first.number)))
    assert "not kept any more" in body(lead.get(url("labelling_run_votes", first.number, 0)))


def test_refusals_say_what_to_do(project: Project, people: SimpleNamespace, lead: Client) -> None:
    programming.schema(project)
    programming.fill(project, 1)
    data = {"field": "reason", "idempotency_key": str(uuid.uuid4())}
    refused = lead.post(url("labelling_run_request"), data)
    assert refused.status_code == 422 and "There is no function that is on" in body(refused)
    assert lead.post(url("labelling_run_request"), {"field": "reason"}).status_code == 422
    programming.functions(project, people.lead)
    made = programming.ran(project, people.lead)
    assert lead.post(url("labelling_run_cancel", made.number)).status_code == 422


def queries(client: Client, address: str, **values: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(address, values).status_code == 200
    return len(seen)


def test_pages_cost_the_same_however_much_there_is(project: Project, people: SimpleNamespace, lead: Client) -> None:
    programming.world(project, people.lead)
    pages = [
        url("labelling_function_list"), url("labelling_run_detail", 1), url("labelling_run_votes", 1, 0),
    ]  # fmt: skip
    few = [queries(lead, page) for page in pages]
    for n in range(4):
        programming.function(project, people.lead, f"More {n}", "pain", kind="keyword", text=f"hurts, word{n}")
    for n in range(12):
        factories.sample(project, prompt=f"It hurts at night {n}.", completion="", metadata={"age": n})
    programming.ran(project, people.lead)
    many = [queries(lead, page.replace("/runs/1/", "/runs/2/")) for page in pages]
    assert many == few and max(few) <= 26
