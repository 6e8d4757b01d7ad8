from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_noop

from reviewapp.curation.augmenting.forms import RecipeForm
from reviewapp.curation.augmenting.recipe import TEXT
from reviewapp.curation.models import Augmentation
from reviewapp.projects.models import Project
from reviewapp.runs.rewriting import model_facts, models_able

Kind = Augmentation.Kind
REWRITE = f"Rewrite the text in other words. Keep every number, name and negation as it is.\n\n{TEXT}"
THERE, BACK = f"Translate into French:\n\n{TEXT}", f"Translate into English:\n\n{TEXT}"


class RewritingForm(RecipeForm):
    """A model, what it is told, and which of the two texts it rewrites."""

    model = forms.ChoiceField(
        label=gettext_noop("Model"),
        help_text=gettext_noop("Base models and your own model versions that run on this server."),
    )
    kind = forms.ChoiceField(
        label=gettext_noop("How"),
        choices=[
            (Kind.REWRITE, gettext_noop("Rewrite, in one step")),
            (Kind.BACK, gettext_noop("Translate and back, in two steps")),
        ],
    )
    part = forms.ChoiceField(
        label=gettext_noop("Which text"),
        choices=[
            ("prompt", gettext_noop("The prompt; the completion stays as it is")),
            ("completion", gettext_noop("The completion; the prompt stays as it is")),
        ],
    )
    there = forms.CharField(
        label=gettext_noop("Instruction"),
        max_length=4_000,
        initial=REWRITE,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_noop("{text} is where the text is put in. Models that were not tuned to follow do not."),
    )
    back = forms.CharField(
        label=gettext_noop("Instruction of the second step"),
        max_length=4_000,
        required=False,
        initial=BACK,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_noop("Only for translation and back: it gets what the first step wrote."),
    )
    max_new_tokens = forms.IntegerField(
        label=gettext_noop("Tokens of an answer at most"), min_value=8, max_value=2_048, initial=512
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._models = models_able(project)
        self.fields["model"].choices = [(str(n), version.label) for n, version in self._models.items()]  # type: ignore[attr-defined]
        self.fields["variants"].widget = forms.HiddenInput()

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        chosen = model_facts(self._models[int(data["model"])])
        return {**data, "model": chosen, "steps": [data["there"], data["back"]]}
