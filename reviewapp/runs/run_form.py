"""The form of a training run: what, how, when to stop, and the rest behind a fold; each setting with its reason."""

from __future__ import annotations

import importlib.util
import uuid
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from reviewapp.projects.models import Project
from reviewapp.runs import keeping_form, preference_form, selectors
from reviewapp.runs.keeping_form import KeepingFields
from reviewapp.runs.labels import fields_of
from reviewapp.runs.models import BaseModel, ModelVersion
from reviewapp.runs.objectives import ALSO, OF_KIND
from reviewapp.runs.preference_form import PreferenceFields
from reviewapp.runs.starting import startable
from reviewapp.trainingsets import selectors as trainingsets
from reviewapp.trainingsets.models import TrainingSetVersion
from training.contract import PREFERENCES, Lora, TrainConfig

METHODS = [
    ("lora", "LoRA: a small adapter, the base stays as it is"),
    ("qlora", "QLoRA: the same on a base in 4 bits, for large models"),
    ("full", "Full: every weight; needs the most memory and data"),
]
OBJECTIVES = [
    ("sft", "Completions: the text that experts approved"),
    ("classes", "Classes: a classification head for a label field"),
    ("raw", "Raw text: the language of a field, before a task"),
    ("dpo", "Pairs, one preferred (DPO)"),
    ("kto", "Judgements, approved or rejected (KTO)"),
]
# by what is learned: what early stopping may look at
_ANSWERS = ("loss", "perplexity", "rougeL", "slot_accuracy")
_STOPS: dict[str, tuple[str, ...]] = {
    "sft": _ANSWERS, "raw": ("loss", "perplexity"), "classes": ("loss", "macro_f1"), "dpo": ("loss",), "kto": ("loss",),
}  # fmt: skip
ADAPTERS = [
    ("plain", "Plain LoRA"),
    ("dora", "DoRA: nearer to a full fine-tune, slower"),
    ("rslora", "rsLoRA: scaled so that high ranks learn too"),
    ("both", "DoRA with the scale of rsLoRA"),
]
SCHEDULERS = [
    ("cosine", "Cosine: falls slowly, then fast, then slowly"),
    ("linear", "Linear"),
    ("constant", "Constant"),
    ("step", "Step: falls in equal stages"),
    ("exponential", "Exponential: falls by the same share at each step"),
]
ORDERS = [
    ("shuffled", "Shuffled by the seed"),
    ("length", "Short examples first"),
    ("loss", "What the base model finds easy first"),
    ("difficulty", "What experts found easy first"),
]
STOPS = [
    ("loss", "Validation loss does not fall"),
    ("perplexity", "Perplexity is on a plateau"),
    ("rougeL", "ROUGE-L of generated answers does not rise"),
    ("slot_accuracy", "Slot accuracy of generated answers does not rise"),
    ("macro_f1", "Macro F1 of the classes does not rise"),
]
KEEPS = [("best", "The best in validation"), ("last", "The last")]
SWITCHES = [("auto", "Automatic"), ("on", "On"), ("off", "Off")]
PRECISIONS = [("auto", "Automatic"), ("bf16", "bf16"), ("fp32", "fp32")]
SHARDINGS = [
    ("none", "Not divided: each process holds the whole model"),
    ("fsdp", "FSDP: divided over the processes, for models too large for one device"),
    ("deepspeed", "DeepSpeed: its optimiser divided, where that package is installed"),
]
# What a form means that was sent without the fields that came later.
USUAL = {
    "adapter": "plain", "order": "shuffled", "stop_on": "loss", "keep": "best", "precision": "auto",
    "gradient_checkpointing": "auto", "decay_to": TrainConfig.decay_to, "decay_stages": TrainConfig.decay_stages,
    "label_smoothing": TrainConfig.label_smoothing, "max_grad_norm": TrainConfig.max_grad_norm,
    "plateau_change": TrainConfig.plateau_change, "task_rows": TrainConfig.task_rows,
    "processes": 1, "sharding": "none",
}  # fmt: skip
_LORA = {"lora_r": "r", "lora_alpha": "alpha", "lora_dropout": "dropout"}


