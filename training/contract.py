"""The run directory: what reviewapp writes, what the trainer reads, what comes back.

Standard library only: this is the one module of ``training`` that the web application imports.

A run directory holds, going in::

    config.json        one of the configs below, or of handover.py (key "kind" tells which)
    train.jsonl        {"id", "prompt", "completion"} a line, and "weight" where it is not 1 (generate: for overlap)
    validation.jsonl   the same                                      (sft, preview)
    *_labels.jsonl     {"id", "labels"} a row, keys of classes        (sft, for a classification head)
    difficulty.jsonl   {"id", "difficulty"} a training row           (sft, for a curriculum by experts)
    validation_facts.jsonl {"id", "facts"} a validation row          (sft, to stop on slot accuracy)
                       objective "dpo": {"id", "prompt", "chosen", "rejected"}; "kto": {"id", "prompt", "completion",
                       "label"}, label true where experts approved
    *_preferences.jsonl {"id", "prompt", "chosen", "rejected"} a line, where candidates were ranked; sft leaves them
    general.jsonl      rows of a second approved set, against forgetting (sft)
    prompts.jsonl      {"id", "prompt", "reference", "facts"} a line (generate)
    suite_items.jsonl  what suites ask: training/suites/items.py     (suites)
    texts.jsonl        {"id", "text"} a line                         (embed)

and coming out::

    events.jsonl  log.txt      only ever grow
    adapter/ or model/         LoRA weights, or the whole model for method "full"
    replay.json                the general rows of each epoch           (sft)
    preview.json               what the model will learn             (preview)
    explanation.json           what each word did for a class        (explain)
    verdicts.jsonl             what a judge chose of each question   (judge, from questions.jsonl)
    preview_rows.jsonl         every row of it token by token; preview.json says where each begins
    range.json         loss by learning rate, and what it suggests   (range)
    outputs.jsonl metrics.json one line an output; corpus figures    (generate)
    suite_answers.jsonl        one line an item and arm              (suites)
    vectors.npy                float32, a row for each text          (embed)
    manifest.json README.md    the directory explained, for programs and people
    tensorboard/               the curves
    result.json                written last: its existence means success

Every file but the two growing ones is written under a temporary name and renamed.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from training.asking import Arm as Arm
from training.asking import EmbedConfig as EmbedConfig
from training.asking import ExplainConfig as ExplainConfig
from training.asking import GenerateConfig as GenerateConfig
from training.asking import JudgeConfig as JudgeConfig
from training.asking import SuitesConfig as SuitesConfig
from training.contradictions import contradictions
from training.files import canonical_json as canonical_json
from training.files import file_sha256 as file_sha256
from training.files import folder_sha256 as folder_sha256
from training.files import jsonl_text as jsonl_text
from training.files import read_json as read_json
from training.files import read_jsonl as read_jsonl
from training.files import text_sha256 as text_sha256
from training.files import write_atomic as write_atomic
from training.files import write_json as write_json
from training.handover import CARD_FILE as CARD_FILE
from training.handover import EXPORT_DIR as EXPORT_DIR
from training.handover import SELF_TEST_FILE as SELF_TEST_FILE
from training.handover import ExportConfig as ExportConfig
from training.handover import ExportForm as ExportForm
from training.handover import FetchConfig as FetchConfig
from training.head import LEAST as LEAST
from training.head import Head as Head
from training.head import Start as Start
from training.keeping import Keeping as Keeping
from training.keeping import Teacher as Teacher
from training.merge_settings import MergeMethod as MergeMethod
from training.merge_settings import MergePart as MergePart
from training.merge_settings import problems as merge_problems
from training.model_spec import ContractError as ContractError
from training.model_spec import Lora as Lora
from training.model_spec import ModelSpec as ModelSpec
from training.model_spec import Template as Template
from training.model_spec import later
from training.run_files import *  # noqa: F403 - names of files and statuses, all of them
from training.run_files import CONFIG_FILE, SCHEMA

Method = Literal["lora", "qlora", "full"]
Scheduler = Literal["cosine", "linear", "constant", "step", "exponential"]
Order = Literal["shuffled", "length", "loss", "difficulty"]
StopOn = Literal["loss", "perplexity", "rougeL", "slot_accuracy", "macro_f1"]
# what is learned: right answers, raw text, classes, pairs of answers, answers with a judgement
Objective = Literal["sft", "raw", "classes", "dpo", "kto"]
PREFERENCES: tuple[Objective, ...] = ("dpo", "kto")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One fine-tuning run. ``train_rows`` and ``validation_rows`` are what experts approved: the trainer
    refuses to finish when it would learn from another number of rows, or when a file's hash differs."""

    kind: Literal["sft"] = "sft"
    model: ModelSpec
    method: Method = "lora"
    lora: Lora = field(default_factory=Lora)
    template: Template = field(default_factory=Template)
    train_rows: int
    validation_rows: int
    train_sha256: str
    validation_sha256: str
    max_length: int = 1024  # tokens
    truncated_rows: int = 0  # rows that people agreed to see cut at max_length; another number is refused
    epochs: float = 3.0
    max_steps: int = -1  # -1: epochs decide
    batch_size: int = 8
    gradient_accumulation: int = 1
    learning_rate: float = 2e-4
    scheduler: Scheduler = "cosine"
    warmup_ratio: float = 0.1  # share of all steps
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    eval_steps: int = 50
    early_stopping_patience: int = 3  # evaluations without improvement; 0 switches it off
    seed: int = 17
    budget_seconds: int = 0  # 0: none; past it the run saves, stops and says so
    decay_to: float = later(0.1)  # schedules step and exponential: share of the rate that is left at the end
    decay_stages: int = later(3)  # schedule step: so many equal stages, the first at the full rate
    label_smoothing: float = later(0.0)  # share of the target spread evenly over the vocabulary
    packing: bool = later(False)  # several rows in one sequence of max_length tokens, none seeing another
    weighted: bool = later(False)  # the weights of the rows count; else every row counts 1
    order: Order = later("shuffled")  # of the first epoch: easy to hard by this measure; later ones are shuffled
    difficulty_sha256: str = later("")  # of difficulty.jsonl
    precision: Literal["auto", "bf16", "fp32"] = later("auto")  # auto: bf16 on a GPU that has it, else fp32
    gradient_checkpointing: Literal["auto", "on", "off"] = later("auto")  # auto: on a GPU from a billion parameters
    stop_on: StopOn = later("loss")  # what early stopping looks at, and what the best checkpoint is best in
    plateau_change: float = later(0.01)  # stop_on perplexity: a fall by less than this share is no improvement
    task_rows: int = later(32)  # stop_on rougeL or slot_accuracy: validation rows that are answered each time
    facts_sha256: str = later("")  # of validation_facts.jsonl
    past_plateau: bool = later(False)  # go on where early stopping would have stopped; it is recorded
    keep: Literal["best", "last"] = later("best")  # which weights the run leaves
    processes: int = later(1)  # one a device; each holds batch_size rows, so a step has so many times more rows
    sharding: Literal["none", "fsdp", "deepspeed"] = later("none")  # of the model over the processes
    keeping: Keeping = later(Keeping())  # against forgetting
    teacher: Teacher = later(Teacher())  # a model to learn from beside the rows
    objective: Objective = later("sft")
    head: Head = later(Head())  # classes to choose among; without one, text is learned
    start: Start = later(Start())  # a model version that is trained on
    beta: float = later(0.1)  # dpo and kto: how closely the model stays to what it was before
    preference_loss: Literal["sigmoid", "ipo"] = later("sigmoid")  # dpo
    chosen_weight: float = later(0.0)  # dpo: times the loss a token of learning the chosen completion, beside it
    balanced: bool = later(True)  # kto: the rarer judgement weighs more, so that both weigh the same in all

    def __post_init__(self) -> None:
        if self.method not in typing.get_args(Method):
            raise ContractError(f"Unknown method {self.method!r}; choose lora, qlora or full.")
        if self.train_rows < 1:
            raise ContractError("A run needs at least one training row.")
        if self.validation_rows < 1 and self.early_stopping_patience:
            raise ContractError("Early stopping needs validation rows: add some, or set patience to 0.")
        if self.max_steps == 0 or (self.max_steps < 0 and self.epochs <= 0):
            raise ContractError("Give max_steps above 0, or epochs above 0.")
        for name in ("batch_size", "gradient_accumulation", "max_length", "eval_steps"):
            if getattr(self, name) < 1:
                raise ContractError(f"{name} must be at least 1.")
        if not 0 <= self.warmup_ratio < 1:
            raise ContractError("warmup_ratio must be at least 0 and below 1.")
        if self.learning_rate <= 0:
            raise ContractError("learning_rate must be above 0.")
        found = contradictions(self)
        if found:
            raise ContractError(found[0])


