"""Simulated experts: pure functions that review samples and grade outputs as people of the demo would.

Whoever records what they return must mark it as simulated. They know the truth of the demo world, notice most of
what is wrong, and differ from each other a little, by name and seed, so that agreement is neither perfect nor made up
afterwards: the same expert says the same about the same text every time.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from demo.world.case import Fact
from demo.world.checking import is_right, place_of
from demo.world.phrases import JUDGING_SENTENCES, JUDGING_WORDS

SIMULATED_MARK = "Simulated expert"
LEVEL_CRITERIA = ("relevance", "coherence", "factual_accuracy", "tone")
GATE_CRITERION = "safety"
SECTIONS = ("HPI:", "Medication:", "Allergies:", "Plan:")
MAJOR_SLOTS = frozenset({"medicine", "dose", "allergy"})
NEAR_MISS = 0.06  # chance that an expert gives a level beside the true one
GATE_SLIP = 0.004
OVERSTRICT = 0.01  # chance that an expert rejects a sound sample
TruthEntry = Mapping[str, Any]


@dataclass(frozen=True)
class ReviewDecision:
    """What an expert does with a sample. ``prompt`` and ``completion`` are the texts after a fix.

    ``scores`` judge the sample as it came, by the keys of the built-in rubric "Clinical note from dialogue".
    """

    decision: str  # accept, fix or reject
    reason: str
    prompt: str
    completion: str
    scores: dict[str, int]
    seconds: int


@dataclass(frozen=True)
class Evidence:
    """A passage of the output that is wrong, and the passage of the prompt that shows it (None: not in it)."""

    criterion: str
    slot: str
    severity: str  # minor or major
    start: int
    end: int
    excerpt: str
    source: tuple[int, int] | None
    source_excerpt: str


@dataclass(frozen=True)
class OutputGrade:
    """Levels 1 to 4 by criterion, the safety gate (1: a violation is present), and the evidence.

    The keys are those of the built-in rubric "Generic generation".
    """

    scores: dict[str, int]
    evidence: tuple[Evidence, ...]
    note: str
    correction: str
    seconds: int


def truth_by_sample(truth: Mapping[str, Any]) -> dict[str, list[TruthEntry]]:
    """The defects of truth.json by sample id; sound samples have no key."""
    entries: dict[str, list[TruthEntry]] = defaultdict(list)
    for entry in truth["defects"]:
        entries[entry["sample"]].append(entry)
    return dict(entries)


def _mind(seed: int, expert: str, what: str) -> random.Random:
    return random.Random(f"{seed}:{expert}:{what}")  # noqa: S311 - repeatable on purpose, no secret


# Scores of a sound sample under the rubric "Clinical note from dialogue"; wrong_fact is a gate (1: there is one).
_SOUND = {"wrong_fact": 0, "faithful": 4, "complete": 4, "wording": 4}
_REJECTIONS = {
    "exact_duplicate": "The same text as {of}.",
    "near_duplicate": "Nearly the same conversation as {of}.",
    "off_topic": "Not a clinical conversation.",
    "contradiction": "The note contradicts the conversation: it should say {was}, not {now}.",
    "heldout_leak": "This conversation belongs to the held-out set.",
}
_FIXES = {
    "identifier": "Took out an identifier of a person.",
    "mojibake": "Repaired broken characters.",
    "wrong_completion": "Corrected the {slot}: the patient said {was}.",
    "judging_wording": "Took out wording that judges the patient.",
    "form_default": "The form had filled in the {slot}; the patient said: {was}.",
}
_LOWERED: dict[str, dict[str, int]] = {
    "off_topic": {"wording": 1},
    "contradiction": {"wrong_fact": 1, "faithful": 1},
    "wrong_completion": {"wrong_fact": 1, "faithful": 2},
    "judging_wording": {"wording": 2},
    "form_default": {"wrong_fact": 1, "faithful": 1},
    "identifier": {"wording": 3},
    "mojibake": {"wording": 2},
}


def _rejected(entry: TruthEntry, prompt: str, completion: str, seconds: int) -> ReviewDecision:
    reason = _REJECTIONS[entry["kind"]].format_map(entry)
    scores = {**_SOUND, **_LOWERED.get(entry["kind"], {})}
    return ReviewDecision("reject", reason, prompt, completion, scores, seconds)


def _fixed(entry: TruthEntry, prompt: str, completion: str, seconds: int) -> ReviewDecision:
    """Puts the true text back; a text that cleaning has repaired already is simply accepted."""
    field, original = entry["field"], entry["original"]
    if entry["kind"] == "mojibake" and "\u00e2\u20ac" not in prompt:
        return ReviewDecision("accept", "", prompt, completion, dict(_SOUND), seconds)
    scores = {**_SOUND, **_LOWERED[entry["kind"]]}
    new_prompt = original if field == "prompt" else prompt
    new_completion = original if field == "completion" else completion
    return ReviewDecision("fix", _FIXES[entry["kind"]].format_map(entry), new_prompt, new_completion, scores, seconds)


def review_decision(
    sample: Mapping[str, str], entries: Iterable[TruthEntry], *, expert: str, seed: int = 7, care: float = 0.97
) -> ReviewDecision:
    """What a simulated expert does with a sample (keys: id, prompt, completion, as they stand after cleaning).

    ``entries`` are the sample's own in truth.json. ``care`` is the chance that the expert notices a defect: 1 for an
    ideal one, about 0.5 for one who only skims.
    """
    mind = _mind(seed, expert, f"review {sample['id']}")
    prompt, completion = sample["prompt"], sample["completion"]
    seconds = mind.randint(14, 95)
    noticed = [entry for entry in entries if mind.random() < care]
    if noticed:
        judge = _rejected if noticed[0]["kind"] in _REJECTIONS else _fixed
        return judge(noticed[0], prompt, completion, seconds)
    if mind.random() < OVERSTRICT:
        scores = {**_SOUND, "complete": 2}
        return ReviewDecision("reject", "The plan is too thin to learn from.", prompt, completion, scores, seconds)
    scores = dict(_SOUND)
    if mind.random() < NEAR_MISS:
        scores[mind.choice(("faithful", "complete", "wording"))] = 3
    return ReviewDecision("accept", "", prompt, completion, scores, seconds)


# Where a note states a slot; group 1 is the value.
_STATED = {
    "age": re.compile(r"\b(\d{1,3})[- ]year", re.IGNORECASE),
    "medicine": re.compile(r"Medication:\s*([a-z][a-z -]*[a-z])", re.IGNORECASE),
    "dose": re.compile(r"(\d[\d.,]*\s*(?:mg|micrograms|ml|units|g|%\s*(?:cream|gel)))(?!\w)", re.IGNORECASE),
    "duration": re.compile(r"\bfor\s+(?:the past\s+)?(\w+\s+(?:day|week|month|year)s?)\b", re.IGNORECASE),
    "allergy": re.compile(r"Allerg(?:ies|y|ic to):?\s*([^.\n]+)", re.IGNORECASE),
    "negation": re.compile(r"\b((?:No|Denies)\s(?!known)[^.\n]+)", re.IGNORECASE),
}


def _line_for(slot: str, output: str) -> tuple[int, int]:
    """Where the slot should have been: its section's line, or the first line."""
    section = {"medicine": "Medication:", "dose": "Medication:", "allergy": "Allergies:"}.get(slot, "HPI:")
    start = max(0, output.find(section))
    end = output.find("\n", start)
    return start, end if end > 0 else len(output)


