"""The part of a run's form that is about preferences: pairs and judgements."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from training.contract import TrainConfig

PREFERENCE_LOSSES = [
    ("sigmoid", "Sigmoid: the usual one"),
    ("ipo", "IPO: stops at a fixed distance, for few or noisy pairs"),
]
USUAL_CHOSEN = 1.0  # what the form proposes
# What a form means that was sent without these fields.
USUAL = {
    "beta": TrainConfig.beta, "preference_loss": "sigmoid", "chosen_weight": TrainConfig.chosen_weight,
}  # fmt: skip


class PreferenceFields(forms.Form):
    beta = forms.FloatField(
        label="Closeness to the model as it was (beta)", min_value=1e-4, max_value=100, initial=TrainConfig.beta,
        help_text="0.1 is usual. More keeps it closer; less follows the preferences further.",
    )  # fmt: skip
    preference_loss = forms.ChoiceField(
        label="Loss of pairs", choices=PREFERENCE_LOSSES, help_text="IPO guards against pairs learned by heart."
    )
    chosen_weight = forms.FloatField(
        label="Learn the preferred completion too", min_value=0, max_value=100, initial=USUAL_CHOSEN,
        help_text="How much its own loss counts beside the margin. 0: the margin alone, which both completions may "
        "win by becoming less likely.",
    )  # fmt: skip
    balanced = forms.BooleanField(
        label="The rarer judgement weighs more", required=False, initial=True,
        help_text="Approved and rejected completions then count the same in all.",
    )  # fmt: skip


def fitting(data: dict[str, Any]) -> dict[str, Any]:
    """The settings without those that are for something else than what is learned."""
    objective = data.get("objective")
    left_out = {"balanced": objective == "kto", "chosen_weight": objective == "dpo"}
    return {name: value for name, value in data.items() if left_out.get(name, True)}


def contradictions(data: dict[str, Any], asked: str) -> tuple[tuple[str, bool, str], ...]:
    """(field, whether it holds, sentence) of what these fields contradict; ``asked``: what is learned."""
    return (
        ("batch_size", asked == "kto" and (data.get("batch_size") or 2) < 2,
         _("Judgements are compared within a batch: at least 2. Halve the accumulation.")),
        ("preference_loss", asked != "dpo" and data.get("preference_loss") != "sigmoid",
         _("IPO is for pairs. Choose the usual loss.")),
        ("sharding", asked in ("dpo", "kto") and data.get("sharding") != "none",
         _("Preferences share examples among processes; the model is not divided: choose not divided.")),
        ("processes", asked == "raw" and (data.get("processes") or 1) > 1,
         _("Raw text needs one process: give 1.")),
    )  # fmt: skip