@dataclass(frozen=True, kw_only=True)
class PreviewConfig:
    """What a model would learn from ``train.jsonl`` and ``validation.jsonl``: tokens, mask, truncation."""

    kind: Literal["preview"] = "preview"
    model: ModelSpec
    template: Template = field(default_factory=Template)
    max_length: int = 1024
    show_rows: int = 20  # rows whose tokens are written out; counts always cover all rows
    objective: Objective = later("sft")


@dataclass(frozen=True, kw_only=True)
class RangeConfig:
    """A learning-rate range test: a run's own rows and settings, at a rate that rises with every step."""

    kind: Literal["range"] = "range"
    train: TrainConfig
    low: float = 1e-6
    high: float = 1.0
    steps: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high <= 10:
            raise ContractError("The rates of a range test must rise: from above 0 up to at most 10.")
        if not 10 <= self.steps <= 1000:
            raise ContractError("A range test takes 10 to 1,000 steps; 100 is usual.")

    @property
    def model(self) -> ModelSpec:
        return self.train.model


@dataclass(frozen=True, kw_only=True)
class MergeConfig:
    """Adapters of one base model become a new one, without training (``training.merge`` says how)."""

    kind: Literal["merge"] = "merge"
    model: ModelSpec
    template: Template = field(default_factory=Template)
    parts: tuple[MergePart, ...]
    method: MergeMethod = "cat"
    density: float = 0.5  # share of the numbers of each part that stay (ties, dare)
    rank: int = 0  # of the new adapter (svd); 0: the highest of the parts
    seed: int = 17  # of what DARE leaves out

    def __post_init__(self) -> None:
        found = merge_problems(self.parts, self.method, self.density, self.rank)
        if found:
            raise ContractError(found[0])


