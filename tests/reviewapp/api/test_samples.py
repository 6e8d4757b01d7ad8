"""Samples, imports and feedback through the API: pages, blindness, held-out texts, idempotency."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from reviewapp.api.v1.samples import SampleWindow
from reviewapp.core import jobs
from reviewapp.feedback.models import FeedbackItem
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Review
from reviewapp.samples.models import ImportBatch, Sample
from reviewapp.samples.selectors import FILTERS
from tests import factories
from tests.reviewapp.api.asking import ask, code_of, secret_for, told

SAMPLES = "projects/letters/samples"
IMPORTS = "projects/letters/imports"
FEEDBACK = "projects/letters/feedback"


@pytest.fixture
def lead(people: SimpleNamespace, project: Project) -> str:
    return secret_for(people.lead, project)


# ---- pages


def test_pages_hold_every_sample_once_whatever_comes_in_between(lead: str, project: Project) -> None:
    made = [factories.sample(project).pk for _ in range(5)]

    first = told(ask(lead, SAMPLES, limit=2))
    late = factories.sample(project).pk
    second = told(ask(lead, SAMPLES, limit=2, after=first["next"]))
    third = told(ask(lead, SAMPLES, limit=2, after=second["next"]))

    got = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert got == [*made, late]
    assert third["next"] is None


def test_the_filters_are_those_of_the_screen(lead: str, project: Project) -> None:
    accepted = factories.sample(project, state="accepted")
    factories.sample(project)

    assert [one["id"] for one in told(ask(lead, SAMPLES, state="accepted"))["items"]] == [accepted.pk]
    assert told(ask(lead, SAMPLES, batch="none"))["items"] == []
    assert len(told(ask(lead, SAMPLES, q="knee"))["items"]) == 2


def test_samples_of_another_project_are_not_found(lead: str, people: SimpleNamespace) -> None:
    other = factories.sample(people.outsider.memberships.get().project)

    assert ask(lead, f"{SAMPLES}/{other.pk}").status_code == 404
    assert told(ask(lead, SAMPLES))["items"] == []


@hypothesis.given(q=st.text(max_size=40), state=st.text(max_size=8), limit=st.integers(-5, 500))
@hypothesis.settings(max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_for_gets_a_page_or_a_reason(
    lead: str, settings: Any, q: str, state: str, limit: int
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 10_000
    response = ask(lead, SAMPLES, q=q.encode("utf-8", "replace").decode(), state=state, limit=limit)

    if response.status_code == 200:
        assert set(json.loads(response.content)) == {"items", "next"}
        assert 1 <= limit <= 200
    else:
        assert (response.status_code, code_of(response)) == (422, "invalid")


def test_the_api_knows_every_filter_of_the_screen() -> None:
    assert set(SampleWindow.model_fields) == {*FILTERS, "q", "after", "limit"}


# ---- blindness


def _reviewed(project: Project, people: SimpleNamespace, state: str) -> Sample:
    """Two reviewers: the first accepted, the second fixed the text."""
    rubric = factories.rubric_version(project, used=True)
    sample = factories.sample(project, state=state)
    factories.review(sample, people.annotator, rubric)
    before = factories.current(sample)
    taken = factories.assignment(sample, people.annotator2, rubric, state="submitted", slot=1)
    fixed = factories.revision(sample, completion="Fixed by the second.", number=2, reason="fix")
    Review.objects.create(
        assignment=taken, sample=sample, revision_before=before, revision_after=fixed, reviewer=people.annotator2,
        rubric_version=rubric, round=taken.round, decision="fix", idempotency_key=factories.uuid.uuid4(),
    )  # fmt: skip
    return sample


def _seen(people: SimpleNamespace, project: Project, role: str, sample: Sample) -> Any:
    return told(ask(secret_for(getattr(people, role), project), f"{SAMPLES}/{sample.pk}"))


@pytest.mark.parametrize("state", ["in_review", "adjudicate"])
def test_a_reviewer_sees_no_other_review_before_the_sample_is_settled(
    people: SimpleNamespace, project: Project, state: str
) -> None:
    seen = _seen(people, project, "annotator", _reviewed(project, people, state))

    assert [one["decision"] for one in seen["reviews"]] == ["accept"]
    assert seen["reviews"][0]["reviewer"] == str(people.annotator)
    assert "Fixed by the second." not in json.dumps(seen)


@pytest.mark.parametrize("role", ["lead", "observer", "reviewer"])
def test_nobody_else_sees_reviews_while_others_may_still_review(
    people: SimpleNamespace, project: Project, role: str
) -> None:
    seen = _seen(people, project, role, _reviewed(project, people, "in_review"))

    assert seen["reviews"] == []
    assert "Fixed by the second." not in json.dumps(seen)


def test_who_settles_differing_reviews_sees_them_without_names(people: SimpleNamespace, project: Project) -> None:
    sample = _reviewed(project, people, "adjudicate")

    adjudicator, observer = (_seen(people, project, role, sample) for role in ("reviewer", "observer"))

    assert [(one["reviewer"], one["decision"]) for one in adjudicator["reviews"]] == [(None, "accept"), (None, "fix")]
    assert observer["reviews"] == []


def test_a_settled_sample_tells_everything(people: SimpleNamespace, project: Project) -> None:
    seen = _seen(people, project, "annotator", _reviewed(project, people, "accepted"))

    assert [one["reviewer"] for one in seen["reviews"]] == [str(people.annotator), str(people.annotator2)]
    assert seen["revisions"][-1]["completion"] == "Fixed by the second."


def test_one_sample_asks_the_database_a_fixed_number_of_times(
    people: SimpleNamespace, project: Project, lead: str, django_assert_max_num_queries: Any
) -> None:
    sample = _reviewed(project, people, "accepted")
    for _ in range(5):
        factories.finding(sample)

    with django_assert_max_num_queries(13):
        assert len(told(ask(lead, f"{SAMPLES}/{sample.pk}"))["findings"]) == 5


# ---- held-out texts


def test_held_out_texts_are_withheld_from_who_may_not_read_them(people: SimpleNamespace, project: Project) -> None:
    sample = factories.sample(project, split="heldout")
    group = factories.heldout_set(project).prompts.all()[0].group
    item = factories.feedback_item(project, group_key=group.key, remark="About a sealed prompt")
    grader, annotator = secret_for(people.reviewer, project), secret_for(people.annotator, project)

    for path in (f"{SAMPLES}/{sample.pk}", SAMPLES, f"{FEEDBACK}/{item.pk}", FEEDBACK):
        hidden, shown = (ask(each, path).content.decode() for each in (annotator, grader))
        assert '"is_withheld": true' in hidden
        assert "knee" not in hidden
        assert "61" not in json.dumps(json.loads(hidden).get("prompt", ""))
        assert '"is_withheld": true' not in shown
    assert "knee" in ask(grader, SAMPLES).content.decode()
    assert "I am 61" not in ask(annotator, FEEDBACK).content.decode()


def test_a_search_does_not_tell_what_is_withheld(people: SimpleNamespace, project: Project) -> None:
    factories.sample(project, split="heldout", external_id="sealed-1")
    annotator = secret_for(people.annotator, project)

    assert told(ask(annotator, SAMPLES, q="knee"))["items"] == []
    assert len(told(ask(annotator, SAMPLES, q="sealed-1"))["items"]) == 1


def test_row_errors_of_a_held_out_file_are_withheld(people: SimpleNamespace, project: Project) -> None:
    """An admin may import, and may not read held-out prompts."""
    heldout = factories.heldout_set(project)
    batch = factories.import_batch(project, target="heldout", heldout_set=heldout)

    assert ask(secret_for(people.admin, project), f"{IMPORTS}/{batch.pk}/row-errors").status_code == 404
    assert ask(secret_for(people.engineer, project), f"{IMPORTS}/{batch.pk}/row-errors").status_code == 200


def test_a_sealed_round_tells_progress_and_no_grade(people: SimpleNamespace, project: Project, lead: str) -> None:
    base = factories.base_model(project)
    one, two = factories.model_version(project, base), factories.model_version(project, base)
    generation = factories.generation_run(project, factories.heldout_set(project), one, two)
    round = factories.grading_round(generation, factories.rubric_version(project, applies_to="outputs"))

    seen = told(ask(lead, f"projects/letters/rounds/{round.pk}"))

    assert seen["progress"] == {"needed": 6, "given": 0, "outputs": 6, "outputs_done": 0, "is_complete": False}
    assert seen["is_sealed"]
    # neither which system wrote what, nor any answer
    assert not {"baseline", "candidate", "grades", "outputs"} & set(seen)


# ---- imports

ROWS = (
    b'{"id": "n1", "prompt": "I cough.", "completion": "Cough.", "group": "p1"}\n'
    b'{"id": "n2", "prompt": "", "completion": "Nothing.", "group": "p2"}\n'
    b"not json\n"
)


def _import(secret: str, body: bytes = ROWS, key: str = "nightly-1", query: str = "") -> Any:
    kind = "application/x-ndjson"
    return ask(secret, f"{IMPORTS}{query}", "post", body, content_type=kind, headers={"Idempotency-Key": key})


def _work(batch_id: int) -> None:
    job = ImportBatch.objects.get(pk=batch_id).job
    assert job is not None
    jobs.execute(job.pk)


def test_good_rows_become_samples_and_bad_ones_are_told(lead: str) -> None:
    response = _import(lead)
    batch = told(response)["id"]
    _work(batch)

    assert response.status_code == 202
    seen = told(ask(lead, f"{IMPORTS}/{batch}"))
    assert (seen["state"], seen["rows"], seen["created"], seen["failed"]) == ("succeeded", 3, 1, 2)
    errors = told(ask(lead, f"{IMPORTS}/{batch}/row-errors"))["items"]
    assert [error["line"] for error in errors] == [2, 3]
    assert Sample.objects.get().external_id == "n1"


def test_the_same_key_imports_once(lead: str) -> None:
    first, again = _import(lead), _import(lead)
    _work(told(first)["id"])
    later = _import(lead)

    assert (first.status_code, again.status_code, later.status_code) == (202, 200, 200)
    assert {told(each)["id"] for each in (first, again, later)} == {told(first)["id"]}
    assert told(later)["created"] == 1
    assert ImportBatch.objects.count() == 1


def test_the_same_key_in_another_project_is_another_key(lead: str, people: SimpleNamespace) -> None:
    elsewhere = people.outsider.memberships.get().project
    secret = secret_for(people.outsider, elsewhere)
    _import(lead)

    kind = "application/x-ndjson"
    made = ask(
        secret, "projects/elsewhere/imports", "post", ROWS, content_type=kind, headers={"Idempotency-Key": "nightly-1"}
    )

    assert made.status_code == 202
    assert ImportBatch.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "query", "words"),
    [
        (b"", "", "rows"),
        (ROWS, "?prompt=ask", "no column"),
        (b'{"alpha": 1}\n', "", "Choose the column"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_what_to_do(lead: str, body: bytes, query: str, words: str) -> None:
    response = _import(lead, body, query=query)

    assert (response.status_code, code_of(response)) == (422, "refused")
    assert words in json.loads(response.content)["error"]["message"]
    assert not Sample.objects.exists()


def test_a_mapping_is_mended_under_the_same_key(lead: str) -> None:
    body = b'{"ask": "I cough.", "say": "Cough."}\n'

    assert _import(lead, body, query="?prompt=aks").status_code == 422
    assert _import(lead, body, query="?prompt=ask&completion=say").status_code == 202
    assert ImportBatch.objects.count() == 1


def test_a_body_above_the_limit_is_refused(lead: str, settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 10

    assert "larger" in json.loads(_import(lead).content)["error"]["message"]
    assert not ImportBatch.objects.exists()


# ---- feedback


def _send(secret: str, body: Any, key: str = "portal-00001") -> Any:
    return ask(secret, FEEDBACK, "post", json.dumps(body).encode(), headers={"Idempotency-Key": key})


def test_feedback_is_taken_in_the_name_of_the_owner_and_once(lead: str, people: SimpleNamespace) -> None:
    body = {"prompt": "How old?", "correction": "61", "group": "p9"}

    first, again = _send(lead, body), _send(lead, body)

    assert (first.status_code, again.status_code) == (201, 200)
    item = FeedbackItem.objects.get()
    assert (item.author, item.group_key) == (people.lead, "p9")


@pytest.mark.parametrize(
    "body",
    [{}, {"prompt": ""}, {"prompt": "x"}, {"prompt": "x", "promt": "y"}, {"prompt": "a\0b", "remark": "y"}, [1], "x"],
)
def test_bad_feedback_is_refused_whole(lead: str, body: Any) -> None:
    assert _send(lead, body).status_code == 422
    assert not FeedbackItem.objects.exists()


def test_a_body_that_is_no_json_is_answered(lead: str) -> None:
    response = ask(lead, FEEDBACK, "post", b"{", headers={"Idempotency-Key": "portal-00001"})

    assert (response.status_code, code_of(response)) == (400, "bad_request")


# ---- training-set versions


def test_examples_come_with_the_hash_that_was_signed(lead: str, project: Project, people: SimpleNamespace) -> None:
    samples = [factories.sample(project, state="accepted") for _ in range(2)]
    version = factories.version(project, samples, frozen_by=people.lead2, drafted_by=people.lead2)
    draft = factories.version(project, [], frozen=False, drafted_by=people.lead2)

    response = ask(lead, f"projects/letters/training-set-versions/{version.pk}/examples")

    assert response["Content-Hash"] == version.content_hash
    assert [json.loads(line)["id"] for line in response.getvalue().splitlines()] == [s.external_id for s in samples]
    assert code_of(ask(lead, f"projects/letters/training-set-versions/{draft.pk}/examples")) == "refused"


def test_a_run_tells_no_path_of_this_server(lead: str, project: Project, people: SimpleNamespace) -> None:
    version = factories.version(project, [factories.sample(project, state="accepted")])
    base = factories.base_model(project)
    factories.run(project, version, base, result=factories.run_result(output="/srv/secret"), run_dir="/srv/secret")

    text = ask(lead, "projects/letters/runs/1").content.decode()

    assert json.loads(text)["metrics"]["best_eval_loss"] == 1.0
    assert base.path not in text
    assert "/srv/secret" not in text
