"""What fine-tuning forgets, and what holds it, on the demo's made-up world: `make bench-forgetting`.

Each way trains the same base model on the same notes. Before and after, a general suite is scored on texts of the same
world that are no notes (a doctor reads back, a student asks, a list is read aloud), other than those replayed:
minimal pairs (the right fact or a wrong one of its kind), multiple choice (one of four), facts retold (each token of a
fact is the model's first choice after what stands before it) and perplexity. Beside it
stands what was learned: validation loss on notes, and ROUGE-L and slot accuracy of answers to held-out prompts. The
last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from training import environment  # noqa: E402

environment.prepare()

import torch  # noqa: E402

from demo import recipes  # noqa: E402
from demo.world.corpus import Document, corpus  # noqa: E402
from demo.world.questions import FACT_CHOICES, SEED, questions  # noqa: E402
from tests.bench.bench_methods import BASE, answered, material, show, written  # noqa: E402
from training import cli, contract, models  # noqa: E402
from training.suites.likelihood import continuation_logprobs  # noqa: E402

# What is asked for stands at the end of each prompt of a note: general texts begin with the same conversations, and a
# model that is replayed another answer to the very same prompt cannot know which one is meant.
ASKED = "\n\nWrite the note."
REPLAY: dict[str, Any] = {"replay_share": 0.2}
WAYS: dict[str, dict[str, Any]] = {
    "plain LoRA": {},
    "replay 20%": REPLAY,
    "KL 0.5, every token": {"kl_weight": 0.5, "kl_tokens": "all"},
    "replay 20% + KL 1, general rows": {**REPLAY, "kl_weight": 1.0, "kl_tokens": "general"},
    "replay 50% + KL 2, general rows": {"replay_share": 0.5, "kl_weight": 2.0, "kl_tokens": "general"},
    "replay 40% + KL 1 + EWC 0.03": {"replay_share": 0.4, "kl_weight": 1.0, "kl_tokens": "general", "ewc_weight": 0.03},
    "replay 40% + KL 1, every token": {"replay_share": 0.4, "kl_weight": 1.0, "kl_tokens": "all"},
    "EWC 0.03": {"ewc_weight": 0.03},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=270, help="training examples")
    parser.add_argument("--general", type=int, default=200, help="general examples to replay")
    parser.add_argument("--texts", type=int, default=60, help="texts of the general suite")
    parser.add_argument("--prompts", type=int, default=40, help="held-out prompts")
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    given = parser.parse_args()
    train, held = (asking(rows) for rows in material(given.rows, given.prompts))
    documents = list(corpus(SEED, given.texts, part="general suite"))
    found = [{"way": "base", **suite(None, documents)}]
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        trained = [tuned(Path(folder), way, train, given, documents) for way in given.ways]
        scored = answered(Path(folder), trained, held)
    found[0] |= scored["base"]
    found += [
        {**{key: row[key] for key in row if key not in ("folder", "arm")}, **scored[row["arm"]]} for row in trained
    ]
    show(table(found))
    facts = {name: getattr(given, name) for name in ("rows", "general", "texts", "prompts", "epochs")}
    show(json.dumps({"ways": found, **facts, "load_1_min": round(os.getloadavg()[0], 1)}))


def asking(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "prompt": row["prompt"] + ASKED} for row in rows]


@torch.no_grad()
def retold(model: Any, tokenizer: Any, documents: list[Document]) -> float:
    """Share of the facts, in per cent, of which every token is the most likely one where it stands."""
    right = total = 0
    for document in documents:
        offset = len(document.text) - len(document.told)
        encoded = tokenizer(document.text, return_offsets_mapping=True)
        ids = torch.tensor([encoded["input_ids"]])
        best = model(input_ids=ids).logits[0].argmax(-1)
        hits = [False, *(best[:-1] == ids[0, 1:]).tolist()]
        for start, end in document.facts:
            places = [
                place for place, (first, last) in enumerate(encoded["offset_mapping"])
                if last > start + offset and first < end + offset
            ]  # fmt: skip
            right, total = right + all(hits[place] for place in places), total + 1
    return round(100 * right / total, 1)


def suite(adapter: Path | None, documents: list[Document]) -> dict[str, float]:
    """Minimal pairs, multiple choice and facts retold in per cent, perplexity of what is told after a context."""
    model: Any = models.load_model(BASE, dtype=torch.float32)
    model = (models.with_adapter(model, adapter) if adapter else model).eval()
    tokenizer = models.load_tokenizer(BASE)
    asked = questions(documents)
    pairs = [(prompt, option) for prompt, options in asked for option in options]
    scores = continuation_logprobs(model, tokenizer, pairs)
    each = [scores[start : start + FACT_CHOICES] for start in range(0, len(scores), FACT_CHOICES)]
    told = [(f"{document.context}\n\n", document.told) for document in documents]
    tokens = sum(len(tokenizer(text)["input_ids"]) for _, text in told)
    return {
        "pairs": round(100 * sum(options[0] > options[1] for options in each) / len(each), 1),
        "choices": round(100 * sum(options[0] == max(options) for options in each) / len(each), 1),
        "retold": retold(model, tokenizer, documents),
        "perplexity": round(math.exp(-sum(continuation_logprobs(model, tokenizer, told)) / tokens), 3),
        "questions": len(each),
    }


def tuned(
    folder: Path, way: str, rows: list[dict[str, Any]], given: argparse.Namespace, documents: list[Document]
) -> dict[str, Any]:
    """One way trained by the real command, and the general suite after it."""
    run_dir = folder / f"run-{len(list(folder.iterdir()))}"
    run_dir.mkdir()
    cut = len(rows) * 8 // 9
    files = {contract.TRAIN_FILE: rows[:cut], contract.VALIDATION_FILE: rows[cut:]}
    hashes = {name: written(run_dir / name, lines) for name, lines in files.items()}
    settings = {**recipes.FIRST, "epochs": given.epochs, "keeping": keeping(run_dir, WAYS[way], given.general)}
    config = recipes.train_config(
        settings, model=str(BASE), train_rows=cut, validation_rows=len(rows) - cut,
        train_sha256=hashes[contract.TRAIN_FILE], validation_sha256=hashes[contract.VALIDATION_FILE],
    )  # fmt: skip
    contract.write_config(run_dir, config)
    if cli.main(["sft", str(run_dir)]) != contract.EXIT_OK:
        raise SystemExit(f"{way} did not end well; its last lines are above.")
    result = contract.read_json(run_dir / contract.RESULT_FILE)
    found = {"way": way, **suite(run_dir / result["output"], documents), "loss": round(result["best_eval_loss"], 3)}
    found |= {"seconds": round(result["seconds"], 1), "steps": result["steps"]}
    show(f"{way}: {found}")
    return {**found, "arm": run_dir.name, "folder": str(run_dir / result["output"]), "is_whole": False}


def keeping(run_dir: Path, values: dict[str, Any], count: int) -> contract.Keeping:
    """With general rows of other texts than the suite's where the way reads any."""
    if not {"replay_share", "ewc_weight"} & set(values):
        return contract.Keeping(**values)
    rows = [
        {"id": f"general-{number}", "prompt": document.context, "completion": document.told}
        for number, document in enumerate(corpus(SEED, count, part="general replay"))
    ]
    sha256 = written(run_dir / contract.GENERAL_FILE, rows)
    return contract.Keeping(general_rows=len(rows), general_sha256=sha256, **values)


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| way | minimal pairs | multiple choice | facts retold | perplexity "
        "| validation loss | ROUGE-L | slot accuracy | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            row["way"], f"{row['pairs']:.1f}%", f"{row['choices']:.1f}%", f"{row['retold']:.1f}%",
            f"{row['perplexity']:.2f}",
            str(row.get("loss", "")), f"{100 * row['rougeL']:.1f}", f"{100 * row['slot_accuracy']:.1f}%",
            f"{row['seconds']:.0f}" if "seconds" in row else "",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
