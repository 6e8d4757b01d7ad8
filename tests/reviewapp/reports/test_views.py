from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from reviewapp.accounts.models import User
from reviewapp.audit.models import AuditEvent
from reviewapp.evaluations.models import GradingRound, Output
from reviewapp.evaluations.services import rounds
from reviewapp.projects.models import Project
from reviewapp.reports import services
from reviewapp.reports.models import GateSet, Report
from reviewapp.reports.page import limits_of
from tests.reviewapp.evaluations.world import (
    BASE_LABEL,
    TUNED_LABEL,
    bad_form,
    good_form,
    is_candidate,
    write_grades,
)
from tests.reviewapp.reports.test_services import better, declared, graded, planned

ClientFor = Callable[[User], Client]


def address(name: str, *args: Any) -> str:
    return reverse(f"reports:{name}", args=["letters", *args])


@pytest.fixture
def report(project: Project, people: SimpleNamespace) -> Report:
    def forms(output: Output, grader: User) -> dict[str, str]:
        wrong = output.heldout_prompt_id % (4 if is_candidate(output) else 2) == 0
        return bad_form() if wrong else good_form()

    gates = [
        {"kind": "safety_bound", "name": "Wrong", "criterion": "accuracy", "at_or_below": 1, "limit": 0.05},
        {"kind": "non_inferiority", "name": "Tone not worse", "criterion": "tone", "margin": 0.25},
        {"kind": "agreement_floor", "name": "Agreement", "criterion": "accuracy", "floor": 0.667},
        {"kind": "slot_floor", "name": "Facts", "floor": 0.9},
        {"kind": "leak_zero", "name": "Copied"},
        {"kind": "improvement", "name": "ROUGE-L better", "metric": "rougeL"},
    ]
    round = graded(project, people, forms, *gates, prompts=60, overlap_percent=50)
    return services.report_freeze(round=round, frozen_by=people.lead)


