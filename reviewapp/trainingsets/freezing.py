"""Turns approved samples into the exact content of a training-set version: splits, lines, one hash.

Plain Python: the draft page, the freeze and the worker that verifies a version before training all call
these functions, so that they cannot disagree about what was signed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reviewapp.labelling.rendering import preference_pairs
from training.contract import canonical_json, jsonl_text

SCHEMA = 1
TRAIN: Literal["train"] = "train"
VALIDATION: Literal["validation"] = "validation"
Split = Literal["train", "validation"]
MAX_RATIO = 0.5


class FreezeError(ValueError):
    """The samples cannot become a version; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One example as it will be learned. ``id`` is unique in its version; ``revision_hash`` ties it to its text."""

    id: str
    group: str
    split: Split
    prompt: str
    completion: str
    revision_hash: str
    labels: Mapping[str, Any] | None = None  # what the completion was written from, where experts labelled


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is signed (``content_hash``) and what the trainer reads (two texts and their hashes).

    One approved sample is one row of them. Rankings give, beside, rows of {"id", "prompt", "chosen", "rejected"};
    these texts are empty where nothing was ranked.
    """

    train_jsonl: str
    validation_jsonl: str
    train_sha256: str
    validation_sha256: str
    train_rows: int
    validation_rows: int
    content_hash: str
    train_preferences: str = ""
    validation_preferences: str = ""

    @property
    def preference_rows(self) -> int:
        return self.train_preferences.count("\n") + self.validation_preferences.count("\n")


