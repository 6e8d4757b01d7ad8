from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import GenerationRun, Grade, GradeAssignment, GradingRound, Output
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.evaluations.world import (
    BASE_LABEL,
    TUNED_LABEL,
    bad_form,
    generated,
    good_form,
    grade_everything,
    opened_round,
    rows_for_import,
)

ClientFor = Callable[[User], Client]


@pytest.fixture
def run(project: Project) -> GenerationRun:
    return generated(project)


@pytest.fixture
def round(run: GenerationRun, people: SimpleNamespace) -> GradingRound:
    return opened_round(run, people.lead)


def address(name: str, *args: Any) -> str:
    return reverse(f"evaluations:{name}", args=["letters", *args])


def take(round: GradingRound, user: User) -> GradeAssignment:
    taken = grades.grade_claim(round=round, user=user)
    assert taken is not None
    return taken


def test_lists_and_details_open_for_every_member(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    pages = [
        address("round_list"),
        address("round_detail", round.pk),
        address("generation_detail", round.generation_run_id),
    ]
    for person in (people.observer, people.annotator, people.engineer, people.lead, people.reviewer, people.admin):
        assert [client_for(person).get(page).status_code for page in pages] == [200, 200, 200]
    assert [client_for(people.outsider).get(page).status_code for page in pages] == [404, 404, 404]


def test_empty_pages_say_why(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    assert "Nothing to grade yet" in client_for(people.lead).get(address("round_list")).content.decode()
    page = client_for(people.engineer).get(address("generation_create")).content.decode()
    assert "No tuned model version yet" in page


def test_the_rights_of_each_action(round: GradingRound, people: SimpleNamespace, client_for: ClientFor) -> None:
    taken = take(round, people.reviewer)
    table = [
        ("get", address("generation_create"), {people.engineer, people.lead}),
        ("get", address("output_import"), {people.engineer, people.lead}),
        ("get", address("round_create"), {people.lead}),
        ("post", address("grade_next", round.pk), {people.reviewer, people.lead}),
        ("get", address("grade", taken.key), {people.reviewer}),
        ("post", address("grade_renew", taken.key), {people.reviewer}),
        ("get", address("output_list", round.generation_run_id), {people.reviewer, people.lead, people.engineer}),
    ]
    everyone = (people.annotator, people.reviewer, people.lead, people.engineer, people.observer, people.outsider)
    for method, url, allowed in table:
        for person in everyone:
            status = getattr(client_for(person), method)(url).status_code
            assert (status in (200, 302)) == (person in allowed), f"{method} {url} as {person}: {status}"


def test_actions_refuse_get(round: GradingRound, people: SimpleNamespace, client_for: ClientFor) -> None:
    taken = take(round, people.lead)
    client = client_for(people.lead)
    for url in (
        address("round_unseal", round.pk),
        address("grade_next", round.pk),
        *(address(name, taken.key) for name in ("grade_draft", "grade_renew", "grade_leave", "grade_release")),
        *(address(name, taken.key) for name in ("grade_submit", "grade_undo")),
        address("generation_cancel", round.generation_run_id),
        address("generation_resume", round.generation_run_id),
    ):
        assert client.get(url).status_code == 405


TELLTALES = ("baseline", "candidate", "tuned", "rouge", "0.7123", "71.2", "0.1123", BASE_LABEL, TUNED_LABEL, "adapter")


def test_the_workbench_tells_nothing_of_the_model(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.reviewer)
    for _ in range(12):
        taken = take(round, people.reviewer)
        page = client.get(address("grade", taken.key)).content.decode()
        known = page.lower().replace("csrfmiddlewaretoken", "")
        assert not [word for word in TELLTALES if word.lower() in known]
        assert f"outputs/{taken.item.output_id}/" not in page
        assert taken.item.output.text in page.replace("&#x27;", "'")
        client.post(address("grade_submit", taken.key), good_form() | {"idempotency_key": str(uuid.uuid4())})


def test_pages_of_both_models_differ_in_text_only(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    """The two outputs of one prompt, the same text in both: then the pages must be equal but for keys and number."""
    pages = {}
    client = client_for(people.reviewer)
    for _ in range(12):
        taken = take(round, people.reviewer)
        output = taken.item.output
        page = client.get(address("grade", taken.key)).content.decode()
        page = page.replace(output.text, "TEXT").replace(str(taken.key), "KEY")
        page = re.sub(
            r"[Oo]utput \d+|[0-9a-f-]{36}|csrfmiddlewaretoken\" value=\"\w+\"|x-csrftoken\": \"\w+\"", "", page
        )
        page = re.sub(r"<strong>\d+ /|value=\"\d+\" max|\d+ of 12|data-lease-seconds=\"\d+\"", "", page)
        page = re.sub(r"<div class=\"cs-strip\".*?</form></div>", "", page, flags=re.S)
        pages.setdefault(output.heldout_prompt_id, []).append(page)
        grades.grade_submit(
            assignment=taken, idempotency_key=uuid.uuid4(), values=good_form(), submitted_by=people.reviewer
        )
    for one, other in pages.values():
        assert one == other


def test_the_loop_of_a_grader(round: GradingRound, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.reviewer)
    response = client.post(address("grade_next", round.pk))
    key = response.url.rstrip("/").rpartition("/")[2]
    page = client.get(response.url).content.decode()
    assert "0 / 12" in page and "Anchor 4" in page and "Read the prompt first." in page
    draft = client.post(address("grade_draft", key), {"changes": json.dumps({"note": "Half", "score-tone": "3"})})
    assert draft.json() == {"version": 1}
    page = client.get(response.url).content.decode()
    assert "Half" in page and re.search(r'name="score-tone" value="3"[^>]* checked', page)
    submit_key = str(uuid.uuid4())
    sent = client.post(address("grade_submit", key), good_form() | {"idempotency_key": submit_key})
    assert sent.status_code == 302 and sent.url != response.url
    following = client.get(sent.url).content.decode()
    assert "is locked." in following and address("grade_locked", key) in following
    again = client.post(address("grade_submit", key), good_form() | {"idempotency_key": submit_key})
    assert again.status_code == 302 and Grade.objects.count() == 1
    twice = client.post(address("grade_submit", key), good_form() | {"idempotency_key": str(uuid.uuid4())})
    assert twice.status_code == 422 and "You have already graded this output" in twice.content.decode()
    assert Grade.objects.count() == 1


def test_a_refused_grade_comes_back_as_it_was_sent(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    taken = take(round, people.reviewer)
    form = bad_form(**{"score-tone": "", "note": "<b>My note</b>"}) | {"idempotency_key": str(uuid.uuid4())}
    response = client_for(people.reviewer).post(address("grade_submit", taken.key), form)
    page = response.content.decode()
    assert response.status_code == 422
    assert "Tone: choose a level." in page and "&lt;b&gt;My note&lt;/b&gt;" in page and "wrong_value" in page
    assert re.search(r'name="score-accuracy" value="1"[^>]* checked', page)


def test_machine_scores_open_after_the_lock_and_not_before(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client, taken = client_for(people.reviewer), take(round, people.reviewer)
    early = client.get(address("grade_locked", taken.key))
    assert early.status_code == 302 and early.url == address("grade", taken.key)
    client.post(address("grade_submit", taken.key), bad_form() | {"idempotency_key": str(uuid.uuid4())})
    page = client.get(address("grade_locked", taken.key)).content.decode()
    assert "ROUGE-L" not in page and "Still hidden" in page
    assert client.post(address("grade_reveal", taken.key)).url == address("grade_locked", taken.key)
    page = client.get(address("grade_locked", taken.key)).content.decode()
    assert "ROUGE-L" in page and ("71.2" in page or "11.2" in page)
    assert BASE_LABEL not in page and TUNED_LABEL not in page and "baseline" not in page
    assert client_for(people.reviewer2).get(address("grade_locked", taken.key)).status_code == 404


def test_undo_opens_the_output_again(round: GradingRound, people: SimpleNamespace, client_for: ClientFor) -> None:
    client, taken = client_for(people.reviewer), take(round, people.reviewer)
    form = good_form(note="Kept") | {"idempotency_key": str(uuid.uuid4())}
    client.post(address("grade_submit", taken.key), form)
    key = str(uuid.uuid4())
    for _ in range(2):
        back = client.post(address("grade_undo", taken.key), {"idempotency_key": key})
        assert back.url == address("grade", taken.key)
    assert "Kept" in client.get(back.url).content.decode()
    assert Grade.objects.filter(is_undone=True).count() == 1


@pytest.mark.parametrize("changes", ["", "[1]", "nonsense", '{"note": 3}'])
def test_a_draft_that_is_no_draft_is_refused(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor, changes: str
) -> None:
    taken = take(round, people.reviewer)
    response = client_for(people.reviewer).post(address("grade_draft", taken.key), {"changes": changes})
    assert response.status_code == 400


def test_leases_are_renewed_left_and_given_back(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor, settings: Any
) -> None:
    client, taken = client_for(people.reviewer), take(round, people.reviewer)
    assert client.post(address("grade_leave", taken.key)).status_code == 204
    seconds = client.post(address("grade_renew", taken.key)).json()["seconds"]
    assert settings.LEASE_MINUTES * 60 - 30 <= seconds <= settings.LEASE_MINUTES * 60
    client.post(address("grade_release", taken.key))
    lost = client.post(address("grade_renew", taken.key))
    assert lost.status_code == 409 and "run out" in lost.json()["message"]
    gone = client.get(address("grade", taken.key))
    assert gone.status_code == 302 and gone.url == address("round_detail", round.pk)


def test_outputs_stay_hidden_until_unsealed(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client, output = client_for(people.lead), Output.objects.filter(arm="candidate").first()
    assert output is not None
    assert client.get(address("output_detail", output.pk)).status_code == 404
    page = client.get(address("output_list", round.generation_run_id)).content.decode()
    assert "Still hidden" in page and output.text not in page
    grade_everything(round, [people.reviewer], lambda output, grader: bad_form())
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    assert output.text in client.get(address("output_list", round.generation_run_id)).content.decode()
    page = client.get(address("output_detail", output.pk)).content.decode()
    assert "Grader 1" in page and "In the prompt: “Doctor”" in page and people.reviewer.display_name not in page
    assert client_for(people.observer).get(address("output_detail", output.pk)).status_code == 403


def test_hostile_text_is_text(project: Project, people: SimpleNamespace, client_for: ClientFor) -> None:
    run = generated(project, prompts=1)
    text = "<script>alert(1)</script>\r\n<img src=x onerror=alert(2)>"
    Output.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    prompt = run.heldout_set.prompts.get()
    for arm, version in (("baseline", run.baseline), ("candidate", run.candidate)):
        Output.objects.create(
            generation_run=run, heldout_prompt=prompt, model_version=version, arm=arm, text=text, content_hash="x"
        )
    taken = take(opened_round(run, people.lead), people.reviewer)
    page = client_for(people.reviewer).get(address("grade", taken.key)).content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page and "<img" not in page
    assert "&#13;\n" in page


def test_a_lead_sets_up_and_unseals_a_round(run: GenerationRun, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.lead)
    version = factories.rubric_version(run.project, applies_to="outputs")
    assert f'value="{run.pk}" selected' in client.get(address("round_create") + f"?run={run.pk}").content.decode()
    form = {"generation_run": run.pk, "rubric_version": version.pk, "overlap_percent": "25", "grade_baseline": "on",
            "repeat_percent": "5", "gold_percent": "0"}  # fmt: skip
    made = client.post(address("round_create"), form)
    round = GradingRound.objects.get()
    assert made.url == address("round_detail", round.pk)
    assert "Declare gates" in client.get(made.url).content.decode()
    refused = client.post(address("round_create"), form)
    assert refused.status_code == 422 and "still sealed" in refused.content.decode()
    rounds.round_open(round=round, opened_by=people.lead)
    client.post(address("round_unseal", round.pk), {"reason": ""})
    page = client.get(made.url).content.decode()
    assert "grades are missing" in page and GradingRound.objects.get().unsealed_at is None
    client.post(address("round_unseal", round.pk), {"reason": "Pilot"})
    assert GradingRound.objects.get().is_early_unseal
    assert "Unsealed early" in client.get(made.url).content.decode()


def test_the_figures_show_n_missing_and_method(
    run: GenerationRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    page = client_for(people.observer).get(address("generation_detail", run.pk)).content.decode()
    assert "ROUGE-L" in page and "tok:unicode" in page and "Single outputs and their scores stay hidden" in page


def test_outputs_are_imported_by_form(run: GenerationRun, people: SimpleNamespace, client_for: ClientFor) -> None:
    client = client_for(people.engineer)
    form = {"label": "Vendor", "baseline_run": run.pk, "is_simulated": "on", "idempotency_key": str(uuid.uuid4())}
    bad = SimpleUploadedFile("outputs.jsonl", b'{"prompt_id": "nowhere", "text": "x"}')
    refused = client.post(address("output_import"), form | {"file": bad})
    assert refused.status_code == 422
    assert "Line 1: The held-out set has no prompt nowhere." in refused.content.decode()
    good = SimpleUploadedFile("outputs.jsonl", rows_for_import(run.heldout_set))
    made = client.post(address("output_import"), form | {"file": good})
    assert made.status_code == 302
    page = client.get(made.url).content.decode()
    assert "are simulated" in page and "not computed for outputs that were imported" in page


def test_generation_pages_poll_and_refuse_nonsense(
    run: GenerationRun, people: SimpleNamespace, client_for: ClientFor
) -> None:
    client = client_for(people.engineer)
    refused = client.post(address("generation_create"), {"candidate": run.candidate_id, "heldout_set": "x"})
    assert refused.status_code == 422
    assert client.get(address("generation_live", run.pk)).status_code == 302
    run.job = factories.job(queue="training", kwargs={"run_id": run.pk}, state="succeeded")
    run.save(update_fields=["job"])
    done = client.get(address("generation_live", run.pk), headers={"HX-Request": "true"})
    assert done.headers["HX-Refresh"] == "true" and "Finished" in done.content.decode()
    for name in ("generation_cancel", "generation_resume"):
        assert client.post(address(name, run.pk)).status_code == 302


def test_query_counts_do_not_grow_with_outputs(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    run = generated(project, prompts=30)
    round = opened_round(run, people.lead, overlap_percent=20)
    client, taken = client_for(people.reviewer), take(round, people.reviewer)
    pages = [address("round_list"), address("round_detail", round.pk), address("grade", taken.key)]
    client.get(pages[0])
    for page, most in zip(pages, (14, 24, 24), strict=True):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        assert len(queries) <= most, f"{page}: {len(queries)} queries"


def test_the_grade_page_has_one_primary_act_and_the_rest_in_a_row_of_links(
    round: GradingRound, people: SimpleNamespace, client_for: ClientFor
) -> None:
    def found(person: User) -> tuple[list[str], list[str]]:
        text = client_for(person).get(address("round_list")).content.decode()
        head, row = text.split('class="cs-head"')[1].split('class="cs-tabs cs-tabs-page"')
        links = re.findall(r'href="([^"]+)">([^<]+)</a>', row.split("</nav>")[0])
        assert all(client_for(person).get(url).status_code == 200 for url, _ in links), "no link that is refused"
        return re.findall(r"btn-primary[^>]*>(?:<svg.*?</svg>)?([^<]+)</a>", head), [name for _, name in links]

    read = ["Suite runs", "Prompt sets", "Compare base models"]
    lead, engineer = ["New comparison", "New calibration"], ["Import outputs", "Compare systems"]
    assert found(people.lead) == (["New grading round"], lead + engineer + read)
    assert found(people.engineer) == (["Generate"], engineer + read)
    assert found(people.reviewer) == found(people.observer) == ([], read)


def test_the_form_offers_earlier_model_versions_to_compare_with(
    project: Project, people: SimpleNamespace, client_for: ClientFor
) -> None:
    factories.heldout_set(project)
    base, version = factories.base_model(project), factories.version(project, [factories.sample(project)])
    first, second = (
        factories.model_version(project, base, run=factories.run(project, version, base), label=name)
        for name in ("First", "Second")
    )
    text = client_for(people.engineer).get(address("generation_create")).content.decode()
    offered = text.split('name="baseline"')[1].split("</select>")[0]
    assert "Its base model" in offered and f'value="{first.pk}"' in offered and f'value="{second.pk}"' in offered
