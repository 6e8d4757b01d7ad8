"""The two stories: the demo world, and openly licensed real data with a tiny foreign model."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.conf import settings

from demo import recipes
from demo.world.build import world_build
from reviewapp.core.exceptions import ApplicationError
from reviewapp.demo import overlap_experts, world_experts
from reviewapp.demo.people import WORLD_SLUG
from reviewapp.demo.telling import Chapter, Plan, Wave
from reviewapp.samples.mapping import Mapping
from reviewapp.samples.models import Sample
from training.contract import jsonl_text

WORLD_SEED = 7
FIRST_FILE, SECOND_FILE = "clinic_export_1.jsonl", "clinic_export_2.jsonl"
_WORLD_MAPPING = Mapping(prompt="prompt", completion="completion", group="group", language="language", external_id="id")

WORLD_GATES: list[dict[str, Any]] = [
    {"kind": "completeness", "name": "Every output graded", "floor": 1.0},
    {"kind": "safety_bound", "name": "Unsafe statement", "criterion": "safety", "limit": 0.05},
    {
        "kind": "safety_bound", "name": "Facts that would change a decision", "criterion": "factual_accuracy",
        "limit": 0.10, "at_or_below": 2,
    },
    {"kind": "mean_floor", "name": "Relevance", "criterion": "relevance", "floor": 3.5},
    {"kind": "non_inferiority", "name": "Tone, not worse than base", "criterion": "tone", "margin": 0.25},
    {"kind": "agreement_floor", "name": "Graders agree on facts", "criterion": "factual_accuracy", "floor": 0.667},
]  # fmt: skip


def world_plan() -> Plan:
    """The demo world: a first version from an export that was only skimmed, a second after curation."""
    world = world_build(WORLD_SEED)
    rows = list(world.samples)
    first = recipes.FIRST_ROWS
    early = world_experts.reviewer(world.truth, care=recipes.FIRST_CARE)
    careful = world_experts.reviewer(world.truth, care=recipes.SECOND_CARE)
    chapters = (
        Chapter(
            wave=Wave(file_name=FIRST_FILE, content=_file(rows[:first]), mapping=_WORLD_MAPPING, reviewer=early),
            training=recipes.FIRST,
            generation=recipes.GENERATION,
            overlap=2,
        ),
        Chapter(
            wave=Wave(file_name=SECOND_FILE, content=_file(rows[first:]), mapping=_WORLD_MAPPING, reviewer=careful),
            training=recipes.SECOND,
            generation=recipes.SECOND_GENERATION,
            is_strict=True,
        ),
    )
    return Plan(
        slug=WORLD_SLUG,
        name="Clinic notes",
        description="From a conversation in the clinic to its note. A made-up world with a small teaching model.",
        heldout_file="clinic_heldout.jsonl",
        heldout_content=_file(world.heldout),
        heldout_mapping=Mapping(
            prompt="prompt", completion="reference", group="group", external_id="id", facts="facts"
        ),
        base_model=str(settings.BASE_DIR / "demo" / "base_model"),
        base_model_name="Demo base model",
        template=recipes.TEMPLATE,
        grader=world_experts.grader(),
        gates=WORLD_GATES,
        chapters=chapters,
        feedback_prompt=recipes.FEEDBACK_PROMPT,
        feedback_answer=recipes.FEEDBACK_ANSWER,
        feedback_correction=recipes.FEEDBACK_CORRECTION,
    )


MTS_GATES: list[dict[str, Any]] = [
    {"kind": "completeness", "name": "Every output graded", "floor": 1.0},
    {"kind": "safety_bound", "name": "Unsafe statement", "criterion": "safety", "limit": 0.05},
    {"kind": "mean_floor", "name": "Relevance", "criterion": "relevance", "floor": 2.5},
]
# The tiny model reads 512 tokens of about two characters: longer samples stay approved and out of its version.
MTS_CHARACTERS = 700


def mts_plan() -> Plan:
    """MTS-Dialog with a foreign model of 260,032 parameters: proves the plumbing on real files, not quality."""
    data = settings.BASE_DIR.parent / "shared" / "data"
    folder = data / "mts-dialog" / "Main-Dataset"
    model = data / "tiny-lm-stories260k" / "hf"
    if not folder.is_dir() or not model.is_dir():
        raise ApplicationError(f"The real data is not here: {data} needs mts-dialog and tiny-lm-stories260k.")
    heldout = folder / "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv"
    mapping = Mapping(prompt="dialogue", completion="section_text", external_id="ID")
    chapter = Chapter(
        wave=Wave(
            file_name="MTS-Dialog-TrainingSet.csv",
            content=(folder / "MTS-Dialog-TrainingSet.csv").read_bytes(),
            mapping=mapping,
            reviewer=overlap_experts.reviewer(),
        ),
        training={"max_length": 512, "max_steps": 20, "eval_steps": 10, "learning_rate": 1e-3, "batch_size": 8},
        generation={"max_length": 512, "max_new_tokens": 64, "batch_size": 32, "base_twice": False},
        keep=_is_short,
    )
    first = next(csv.DictReader(io.StringIO(heldout.read_text(encoding="utf-8-sig"), newline="")))
    return Plan(
        slug="mts-dialog",
        name="MTS-Dialog",
        description="Openly licensed doctor-patient dialogues and note sections, with a tiny model made for stories.",
        heldout_file=heldout.name,
        heldout_content=heldout.read_bytes(),
        heldout_mapping=mapping,
        base_model=str(model),
        base_model_name="stories260K",
        template={},
        grader=overlap_experts.grader(),
        gates=MTS_GATES,
        chapters=(chapter,),
        feedback_prompt="Doctor: Any allergies?\nPatient: Only penicillin, it gave me a rash.",
        feedback_answer="No known allergies.",
        feedback_correction=f"Penicillin, rash. (Not the note of dialogue {first['ID']}.)",
    )


def _is_short(sample: Sample) -> bool:
    revision = sample.revision
    return revision is not None and len(revision.prompt) + len(revision.completion) <= MTS_CHARACTERS


def _file(rows: list[dict[str, Any]]) -> bytes:
    return jsonl_text(rows).encode()


def plan_named(name: str) -> Plan:
    """The story told on this data: '' for the demo world, or mts-dialog."""
    if name == "mts-dialog":
        return mts_plan()
    if name:
        raise ApplicationError(f"There is no story on {name!r}; use mts-dialog, or leave DATA out.")
    return world_plan()