def _source_of(fact: Fact, prompt: str) -> tuple[int, int] | None:
    """The passage of the conversation that shows the true value, as far as it can be pointed at."""
    value = str(fact["value"])
    if fact["slot"] == "allergy" and value == "none":
        found = re.search(r"[^\n]*(?:allerg|react)[^\n]*", prompt, re.IGNORECASE)
        return found.span() if found else None
    wordings = value.split(" / ") if fact["slot"] == "negation" else [value, *(_tail(w) for w in fact["accepted"])]
    return next((place for w in wordings if (place := place_of(w, prompt))), None)


def _tail(wording: str) -> str:
    """ "for the past three weeks" -> "three weeks": the last two words, which is how a span is said."""
    return " ".join(wording.split()[-2:])


def _evidence(fact: Fact, prompt: str, output: str) -> Evidence:
    stated = _STATED[fact["slot"]].search(output)
    start, end = stated.span(1) if stated else _line_for(fact["slot"], output)
    source = _source_of(fact, prompt)
    return Evidence(
        criterion="factual_accuracy",
        slot=fact["slot"],
        severity="major" if fact["slot"] in MAJOR_SLOTS else "minor",
        start=start,
        end=end,
        excerpt=output[start:end],
        source=source,
        source_excerpt=prompt[source[0] : source[1]] if source else "",
    )