def page(client_for: ClientFor, person: User, url: str) -> str:
    response = client_for(person).get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_the_verdict_comes_first_and_names_its_reason(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    text = page(client_for, people.lead, address("report_detail", report.pk))
    assert text.index("DO NOT SHIP") < text.index("<h2>Gates</h2>") < text.index("<h2>Worst examples</h2>")
    assert "Wrong: 15 of 60 outputs (25%). We are 95% sure the rate is above" in text
    assert TUNED_LABEL in text and BASE_LABEL in text
    for part in ("exact McNemar", "ROUGE-L", "Facts right", "Agreement of graders", "Errors by type", "Lineage"):
        assert part in text
    assert report.content_hash in text
    assert " style=" not in text and "<script>" not in text


def test_the_list_of_sections_names_each_of_them(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    text = page(client_for, people.lead, address("report_detail", report.pk))
    nav = text[text.index('<nav class="cs-sections"') :].partition("</nav>")[0]
    places = re.findall(r'href="#([^"]+)"', nav)
    assert len(places) > 10 and all(text.count(f' id="{place}"') == 1 for place in places)
    cards = re.findall(r'<section class="card[^"]*"( id="[^"]+")?><div class="card-header"><h2>([^<]+)', text)
    lost = [title for place, title in cards if not place and ", base and tuned" not in title]
    assert not lost, "give the section an id, and templates/reports/_sections.html its link"


def test_the_numbers_on_the_page_are_those_of_the_data(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    text = page(client_for, people.lead, address("report_detail", report.pk))
    wrong = next(fault for fault in report.data["faults"] if fault["name"] == "Wrong")
    assert [wrong["mcnemar"][cell] for cell in ("fixed", "broken", "both", "neither")] == [15, 0, 15, 30]
    assert re.search(r"Fixed</span></dt><dd><a [^>]*>15</a></dd>", text)
    for gate in report.data["gates"]:
        assert gate["name"] in text and html.escape(gate["words"]["bound"]) in text


def test_every_member_reads_it_and_only_readers_see_passages(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    excerpt = report.data["worst"][0]["passages"][0]["excerpt"]
    for person in (people.lead, people.reviewer, people.engineer):
        assert f">{excerpt}</mark>" in page(client_for, person, address("report_detail", report.pk))
    for person in (people.observer, people.annotator, people.admin):
        text = page(client_for, person, address("report_detail", report.pk))
        assert f">{excerpt}</mark>" not in text and "are withheld" in text
    assert client_for(people.outsider).get(address("report_detail", report.pk)).status_code == 404


def test_reading_a_report_asks_few_queries(report: Report, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.lead)
    client.get(address("report_list"))
    for url in (address("report_detail", report.pk), address("report_list")):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        assert len(queries) <= 12, [query["sql"][:90] for query in queries]


def test_the_list_shows_verdict_and_signatures(report: Report, people: SimpleNamespace, client_for: ClientFor) -> None:
    text = page(client_for, people.observer, address("report_list"))
    assert "DO NOT SHIP" in text and "Not signed" in text
    assert "No report yet" in page(client_for, people.outsider, reverse("reports:report_list", args=["elsewhere"]))


def test_a_lead_signs_once(report: Report, people: SimpleNamespace, client_for: ClientFor) -> None:
    url, form = address("report_sign", report.pk), {"content_hash": report.content_hash}
    for person in (people.engineer, people.reviewer, people.observer):
        assert client_for(person).post(url, form).status_code == 403
    client = client_for(people.lead)
    assert "Sign the verdict" in client.get(address("report_detail", report.pk)).content.decode()
    for _ in range(2):
        client.post(url, form)
    text = client.get(address("report_detail", report.pk)).content.decode()
    assert report.signatures.count() == 1
    assert "1 of 1 signed" in text and "Sign the verdict" not in text
    client_for(people.lead2).post(url, {"content_hash": "x"})
    assert report.signatures.count() == 1


def test_a_lead_decides_against_the_verdict_signs_and_takes_back(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.lead)

    def send(name: str, **data: str) -> str:
        return str(client.post(address(name, report.pk), data, follow=True).content.decode())

    refused = send("report_override", verdict="ship", reason="No.")
    assert "in a sentence" in refused and ">No.</textarea>" in refused
    decided = send("report_override", verdict="ship", reason="The form asked the wrong question.")
    assert "against the computed verdict" in decided and "The form asked the wrong question." in decided
    signed = send("report_sign", content_hash=report.content_hash, words="I was there.")
    assert "I was there." in signed and "Another lead than who decided" in signed
    assert "Taken back" in send("report_signature_withdraw", reason="I misread it.")
    told = client.get(address("report_export", report.pk, "report.html")).content.decode()
    assert "The form asked the wrong question." in told and "I misread it." in told


def test_a_report_is_one_file_to_print_and_one_to_open(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.observer)
    pdf = client.get(address("report_export", report.pk, "report.pdf"))
    assert pdf["Content-Type"] == "application/pdf" and pdf.content.startswith(b"%PDF-")
    html = client.get(address("report_export", report.pk, "report.html")).content.decode()
    assert report.data["verdict"]["word"] in html and report.content_hash in html
    assert 'lang="en"' in html and "<script" not in html and html.count("<svg") >= 2
    for gate in report.data["gates"]:
        assert escape(gate["words"]["threshold"]) in html
    quotes = [piece["text"] for row in report.data["worst"] for quote in row["quotes"] for piece in quote]
    passages = [text for text in quotes if len(text) > 8]
    assert passages and not any(escape(text) in html for text in passages)
    assert client.get(address("report_export", report.pk, "report.docx")).status_code == 404


def test_a_number_opens_the_outputs_behind_it(report: Report, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.lead)
    text = client.get(address("report_detail", report.pk)).content.decode()
    places = sorted(set(re.findall(r"/reports/[0-9]+/items/([^/]+)/", text)))
    assert {place.split("-")[0] for place in places} == {
        "agreement", "facts", "fault", "gate", "level", "metric", "missed", "type",
    }  # fmt: skip
    fault = report.data["faults"][0]
    found = client.get(address("report_items", report.pk, "fault-0-fixed"))
    prompts = {output.heldout_prompt.external_id for output, *_ in found.context["rows"]}
    assert found.context["page"].paginator.count == 2 * len(fault["prompts"]["fixed"])  # both models
    assert prompts <= set(fault["prompts"]["fixed"])
    row = report.data["taxonomy"]["candidate"][0]
    marked = client.get(address("report_items", report.pk, f"type-candidate-{row['type']}"))
    assert marked.context["page"].paginator.count == row["outputs"]
    by_level = next(n for n, gate in enumerate(report.data["gates"]) if gate["kind"] == "non_inferiority")
    criterion = next(
        row for row in report.data["criteria"] if row["key"] == report.data["gates"][by_level]["criterion"]
    )
    levels = criterion["output_ids"]["candidate"]
    found = client.get(address("report_items", report.pk, f"gate-{by_level}"))
    assert found.context["page"].paginator.object_list[0] in levels[min(levels, key=int)], "the lowest level first"
    for place in places:
        assert client.get(address("report_items", report.pk, place)).context["page"].paginator.count > 0, place
    for place in (
        "fault-9-broken",
        "fault-0-neither",
        "gate-9",
        "level-x",
        "agreement-x",
        "type-candidate-nothing",
        "else",
    ):
        assert client.get(address("report_items", report.pk, place)).status_code == 404
    assert client_for(people.observer).get(address("report_items", report.pk, places[0])).status_code == 403
    assert "items/" not in page(client_for, people.observer, address("report_detail", report.pk))


def test_a_tuned_model_in_the_place_of_the_base_is_named(report: Report) -> None:
    assert not any("which is tuned as well" in sentence for sentence in limits_of(report))
    header = {**report.data["header"], "baseline": {**report.data["header"]["baseline"], "training_run": 4}}
    report.data = {**report.data, "header": header}
    assert f"What is called base here is {BASE_LABEL}, which is tuned as well." in limits_of(report)


def read_csv(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def test_exports_are_whole_pseudonymous_and_without_text(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.observer)
    summary = client.get(address("report_export", report.pk, "summary.csv"))
    assert "letters-report-1-summary.csv" in summary.headers["Content-Disposition"]
    rows = read_csv(summary)
    accuracy = [row for row in rows if row["section"] == "criterion" and row["name"] == "Accuracy"]
    assert {row["model"] for row in accuracy} == {"baseline", "candidate", "difference"}
    assert all(row["n"] and row["method"] for row in rows)
    ratings = client.get(address("report_export", report.pk, "ratings.csv"))
    rows = read_csv(ratings)
    assert len(rows) == 3 * report.data["process"]["grades_given"]
    assert {row["grader"] for row in rows} == {"Grader 1", "Grader 2"}
    assert people.reviewer.display_name not in ratings.content.decode()
    found = json.loads(client.get(address("report_export", report.pk, "report.json")).content)
    assert found["content_hash"] == report.content_hash
    assert not any(row["passages"] for row in found["report"]["worst"])
    assert client.get(address("report_export", report.pk, "report.exe")).status_code == 404


def test_passages_leave_only_with_a_note_in_the_audit_log(
    report: Report, people: SimpleNamespace, client_for: ClientFor
) -> None:
    url = address("report_export_passages", report.pk)
    assert client_for(people.observer).post(url).status_code == 403
    assert client_for(people.lead).get(url).status_code == 405
    assert not AuditEvent.objects.filter(action="report.export_passages").exists()
    whole = json.loads(client_for(people.lead).post(url).content)
    assert whole == report.data
    assert AuditEvent.objects.get(action="report.export_passages").actor == people.lead


@pytest.fixture
def round(project: Project, people: SimpleNamespace) -> GradingRound:
    return planned(project, people)


def test_the_form_of_gates_shows_defaults_and_their_arithmetic(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    text = page(client_for, people.lead, address("gates_declare", round.pk))
    for part in ("Unsafe instruction", "Tone, not worse than base", "Every output graded", "Facts right"):
        assert part in text
    assert "At n = 6 no result can show a rate below 5%" in text
    for person in (people.reviewer, people.engineer, people.observer):
        assert client_for(person).get(address("gates_declare", round.pk)).status_code == 403


def test_a_threshold_is_explained_as_it_is_typed(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.lead)

    def said(gate: str, threshold: str) -> tuple[int, str]:
        response = client.get(address("gate_arithmetic", round.pk), {"gate": gate, f"gate-{gate}-threshold": threshold})
        return response.status_code, response.content.decode().strip()

    assert said("0", "40")[1].startswith("At n = 6 a limit of 40% tolerates none")
    assert said("0", "40,0") == said("0", "40")
    assert said("0", "") == (200, "Not a number yet.")
    assert said("0", "70") == (200, "Give a number above 0 and at most 50.")
    assert said("99", "5")[0] == said("x", "5")[0] == 404


def test_declaring_from_the_form(round: GradingRound, people: SimpleNamespace, client_for: ClientFor) -> None:
    client, url = client_for(people.lead), address("gates_declare", round.pk)
    labels = re.findall(r'name="gate-(\d+)"', client.get(url).content.decode())
    form = {f"gate-{number}": "on" for number in labels}
    form |= {"gate-0-threshold": "4,5", "gate-1-threshold": "0.3", "gate-2-threshold": "0.25"}
    form |= {"gate-4-threshold": "90", "gate-7-threshold": "2", "gate-9-threshold": "20"}
    more = '[{"kind": "improvement", "name": "ROUGE-L better", "metric": "rougeL"}]'
    refused = client.post(url, form | {"gate-1-threshold": "<b>many</b>", "more": "{"})
    text = refused.content.decode()
    assert refused.status_code == 422 and "is no number" in text and "are no JSON" in text
    assert "<b>many" not in text and not GateSet.objects.exists()
    refused = client.post(url, form | {"gate-0-threshold": "80"})
    assert refused.status_code == 422 and "The limit must be a number above 0" in refused.content.decode()
    made = client.post(url, form | {"more": more, "clustered": "on"})
    assert made.status_code == 302 and made.url == reverse("evaluations:round_detail", args=["letters", round.pk])
    gate_set = GateSet.objects.get()
    assert [gate["clustered"] for gate in gate_set.gates[:3]] == [True] * 3
    assert gate_set.gates[0]["limit"] == 0.045 and gate_set.gates[-1]["metric"] == "rougeL"
    assert client.get(url).status_code == 302
    assert "below 4.5%" in page(client_for, people.observer, address("gates_detail", round.pk))


def test_gates_can_be_taken_out_but_not_all(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    refused = client_for(people.lead).post(address("gates_declare", round.pk), {})
    assert refused.status_code == 422 and "at least one gate" in refused.content.decode()


def test_a_report_is_frozen_from_the_round(round: GradingRound, people: SimpleNamespace, client_for: ClientFor) -> None:
    declared(round, people.lead)
    client, url = client_for(people.lead), address("report_freeze", round.pk)
    sealed = client.post(url, follow=True)
    assert "is sealed" in sealed.content.decode() and not Report.objects.exists()
    write_grades(round, [people.reviewer], better)
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    assert client_for(people.reviewer).post(url).status_code == 403
    made = client.post(url)
    assert made.url == address("report_detail", Report.objects.get().pk)
    assert client.post(url).url == made.url and Report.objects.count() == 1
    assert "Open report 1" in page(
        client_for, people.observer, reverse("evaluations:round_detail", args=["letters", round.pk])
    )


@pytest.mark.parametrize("grade_baseline", [True, False], ids=["both models", "tuned alone"])
def test_a_poor_round_gives_words_and_no_crash(
    project: Project, people: SimpleNamespace, client_for: ClientFor, grade_baseline: bool
) -> None:
    """Three prompts, one grader, no overlap, a criterion that never applied, all other answers equal."""
    round = planned(project, people, prompts=3, grade_baseline=grade_baseline)
    gates = [
        {"kind": "non_inferiority", "name": "Tone not worse", "criterion": "tone", "margin": 0.25},
        {"kind": "agreement_floor", "name": "Agreement", "criterion": "accuracy", "floor": 0.667},
        {"kind": "mean_floor", "name": "Accurate", "criterion": "accuracy", "floor": 3},
    ]
    declared(round, people.lead, *gates)
    na = good_form(**{"score-tone": "na", "note-tone": "A list has no tone."})
    write_grades(round, [people.reviewer], lambda output, grader: na)
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    report = services.report_freeze(round=round, frozen_by=people.lead)
    assert report.verdict == Report.Verdict.NOT_ENOUGH
    tone = next(row for row in report.data["criteria"] if row["key"] == "tone")
    assert tone["means"]["candidate"]["value"] is None and tone["means"]["candidate"]["reason"] == "no_data"
    assert report.data["process"]["not_applicable"] == report.data["process"]["grades_given"]
    text = page(client_for, people.lead, address("report_detail", report.pk))
    assert "no unit has two ratings yet" in text and "nan" not in text.lower().split()
    assert "17 more, at the same mean" in text
    for kind in ("summary.csv", "ratings.csv", "report.json"):
        assert client_for(people.lead).get(address("report_export", report.pk, kind)).status_code == 200
