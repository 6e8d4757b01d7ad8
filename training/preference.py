"""Preference tuning: DPO on pairs and KTO on judgements, measured against the model as it was before the first step.

Each row gives two sequences. DPO: the chosen and the rejected completion. KTO: the completion, and its prompt with the
completion of another row, from which it is estimated how far the model has moved in general. What the reference thinks
of all of them is computed once and kept beside the checkpoints: no second model, and a resumed run goes on with the
very same numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from training import contract, distributed, models, pairs, precision
from training.data import IGNORED, Rendered, Renderer, Row
from training.errors import DataError, ModelError, NumericalError
from training.material import Material, check_rows
from training.pairs import Judged
from training.preference_losses import Seen, dpo_losses, ipo_losses, kto_losses, learned_losses, mean, together
from training.row_trainer import RowTrainer
from training.session import Session

REFERENCE_FILE = "reference.json"  # beside the checkpoints: log-probabilities before the first step
Sequences = list[tuple[Rendered, Rendered]]


@dataclass(frozen=True)
class PreferenceMaterial(Material):
    """``train`` and ``validation`` hold the first side of each row, so that they count rows."""

    train_pairs: Sequences = field(default_factory=list)
    validation_pairs: Sequences = field(default_factory=list)
    train_labels: list[bool] = field(default_factory=list)
    validation_labels: list[bool] = field(default_factory=list)

    @property
    def weights(self) -> tuple[float, float]:
        """Of approved and rejected rows; of DPO both 1."""
        is_kto = self.config.objective == "kto"
        return pairs.class_weights(self.train_labels, balanced=is_kto and self.config.balanced)


def prepare(session: Session, config: contract.TrainConfig, *, allow_hub: bool) -> PreferenceMaterial:
    """Reads, verifies and renders the rows; raises TrainingError for anything that must not be trained on."""
    precision.chosen(config)
    train, validation = pairs.load_splits(session.run_dir, config)
    folder = models.resolve(config.model, allow_hub=allow_hub)
    renderer = Renderer(models.load_tokenizer(folder), config.template)
    session.events.stage(f"Rendering {len(train) + len(validation)} rows")
    sides = [[renderer.render(side) for side in row.sides] for row in (*train, *validation)]
    own, held = sides[: len(train)], sides[len(train) :]
    found = pairs.survey_of(train, own, renderer, config.max_length)
    found_held = pairs.survey_of(validation, held, renderer, config.max_length)
    longest = min(config.max_length, max(found.counts.longest, found_held.counts.longest))
    material = PreferenceMaterial(
        config,
        folder,
        models.fingerprint(folder),
        renderer,
        [row[0] for row in own],
        [row[0] for row in held],
        found,
        found_held,
        train_pairs=sequences(train, own, renderer, longest, config.seed),
        validation_pairs=sequences(validation, held, renderer, longest, config.seed),
        train_labels=[row.label for row in train],
        validation_labels=[row.label for row in validation],
    )
    check_rows(material)
    models.check_positions(folder, longest)
    return material


def sequences(
    rows: Sequence[Judged], sides: Sequence[Sequence[Rendered]], renderer: Renderer, longest: int, seed: int
) -> Sequences:
    """Two sequences a row, cut to length; where a row has one side, the second is its prompt with a foreign answer."""
    if not rows or len(rows[0].sides) == 2:
        return [(first.cut(longest), second.cut(longest)) for first, second in sides]
    partners = foreign(len(rows), seed)
    return [
        (tokens[0].cut(longest), renderer.render(_with_answer_of(row, rows[partner])).cut(longest))
        for row, tokens, partner in zip(rows, sides, partners, strict=True)
    ]


def _with_answer_of(row: Judged, other: Judged) -> Row:
    return Row(row.id, row.sides[0].prompt, other.sides[0].completion)


def foreign(count: int, seed: int) -> list[int]:
    """For each place another one, each taken once: the next in a seeded circle. A single place has only itself."""
    circle = list(range(count))
    random.Random(f"{seed} foreign").shuffle(circle)  # noqa: S311
    found = [0] * count
    for place, following in zip(circle, [*circle[1:], *circle[:1]], strict=True):
        found[place] = following
    return found


# ---- the trainer


@dataclass
class PairCollator:
    """Both sequences of each row in one batch: all first ones, then all second ones."""

    plain: Any

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        first = [{key: row[key] for key in ("input_ids", "labels")} for row in examples]
        second = [{"input_ids": row["other_ids"], "labels": row["other_labels"]} for row in examples]
        batch: dict[str, Any] = self.plain(first + second)
        batch["places"] = torch.tensor([row["place"] for row in examples])
        batch["judgements"] = torch.tensor([row["judgement"] for row in examples])
        return batch


class PreferenceTrainer(RowTrainer):
    """RowTrainer with the losses above; ``references`` is (rows of both splits, 2)."""

    material: PreferenceMaterial

    def __init__(self, *args: Any, material: PreferenceMaterial, **kwargs: Any) -> None:
        super().__init__(*args, material=material, **kwargs)
        collator: Any = self.data_collator
        self.data_collator = PairCollator(collator.plain)
        self.model_accepts_loss_kwargs = False  # the loss is a mean of rows, so batches of a step are averaged
        self.references = torch.zeros(0, 2)
        self._seen = Seen()
        self._seen_held = Seen()
        if self.aux_loss_enabled:
            raise ModelError("Preference tuning is not supported for base models of mixed experts. Choose another.")

    def _set_signature_columns_if_needed(self) -> None:
        columns: Any = ["input_ids", "labels", "other_ids", "other_labels", "place", "judgement"]
        self._signature_columns = columns

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        places, labels = inputs.pop("places").cpu(), inputs.pop("judgements")
        is_real = (places >= 0).to(labels.device)
        before = self.references[places].to(labels.device)
        if self.material.config.objective == "dpo":
            return self._mean(self._of_pairs(model, inputs, before, is_real), is_real)
        own, other = (
            {key: value[part] for key, value in inputs.items()}
            for part in (slice(len(places)), slice(len(places), None))
        )
        with torch.no_grad():
            moved = self._moved(self.log_probs(model, other) - before[:, 1], is_real)
        gains = self.log_probs(model, own) - before[:, 0]
        return self._mean(self._of_judged(gains, moved, labels, is_real), is_real)

    def _of_pairs(
        self, model: Any, inputs: dict[str, Any], before: torch.Tensor, is_real: torch.Tensor
    ) -> torch.Tensor:
        """One loss a pair; in training with what learning the chosen completion adds."""
        config, half = self.material.config, len(is_real)
        found = self.log_probs(model, inputs)
        tokens = (inputs["labels"][:, 1:] != IGNORED).sum(1).clamp(min=1)
        gains = found - before.T.reshape(-1)
        is_ipo = config.preference_loss == "ipo"
        gains = gains / tokens if is_ipo else gains
        losses = (ipo_losses if is_ipo else dpo_losses)(gains[:half], gains[half:], config.beta)
        margins = config.beta * (gains[:half] - gains[half:]).detach()
        seen = self._noted(losses, margins > 0, is_real)
        seen.margins += margins[is_real].tolist()
        if config.chosen_weight and model.training:  # validation stays comparable with runs that have none
            losses = losses + config.chosen_weight * learned_losses(found[:half], tokens[:half])
        return losses

    def _of_judged(
        self, gains: torch.Tensor, moved: torch.Tensor, labels: torch.Tensor, is_real: torch.Tensor
    ) -> torch.Tensor:
        config = self.material.config
        losses = kto_losses(gains, moved, labels, config.beta, self.material.weights)
        seen = self._noted(losses, (gains > moved) == labels, is_real)
        rewards = config.beta * gains.detach()
        seen.approved += rewards[labels & is_real].tolist()
        seen.rejected += rewards[~labels & is_real].tolist()
        return losses

    def _mean(self, losses: torch.Tensor, is_real: torch.Tensor) -> torch.Tensor:
        """Over the rows of all processes; they average their gradients, so each gives its part times their number."""
        count: torch.Tensor = self.accelerator.reduce(is_real.sum().float(), reduction="sum").clamp(min=1)
        found: torch.Tensor = (losses * is_real).sum() * self.accelerator.num_processes / count
        return found

    def _moved(self, shifts: torch.Tensor, is_real: torch.Tensor) -> torch.Tensor:
        """How far the model moved in general: the mean over the batches of all processes, never below 0."""
        both = torch.stack([(shifts * is_real).sum(), is_real.sum().to(shifts)])
        summed: torch.Tensor = self.accelerator.reduce(both, reduction="sum")
        return (summed[0] / summed[1].clamp(min=1)).clamp(min=0)

    def _noted(self, losses: torch.Tensor, right: torch.Tensor, is_real: torch.Tensor) -> Seen:
        model: Any = self.model
        seen = self._seen if model.training else self._seen_held
        seen.losses += losses.detach()[is_real].tolist()
        seen.right += right[is_real].float().tolist()
        return seen

    def log_probs(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Log-probability (nats) of each completion, by TRL's fused head, which does not hold the logits in memory."""
        found: torch.Tensor = model(**inputs, use_cache=False, fused_lm_head=True).log_probs
        return found.sum(1)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        self._seen = Seen()  # what a probe of the memory read is nothing learned
        return super().train(*args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs.update(together(distributed.gathered(self._seen)).told())
            self._seen = Seen()
        super().log(logs, start_time)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The mean over rows: batches of pairs make the library weigh the last, shorter batch wrongly."""
        self._seen_held = Seen()
        found: Any = super().evaluation_loop(*args, **kwargs)
        prefix, seen = kwargs.get("metric_key_prefix", "eval"), together(distributed.gathered(self._seen_held))
        if seen.losses:
            found.metrics[f"{prefix}_loss"] = mean(seen.losses)
        found.metrics.update({f"{prefix}_{name}": value for name, value in seen.told().items()})
        return found

    def find_references(self, folder: Path) -> None:
        """What the model thinks before the first step; computed once, then read from ``folder``."""
        whole = [*self.material.train_pairs, *self.material.validation_pairs]
        ids = [first.id for first, _ in whole]
        path = folder / REFERENCE_FILE
        if not distributed.agreed(path.is_file()):
            measured = self._measured()
            require_numbers(ids, measured)
            if distributed.is_first():
                contract.write_json(path, {"ids": ids, "log_probs": measured})
            distributed.wait()
        told = contract.read_json(path)
        if told["ids"] != ids:
            raise DataError(f"{REFERENCE_FILE} does not speak of the approved rows. Start a new run.")
        self.references = torch.tensor(told["log_probs"], dtype=torch.float32)

    def _measured(self) -> list[list[float]]:
        """Of the approved rows, not of those that fill a batch; several processes take batches in turn."""
        model: Any = self.model
        was_training = model.training
        model.eval()
        size, found = self.material.config.batch_size, dict[tuple[int, int], list[list[float]]]()
        for split, (rows, held) in enumerate(
            ((self.train_dataset, self.material.train_pairs), (self.eval_dataset, self.material.validation_pairs))
        ):
            for turn, start in enumerate(range(0, len(held), size)):
                if turn % self.accelerator.num_processes == (distributed.rank() or 0):
                    found[split, start] = self._of_batch(rows.select(range(start, min(start + size, len(held)))))  # type: ignore[union-attr]
        model.train(was_training)
        merged = {place: scores for part in distributed.gathered(found) for place, scores in part.items()}
        return [pair for place in sorted(merged) for pair in merged[place]]

    def _of_batch(self, rows: Any) -> list[list[float]]:
        batch: dict[str, Any] = self._prepare_inputs(self.data_collator(list(rows)))
        half = len(batch.pop("places"))
        del batch["judgements"]
        with torch.no_grad(), self.compute_loss_context_manager():
            scores = self.log_probs(self.model, batch).float().cpu().tolist()
        return [list(pair) for pair in zip(scores[:half], scores[half:], strict=True)]


def require_numbers(ids: Sequence[str], measured: Sequence[Sequence[float]]) -> None:
    """Raises NumericalError where the model before the first step gives a row no finite likelihood."""
    for row_id, values in zip(ids, measured, strict=True):
        if not all(map(math.isfinite, values)):
            raise NumericalError(
                f"The model gives row {row_id} no finite likelihood before the first step, so nothing was started. "
                "Check the base model and the row."
            )


def dataset(material: PreferenceMaterial, *, is_train: bool) -> Any:
    """One line a row with both sequences, rendered and cut; ``place`` counts on from training to validation."""
    from datasets import Dataset

    rows = material.train_pairs if is_train else material.validation_pairs
    labels = material.train_labels if is_train else material.validation_labels
    before = 0 if is_train else len(material.train_pairs)
    columns: dict[str, Any] = {
        "id": [first.id for first, _ in rows],
        "input_ids": [first.input_ids for first, _ in rows],
        "labels": [first.labels for first, _ in rows],
        "other_ids": [second.input_ids for _, second in rows],
        "other_labels": [second.labels for _, second in rows],
        "place": [before + number for number in range(len(rows))],
        "judgement": labels,
    }
    return Dataset.from_dict(columns)


def check_trainer(trainer: Any, material: PreferenceMaterial) -> None:
    """Raises DataError unless datasets and collator of the trainer give the approved rows, token by token."""
    config = material.config
    for real, rows, approved, name in (
        (trainer.train_dataset, material.train_pairs, config.train_rows, "training"),
        (trainer.eval_dataset or [], material.validation_pairs, config.validation_rows, "validation"),
    ):
        if len(real) != approved or len(rows) != approved:
            raise DataError(f"The trainer holds {len(real)} {name} rows; {approved} were approved.")
        for held, pair in zip(real, rows, strict=True):
            if not _is_same(trainer.data_collator([held]), held["id"], pair):
                raise DataError(f"The trainer would learn other tokens than the preview showed (row {held['id']}).")


def _is_same(batch: dict[str, Any], row_id: str, pair: tuple[Rendered, Rendered]) -> bool:
    for place, side in enumerate(pair):
        length = int(batch["attention_mask"][place].sum())
        tokens, labels = batch["input_ids"][place], batch["labels"][place]
        if (row_id, tokens[:length].tolist(), labels[:length].tolist()) != (side.id, side.input_ids, side.labels):
            return False
    return True


def told(material: Material) -> dict[str, Any]:
    """What plan and result say of preference tuning; nothing of a run that learns answers."""
    if not isinstance(material, PreferenceMaterial):
        return {}
    config, (approved, rejected) = material.config, material.weights
    found: dict[str, Any] = {"objective": config.objective, "beta": config.beta}
    if config.objective == "dpo":
        learned = {"chosen_weight": config.chosen_weight} if config.chosen_weight else {}
        return {"preference": {**found, "loss": config.preference_loss, **learned}}
    counts = {"approved": sum(material.train_labels), "rejected": len(material.train_labels)}
    counts["rejected"] -= counts["approved"]
    weights = {"approved": round(approved, 6), "rejected": round(rejected, 6)}
    return {"preference": {**found, "rows": counts, "weights": weights}}
