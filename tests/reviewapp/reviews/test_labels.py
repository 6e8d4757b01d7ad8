"""Labels produced in the workbench: from the form to the frozen revision, with overlap, undo and suggestions."""

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
from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.labelling.services import rules_save, schema_save
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import ReviewInvalid
from reviewapp.reviews.models import Assignment, Review
from reviewapp.reviews.selectors import labels as selectors
from reviewapp.reviews.services import adjudication_claim, review_submit, review_undo
from reviewapp.rubrics.selectors import version_document
from reviewapp.samples.mapping import content_hash
from reviewapp.samples.models import Revision, Sample
from reviewapp.samples.services import revision_add
from tests import factories
from tests.reviewapp.labelling import documents as d
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import claim, state_of


def world(
    project: Project, *fields: dict[str, Any], samples: int = 2, overlap: int = 1, **values: Any
) -> SimpleNamespace:
    """A project whose samples have no completion and are labelled by a schema."""
    made = reviewing.world(project, samples=0, overlap=overlap)
    made.samples = [factories.sample(project, prompt=d.PROMPT, completion="", **values) for _ in range(samples)]
    made.schema = d.version(project, *fields)
    return made


def form(version: LabelSchemaVersion, **answers: str) -> dict[str, str]:
    typed = {f"label-{name}": value for name, value in answers.items()}
    return {"decision": "accept", "label-version": version.content_hash, **typed}


def hand_in(assignment: Assignment, version: LabelSchemaVersion, **answers: str) -> Review:
    rubric = version_document(assignment.rubric_version)
    given = selectors.review_given(version, assignment, form(version, **answers), rubric)
    return review_submit(assignment=assignment, given=given, idempotency_key=uuid.uuid4())


def current(sample: Sample) -> Revision:
    revision = Sample.objects.get(pk=sample.pk).revision
    assert revision is not None
    return revision


def test_labels_are_stored_with_their_text_and_hashed_together(project: Project) -> None:
    w = world(project, d.one_class(), d.spans())
    spans = json.dumps({"spans": [{"type": "medicine", "start": 7, "end": 16}], "relations": []})
    review = hand_in(claim(project, w.ann), w.schema, reason="skin", facts=spans)
    revision = current(review.sample)
    assert (review.decision, state_of(review.sample), revision.reason) == ("accept", "accepted", "label")
    assert revision.completion.startswith("Reason: Skin\n\nFacts: {") and revision.created_by == w.ann
    assert revision.labels["fields"]["facts"]["spans"][0]["text"] == "ibuprofen"
    assert revision.labels["schema"]["hash"] == w.schema.content_hash
    assert revision.content_hash == content_hash(revision.prompt, revision.completion, revision.labels)
    assert revision.content_hash != content_hash(revision.prompt, revision.completion)
    w.schema.refresh_from_db()
    assert w.schema.used_at is not None


def test_what_is_missing_is_refused_before_anything_is_stored(project: Project) -> None:
    w = world(project)
    with pytest.raises(ReviewInvalid) as caught:
        hand_in(claim(project, w.ann), w.schema)
    assert caught.value.problems == {"label-reason": "Reason: choose a class."}
    assert not Review.objects.exists()


def test_a_schema_that_changed_meanwhile_is_said(project: Project) -> None:
    w = world(project)
    assignment = claim(project, w.ann)
    old = form(w.schema, reason="pain")
    given = selectors.review_given(w.schema, assignment, old, version_document(assignment.rubric_version))
    changed = schema_save(schema=w.schema.schema, document=d.parsed(d.many_classes()), saved_by=w.ann)
    with pytest.raises(ApplicationError, match="schema changed"):
        review_submit(assignment=assignment, given=given, idempotency_key=uuid.uuid4())
    with pytest.raises(ReviewInvalid, match="schema changed"):
        selectors.review_given(changed, assignment, old, version_document(assignment.rubric_version))
    assert not Review.objects.exists() and state_of(assignment.sample) == "ready"


def test_equal_labels_of_two_people_settle_and_others_go_to_adjudication(project: Project) -> None:
    w = world(project, d.many_classes(), overlap=2)
    for person, chosen in ((w.ann, "pain\nskin"), (w.bob, "skin\npain")):
        first = hand_in(claim(project, person), w.schema, topics=chosen)
    assert state_of(first.sample) == "accepted" and current(first.sample).completion == "Pain; Skin"
    for person, chosen in ((w.ann, "pain"), (w.bob, "skin")):
        second = hand_in(claim(project, person), w.schema, topics=chosen)
    assert state_of(second.sample) == "adjudicate" and current(second.sample).completion == ""


