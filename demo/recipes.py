"""How the demo trains: the settings of its two runs, as ``training.contract.TrainConfig`` takes them.

The first run is the one that users tend to begin with: the rows of one export, only skimmed, and an adapter. Most of
those rows come from an old form that filled in an allergy and a dose when nobody typed one, and the model learns just
that. The second learns from all rows after careful review, with all weights.
"""

from __future__ import annotations

from typing import Any

from demo.world.defects import OLD_FORM_ROWS
from training.contract import Lora, ModelSpec, Template, TrainConfig

FIRST_ROWS = OLD_FORM_ROWS  # of the export, reviewed before the first run
FIRST_CARE = 0.25  # chance that a reviewer of the first run notices a defect: they skim
SECOND_CARE = 0.98

TEMPLATE: dict[str, Any] = {"prefix": "", "separator": "\n\n", "use_chat_template": False}

FIRST: dict[str, Any] = {
    "method": "lora",
    "lora": {"r": 16, "alpha": 32, "dropout": 0.0, "target_modules": "all-linear"},
    "max_length": 512,
    "epochs": 3.0,
    "batch_size": 8,
    "learning_rate": 1e-2,
    "warmup_ratio": 0.1,
    "eval_steps": 40,
    "early_stopping_patience": 3,
    "seed": 17,
}
SECOND: dict[str, Any] = {
    "method": "full",
    "max_length": 512,
    "epochs": 2.0,
    "batch_size": 8,
    "learning_rate": 5e-4,
    "warmup_ratio": 0.1,
    "eval_steps": 100,
    "early_stopping_patience": 3,
    "seed": 17,
}
GENERATION: dict[str, Any] = {"max_length": 512, "max_new_tokens": 100, "batch_size": 32}
# How much the base's answers differ when it is asked twice is known from the first generation run.
SECOND_GENERATION: dict[str, Any] = {**GENERATION, "base_twice": False}

# A correction that comes from outside: somebody used the tuned model on this conversation.
FEEDBACK_PROMPT = (
    "Doctor: Hello Mrs Novak. What brings you in?\n"
    "Patient: Mostly a splitting head on the one side, doctor.\n"
    "Doctor: How long has it been going on?\n"
    "Patient: 5 weeks. I see zigzags before it starts.\n"
    "Doctor: And your age?\n"
    "Patient: 38.\n"
    "Doctor: Any neck stiffness or fever?\n"
    "Patient: No, neither.\n"
    "Doctor: Any allergies?\n"
    "Patient: Yes, codeine. I come out in a rash.\n"
    "Doctor: Let's try sumatriptan 50 mg as needed.\n"
    "Patient: If you think it will help.\n"
    "Doctor: The plan is a headache diary, then we meet again in 6 weeks.\n"
    "Patient: All right."
)
FEEDBACK_CORRECTION = (
    "HPI: 38-year-old woman with one-sided headache for 5 weeks. No neck stiffness or fever.\n"
    "Medication: sumatriptan 50 mg as needed.\n"
    "Allergies: codeine.\n"
    "Plan: headache diary, review in 6 weeks."
)
FEEDBACK_ANSWER = FEEDBACK_CORRECTION.replace("Allergies: codeine.", "Allergies: no known allergies.")


def train_config(
    settings: dict[str, Any],
    *,
    model: str,
    train_rows: int,
    validation_rows: int,
    train_sha256: str,
    validation_sha256: str,
) -> TrainConfig:
    """The whole config of a run with FIRST or SECOND, for use without the web application."""
    values = dict(settings)
    lora = Lora(**values.pop("lora", {}))
    return TrainConfig(
        model=ModelSpec(path=model),
        template=Template(**TEMPLATE),
        lora=lora,
        train_rows=train_rows,
        validation_rows=validation_rows,
        train_sha256=train_sha256,
        validation_sha256=validation_sha256,
        **values,
    )
