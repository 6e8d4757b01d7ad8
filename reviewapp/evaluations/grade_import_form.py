from __future__ import annotations

import uuid
from typing import Any

from django import forms

from reviewapp.evaluations.forms import fill_rubrics
from reviewapp.evaluations.importing_grades import GradeColumns
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import RubricVersion


class GradeImportForm(forms.Form):
    rubric_version = forms.ModelChoiceField(
        queryset=RubricVersion.objects.none(),
        label="Rubric",
        help_text="Its criteria and scales are those that the file was graded by. A scale can have any whole numbers.",
    )
    file = forms.FileField(
        label="Grades, as CSV, TSV, JSON or JSON Lines", help_text="One row an answer to one criterion, in UTF-8."
    )
    grader_column = forms.CharField(label="Column with the grader's name", max_length=200, initial="grader")
    prompt_column = forms.CharField(label="Column with the prompt's id", max_length=200, initial="prompt_id")
    system_column = forms.CharField(
        label="Column with the system's name",
        max_length=200,
        required=False,
        initial="system",
        help_text="Base, tuned, or the name of a system of this run. Empty: every row is about the tuned system.",
    )
    criterion_column = forms.CharField(label="Column with the criterion's key", max_length=200, initial="criterion")
    value_column = forms.CharField(label="Column with the answer, a whole number", max_length=200, initial="value")
    passages_column = forms.CharField(
        label="Column with marked passages",
        max_length=200,
        required=False,
        help_text='A list, in a table as JSON: [{"text": "words of the output", "severity": "major", "error_type": '
        '"wrong_value", "source": "words of the prompt"}]. Each is checked against the texts.',
    )
    note_column = forms.CharField(label="Column with the grader's note", max_length=200, required=False)
    rank = forms.CharField(
        label="Criterion that is a rank, 1 is best",
        max_length=80,
        required=False,
        help_text="Its rows become preferences between the two systems that a report compares.",
    )
    leaves_out = forms.BooleanField(
        label="Leave out rows that cannot be used",
        required=False,
        help_text="They are listed with the round, and what they were to say counts as missing. "
        "Otherwise one such row stops the import.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fill_rubrics(self, project)

    def values(self) -> dict[str, Any]:
        """The fields as ``grades_import`` takes them, but for the file."""
        data = self.cleaned_data
        columns = GradeColumns(
            grader=data["grader_column"],
            prompt_id=data["prompt_column"],
            system=data["system_column"],
            criterion=data["criterion_column"],
            value=data["value_column"],
            rank=data["rank"].strip(),
            passages=data["passages_column"].strip(),
            note=data["note_column"].strip(),
        )
        return {"columns": columns, **{n: data[n] for n in ("rubric_version", "leaves_out", "idempotency_key")}}
