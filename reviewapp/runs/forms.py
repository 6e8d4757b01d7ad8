from __future__ import annotations

import uuid
from typing import Any

from django import forms

from reviewapp.projects.models import Project
from reviewapp.runs import selectors
from reviewapp.runs.models import BaseModel
from reviewapp.trainingsets import selectors as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from training.contract import Lora, Template, TrainConfig

METHODS = [
    ("lora", "LoRA: a small adapter, the base stays as it is"),
    ("qlora", "QLoRA: the same on a base in 4 bits, for large models"),
    ("full", "Full: every weight; needs the most memory and data"),
]
SCHEDULERS = [
    ("cosine", "Cosine: falls slowly, then fast, then slowly"),
    ("linear", "Linear"),
    ("constant", "Constant"),
]
_LORA = {"lora_r": "r", "lora_alpha": "alpha", "lora_dropout": "dropout"}


class BaseModelForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120, help_text="As people will call it here.")
    path = forms.CharField(
        label="Folder on the server, or hub id",
        max_length=500,
        help_text="A folder with config.json, a tokenizer and safetensors. A hub id looks like organisation/model.",
    )
    is_hub = forms.BooleanField(label="This is a hub id: the first run may fetch it from the network", required=False)
    revision = forms.CharField(
        label="Revision", max_length=64, required=False, help_text="Of a hub model: a commit keeps it from changing."
    )
    use_chat_template = forms.BooleanField(
        label="Use the model's chat template where it has one", required=False, initial=True
    )
    separator = forms.CharField(
        label="Between prompt and completion, where there is no chat template",
        max_length=200,
        required=False,
        strip=False,
        initial=Template.separator,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Line breaks count. It must be the same in training and in use; both read it from here.",
    )

    def clean_separator(self) -> str:
        return str(self.cleaned_data["separator"]).replace("\r\n", "\n")

    def values(self) -> dict[str, Any]:
        """As ``base_model_register`` takes them."""
        data = self.cleaned_data
        template = {"separator": data["separator"], "use_chat_template": data["use_chat_template"]}
        return {**{name: data[name] for name in ("name", "path", "is_hub", "revision")}, "template": template}


