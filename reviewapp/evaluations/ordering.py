"""Who sees which output when: random, reproducible from a seed, and telling nothing about the model. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from random import Random

KEEP_APART = 3  # outputs between two outputs of one prompt, where enough others are left


@dataclass(frozen=True)
class Candidate:
    """An output that still needs a grader. ``sibling_elsewhere``: the prompt's other output is another grader's."""

    item_id: int
    prompt_id: int
    order_key: str
    sibling_elsewhere: bool = False


def order_key(seed: int, output_id: int) -> str:
    """A place in the round's random order; without the seed nothing of the output can be read from it."""
    return hashlib.sha256(f"{seed}:{output_id}".encode()).hexdigest()


def overlap_prompts(seed: int, prompt_ids: Collection[int], percent: int) -> frozenset[int]:
    """The prompts whose outputs two people grade: ``percent`` of them, rounded to the nearest whole number."""
    size = round(len(prompt_ids) * percent / 100)
    # not a secret: a report must be able to draw the same prompts again
    return frozenset(Random(seed).sample(sorted(prompt_ids), size))  # noqa: S311


def claim_order(
    candidates: Iterable[Candidate], *, grader: Hashable, seed: int, recent_prompts: Collection[int]
) -> list[Candidate]:
    """Candidates in the order in which this grader should get them.

    Prompts that the grader saw in the last few outputs come last; outputs whose sibling is with another grader come
    after the others, so that mostly one person sees both models on a prompt and severity does not lean on one of them.
    """

    def place(candidate: Candidate) -> tuple[bool, bool, str]:
        draw = hashlib.sha256(f"{seed}:{grader}:{candidate.order_key}".encode()).hexdigest()
        return candidate.prompt_id in recent_prompts, candidate.sibling_elsewhere, draw

    return sorted(candidates, key=place)
