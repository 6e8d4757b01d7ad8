from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext

from reviewapp.curation.acceptance.bounds import CONFIDENCES, MOST_ALLOWED, RATES
from reviewapp.curation.acceptance.population import FILTERS, kinds_found
from reviewapp.curation.acceptance.targets import OVERALL, definition_for, target_title
from reviewapp.curation.checks.registry import TITLES
from reviewapp.curation.models import AcceptancePlan
from reviewapp.curation.services import Wanted
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.samples.selectors import languages_of, pool_batches_of, tags_of_project

ONE_PERCENT, USUAL = Decimal(1), Decimal(95)
_LIMITS = {
    "rate_percent": [Decimal(value.numerator * 100) / value.denominator for value in RATES],
    "confidence_percent": [Decimal(value.numerator * 100) / value.denominator for value in CONFIDENCES],
}


def _percent(name: str, **values: Any) -> forms.DecimalField:
    low, high = _LIMITS[name]
    return forms.DecimalField(
        min_value=low,
        max_value=high,
        max_digits=6,
        decimal_places=4,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        **values,
    )


def target_choices(project: Project) -> list[tuple[str, Any]]:
    """Overall quality, every check, and the kinds of findings that this project has had."""
    checks = [(name, gettext(title)) for name, title in TITLES.items()]
    kinds = [f"{check}/{kind}" for check, kind in kinds_found(project) if check in TITLES]
    choices: list[tuple[str, Any]] = [(OVERALL, target_title(OVERALL)), (gettext("What a check looks for"), checks)]
    if kinds:
        choices.append((gettext("One kind of finding"), [(target, target_title(target)) for target in kinds]))
    return choices


class DrawForm(forms.Form):
    """What is looked at, of which texts, and how sure one wants to be. Read from the address, which can be sent on."""

    target = forms.ChoiceField(label="What is looked for")
    definition = forms.CharField(
        label="What counts as a defect",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Those who judge read this beside every text. Empty: the usual words for what is looked for.",
    )
    population = forms.ChoiceField(label="Of which samples", choices=AcceptancePlan.Population.choices)
    language = forms.ChoiceField(label="Language", required=False)
    batch = forms.ChoiceField(label="Import", required=False)
    origin = forms.ChoiceField(label="Origin", required=False)
    tag = forms.ChoiceField(label="Tag", required=False)
    design = forms.ChoiceField(label="How it is drawn", choices=AcceptancePlan.Design.choices)
    rate_percent = _percent(
        "rate_percent", label="Too many would be, percent",
        help_text="The smallest share of defective texts that you could not accept.",
    )  # fmt: skip
    confidence_percent = _percent(
        "confidence_percent", label="Confidence, percent",
        help_text="How surely samples that bad shall fail. 95 is usual.",
    )  # fmt: skip
    allowed = forms.IntegerField(
        label="Defects allowed",
        min_value=0,
        max_value=MOST_ALLOWED,
        help_text="With 0 the sample is smallest, but one stray defect fails it.",
    )
    shows_findings = forms.BooleanField(
        label="Show open findings to those who judge",
        required=False,
        help_text="Off is better: marked words draw the eye away from what the checks missed.",
    )

    def __init__(self, data: QueryDict, *, project: Project) -> None:
        super().__init__(data)
        self._choices("target", target_choices(project))
        everything = [("", gettext("All"))]
        self._choices("language", everything + [(name, name) for name in languages_of(project)])
        batches = [(str(batch.pk), f"{batch.pk}: {batch.file_name}") for batch in pool_batches_of(project)]
        self._choices("batch", everything + batches)
        self._choices("origin", everything + [(value, gettext(label)) for value, label in Sample.Origin.choices])
        self._choices("tag", everything + [(name, name) for name in tags_of_project(project)])

    def _choices(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = choices

    @staticmethod
    def usual() -> dict[str, Any]:
        return {
            "target": "identifiers",
            "population": AcceptancePlan.Population.CURRENT,
            "design": AcceptancePlan.Design.SIMPLE,
            "rate_percent": ONE_PERCENT,
            "confidence_percent": USUAL,
            "allowed": 0,
        }

    def wanted(self) -> Wanted:
        data = self.cleaned_data
        return Wanted(
            target=data["target"],
            definition=data["definition"] or definition_for(data["target"]),
            population=data["population"],
            filters={name: data[name] for name in FILTERS},
            design=data["design"],
            rate=data["rate_percent"] / 100,
            confidence=data["confidence_percent"] / 100,
            allowed=data["allowed"],
            shows_findings=data["shows_findings"],
        )


class DrawnForm(forms.Form):
    """What the button adds: the number that was seen, and a key so that two clicks draw one sample."""

    expected_n = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls, n: int) -> DrawnForm:
        return cls(initial={"expected_n": n, "idempotency_key": uuid.uuid4()})


class JudgeForm(forms.Form):
    """A verdict; for a defect the words, where they begin, and a note."""

    verdict = forms.CharField(max_length=6)
    field = forms.CharField(required=False, max_length=10)
    words = forms.CharField(required=False, max_length=2000, strip=False)
    start = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    note = forms.CharField(required=False, max_length=1000)


class RuleForm(forms.Form):
    """What a training-set version must have before it may be signed."""

    target = forms.ChoiceField(label="What is looked for")
    rate_percent = _percent("rate_percent", label="Fewer than, percent")
    confidence_percent = _percent("confidence_percent", label="Confidence, percent")

    def __init__(self, data: QueryDict | None = None, *, project: Project) -> None:
        super().__init__(data, initial=DrawForm.usual())
        field = self.fields["target"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = target_choices(project)

    def rule(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "target": data["target"],
            "rate": data["rate_percent"] / 100,
            "confidence": data["confidence_percent"] / 100,
        }