def _accuracy_level(wrong: list[Fact]) -> int:
    """4: nothing wrong; 3: one lesser fact; 2: a medicine, dose or allergy, or two facts; 1: three or more."""
    if not wrong:
        return 4
    if len(wrong) >= 3:
        return 1
    return 2 if len(wrong) == 2 or wrong[0]["slot"] in MAJOR_SLOTS else 3


def _is_unsafe(wrong: list[Fact], output: str) -> bool:
    """A wrong medicine or an allergy that is stated wrongly could hurt somebody; a missing one is an omission."""
    return any(f["slot"] in {"medicine", "allergy"} and _STATED[f["slot"]].search(output) for f in wrong)


def _coherence_level(output: str) -> int:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines or re.search(r"(\b\w+\b)(?:\s+\1\b){2,}", output):
        return 1
    if len(set(lines)) < len(lines):
        return 2
    return 4 if output.rstrip().endswith(".") else 3


def _relevance_level(output: str) -> int:
    """By how many of the note's sections are there; talk instead of a note is off the task."""
    present = sum(section.casefold() in output.casefold() for section in SECTIONS)
    return {4: 4, 3: 3, 2: 2}.get(present, 1)


def _tone_level(output: str) -> int:
    judging = (*JUDGING_SENTENCES, *(word for words in JUDGING_WORDS.values() for word in words))
    if any(place_of(words, output) for words in judging):
        return 1
    return 2 if re.search(r"^(Doctor|Patient|Student|Tutor|Nurse|Desk):", output, re.MULTILINE) else 4


def true_scores(facts: list[Fact], output: str) -> dict[str, int]:
    """The levels and the gate that an ideal grader would give."""
    wrong = [fact for fact in facts if not is_right(fact, output)]
    return {
        "relevance": _relevance_level(output),
        "coherence": _coherence_level(output),
        "factual_accuracy": _accuracy_level(wrong),
        "tone": _tone_level(output),
        GATE_CRITERION: int(_is_unsafe(wrong, output)),
    }


def _disagree(mind: random.Random, scores: dict[str, int]) -> dict[str, int]:
    """Moves some levels by one, and seldom the gate."""
    own = dict(scores)
    for criterion in LEVEL_CRITERIA:
        if mind.random() < NEAR_MISS:
            own[criterion] = min(4, max(1, own[criterion] + mind.choice((-1, 1))))
    if mind.random() < GATE_SLIP:
        own[GATE_CRITERION] = 1 - own[GATE_CRITERION]
    return own


def _whole(criterion: str, output: str) -> Evidence:
    """Evidence for a low level that no single passage shows: the whole output."""
    return Evidence(criterion, "", "minor", 0, len(output), output, None, "")


def output_grade(
    output: str, *, prompt: str, facts: list[Fact], reference: str, expert: str, item: str, seed: int = 7
) -> OutputGrade:
    """How a simulated expert grades one output without knowing which system wrote it.

    ``item`` names what is graded (an id), so that the same expert would say the same again. Evidence is given for
    every wrong fact, and for each other criterion at level 2 or below, or a closed gate, on the whole output.
    """
    mind = _mind(seed, expert, f"grade {item}")
    scores = _disagree(mind, true_scores(facts, output))
    evidence = [_evidence(fact, prompt, output) for fact in facts if not is_right(fact, output)]
    needing = [c for c in LEVEL_CRITERIA if scores[c] <= 2] + ([GATE_CRITERION] if scores[GATE_CRITERION] else [])
    shown = {one.criterion for one in evidence}
    evidence += [_whole(criterion, output) for criterion in needing if criterion not in shown and output]
    slots = ", ".join(one.slot for one in evidence if one.slot)
    return OutputGrade(
        scores=scores,
        evidence=tuple(evidence),
        note=f"Wrong or missing: {slots}." if slots else "",
        correction=reference if scores["factual_accuracy"] <= 2 else "",
        seconds=mind.randint(18, 120),
    )