def test_an_undone_decision_brings_the_labels_back(project: Project) -> None:
    w = world(project, d.many_classes(), d.written())
    review = hand_in(claim(project, w.ann), w.schema, topics="pain\nskin", reply="Rest.")
    assignment = review_undo(review=review, idempotency_key=uuid.uuid4())
    assert assignment.draft == {"label-topics": "pain\nskin", "label-reply": "Rest."}
    assert current(review.sample).labels is None


def test_to_return_a_sample_no_label_is_needed(project: Project) -> None:
    w = world(project)
    assignment = claim(project, w.ann)
    typed = {"decision": "return", "reason-return": "No question in it.", "label-version": "old"}
    given = selectors.review_given(w.schema, assignment, typed, version_document(assignment.rubric_version))
    review = review_submit(assignment=assignment, given=given, idempotency_key=uuid.uuid4())
    assert review.decision == "return" and review.revision_after_id == review.revision_before_id


def test_a_sample_with_a_completion_is_reviewed_as_ever(project: Project) -> None:
    w = reviewing.world(project)
    d.version(project)
    assert selectors.label_version(claim(project, w.ann)) is None


def test_candidates_are_ranked_from_the_imported_columns(project: Project) -> None:
    w = world(project, d.ranking(), metadata={"candidates": ["Rest.", "Walk."]})
    review = hand_in(claim(project, w.ann), w.schema, best="2 1")
    assert current(review.sample).completion == "Walk."
    assert current(review.sample).labels["fields"]["best"]["ranked"] == ["Walk.", "Rest."]


# ---- pages


@pytest.fixture
def ann(people: SimpleNamespace, client_for: Any) -> Client:
    return client_for(people.annotator)  # type: ignore[no-any-return]


def url(name: str, assignment: Assignment) -> str:
    return reverse(f"reviews:{name}", args=["letters", assignment.key])


def opened(project: Project, person: User, *fields: dict[str, Any]) -> tuple[LabelSchemaVersion, Assignment]:
    reviewing.rubric(project)
    factories.sample(project, prompt=d.PROMPT, completion="")
    return d.version(project, *fields), claim(project, person)


def test_the_form_takes_the_place_of_the_completion(project: Project, people: SimpleNamespace, ann: Client) -> None:
    whole = (d.one_class(), d.many_classes(), d.tree(), d.spans(), d.written())
    version, assignment = opened(project, people.annotator, *whole)
    page = ann.get(url("review_edit", assignment)).text
    assert "<h2>Labels</h2>" in page and "data-label-source" in page and "edit-block-1" not in page
    answers = {"reason": "pain", "topics": "skin", "code": "L", "facts": "", "reply": ""}
    sent = form(version, **answers) | {"idempotency_key": str(uuid.uuid4()), "rubric": ""}
    refused = ann.post(url("review_submit", assignment), sent)
    assert refused.status_code == 422 and "Reply: write it." in refused.text and 'value="pain"' in refused.text
    stored = ann.post(url("review_submit", assignment), sent | {"label-reply": "Rest."})
    assert stored.status_code == 302 and Review.objects.get().revision_after.labels is not None


def test_labels_are_kept_as_a_draft(project: Project, people: SimpleNamespace, ann: Client) -> None:
    _, assignment = opened(project, people.annotator)
    ann.post(url("draft_save", assignment), {"changes": json.dumps({"label-reason": "sleep"})})
    assignment.refresh_from_db()
    assert assignment.draft["label-reason"] == "sleep"
    assert 'value="sleep" data-digit="3" checked' in ann.get(url("review_edit", assignment)).text


@pytest.mark.slow
def test_ten_thousand_classes_cost_no_more_than_ten(
    project: Project, people: SimpleNamespace, ann: Client, django_assert_max_num_queries: Any
) -> None:
    rows = [{"key": f"K{n}", "name": f"Condition {n}"} for n in range(10_000)]
    version, assignment = opened(project, people.annotator, d.one_class(classes=rows))
    ann.get(url("review_edit", assignment))
    with django_assert_max_num_queries(22):
        page = ann.get(url("review_edit", assignment))
    assert "Condition" not in page.text
    sent = form(version, reason="K7531") | {"idempotency_key": str(uuid.uuid4())}
    assert ann.post(url("review_submit", assignment), sent).status_code == 302
    assert Review.objects.get().revision_after.completion == "Condition 7531"


