"""The label form of an assignment: whether there is one, what it shows, what it says when it is handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from reviewapp.labelling import selectors as labelling
from reviewapp.labelling import values
from reviewapp.labelling.bench import FieldRow, candidates_of, field_rows
from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.labelling.rendering import completion_of
from reviewapp.labelling.schema import CHOOSING, CLASS, SPANS, TREE, SchemaDocument
from reviewapp.reviews import judging
from reviewapp.reviews.models import Assignment
from reviewapp.rubrics.schema import RubricDocument

REVEALED = values.PREFIX + "revealed"  # in a draft: this person has seen the suggestions
STALE = "The label schema changed while you were labelling. What you chose is kept: look at it once more, then send."
ANSWER_FIRST = "Answer every required field first; then the suggestions are shown."


@dataclass(frozen=True)
class SuggestionView:
    """One suggestion in words; ``name`` is the form value that it would set to ``value``."""

    name: str
    field: str
    words: str
    value: str
    score: float | None
    source: str

    @property
    def percent(self) -> str:
        return "no score" if self.score is None else f"{100 * self.score:.0f}%"


@dataclass(frozen=True, kw_only=True)
class LabelView:
    version: LabelSchemaVersion
    document: SchemaDocument
    rows: list[FieldRow]
    suggestions: list[SuggestionView]
    is_revealed: bool


def label_version(assignment: Assignment) -> LabelSchemaVersion | None:
    """The schema version that this sample is labelled by; None when it has a completion to review, or no schema is
    offered. A query only for samples without a completion."""
    shown = assignment.revision
    if shown.completion.strip() and shown.labels is None:
        return None
    return labelling.version_current(assignment.sample.project)


def rubric_asked(assignment: Assignment, rubric: RubricDocument) -> RubricDocument:
    """The rubric without its criteria for a sample that is labelled: nobody scores what they produce themselves."""
    return rubric if label_version(assignment) is None else replace(rubric, criteria=())


def label_view(
    version: LabelSchemaVersion,
    assignment: Assignment,
    form: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
) -> LabelView:
    """The form as answered so far. Queries: one a listed field, one for chosen classes, three for suggestions shown."""
    document = labelling.workbench_document(version)
    form = _answered(assignment, document, form)
    choosing = [field.key for field in document.fields if field.kind in CHOOSING]
    listed = {key: [(c.key, c.name, c.description) for c in labelling.classes_listed(version, key)] for key in choosing}
    is_revealed = document.suggestions == "shown" or REVEALED in assignment.draft
    return LabelView(
        version=version,
        document=document,
        rows=field_rows(
            document,
            form,
            problems=problems,
            listed=listed,
            known=labelling.classes_known(version, values.classes_named(document, form)),
            candidates=candidates_of(document, assignment.sample.metadata),
        ),
        suggestions=_suggestions(version, document, assignment) if is_revealed else [],
        is_revealed=is_revealed,
    )


def _answered(assignment: Assignment, document: SchemaDocument, form: Mapping[str, str]) -> Mapping[str, str]:
    """The form; where it says nothing yet and the shown revision has labels, those."""
    if assignment.revision.labels is None or any(name.startswith(values.PREFIX) for name in form):
        return form
    candidates = candidates_of(document, assignment.sample.metadata)
    return {**form, **values.labels_to_form(assignment.revision.labels["fields"], candidates)}


def labels_given(version: LabelSchemaVersion, assignment: Assignment, form: Mapping[str, str]) -> dict[str, Any]:
    """Labels as ``Revision.labels`` holds them; raises ReviewInvalid with what is missing, and for a stale form."""
    if form.get(values.VERSION) != version.content_hash:
        raise judging.ReviewInvalid({"": STALE})
    document = labelling.workbench_document(version)
    material = values.Material(
        prompt=judging.drafted_prompt(assignment.draft, assignment.revision.prompt),
        candidates=candidates_of(document, assignment.sample.metadata),
        known=labelling.classes_known(version, values.classes_named(document, form)),
    )
    try:
        answers = values.labels_read(document, form, material)
    except values.LabelsInvalid as error:
        raise judging.ReviewInvalid(error.problems) from error
    schema = {
        "name": version.schema.name,
        "version": version.pk,
        "number": version.number,
        "hash": version.content_hash,
    }
    return {"schema": schema, "fields": answers}


def review_given(
    version: LabelSchemaVersion, assignment: Assignment, form: Mapping[str, str], rubric: RubricDocument
) -> judging.ReviewGiven:
    """The review of a sample that is labelled; raises ReviewInvalid. Only to accept are the labels asked for."""
    shown, bare = assignment.revision, replace(rubric, criteria=())
    if form.get("decision") not in (judging.ACCEPT, judging.FIX):
        return judging.review_read({**form, "completion": shown.completion}, bare, shown.prompt, shown.completion)
    given = labels_given(version, assignment, form)
    prompt = judging.drafted_prompt(assignment.draft, shown.prompt)
    texts = {"completion": completion_given(version, given, prompt)}
    read = judging.review_read({**form, **texts}, bare, shown.prompt, shown.completion, assignment.draft)
    return replace(read, labels=given)


def completion_given(version: LabelSchemaVersion, labels: Mapping[str, Any], prompt: str) -> str:
    """The text that these labels are learned as."""
    return completion_of(labelling.workbench_document(version), labels["fields"], prompt)


def reveal_problem(version: LabelSchemaVersion, assignment: Assignment) -> str:
    """Why the suggestions stay hidden yet; empty when they may be shown."""
    try:
        labels_given(version, assignment, {**assignment.draft, values.VERSION: version.content_hash})
    except judging.ReviewInvalid:
        return ANSWER_FIRST
    return ""


def label_draft(labels: Mapping[str, Any], assignment: Assignment) -> dict[str, str]:
    """The form values of stored labels, so that a decision taken back can be mended."""
    version = label_version(assignment)
    if version is None:
        return {}
    document = labelling.workbench_document(version)
    return values.labels_to_form(labels["fields"], candidates_of(document, assignment.sample.metadata))


def _suggestions(version: LabelSchemaVersion, document: SchemaDocument, assignment: Assignment) -> list[SuggestionView]:
    prompt = judging.drafted_prompt(assignment.draft, assignment.revision.prompt)
    found = labelling.suggestions_for(version, assignment.sample.external_id, prompt)
    fields = {field.key: field for field in document.fields}
    found = [one for one in found if one.field in fields]
    named = {(one.field, key) for one in found if fields[one.field].kind in CHOOSING for key in one.value.splitlines()}
    known = labelling.classes_known(version, named)
    views = []
    for one in found:
        kind = fields[one.field].kind
        words = one.value
        if kind in CHOOSING:
            keys = one.value.splitlines()
            if any((one.field, key) not in known for key in keys) or (kind in (CLASS, TREE) and len(keys) > 1):
                continue  # its class is not in this version
            words = ", ".join(known[one.field, key].name for key in keys)
        elif kind == SPANS:
            words = _passages(one.value, prompt)
        name = fields[one.field].name
        views.append(SuggestionView(values.PREFIX + one.field, name, words, one.value, one.score, one.source))
    return views


def _passages(value: str, prompt: str) -> str:
    spans = json.loads(value)["spans"]
    return ", ".join(f"{span['type']}: {prompt[span['start'] : span['end']][:60]}" for span in spans[:20])
