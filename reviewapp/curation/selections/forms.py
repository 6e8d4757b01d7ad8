from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms

from reviewapp.curation.meaning.embedded import encoder_in_use
from reviewapp.curation.selections.asked import ACCEPTED, ANY, OPEN, SIZE_MOST, Config, limit_current, limit_holds
from reviewapp.projects.models import Project

PRESETS = [
    ("balanced", "Balanced: quality, relevance and variety alike"),
    ("best", "Best first: quality counts three times"),
    ("golden", "Closest to the golden examples: relevance counts three times"),
    ("widest", "Widest cover: variety alone"),
]
SCOPES = [
    (ANY, "All that were not rejected"),
    (OPEN, "Those that nobody accepted yet, to review next"),
    (ACCEPTED, "Accepted ones, to train on"),
]
PARTS = ("language", "origin", "batch", "tag")


def _percent(*, label: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=100)


class SelectionForm(forms.Form):
    """How many, what counts, and what must not take over. As it opens it can be sent at once."""

    size = forms.IntegerField(
        label="How many samples", min_value=1, max_value=SIZE_MOST, initial=1_000,
        widget=forms.NumberInput(attrs={"list": "sizes"}),
        help_text="1,000 to start; 5,000 to 10,000 curated ones serve most uses.",
    )  # fmt: skip
    preset = forms.ChoiceField(label="What counts", choices=PRESETS, initial="balanced")
    scope = forms.ChoiceField(label="From", choices=SCOPES, initial=ANY)
    group_most = forms.IntegerField(
        label="At most from one group", required=False, min_value=1, max_value=SIZE_MOST, initial=5,
        help_text="One patient, one matter or one conversation does not fill the set.",
    )  # fmt: skip
    least_relevance = forms.FloatField(
        label="Relevance at least", required=False, min_value=0, max_value=1,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
        help_text="From 0 to 1, the nearness to a golden example. Empty: no limit.",
    )  # fmt: skip
    least_quality = forms.FloatField(
        label="Quality at least", required=False, min_value=0, max_value=1,
        widget=forms.NumberInput(attrs={"step": "0.01"}), help_text="From 0 to 1. Empty: no limit.",
    )  # fmt: skip
    language_percent = _percent(label="Percent of one language at most")
    origin_percent = _percent(label="Percent of one origin at most")
    batch_percent = _percent(label="Percent of one import at most")
    tag_percent = _percent(label="Percent of one tag at most")
    follows_mix = forms.BooleanField(label="Follow the target mix of languages", required=False)
    seed = forms.IntegerField(
        label="Seed", min_value=0, max_value=2**31 - 1, initial=17,
        help_text="It settles which of two equal ones comes first. The same seed gives the same set.",
    )  # fmt: skip
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls, project: Project) -> SelectionForm:
        limit = limit_current(project)
        least = limit.limit if limit is not None and limit_holds(limit, encoder_in_use(project)) else None
        given = {"idempotency_key": uuid.uuid4(), "least_relevance": least}
        return cls(initial={**given, "follows_mix": True})

    def config(self, mix: Mapping[str, float]) -> Config:
        """Quotas are counts there: a percentage is one of the size asked for. ``mix``: what a lead wants."""
        data = self.cleaned_data
        parts = {name: data[f"{name}_percent"] for name in PARTS if data[f"{name}_percent"]}
        quotas: dict[str, int] = {"group": data["group_most"]} if data["group_most"] else {}
        quotas |= {name: max(1, data["size"] * percent // 100) for name, percent in parts.items() if percent < 100}
        own = ("size", "preset", "scope", "seed", "least_relevance", "least_quality")
        return Config(**{name: data[name] for name in own}, quotas=quotas, mix=mix if data["follows_mix"] else {})

    @property
    def settings(self) -> list[Any]:
        """Fields that most people leave as they are."""
        return [self[f"{name}_percent"] for name in PARTS] + [self["least_quality"], self["seed"]]


class ReviseForm(forms.Form):
    """The ticks of a selection's page."""

    act = forms.ChoiceField(choices=[("keep", "keep"), ("drop", "drop")])
    idempotency_key = forms.UUIDField()


class LimitForm(forms.Form):
    limit = forms.FloatField(label="Limit", min_value=0, max_value=1, widget=forms.NumberInput(attrs={"step": "0.01"}))
