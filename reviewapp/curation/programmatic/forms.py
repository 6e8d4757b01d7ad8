from __future__ import annotations

import uuid
from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from reviewapp.curation.models import LabellingFunctionVersion, LabellingRun
from reviewapp.curation.programmatic.conditions import (
    COMPARE,
    KINDS,
    LENGTH,
    OPERATORS,
    SCORE,
    UNITS,
    Condition,
)
from reviewapp.curation.services.programmatic import MAJORITY, MODEL
from reviewapp.labelling.rules import KEYWORD, PATTERN

KIND_NAMES = {
    KEYWORD: gettext_noop("Words in the prompt"),
    PATTERN: gettext_noop("A pattern in the prompt"),
    LENGTH: gettext_noop("Length of the prompt"),
    COMPARE: gettext_noop("A field of the import"),
    SCORE: gettext_noop("A model's score"),
}
UNIT_NAMES = {"words": gettext_noop("words"), "characters": gettext_noop("characters")}
OPERATOR_NAMES = {
    "is": gettext_noop("is"), "is_not": gettext_noop("is not"), "holds": gettext_noop("contains"),
    "above": gettext_noop("is above"), "at_least": gettext_noop("is at least"), "below": gettext_noop("is below"),
    "at_most": gettext_noop("is at most"), "present": gettext_noop("is there"), "missing": gettext_noop("is missing"),
}  # fmt: skip
LISTED = 200  # a field with more classes is written by key
PARTS = {
    KEYWORD: ("words",), PATTERN: ("pattern",), LENGTH: ("unit", "least", "most"),
    COMPARE: ("column", "operator", "value"), SCORE: ("source", "at_least"),
}  # fmt: skip


def _code(rows: int = 2) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "cs-mono"})


class FunctionForm(forms.Form):
    """One labelling function: its name, the class that it votes for, and when it fires."""

    name = forms.CharField(label=gettext_noop("Name"), max_length=60)
    target = forms.CharField(label=gettext_noop("Votes for"), max_length=80)
    kind = forms.ChoiceField(
        label=gettext_noop("Fires on"), choices=[(kind, KIND_NAMES[kind]) for kind in KINDS], initial=KEYWORD,
        widget=forms.RadioSelect,
    )  # fmt: skip
    words = forms.CharField(
        label=gettext_noop("Words"), max_length=500, widget=_code(),
        help_text=gettext_noop("Several are separated by commas; whole words, small and capital letters alike."),
    )  # fmt: skip
    pattern = forms.CharField(
        label=gettext_noop("Pattern"), max_length=500, widget=_code(),
        help_text=gettext_noop(
            "A regular expression, small and capital letters alike. A search that takes longer than a quarter of a "
            "second is interrupted, and the function is stopped with a message."
        ),
    )  # fmt: skip
    unit = forms.ChoiceField(label=gettext_noop("Counted in"), choices=[(one, UNIT_NAMES[one]) for one in UNITS])
    least = forms.IntegerField(label=gettext_noop("At least"), required=False, min_value=0, max_value=10_000_000)
    most = forms.IntegerField(label=gettext_noop("At most"), required=False, min_value=0, max_value=10_000_000)
    column = forms.CharField(
        label=gettext_noop("Field"), max_length=120, widget=forms.TextInput(attrs={"list": "columns"}),
        help_text=gettext_noop("A column of the import that is no prompt and no completion, or language."),
    )  # fmt: skip
    operator = forms.ChoiceField(
        label=gettext_noop("Comparison"), choices=[(one, OPERATOR_NAMES[one]) for one in OPERATORS]
    )
    value = forms.CharField(
        label=gettext_noop("With"), required=False, max_length=300,
        help_text=gettext_noop("A word, a number, a date such as 2026-03-31, or another field in braces: {age}."),
    )  # fmt: skip
    source = forms.ChoiceField(label=gettext_noop("Whose score"))
    at_least = forms.FloatField(
        label=gettext_noop("Score at least"), min_value=0, max_value=1, initial=0.8,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )  # fmt: skip
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    use_required_attribute = False  # what is asked for depends on the kind

    def full_clean(self) -> None:
        """Only the fields of the chosen kind are asked for; what stands in the others is no error."""
        of_kind = PARTS.get(self.data.get("kind", ""), ())
        others = [name for names in PARTS.values() for name in names if name not in of_kind]
        needed = {name: self.fields[name].required for name in others}
        for name in others:
            self.fields[name].required = False
        super().full_clean()
        for name in others:
            self.fields[name].required = needed[name]
            self.errors.pop(name, None)

    def offer(self, classes: dict[str, str], sources: Sequence[tuple[str, str]]) -> None:
        """Sets what can be chosen in this project."""
        if len(classes) <= LISTED:
            self.fields["target"].widget = forms.Select(choices=[("", "–"), *classes.items()])
        else:
            self.fields["target"].help_text = gettext_noop("The key of a class.")
        named = [(one, name or _("the model that learned from experts' labels")) for one, name in sources]
        self.fields["source"].choices = named or [("", "–")]  # type: ignore[attr-defined]

    @classmethod
    def fresh(cls, version: LabellingFunctionVersion | None = None) -> FunctionForm:
        """Empty, or as a version is."""
        initial: dict[str, object] = {"idempotency_key": uuid.uuid4()}
        if version is not None:
            stored = dict(version.condition)
            initial |= stored | {"name": version.function.name, "target": version.target}
            initial["words" if stored["kind"] == KEYWORD else "pattern"] = stored.get("text", "")
        return cls(initial=initial)

    def condition(self) -> Condition:
        """Only what belongs to the kind counts; what else is filled in stays on the page and is not kept."""
        data = self.cleaned_data
        kind = data["kind"]
        parts = {name: data[name] for name in PARTS[kind] if name not in ("words", "pattern")}
        if kind in (KEYWORD, PATTERN):
            parts["text"] = data["words" if kind == KEYWORD else "pattern"].strip()
        if kind == SCORE:
            parts["at_least"] = data["at_least"] or 0.0
        return Condition(kind=kind, **parts)

    @property
    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields of each kind."""
        return [(kind, [self[name] for name in names]) for kind, names in PARTS.items()]


class RunForm(forms.Form):
    """Nothing to fill in: the key makes two clicks one run."""

    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls) -> RunForm:
        return cls(initial={"idempotency_key": uuid.uuid4()})


class SuggestForm(forms.Form):
    """Which answers of a run the form shows to experts."""

    method = forms.ChoiceField(
        label=gettext_noop("By"),
        choices=[(MODEL, gettext_noop("Label model (Dawid and Skene)")), (MAJORITY, gettext_noop("Majority of votes"))],
    )
    least = forms.FloatField(
        label=gettext_noop("Sureness at least"), min_value=0, max_value=1, initial=0.8,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
        help_text=gettext_noop("From 0 to 1: the model's probability, or the share of the votes."),
    )  # fmt: skip

    @classmethod
    def better(cls, run: LabellingRun) -> SuggestForm:
        """With the way that is more often right on the same samples; the label model where experts do not tell."""
        most, model = (run.figures[name]["accuracy"]["rate"] or 0.0 for name in (MAJORITY, "model_clear"))
        return cls(initial={"method": MAJORITY if most > model else MODEL})