def test_suggestions_wait_for_the_persons_own_answer(project: Project, people: SimpleNamespace, ann: Client) -> None:
    version, assignment = opened(project, people.annotator)
    rules_save(schema=version.schema, lines="reason, pain: knee", saved_by=people.lead)
    assert "knee”" not in ann.get(url("review_edit", assignment)).text
    early = ann.post(url("suggestions_reveal", assignment), headers={"HX-Request": "true"})
    assert "Answer every required field first" in early.text and "rule" not in early.text
    shown = ann.post(url("suggestions_reveal", assignment), {"label-reason": "skin"}, headers={"HX-Request": "true"})
    assert "100%" in shown.text and "rule “knee”" in shown.text and 'data-suggested="pain"' in shown.text
    assignment.refresh_from_db()
    assert assignment.draft["label-reason"] == "skin"
    assert 'value="skin" data-digit="2" checked' in ann.get(url("review_edit", assignment)).text


def test_a_schema_may_show_suggestions_at_once(project: Project, people: SimpleNamespace, ann: Client) -> None:
    reviewing.rubric(project)
    factories.sample(project, prompt=d.PROMPT, completion="")
    version = d.version(project, suggestions="shown")
    rules_save(schema=version.schema, lines="reason, pain: knee", saved_by=people.lead)
    page = ann.get(url("review_edit", claim(project, people.annotator))).text
    assert "rule “knee”" in page and "checked" not in page.split('id="label-reason"')[1].split("</fieldset>")[0]


def test_labels_stay_with_a_text_they_fit_and_forbid_one_they_do_not(project: Project) -> None:
    w = world(project, d.one_class(), samples=1)
    sample = hand_in(claim(project, w.ann), w.schema, reason="pain").sample
    change = {"reason": "finding", "created_by": w.ann}
    made = revision_add(sample=sample, prompt=f"{d.PROMPT} Thanks.", completion="Pain", **change)
    assert made.labels is not None and made.content_hash == content_hash(made.prompt, "Pain", made.labels)
    with pytest.raises(ApplicationError, match="written from labels"):
        revision_add(sample=sample, prompt=d.PROMPT, completion="Ache", **change)


def test_marked_passages_are_not_moved_by_a_change_of_the_prompt(project: Project) -> None:
    w = world(project, d.spans(), d.one_class(), samples=1)
    sample = hand_in(claim(project, w.ann), w.schema, reason="pain").sample
    text = current(sample).completion
    with pytest.raises(ApplicationError, match="they would move"):
        revision_add(sample=sample, prompt=f"Hi. {d.PROMPT}", completion=text, reason="finding", created_by=w.ann)


def test_an_adjudicator_takes_the_labels_of_one_review(project: Project, client_for: Any) -> None:
    w = world(project, overlap=2, samples=1)
    for person, chosen in ((w.ann, "pain"), (w.bob, "skin")):
        sample = hand_in(claim(project, person), w.schema, reason=chosen).sample
    settled = adjudication_claim(project=project, user=w.cleo)
    assert settled is not None
    page = client_for(w.cleo).get(reverse("reviews:adjudication_edit", args=["letters", settled.key])).text
    letter = "A" if page.index("Pain") < page.index("Skin") else "B"
    sent = {"decision": "accept", "choice": letter, "cause": "slip", "idempotency_key": str(uuid.uuid4())}
    answer = client_for(w.cleo).post(reverse("reviews:adjudication_submit", args=["letters", settled.key]), sent)
    assert answer.status_code == 302, answer.text
    assert current(sample).labels["fields"]["reason"]["chosen"][0]["key"] == "pain"


def test_an_adjudicator_labels_anew(project: Project, client_for: Any) -> None:
    w = world(project, overlap=2, samples=1)
    for person, chosen in ((w.ann, "pain"), (w.bob, "skin")):
        sample = hand_in(claim(project, person), w.schema, reason=chosen).sample
    settled = adjudication_claim(project=project, user=w.cleo)
    assert settled is not None
    client, address = client_for(w.cleo), reverse("reviews:adjudication_submit", args=["letters", settled.key])
    sent = form(w.schema) | {"choice": "written", "cause": "slip", "idempotency_key": str(uuid.uuid4())}
    refused = client.post(address, sent)
    assert refused.status_code == 422 and "Reason: choose a class." in refused.text and "Label it" in refused.text
    assert client.post(address, sent | {"label-reason": "sleep"}).status_code == 302
    revision = current(sample)
    assert (revision.completion, revision.reason, revision.created_by) == ("Sleep", "adjudication", w.cleo)
    assert revision.labels["fields"]["reason"]["chosen"][0]["key"] == "sleep"
