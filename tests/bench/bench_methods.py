"""Methods of fine-tuning side by side on the demo's made-up world: `make bench-methods`.

Each method trains the same base model on the same examples with the demo's settings; then all of them, and the base,
answer the same held-out prompts in one process. ROUGE-L and slot accuracy (share of facts stated rightly), seconds of
training, and numbers trained. ``--rows`` and ``--prompts`` make it shorter. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from training import environment  # noqa: E402

environment.prepare()

from demo import recipes  # noqa: E402
from demo.world import defects  # noqa: E402
from demo.world import rows as world  # noqa: E402
from training import cli, contract  # noqa: E402

BASE = ROOT / "demo" / "base_model"
LORA = recipes.FIRST["lora"]
METHODS: dict[str, dict[str, Any]] = {
    "LoRA": {},
    "DoRA": {"lora": {**LORA, "dora": True}},
    "rsLoRA": {"lora": {**LORA, "alpha": 8, "rslora": True}},  # the same scale as LoRA: 8 / sqrt(16) = 32 / 16
    "QLoRA": {"method": "qlora"},
    "full": {"method": "full", "lora": {}, "learning_rate": recipes.SECOND["learning_rate"]},
    "LoRA, short first": {"order": "length"},
    "LoRA, easy for the base first": {"order": "loss"},
    "LoRA, packed": {"packing": True, "batch_size": 6},
    "LoRA, label smoothing 0.1": {"label_smoothing": 0.1},
}
# A model that learned what an old form filled in, and the same model tuned by what experts wrote in its place.
DEFECTS, CORRECTED = "full, on rows with planted defects", "the same, then DPO on experts' corrections"
TUNING: dict[str, Any] = {
    "method": "full", "max_length": 512, "epochs": 1.0, "batch_size": 8, "learning_rate": 2e-4, "warmup_ratio": 0.1,
    "eval_steps": 10, "early_stopping_patience": 0, "seed": 17, "objective": "dpo", "beta": 0.1,
    "chosen_weight": 1.0,
}  # fmt: skip
MARGIN_ALONE = f"{CORRECTED}, the margin alone"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="training examples")
    parser.add_argument("--prompts", type=int, default=100, help="held-out prompts")
    parser.add_argument("--epochs", type=float, default=3.0)
    names = [*METHODS, CORRECTED, MARGIN_ALONE]
    parser.add_argument("--methods", nargs="+", choices=names, default=names, metavar="METHOD")
    given = parser.parse_args()
    train, held = material(given.rows, given.prompts)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        trained = [tuned(Path(folder), name, train, given.epochs) for name in given.methods if name in METHODS]
        tunings = [name for name in (CORRECTED, MARGIN_ALONE) if name in given.methods]
        trained += corrected(Path(folder), train, given.epochs, tunings) if tunings else []
        scored = answered(Path(folder), trained, held)
    found = [{"method": "base", "seconds": None, "numbers": 0, **scored["base"]}]
    shown = ("method", "seconds", "numbers", "steps")
    found += [{**{key: row[key] for key in shown}, **scored[row["arm"]]} for row in trained]
    show(table(found))
    facts = {"rows": given.rows, "prompts": given.prompts, "epochs": given.epochs, "cores": os.cpu_count()}
    show(json.dumps({"methods": found, **facts, "load_1_min": round(os.getloadavg()[0], 1)}))


def material(count: int, prompts: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Clean examples of the demo's world (an eighth more for validation), and held-out prompts of other patients."""
    seed, taken = 7, set[tuple[str, ...]]()
    own, others = world.people_of(seed)
    drawn = world.sample_rows(seed, own, taken)
    made = [{"id": row.key, "prompt": row.prompt, "completion": row.completion, "defect": old(row)} for row in drawn]
    random.Random(seed).shuffle(made)
    held = [
        {"id": row.id, "prompt": row.prompt, "reference": row.reference, "facts": list(row.facts)}
        for row in world.heldout_rows(seed, others, taken)
    ]
    return made[: count + count // 8], held[:prompts]


def old(row: world.Row) -> str:
    """The completion as the old form would have filled it in; the same where it had nothing to fill in."""
    return defects.plant_form_default(random.Random(row.key), row, 0).completion  # noqa: S311


def corrected(folder: Path, rows: list[dict[str, Any]], epochs: float, tunings: list[str]) -> list[dict[str, Any]]:
    """All weights on rows with defects; then DPO from that very model, each clean completion over the replaced one."""
    flawed = tuned(folder, DEFECTS, [{**row, "completion": row["defect"]} for row in rows], epochs)
    pairs = [
        {"id": row["id"], "prompt": row["prompt"], "chosen": row["completion"], "rejected": row["defect"]}
        for row in rows
        if row["completion"] != row["defect"]
    ]
    show(f"{len(pairs)} of {len(rows)} rows carry a defect, each a pair.")
    return [flawed, *(tuned(folder, name, pairs, epochs, base=flawed["folder"]) for name in tunings)]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    contract.write_atomic(path, contract.jsonl_text(rows))
    return contract.file_sha256(path)


def tuned(
    folder: Path, name: str, rows: list[dict[str, Any]], epochs: float, *, base: str = str(BASE)
) -> dict[str, Any]:
    """One method trained by the real command; its result; seconds are those of training, without loading."""
    run_dir = folder / f"run-{len(list(folder.iterdir()))}"
    run_dir.mkdir()
    cut = len(rows) * 8 // 9
    values = {
        "train_rows": cut,
        "validation_rows": len(rows) - cut,
        "train_sha256": written(run_dir / contract.TRAIN_FILE, rows[:cut]),
        "validation_sha256": written(run_dir / contract.VALIDATION_FILE, rows[cut:]),
    }
    usual = {**recipes.FIRST, **METHODS.get(name, METHODS["full"]), "epochs": epochs}
    tunings = {CORRECTED: TUNING, MARGIN_ALONE: {**TUNING, "chosen_weight": 0.0}}
    settings = tunings.get(name, usual)
    contract.write_config(run_dir, recipes.train_config(settings, model=base, **values))
    if cli.main(["sft", str(run_dir)]) != contract.EXIT_OK:
        raise SystemExit(f"{name} did not end well; its last lines are above.")
    result = contract.read_json(run_dir / contract.RESULT_FILE)
    show(f"{name}: {result['seconds']:.0f} s, {result['steps']} steps, validation loss {result['best_eval_loss']:.3f}")
    return {
        "method": name,
        "arm": run_dir.name,
        "folder": str(run_dir / result["output"]),
        "is_whole": result["output"] == contract.MODEL_DIR,
        "seconds": round(result["seconds"], 1),
        "steps": result["steps"],
        "numbers": result["parameters_trained"],
    }


def answered(folder: Path, trained: list[dict[str, Any]], held: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """ROUGE-L and slot accuracy by arm, all in one generation run."""
    run_dir = folder / "answers"
    run_dir.mkdir()
    arms = [contract.Arm(name="base")] + [
        contract.Arm(name=row["arm"], **{"model" if row["is_whole"] else "adapter": row["folder"]}) for row in trained
    ]
    config = contract.GenerateConfig(
        model=contract.ModelSpec(path=str(BASE)),
        arms=tuple(arms),
        template=contract.Template(**recipes.TEMPLATE),
        prompts_rows=len(held),
        prompts_sha256=written(run_dir / contract.PROMPTS_FILE, held),
        **recipes.GENERATION,
    )
    contract.write_config(run_dir, config)
    if cli.main(["generate", str(run_dir)]) != contract.EXIT_OK:
        raise SystemExit("The answers could not be generated; the last lines are above.")
    figures = contract.read_json(run_dir / contract.METRICS_FILE)["arms"]
    names = ("rougeL", "slot_accuracy")
    return {arm: {name: round(float(found[name]["value"]), 4) for name in names} for arm, found in figures.items()}


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| method | ROUGE-L | slot accuracy | seconds | steps | numbers trained |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [
            row["method"],
            f"{100 * row['rougeL']:.1f}",
            f"{100 * row['slot_accuracy']:.1f}%",
            "" if row["seconds"] is None else f"{row['seconds']:.0f}",
            str(row.get("steps", "")),
            f"{row['numbers']:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def show(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
