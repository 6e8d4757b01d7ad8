from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_noop

from reviewapp.curation.checks.registry import TITLES
from reviewapp.projects.models import Project
from reviewapp.reviews.services.queueing import SETTINGS, scores_lacking
from reviewapp.samples.models import Sample


class QueueForm(forms.ModelForm):  # type: ignore[type-arg]
    """How samples are handed out. Languages are those the project has."""

    filter_check = forms.ChoiceField(
        required=False, label="Only samples with an open finding of", help_text="Useful to look at identifiers first."
    )
    filter_language = forms.ChoiceField(required=False, label="Only samples in")
    filter_origin = forms.ChoiceField(
        required=False, label="Only samples from", choices=[("", gettext_noop("Anywhere")), *Sample.Origin.choices]
    )

    class Meta:
        model = Project
        fields = list(SETTINGS)
        labels = {
            "review_overlap": "Reviewers per sample",
            "overlap_more": "Reviewers for a share of the samples",
            "overlap_more_percent": "That share, in percent",
            "extra_reviewers": "Extra reviewers while the reviews differ",
            "queue_strategy": "Order",
            "queue_seed": "Seed of the random order",
            "queue_field": "Metadata field to order by",
        }
        help_texts = {
            "overlap_more_percent": "Chosen by the hash of each sample, so it is the same share whenever you look. "
            "0: every sample gets the same number.",
            "extra_reviewers": "Asked for one by one. What more than half of the reviewers agree on then holds; "
            "if there is nothing of that kind, the sample is adjudicated. 0: adjudicate at once.",
            "queue_field": "Holds the priority, a confidence from 0 to 1, or the scores of the classes. "
            "Samples without it come last. Left empty, the three orders by uncertainty go by the model that learned "
            "from the decisions in this project.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = self.instance.samples.exclude(language="").order_by("language").values_list("language", flat=True)
        found = [(code, code) for code in languages.distinct()]
        self.fields["filter_language"].choices = [("", gettext("Any language")), *found]  # type: ignore[attr-defined]
        checks = [(name, gettext(title)) for name, title in TITLES.items()]
        self.fields["filter_check"].choices = [("", gettext("Any check, or none")), *checks]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        lacking = scores_lacking(self.instance, given.get("queue_strategy", ""), given.get("queue_field", ""))
        if lacking:
            self.add_error("queue_field", lacking)
        return given