class PreviewForm(forms.Form):
    version = forms.ModelChoiceField(queryset=TrainingSetVersion.objects.none(), label="Version")
    base_model = forms.ModelChoiceField(queryset=BaseModel.objects.none(), label="Base model")
    max_length = forms.IntegerField(
        label="Length, tokens",
        min_value=16,
        max_value=1_000_000,
        initial=TrainConfig.max_length,
        help_text="Prompt and completion together. What is longer loses its end.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _fill(self, "version", trainingsets.versions_of(project))
        _fill(self, "base_model", selectors.base_models(project))


def _fill(form: forms.Form, name: str, rows: Any) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
    field.queryset = rows
    field.empty_label = None


class RunForm(forms.Form):
    """A training run: what, on which base, and the settings that matter, each with its reason."""

    version = forms.ModelChoiceField(queryset=TrainingSetVersion.objects.none(), label="Version")
    base_model = forms.ModelChoiceField(queryset=BaseModel.objects.none(), label="Base model")
    method = forms.ChoiceField(
        label="Method", choices=METHODS, help_text="LoRA first: it is quick, forgets least, and is easy to take back."
    )
    epochs = forms.FloatField(
        label="Epochs",
        min_value=0.01,
        max_value=1000,
        initial=TrainConfig.epochs,
        help_text="How often each example is read. 2 to 5 for some thousand examples; early stopping ends it sooner.",
    )
    learning_rate = forms.FloatField(
        label="Learning rate",
        min_value=1e-8,
        max_value=1,
        initial=TrainConfig.learning_rate,
        help_text="0.0002 is usual for LoRA, 0.00002 for a full fine-tune. A third of it if the loss jumps.",
    )
    batch_size = forms.IntegerField(
        label="Batch size", min_value=1, max_value=4096, initial=TrainConfig.batch_size,
        help_text="Examples in memory at once. Halve it when memory is short, and double the accumulation.",
    )  # fmt: skip
    gradient_accumulation = forms.IntegerField(
        label="Accumulation", min_value=1, max_value=4096, initial=TrainConfig.gradient_accumulation,
        help_text="Batches for one step. Batch size times accumulation of 8 to 32 learns steadily.",
    )  # fmt: skip
    max_length = forms.IntegerField(
        label="Length, tokens", min_value=16, max_value=1_000_000, initial=TrainConfig.max_length,
        help_text="Longer examples are refused unless a lead agreed in a preview to see them cut.",
    )  # fmt: skip
    lora_r = forms.IntegerField(
        label="LoRA rank", min_value=1, max_value=1024, initial=Lora.r,
        help_text="How much the adapter can hold. 8 to 32 for style and form; more for new skills.",
    )  # fmt: skip
    lora_alpha = forms.IntegerField(
        label="LoRA alpha", min_value=1, max_value=4096, initial=Lora.alpha, help_text="Twice the rank is usual."
    )
    lora_dropout = forms.FloatField(
        label="LoRA dropout", min_value=0, max_value=0.99, initial=Lora.dropout,
        help_text="Guards against learning by heart: 0.05, and 0.1 to 0.3 below a thousand examples.",
    )  # fmt: skip
    scheduler = forms.ChoiceField(
        label="Schedule", choices=SCHEDULERS, help_text="How the learning rate falls after the warm-up."
    )
    warmup_ratio = forms.FloatField(
        label="Warm-up share", min_value=0, max_value=0.99, initial=TrainConfig.warmup_ratio,
        help_text="Share of all steps in which the learning rate rises; 0.03 to 0.1.",
    )  # fmt: skip
    weight_decay = forms.FloatField(
        label="Weight decay", min_value=0, max_value=1, initial=TrainConfig.weight_decay,
        help_text="0 for LoRA; 0.01 to 0.1 for a full fine-tune.",
    )  # fmt: skip
    eval_steps = forms.IntegerField(
        label="Validate every, steps", min_value=1, max_value=1_000_000, initial=TrainConfig.eval_steps,
        help_text="A checkpoint is kept at each. About ten in a run make a readable curve.",
    )  # fmt: skip
    early_stopping_patience = forms.IntegerField(
        label="Early stopping after", min_value=0, max_value=1000, initial=TrainConfig.early_stopping_patience,
        help_text="Validations without improvement; 0 trains on to the end. The best checkpoint is kept either way.",
    )  # fmt: skip
    budget_seconds = forms.IntegerField(
        label="Budget, seconds", min_value=0, max_value=10_000_000, initial=0,
        help_text="Training time after which the run saves and stops; 0 for none.",
    )  # fmt: skip
    seed = forms.IntegerField(
        label="Seed",
        min_value=0,
        max_value=2**31 - 1,
        initial=TrainConfig.seed,
        help_text="The same seed gives the same order.",
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        signed = [version.pk for version in trainingsets.versions_signed(project)]
        _fill(self, "version", trainingsets.versions_of(project).filter(pk__in=signed))
        _fill(self, "base_model", selectors.base_models(project))

    def values(self) -> dict[str, Any]:
        """The settings as ``run_request`` takes them."""
        data = dict(self.cleaned_data)
        for name in ("version", "base_model", "idempotency_key"):
            data.pop(name)
        return {**{k: v for k, v in data.items() if k not in _LORA}, "lora": {_LORA[k]: data[k] for k in _LORA}}

    @classmethod
    def fresh(cls, project: Project, version: str) -> RunForm:
        """An empty form with the usual values; ``version`` is the key of the one to choose first."""
        initial: dict[str, Any] = {"idempotency_key": uuid.uuid4()}
        if version.isdigit():
            initial["version"] = int(version)
        return cls(initial=initial, project=project)
