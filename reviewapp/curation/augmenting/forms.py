from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_noop

from reviewapp.curation.augmenting.noise import KINDS
from reviewapp.curation.augmenting.recipe import MOST_RATE, MOST_TEXTS, MOST_VARIANTS

RATES = {
    "typos": gettext_noop("Typing errors"),
    "misread": gettext_noop("Letters misread by a scan"),
    "fillers": gettext_noop("Fillers of speech (uh, um)"),
    "casing": gettext_noop("Sentences begun in small letters"),
    "marks": gettext_noop("Marks lost at the end of a line"),
}


class RecipeForm(forms.Form):
    """What every recipe says: of which samples, how many, and the seed."""

    of = forms.ChoiceField(
        label=gettext_noop("Made from"),
        choices=[
            ("accepted", gettext_noop("Samples that experts accepted")),
            ("all", gettext_noop("All samples, also those that nobody reviewed yet")),
        ],
    )
    most = forms.IntegerField(
        label=gettext_noop("Samples at most"),
        min_value=1,
        max_value=MOST_TEXTS,
        initial=100,
        help_text=gettext_noop("Drawn at random by the seed."),
    )
    variants = forms.IntegerField(
        label=gettext_noop("Variants of each"), min_value=1, max_value=MOST_VARIANTS, initial=1
    )
    seed = forms.IntegerField(
        label=gettext_noop("Seed"),
        min_value=0,
        max_value=2**31 - 1,
        initial=1,
        help_text=gettext_noop("The same recipe and seed make the same texts of the same samples."),
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls, **initial: Any) -> Any:
        return cls(initial={"idempotency_key": uuid.uuid4(), **initial})

    @property
    def common(self) -> list[forms.BoundField]:
        return [self[name] for name in ("of", "most", "variants", "seed") if not self.fields[name].widget.is_hidden]

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class TemplatesForm(RecipeForm):
    templates = forms.CharField(
        label=gettext_noop("Templates"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
        help_text=gettext_noop(
            "One a line: a phrase => another wording | one more. A slot such as {it} stands for up to eight words and "
            "is carried over as it is. Lines that begin with # are passed over."
        ),
    )


class NoiseForm(RecipeForm):
    """A rate for each kind of noise, in 1,000 words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in KINDS:
            self.fields[name] = forms.FloatField(label=RATES[name], min_value=0, max_value=MOST_RATE, required=False)

    @property
    def rates(self) -> list[forms.BoundField]:
        return [self[name] for name in KINDS]

    def values(self) -> dict[str, Any]:
        return {**super().values(), "rates": {name: self.cleaned_data.get(name) or 0.0 for name in KINDS}}


class LimitForm(forms.Form):
    most = forms.IntegerField(label=gettext_noop("Per cent of a version's examples"), min_value=0, max_value=100)
