from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext

from reviewapp.curation.models import Selection
from reviewapp.projects.models import Project
from reviewapp.samples.models import ImportBatch, Sample
from reviewapp.trainingsets.models import TrainingSet, TrainingSetVersion
from reviewapp.trainingsets.services import FILTERS
from reviewapp.words import grouped, named

MEANING = "I read 20 random examples of this version and found no defect."


class RuleForm(forms.Form):
    """Which accepted samples a version takes, and how they are split."""

    origin = forms.MultipleChoiceField(label="Origin", required=False, widget=forms.CheckboxSelectMultiple)
    language = forms.MultipleChoiceField(label="Language", required=False, widget=forms.CheckboxSelectMultiple)
    batch = forms.TypedMultipleChoiceField(
        label="Import", required=False, coerce=int, widget=forms.CheckboxSelectMultiple
    )
    selection = forms.TypedMultipleChoiceField(
        label="Selection", required=False, coerce=int, widget=forms.CheckboxSelectMultiple
    )
    validation_percent = forms.IntegerField(
        label="Share for validation, percent",
        min_value=1,
        max_value=50,
        initial=10,
        help_text="The model never learns from it; early stopping listens to it. 10 is usual.",
    )
    seed = forms.IntegerField(
        label="Seed of the split",
        min_value=0,
        max_value=2**31 - 1,
        initial=17,
        help_text="The same seed keeps every group in its split from version to version.",
    )
    note = forms.CharField(
        label="Note", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What is new in this version, for the people who sign it.",
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        samples = Sample.objects.filter(project=project).order_by()
        languages = sorted(value for value in samples.values_list("language", flat=True).distinct() if value)
        batches = ImportBatch.objects.filter(project=project, target=ImportBatch.Target.POOL).values_list(
            "pk", "file_name"
        )
        self._choices("origin", [(value, gettext(label)) for value, label in Sample.Origin.choices])
        self._choices("language", [(value, value) for value in languages])
        self._choices("batch", [(pk, name) for pk, name in batches])
        made = Selection.objects.filter(project=project, made_at__isnull=False)
        self._choices("selection", [(row.pk, f"{named(row)}, {grouped(row.counts['kept'])}") for row in made])

    def _choices(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices

    def rule(self) -> dict[str, Any]:
        """``filters`` without the empty ones, and the other settings, as the services take them."""
        data = self.cleaned_data
        return {
            "filters": {name: data[name] for name in FILTERS if data[name]},
            "validation_percent": data["validation_percent"],
            "seed": data["seed"],
            "note": data["note"],
        }

    @classmethod
    def of(cls, version: TrainingSetVersion) -> RuleForm:
        """The form as it stands for a draft."""
        initial = {
            **version.filters,
            "validation_percent": version.validation_percent,
            "seed": version.seed,
            "note": version.note,
        }
        return cls(initial=initial, project=version.training_set.project)


class DraftForm(RuleForm):
    set_name = forms.CharField(
        label="Training set",
        max_length=120,
        widget=forms.TextInput(attrs={"list": "set-names"}),
        help_text="An existing name starts its next version; a new name starts at 1.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ["set_name"]

    @classmethod
    def fresh(cls, project: Project, selection: str = "") -> DraftForm:
        """An empty form that proposes the set in use, the rule of its last version, and the selection given."""
        last = TrainingSetVersion.objects.filter(training_set__project=project).order_by("-created_at").first()
        initial: dict[str, Any] = {"idempotency_key": uuid.uuid4(), "set_name": "Main"}
        if last is not None:
            initial |= {"set_name": last.training_set.name, **last.filters}
            initial |= {"validation_percent": last.validation_percent, "seed": last.seed}
        if selection.isdecimal() and len(selection) < 19:
            initial["selection"] = [int(selection)]
        return cls(initial=initial, project=project)


def set_names(project: Project) -> list[str]:
    return list(TrainingSet.objects.filter(project=project).order_by("name").values_list("name", flat=True))


class SignForm(forms.Form):
    content_hash = forms.CharField(max_length=64, widget=forms.HiddenInput)
    meaning = forms.CharField(
        label="What you checked",
        max_length=1000,
        initial=MEANING,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="This sentence stands beside your name for good.",
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(label="Reason", max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))
