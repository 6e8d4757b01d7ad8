"""The part of a run's form that is about what a model could before, and about a teacher."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from reviewapp.projects.models import Project
from reviewapp.runs.beside import Beside
from reviewapp.runs.models import ModelVersion
from reviewapp.runs.rewriting import models_able
from reviewapp.trainingsets import selectors as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from training.contract import Keeping, Teacher

TOKENS = [
    ("completion", "The completions that are learned"),
    ("all", "Every token, prompts too"),
    ("general", "Completions of the general set"),
]
# What a form means that was sent without these fields.
USUAL = {
    "replay_share": Keeping.replay_share, "kl_weight": Keeping.kl_weight, "kl_tokens": Keeping.kl_tokens,
    "ewc_weight": Keeping.ewc_weight, "fisher_rows": Keeping.fisher_rows, "teacher_share": Teacher.share,
    "teacher_temperature": Teacher.temperature,
}  # fmt: skip
KEPT = ("replay_share", "kl_weight", "kl_tokens", "ewc_weight", "fisher_rows")
_TAUGHT = {"teacher_share": "share", "teacher_temperature": "temperature"}
FIELDS = ("general_version", *KEPT, "teacher", *_TAUGHT)


class KeepingFields(forms.Form):
    general_version = forms.ModelChoiceField(
        label="General set", queryset=TrainingSetVersion.objects.none(), required=False, empty_label="None",
        help_text="A signed version of texts the model should go on to handle, of other samples than the training set. "
        "Its prompts must ask for something else: the same prompts with answers of another kind are learned as such.",
    )  # fmt: skip
    replay_share = forms.FloatField(
        label="Share replayed", min_value=0, max_value=0.9, initial=Keeping.replay_share,
        help_text="Of each epoch, so much is read from the general set: 0.1 to 0.3 is usual, 0 for none.",
    )  # fmt: skip
    kl_weight = forms.FloatField(
        label="Hold to the base model (KL)", min_value=0, max_value=1000, initial=Keeping.kl_weight,
        help_text="How much it costs to answer otherwise than the base: 0 for free, 0.1 to 1 holds. A third more time.",
    )  # fmt: skip
    kl_tokens = forms.ChoiceField(
        label="Held on", choices=TOKENS, help_text="On completions it also slows what is to be learned."
    )
    ewc_weight = forms.FloatField(
        label="Hold what mattered (EWC)", min_value=0, max_value=1e6, initial=Keeping.ewc_weight,
        help_text="Weights that matter for the general set move less: 0 for free, try 0.001 to 0.1. LoRA only.",
    )  # fmt: skip
    fisher_rows = forms.IntegerField(
        label="General examples measured", min_value=1, max_value=100_000, initial=Keeping.fisher_rows,
        help_text="From so many EWC learns which weights matter.",
    )  # fmt: skip
    teacher = forms.ModelChoiceField(
        label="Teacher", queryset=ModelVersion.objects.none(), required=False, empty_label="None",
        help_text="A model version with the same tokenizer, whose scores are learned beside the examples.",
    )  # fmt: skip
    teacher_share = forms.FloatField(
        label="Learned from the teacher", min_value=0.01, max_value=1, initial=Teacher.share,
        help_text="Share of the loss; the rest is learned from the examples.",
    )  # fmt: skip
    teacher_temperature = forms.FloatField(
        label="Temperature", min_value=0.1, max_value=100, initial=Teacher.temperature,
        help_text="Above 1, what the teacher finds second best counts more. 2 is usual.",
    )  # fmt: skip

    def fill_beside(self, project: Project) -> None:
        """What may be chosen; called once the form knows its project."""
        signed = [version.pk for version in trainingsets.versions_signed(project)]
        able = [model.pk for model in models_able(project).values()]
        for name, rows in (
            ("general_version", trainingsets.versions_of(project).filter(pk__in=signed)),
            ("teacher", ModelVersion.objects.filter(pk__in=able).order_by("-number")),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
            field.queryset = rows

    def beside(self) -> Beside:
        return Beside(general=self.cleaned_data["general_version"], teacher=self.cleaned_data["teacher"])

    def take_beside(self, data: dict[str, Any]) -> dict[str, Any]:
        """Takes these fields out of ``data``; returns them as ``run_request`` knows them, and nothing for none."""
        kept = {name: data.pop(name) for name in KEPT}
        taught = {_TAUGHT[name]: data.pop(name) for name in _TAUGHT}
        general, teacher = data.pop("general_version"), data.pop("teacher")
        is_kept = general is not None or kept["kl_weight"] or kept["replay_share"] or kept["ewc_weight"]
        return {**({"keeping": kept} if is_kept else {}), **({"teaching": taught} if teacher is not None else {})}


def contradictions(data: dict[str, Any]) -> tuple[tuple[str, bool, str], ...]:
    """(field, whether it holds, sentence) of what these fields contradict."""
    general, replayed = data.get("general_version") is not None, bool(data.get("replay_share"))
    held, ewc = bool(data.get("kl_weight")), bool(data.get("ewc_weight"))
    return (
        ("general_version", (replayed or ewc) and not general,
         _("Replay and EWC read a general set: choose one, or set both to 0.")),
        ("general_version", general and not replayed and not ewc,
         _("The general set is not used: give a share to replay or a weight of EWC, or choose none.")),
        ("general_version", general and data.get("general_version") == data.get("version"),
         _("The general set must be another version than the one that is learned.")),
        ("kl_tokens", held and data.get("kl_tokens") == "general" and not replayed,
         _("Completions of the general set are only read when some are replayed: give a share above 0.")),
        ("kl_tokens", held and data.get("kl_tokens") == "all" and bool(data.get("packing")),
         _("With packing only completions can be held: choose those, or switch packing off.")),
        ("replay_share", replayed and bool(data.get("packing")),
         _("Replay draws other examples in each epoch, and packs are made once: switch packing off.")),
        ("replay_share", replayed and data.get("order") != "shuffled",
         _("Replay mixes the examples of each epoch: choose the order shuffled.")),
        ("ewc_weight", ewc and data.get("method") == "full",
         _("EWC holds the weights of an adapter: choose the method LoRA or QLoRA.")),
    )  # fmt: skip