def clusters_of(groups: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Maps each group to the name of its cluster: groups that a link joins, directly or through others.

    The name is the smallest group name of the cluster, so it does not depend on the order of the links.
    A link to a group that is not among ``groups`` (a sample that was left out) still joins the two sides
    that it connects, but gets no entry.
    """
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for left, right in links:
        first, second = sorted((find(left), find(right)))
        parent[second] = first
    return {group: find(group) for group in groups}


def position(name: str, seed: int) -> int:
    """Where a name stands in the seeded order; independent of every other name."""
    key = f"countersign split {seed}".encode()
    return int.from_bytes(hashlib.blake2b(name.encode(), key=key[:64], digest_size=8).digest(), "big")


def split_groups(
    sizes: Mapping[str, int],
    *,
    ratio: float,
    seed: int,
    links: Iterable[tuple[str, str]] = (),
    previous: Mapping[str, Split] | None = None,
) -> dict[str, Split]:
    """Assigns every group to one split; clusters of linked groups are never divided.

    ``sizes`` holds the number of examples of each group, ``ratio`` the wanted share of validation examples.
    Groups of ``previous`` keep their split, so versions stay comparable; where a link joins a former training
    group to a former validation group, the whole cluster goes to validation. The other clusters are taken in a
    seeded order that does not depend on their neighbours, as long as that brings the share nearer to ``ratio``.
    Raises FreezeError for a ratio outside (0, 0.5] and when fewer than two clusters are left to divide.
    """
    if not 0 < ratio <= MAX_RATIO:
        raise FreezeError("The share for validation must be above 0 and at most 50%.")
    names = clusters_of(sizes, links)
    weight: dict[str, int] = defaultdict(int)
    for group, size in sizes.items():
        weight[names[group]] += size
    if len(weight) < 2:
        raise FreezeError("A split needs samples of at least two separate groups; there is only one.")
    kept = _kept_clusters(names, previous or {})
    chosen = _choose(weight, kept, ratio * sum(weight.values()), seed)
    return {group: VALIDATION if names[group] in chosen else TRAIN for group in sizes}


def _kept_clusters(names: Mapping[str, str], previous: Mapping[str, Split]) -> dict[str, Split]:
    kept: dict[str, Split] = {}
    for group, name in names.items():
        before = previous.get(group)
        if before is not None and kept.get(name) != VALIDATION:
            kept[name] = before
    return kept


def _choose(weight: Mapping[str, int], kept: Mapping[str, Split], target: float, seed: int) -> set[str]:
    """The clusters that form the validation split: never none of them, never all of them."""
    chosen = {name for name, split in kept.items() if split == VALIDATION}
    taken = sum(weight[name] for name in chosen)
    free = sorted((name for name in weight if name not in kept), key=lambda name: (position(name, seed), name))
    for name in free:
        if taken >= target:
            break
        if abs(taken + weight[name] - target) < abs(taken - target):
            chosen.add(name)
            taken += weight[name]
    if not chosen:
        chosen = {min(free or weight, key=lambda name: (weight[name], position(name, seed), name))}
    if len(chosen) == len(weight):
        chosen.remove(max(weight, key=lambda name: (weight[name], position(name, seed), name)))
    return chosen


def straddling(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The groups that occur in more than one split, from (group, split) pairs; empty when all is well."""
    seen: dict[str, set[str]] = defaultdict(set)
    for group, split in pairs:
        seen[group].add(split)
    return sorted(group for group, splits in seen.items() if len(splits) > 1)


def build_content(lines: Iterable[Line], facts: Mapping[str, Any]) -> Content:
    """Builds both files and the content hash; the order in which the lines come makes no difference.

    ``facts`` are what a signature also covers and no base model or template changes: the names of project and
    training set, the version's number, seed and ratio. Raises FreezeError for text that cannot be stored as
    UTF-8, an empty prompt or completion, an id given twice, an empty split, or a group in both splits.
    """
    ordered = sorted(lines, key=lambda line: line.id)
    _check(ordered)
    texts = {split: jsonl_text(_row(line) for line in ordered if line.split == split) for split in (TRAIN, VALIDATION)}
    return Content(
        train_jsonl=texts[TRAIN],
        validation_jsonl=texts[VALIDATION],
        train_sha256=text_sha256(texts[TRAIN]),
        validation_sha256=text_sha256(texts[VALIDATION]),
        train_rows=sum(line.split == TRAIN for line in ordered),
        validation_rows=sum(line.split == VALIDATION for line in ordered),
        content_hash=content_hash(ordered, facts),
        train_preferences=preferences_jsonl(line for line in ordered if line.split == TRAIN),
        validation_preferences=preferences_jsonl(line for line in ordered if line.split == VALIDATION),
    )


def preferences_jsonl(lines: Iterable[Line]) -> str:
    """The preference rows of these lines as the text of a file."""
    return jsonl_text(preference_rows(lines))


def preference_rows(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """One row a pair, its id the sample's with the number of the pair: the form that preference trainers read."""
    return [
        {"id": f"{line.id}/{number}", "prompt": line.prompt, "chosen": chosen, "rejected": rejected}
        for line in lines
        for number, (chosen, rejected) in enumerate(preference_pairs(line.labels), 1)
    ]


def content_hash(ordered: Sequence[Line], facts: Mapping[str, Any]) -> str:
    """SHA-256 over the facts and every example with its split, group and revision, one canonical line each."""
    digest = hashlib.sha256(canonical_json({"schema": SCHEMA, "facts": dict(facts)}).encode() + b"\n")
    for line in sorted(ordered, key=lambda line: line.id):
        values: dict[str, Any] = {
            **_row(line),
            "group": line.group,
            "split": line.split,
            "revision": line.revision_hash,
        }
        # Left out where there are none, so that versions frozen without labels keep their hash.
        values |= {} if line.labels is None else {"labels": line.labels}
        digest.update(canonical_json(values).encode() + b"\n")
    return digest.hexdigest()


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _row(line: Line) -> dict[str, str]:
    return {"id": line.id, "prompt": line.prompt, "completion": line.completion}


def _check(ordered: Sequence[Line]) -> None:
    for before, line in zip(ordered, ordered[1:], strict=False):
        if before.id == line.id:
            raise FreezeError(f"Sample {line.id} is in this version twice.")
    for line in ordered:
        _check_text(line)
    for split in (TRAIN, VALIDATION):
        if not any(line.split == split for line in ordered):
            raise FreezeError(f"The {split} split is empty: add samples of more groups, or change the ratio.")
    both = straddling((line.group, line.split) for line in ordered)
    if both:
        raise FreezeError(f"Group {both[0]} is in both splits.")


def _check_text(line: Line) -> None:
    for field, text in (("prompt", line.prompt), ("completion", line.completion)):
        if not text.strip():
            raise FreezeError(f"Sample {line.id} has an empty {field}.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise FreezeError(f"Sample {line.id}: its {field} holds characters that cannot be stored.") from error


MANY_WORDS = 20  # a prompt this long that occurs twice is the same conversation, not a common instruction


def text_links(items: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Pairs of groups that share a text: (group, prompt, completion) rows in, group pairs out.

    Two rows share a text when their long prompts are equal, or prompt and completion together; case and
    white space make no difference.
    """
    first: dict[str, str] = {}
    links: set[tuple[str, str]] = set()
    for group, prompt, completion in items:
        for key in _text_keys(prompt, completion):
            seen = first.setdefault(key, group)
            if seen != group:
                links.add((seen, group))
    return sorted(links)


def _text_keys(prompt: str, completion: str) -> list[str]:
    words = prompt.casefold().split()
    keys = [" ".join(words) + "\0" + " ".join(completion.casefold().split())]
    if len(words) >= MANY_WORDS:
        keys.append(" ".join(words))
    return keys
