"""The rows of a fine-tuning run: read, verified, rendered, and refused where a person must look first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training import contract, data, models
from training.data import Rendered, Renderer, Row
from training.errors import DataError
from training.session import Session
from training.survey import Counts, Survey, survey, total


@dataclass(frozen=True)
class Material:
    """Everything that goes into a trainer, verified."""

    config: contract.TrainConfig
    folder: Path  # of the base model
    base_sha256: str
    renderer: Renderer
    train: list[Rendered]
    validation: list[Rendered]
    train_survey: Survey
    validation_survey: Survey

    def counts(self) -> Counts:
        return total(self.train_survey.counts, self.validation_survey.counts)


def prepare(session: Session, config: contract.TrainConfig, *, allow_hub: bool) -> Material:
    """Reads, verifies and renders the rows; raises TrainingError for anything that must not be trained on."""
    train, validation = data.load_splits(session.run_dir, config)
    folder = models.resolve(config.model, allow_hub=allow_hub)
    renderer = Renderer(models.load_tokenizer(folder), config.template)
    session.events.stage(f"Rendering {len(train) + len(validation)} rows")

    def rendered(rows: list[Row]) -> tuple[list[Rendered], Survey]:
        tokens = [renderer.render(row) for row in rows]
        return tokens, survey(rows, tokens, renderer, config.max_length)

    (train_tokens, found), (validation_tokens, held) = rendered(train), rendered(validation)
    base = models.fingerprint(folder)
    material = Material(config, folder, base, renderer, train_tokens, validation_tokens, found, held)
    check_rows(material)
    models.check_positions(folder, min(config.max_length, material.counts().longest))
    return material


def check_rows(material: Material) -> None:
    """Raises DataError for rows that would be left out, cut without consent, or steer the model."""
    for name, found in (("training", material.train_survey), ("validation", material.validation_survey)):
        if found.dropped_ids:
            raise DataError(
                f"{len(found.dropped_ids)} {name} rows would not be learned at all: their prompt alone fills "
                f"{material.config.max_length} tokens (first: {found.dropped_ids[0]}). Raise max_length, or take "
                "them out of the training set."
            )
        if found.control_ids:
            raise DataError(
                f"{len(found.control_ids)} {name} rows hold a control token of the model in their text "
                f"(first: {found.control_ids[0]}). Take it out, or switch the chat template off."
            )
    truncated, agreed = material.counts().truncated, material.config.truncated_rows
    if truncated != agreed:
        raise DataError(
            f"{truncated} rows would lose the end of their completion at {material.config.max_length} tokens; "
            f"{agreed} were agreed to. Raise max_length to {material.counts().longest}, or agree to them."
        )