class RunForm(PreferenceFields, KeepingFields):
    """A training run: what, on which base, and the settings that matter, each with its reason."""

    origin = ""  # where its settings were taken from, in words

    version = forms.ModelChoiceField(queryset=TrainingSetVersion.objects.none(), label="Version")
    base_model = forms.ModelChoiceField(queryset=BaseModel.objects.none(), label="Base model")
    method = forms.ChoiceField(
        label="Method", choices=METHODS, help_text="LoRA first: it is quick, forgets least, and is easy to take back."
    )
    objective = forms.ChoiceField(
        label="Learns", choices=OBJECTIVES, required=False,
        help_text="What the version holds. Labelled completions may be learned as text or as classes; pairs and "
        "judgements tune a model that can do the task.",
    )  # fmt: skip
    label_field = forms.ChoiceField(
        label="Label field", required=False, help_text="For classes: the field whose classes are told apart."
    )
    class_weights = forms.BooleanField(
        label="Rare classes weigh more", required=False,
        help_text="For classes: each class counts the same in all, however few its examples are.",
    )  # fmt: skip
    start_from = forms.ModelChoiceField(
        label="Start from", queryset=ModelVersion.objects.none(), required=False,
        help_text="A model version goes on learning, with its form of adapter. Empty: the base model alone.",
    )  # fmt: skip
    max_length = forms.IntegerField(
        label="Length, tokens", min_value=16, max_value=1_000_000, initial=TrainConfig.max_length,
        help_text="Longer examples are refused unless a lead agreed in a preview to see them cut.",
    )  # fmt: skip
    epochs = forms.FloatField(
        label="Epochs", min_value=0.01, max_value=1000, initial=TrainConfig.epochs,
        help_text="How often each example is read. 2 to 5 for some thousand examples; early stopping ends it sooner.",
    )  # fmt: skip
    learning_rate = forms.FloatField(
        label="Learning rate", min_value=1e-8, max_value=1, initial=TrainConfig.learning_rate,
        help_text="0.0002 is usual for LoRA, 0.00002 for a full fine-tune; from pairs and judgements a tenth of that. "
        "A third of it if the loss jumps.",
    )  # fmt: skip
    batch_size = forms.IntegerField(
        label="Batch size", min_value=1, max_value=4096, initial=TrainConfig.batch_size,
        help_text="Examples in memory at once. Halve it when memory is short, and double the accumulation.",
    )  # fmt: skip
    gradient_accumulation = forms.IntegerField(
        label="Accumulation", min_value=1, max_value=4096, initial=TrainConfig.gradient_accumulation,
        help_text="Batches for one step. Batch size times accumulation of 8 to 32 learns steadily.",
    )  # fmt: skip
    order = forms.ChoiceField(
        label="Order of the first epoch", choices=ORDERS,
        help_text="Easy first helps some sets and hurts others: compare with a shuffled run. Later epochs: shuffled.",
    )  # fmt: skip
    packing = forms.BooleanField(
        label="Pack short examples together", required=False,
        help_text="Two to four times faster where examples are much shorter than the length. No example sees another.",
    )  # fmt: skip
    weighted = forms.BooleanField(
        label="Use the weights of the version", required=False,
        help_text="Examples count as their tags weight-… said when the version was frozen and signed.",
    )  # fmt: skip
    adapter = forms.ChoiceField(
        label="Form of the adapter", choices=ADAPTERS,
        help_text="Not every server loads every form; checking without starting says what to expect.",
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
    eval_steps = forms.IntegerField(
        label="Validate every, steps", min_value=1, max_value=1_000_000, initial=TrainConfig.eval_steps,
        help_text="A checkpoint is kept at each. About ten in a run make a readable curve.",
    )  # fmt: skip
    early_stopping_patience = forms.IntegerField(
        label="Early stopping after", min_value=0, max_value=1000, initial=TrainConfig.early_stopping_patience,
        help_text="Validations without improvement; 0 trains on to the end. The best checkpoint is kept either way.",
    )  # fmt: skip
    stop_on = forms.ChoiceField(
        label="Stop when", choices=STOPS,
        help_text="The best checkpoint is the best in this. Generated answers cost time at each validation.",
    )  # fmt: skip
    past_plateau = forms.BooleanField(
        label="Train on past the plateau", required=False,
        help_text="A choice against early stopping, for style that loss does not show. The run records it.",
    )  # fmt: skip
    keep = forms.ChoiceField(
        label="Weights to keep", choices=KEEPS,
        help_text="The last only past a plateau or without early stopping.",
    )  # fmt: skip
    budget_seconds = forms.IntegerField(
        label="Budget, seconds", min_value=0, max_value=10_000_000, initial=0,
        help_text="Training time after which the run ends with the best it has; 0 for none.",
    )  # fmt: skip
    ceiling_hours = forms.FloatField(
        label="Ceiling, hours", min_value=0.001, max_value=100_000, required=False,
        help_text="Worker time after which the run saves a checkpoint and stops, until a lead raises it.",
    )  # fmt: skip
    ceiling_cost = forms.FloatField(
        label="Ceiling, cost", min_value=0.001, max_value=100_000_000, required=False,
        help_text="The same by the operator's price of an hour.",
    )  # fmt: skip
    scheduler = forms.ChoiceField(
        label="Schedule", choices=SCHEDULERS, help_text="How the learning rate falls after the warm-up."
    )
    warmup_ratio = forms.FloatField(
        label="Warm-up share", min_value=0, max_value=0.99, initial=TrainConfig.warmup_ratio,
        help_text="Share of all steps in which the learning rate rises; 0.03 to 0.1.",
    )  # fmt: skip
    decay_to = forms.FloatField(
        label="Share of the rate at the end", min_value=1e-6, max_value=1, initial=TrainConfig.decay_to,
        help_text="For the schedules step and exponential.",
    )  # fmt: skip
    decay_stages = forms.IntegerField(
        label="Stages", min_value=2, max_value=1000, initial=TrainConfig.decay_stages,
        help_text="For the schedule step; the first is at the full rate.",
    )  # fmt: skip
    weight_decay = forms.FloatField(
        label="Weight decay", min_value=0, max_value=1, initial=TrainConfig.weight_decay,
        help_text="0 for LoRA; 0.01 to 0.1 for a full fine-tune.",
    )  # fmt: skip
    label_smoothing = forms.FloatField(
        label="Label smoothing", min_value=0, max_value=0.5, initial=TrainConfig.label_smoothing,
        help_text="0 for most; 0.1 keeps a model from being too sure. Validation is never smoothed.",
    )  # fmt: skip
    max_grad_norm = forms.FloatField(
        label="Clip the gradient at", min_value=0, max_value=1000, initial=TrainConfig.max_grad_norm,
        help_text="1 is usual; 0 clips nothing.",
    )  # fmt: skip
    precision = forms.ChoiceField(
        label="Precision", choices=PRECISIONS,
        help_text="Automatic: bf16 on a graphics card that has it, else fp32. What was used stands in the result.",
    )  # fmt: skip
    gradient_checkpointing = forms.ChoiceField(
        label="Gradient checkpointing", choices=SWITCHES,
        help_text="Less memory for about a third more time. Automatic: on a graphics card from a billion parameters.",
    )  # fmt: skip
    processes = forms.IntegerField(
        label="Processes", min_value=1, max_value=1024, initial=TrainConfig.processes,
        help_text="One a device. Each holds the batch size, so a step learns from so many times more examples.",
    )  # fmt: skip
    sharding = forms.ChoiceField(
        label="Divide the model", choices=SHARDINGS, help_text="Only with several processes, and not with 4 bits."
    )
    plateau_change = forms.FloatField(
        label="A plateau is a fall below", min_value=1e-6, max_value=0.99, initial=TrainConfig.plateau_change,
        help_text="Share of the perplexity: 0.01 is one per cent.",
    )  # fmt: skip
    task_rows = forms.IntegerField(
        label="Validation examples to answer", min_value=1, max_value=10_000, initial=TrainConfig.task_rows,
        help_text="For stopping on ROUGE-L or slot accuracy; the same ones each time.",
    )  # fmt: skip
    seed = forms.IntegerField(
        label="Seed", min_value=0, max_value=2**31 - 1, initial=TrainConfig.seed,
        help_text="The same seed gives the same order.",
    )  # fmt: skip
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, project: Project, **kwargs: Any) -> None:
        super().__init__(None if data is None else _whole(data.dict(), project), **kwargs)
        signed = [version.pk for version in trainingsets.versions_signed(project)]
        self._fill("version", trainingsets.versions_of(project).filter(pk__in=signed))
        self._fill("base_model", selectors.base_models(project))
        self.fill_beside(project)
        self._fill("start_from", startable(project), empty=_("the base model alone"))
        labels = self.fields["label_field"]
        assert isinstance(labels, forms.ChoiceField)  # noqa: S101 - declared above
        labels.choices = [("", _("none")), *fields_of(project)]

    def _fill(self, name: str, rows: Any, *, empty: str | None = None) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
        field.queryset = rows
        field.empty_label = empty

    def clean(self) -> dict[str, Any]:
        """Says beside each field what contradicts another."""
        data = super().clean() or {}
        for name, sentence in self._contradictions(data):
            if name not in self.errors:
                self.add_error(name, sentence)
        return data

    def _contradictions(self, data: dict[str, Any]) -> list[tuple[str, str]]:
        stops, version = bool(data.get("early_stopping_patience")), data.get("version")
        held = OF_KIND[version.kind] if version else "sft"
        asked = data.get("objective") or held
        answers = data.get("packing") or data.get("weighted") or data.get("label_smoothing")
        is_full, here = data.get("method") == "full", _is_installed
        found = (
            ("objective", version and asked not in (OF_KIND[version.kind], ALSO.get(version.kind)),
             _("This does not fit the version, which holds something else. Choose what its page says it holds.")),
            ("label_field", asked == "classes" and not data.get("label_field"),
             _("Choose the label field whose classes are learned.")),
            ("label_field", asked != "classes" and (data.get("label_field") or data.get("class_weights")),
             _("A label field is for classes. Choose Classes above, or none here.")),
            ("objective", asked in PREFERENCES and (answers or data.get("order") != "shuffled"),
             _("Packing, weights, label smoothing and an order are for completions: switch them off here.")),
            ("stop_on", data.get("stop_on") not in _STOPS[asked],
             _("This measure does not fit what is learned. Stop on the validation loss.")),
            ("adapter", is_full and data.get("adapter") != "plain",
             _("DoRA and rsLoRA are forms of LoRA: choose the method LoRA or QLoRA, or plain here.")),
            ("method", data.get("method") == "qlora" and here("torch") and not here("bitsandbytes"),
             _("4 bits need bitsandbytes, which is not installed here: install the extra qlora, or choose LoRA.")),
            ("packing", data.get("packing") and data.get("order") != "shuffled",
             _("Packs are made by length, so no order is left: switch packing off, or choose the order shuffled.")),
            ("stop_on", data.get("stop_on") != "loss" and not stops,
             _("Early stopping is off. Give a number of validations above 0, or stop on the validation loss.")),
            ("past_plateau", data.get("past_plateau") and not stops,
             _("Give early stopping a number above 0: it says from when on there is a plateau to train past.")),
            ("keep", data.get("keep") == "last" and stops and not data.get("past_plateau"),
             _("A run that stops early keeps the best. Train on past the plateau, or stop after 0 validations.")),
            ("sharding", data.get("sharding") != "none" and data.get("processes") == 1,
             _("One process has nothing to divide: give 2 processes or more, or do not divide the model.")),
        )  # fmt: skip
        every = (*found, *preference_form.contradictions(data, asked), *keeping_form.contradictions(data))
        return [(name, sentence) for name, is_wrong, sentence in every if is_wrong]

    def values(self) -> dict[str, Any]:
        """The settings as ``run_request`` takes them."""
        data = dict(self.cleaned_data)
        for name in ("version", "base_model", "idempotency_key", "start_from", "ceiling_hours", "ceiling_cost"):
            data.pop(name)
        for name in ("objective", "label_field", "class_weights"):
            if not data[name]:
                data.pop(name)
        data |= self.take_beside(data)
        form = data.pop("adapter")
        data = preference_form.fitting(data)
        lora = {_LORA[name]: data.pop(name) for name in _LORA}
        return {**data, "lora": {**lora, "dora": form in ("dora", "both"), "rslora": form in ("rslora", "both")}}

    def ceilings(self) -> dict[str, float | None]:
        """As ``run_request`` takes them."""
        return {name: self.cleaned_data[f"ceiling_{name}"] for name in ("hours", "cost")}

    @property
    def has_advanced_errors(self) -> bool:
        """Whether the fold must stand open, or an error in it would not be seen."""
        return any(name in self.errors for name in ADVANCED)

    @classmethod
    def of_plan(cls, sent: QueryDict, project: Project) -> RunForm:
        """The form as it stands in the browser, to plan with: what makes a request one of its own is left out."""
        data = sent.copy()
        data["idempotency_key"] = str(uuid.uuid4())
        return cls(data, project=project)

    @classmethod
    def changed(cls, sent: QueryDict, changes: dict[str, Any], project: Project) -> RunForm:
        """The form with other settings, to look at before it is sent."""
        plain = {name: value for name, value in changes.items() if name != "lora"}
        adapter = {name: getattr(changes["lora"], key) for name, key in _LORA.items()} if "lora" in changes else {}
        return cls(initial={**sent.dict(), **adapter, **plain, "idempotency_key": uuid.uuid4()}, project=project)

    @classmethod
    def fresh(cls, project: Project, version: str) -> RunForm:
        """An empty form with the usual values; ``version`` is the key of the one to choose first."""
        initial: dict[str, Any] = {"idempotency_key": uuid.uuid4()}
        known = trainingsets.versions_of(project).filter(pk=int(version)).first() if version.isdigit() else None
        if known is not None:
            initial |= {"version": known.pk, "objective": OF_KIND[known.kind]}
        if known is not None and known.has_parts:
            initial["learning_rate"] = TrainConfig.learning_rate / 10
        return cls(initial=initial, project=project)


def _whole(given: dict[str, Any], project: Project) -> dict[str, Any]:
    """What was sent, with the usual values of what was not; what is learned from follows from the version then."""
    key = str(given.get("version", ""))
    version = trainingsets.versions_of(project).filter(pk=int(key)).first() if key.isdecimal() else None
    return {
        **USUAL,
        **preference_form.USUAL,
        **keeping_form.USUAL,
        "objective": OF_KIND[version.kind] if version else "sft",
        **given,
    }


ADVANCED = (
    "scheduler", "warmup_ratio", "decay_to", "decay_stages", "weight_decay", "label_smoothing", "max_grad_norm",
    "precision", "gradient_checkpointing", "processes", "sharding", "plateau_change", "task_rows", "seed",
    *keeping_form.FIELDS,
)  # fmt: skip


def _is_installed(name: str) -> bool:
    """Looked up, never imported. Where torch is absent the workers are elsewhere, and they say it."""
    return importlib.util.find_spec(name) is not None
