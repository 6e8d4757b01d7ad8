"""Builds the whole world from a seed and writes it as files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.world.defects import defects_plant, order_rows
from demo.world.rows import HeldoutRow, Row, heldout_rows, people_of, sample_rows, stream

SCHEMA = 1
SAMPLES_FILE = "samples.jsonl"
HELDOUT_FILE = "heldout.jsonl"
TRUTH_FILE = "truth.json"
Json = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Everything the generator knows. ``truth["defects"]`` names each planted defect by sample id."""

    samples: list[Json]
    heldout: list[Json]
    truth: Json


def _sample_json(row: Row, sample_id: str) -> Json:
    return {
        "id": sample_id,
        "group": row.group,
        "prompt": row.prompt,
        "completion": row.completion,
        "language": row.language,
        "metadata": row.metadata,
    }


def _heldout_json(row: HeldoutRow) -> Json:
    return {
        "id": row.id,
        "group": row.group,
        "prompt": row.prompt,
        "reference": row.reference,
        "facts": list(row.facts),
        "metadata": row.metadata,
    }


def _truth(seed: int, rows: list[Row], ids: dict[str, str]) -> Json:
    """Names the rows by their ids: "of" points to another sample, or to a held-out prompt for the leak."""
    defects = []
    for row in rows:
        for entry in row.defects:
            named = {**entry, "of": ids.get(entry["of"], entry["of"])} if "of" in entry else dict(entry)
            defects.append({"sample": ids[row.key], **named})
    counts = Counter(entry["kind"] for entry in defects)
    return {"schema": SCHEMA, "seed": seed, "counts": dict(sorted(counts.items())), "defects": defects}


def signatures(seed: int) -> set[tuple[str, ...]]:
    """The facts of every sample and held-out prompt of this seed, for text that must not repeat them."""
    taken: set[tuple[str, ...]] = set()
    people, others = people_of(seed)
    sample_rows(seed, people, taken)
    heldout_rows(seed, others, taken)
    return taken


def world_build(seed: int) -> World:
    """The same seed gives the same world, byte for byte."""
    taken: set[tuple[str, ...]] = set()
    people, others = people_of(seed)
    clean = sample_rows(seed, people, taken)
    heldout = heldout_rows(seed, others, taken)
    rows = order_rows(stream(seed, "order"), defects_plant(stream(seed, "defects"), clean, heldout))
    ids = {row.key: f"S-{index + 1:04d}" for index, row in enumerate(rows)}
    return World(
        samples=[_sample_json(row, ids[row.key]) for row in rows],
        heldout=[_heldout_json(row) for row in heldout],
        truth=_truth(seed, rows, ids),
    )


def _lines(rows: Iterable[Json]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def world_write(world: World, folder: Path) -> dict[str, int]:
    """Writes the three files, making the folder if need be; returns how many rows each has."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SAMPLES_FILE).write_text(_lines(world.samples), encoding="utf-8")
    (folder / HELDOUT_FILE).write_text(_lines(world.heldout), encoding="utf-8")
    (folder / TRUTH_FILE).write_text(json.dumps(world.truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return {
        SAMPLES_FILE: len(world.samples),
        HELDOUT_FILE: len(world.heldout),
        TRUTH_FILE: len(world.truth["defects"]),
    }