Config = (
    TrainConfig | PreviewConfig | RangeConfig | GenerateConfig | MergeConfig | ExplainConfig
    | ExportConfig | FetchConfig | SuitesConfig | JudgeConfig | EmbedConfig
)  # fmt: skip
_KINDS: dict[str, type[Config]] = {
    "sft": TrainConfig, "preview": PreviewConfig, "range": RangeConfig, "generate": GenerateConfig,
    "merge": MergeConfig, "explain": ExplainConfig, "export": ExportConfig, "fetch": FetchConfig,
    "suites": SuitesConfig, "judge": JudgeConfig, "embed": EmbedConfig,
}  # fmt: skip


def _check_type(value: Any, hint: Any, where: str) -> None:
    """Refuses a value of another JSON type than the field's; a whole number will do for a float."""
    choices = typing.get_args(hint)
    if choices:
        if value not in choices:
            raise ContractError(f"{where} is {value!r}; choose {', '.join(map(str, choices))}.")
        return
    wanted = (int, float) if hint is float else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise ContractError(f"{where} is {value!r}; it must be of type {hint.__name__}.")


def _items(value: Any, kind: Any, where: str) -> tuple[Any, ...]:
    """A list of objects or of plain values of one type."""
    if not isinstance(value, list | tuple):
        raise ContractError(f"{where} must be a list.")
    places = [(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if dataclasses.is_dataclass(kind):
        return tuple(_build(typing.cast(Any, kind), item, place) for item, place in places)
    for item, place in places:
        _check_type(item, kind, place)
    return tuple(value)


def _build(cls: type[T], values: Any, where: str) -> T:
    """Builds a dataclass from JSON values; an unknown or missing key is an error, never ignored."""
    if not isinstance(values, dict):
        raise ContractError(f"{where} must be an object.")
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ContractError(f"{where} has unknown keys: {', '.join(unknown)}.")
    kwargs: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints[name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            value = _build(hint, value, f"{where}.{name}")
        elif typing.get_origin(hint) is tuple:
            value = _items(value, typing.get_args(hint)[0], f"{where}.{name}")
        else:
            _check_type(value, hint, f"{where}.{name}")
        kwargs[name] = value
    try:
        return cls(**kwargs)
    except TypeError as error:
        raise ContractError(f"{where}: {error}") from error


def config_from_json(values: dict[str, Any]) -> Config:
    """Reads a config; raises ContractError for an unknown kind, schema or key."""
    values = dict(values)
    if values.pop("schema", None) != SCHEMA:
        raise ContractError(f"config.json must carry schema {SCHEMA}.")
    cls = _KINDS.get(values.get("kind", ""))
    if cls is None:
        raise ContractError(f"config.json has kind {values.get('kind')!r}; expected {', '.join(_KINDS)}.")
    return _build(cls, values, "config")


def config_to_json(config: Config) -> dict[str, Any]:
    """As config.json holds it. Later settings at their default are left out, so stored configs keep their hash."""
    return {"schema": SCHEMA, **_told(config, dataclasses.asdict(config))}


def _told(config: Any, values: dict[str, Any]) -> dict[str, Any]:
    for each in dataclasses.fields(config):
        value = getattr(config, each.name)
        if each.metadata.get("later") and value == each.default:
            del values[each.name]
        elif dataclasses.is_dataclass(value):
            _told(value, values[each.name])
    return values


def config_sha256(config: Config) -> str:
    return text_sha256(canonical_json(config_to_json(config)))


def write_config(run_dir: Path, config: Config) -> None:
    write_json(run_dir / CONFIG_FILE, config_to_json(config))


def read_config(run_dir: Path) -> Config:
    path = run_dir / CONFIG_FILE
    if not path.is_file():
        raise ContractError(f"{run_dir} is no run directory: it has no {CONFIG_FILE}.")
    try:
        values = read_json(path)
    except ValueError as error:
        raise ContractError(f"{path} is not JSON in UTF-8: {error}.") from error
    if not isinstance(values, dict):
        raise ContractError(f"{path} must hold an object.")
    return config_from_json(values)
