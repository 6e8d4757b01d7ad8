"""What is learned from labels: the completion they are written as, classes by id, preference pairs. Plain Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from reviewapp.labelling.schema import (
    CHOOSING,
    LIST_SEPARATOR,
    NOTHING,
    PATH_SEPARATOR,
    RANKING,
    SPANS,
    TEXT,
    FieldDocument,
    SchemaDocument,
)


def completion_of(document: SchemaDocument, answers: Mapping[str, Any], prompt: str) -> str:
    """The text that a model learns to give. One field: its value. Several: ``Name: value``, a blank line between."""
    parts = [(one.name, field_text(one, answers[one.key], prompt)) for one in document.fields if one.key in answers]
    if len(document.fields) == 1:
        return "".join(text for _, text in parts)
    return "\n\n".join(f"{name}:\n{text}" if "\n" in text else f"{name}: {text}" for name, text in parts)


def field_text(one: FieldDocument, answer: Mapping[str, Any], prompt: str) -> str:
    """One answer as text; the same answer always gives the same text."""
    if one.kind == TEXT:
        return str(answer["text"])
    if one.kind == RANKING:
        return str(answer["ranked"][0])
    if one.kind == SPANS:
        return bracketed(prompt, answer["spans"]) if one.write_as == "bracketed" else _spans_json(one, answer)
    return LIST_SEPARATOR.join(class_text(one, chosen) for chosen in answer["chosen"]) or NOTHING


def class_text(one: FieldDocument, chosen: Mapping[str, Any]) -> str:
    """How a class is written; ``chosen`` has key, name and path."""
    if one.write_as == "path":
        return PATH_SEPARATOR.join(chosen["path"])
    return str(chosen[one.write_as])


def _spans_json(one: FieldDocument, answer: Mapping[str, Any]) -> str:
    names = ["type", "text"] + (["start", "end"] if one.write_as == "json_offsets" else [])
    names = ["id", *names] if one.relations else names
    value: dict[str, Any] = {"spans": [{name: span[name] for name in names} for span in answer["spans"]]}
    if one.relations:
        value["relations"] = answer["relations"]
    return json.dumps(value, ensure_ascii=False)


def bracketed(prompt: str, spans: list[dict[str, Any]]) -> str:
    """The prompt with ``[passage](type)`` for each span; \\ [ ] of the text itself carry a backslash."""
    pieces, at = [], 0
    for span in spans:
        pieces += [_escaped(prompt[at : span["start"]]), f"[{_escaped(span['text'])}]({span['type']})"]
        at = span["end"]
    return "".join([*pieces, _escaped(prompt[at:])])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def bracketed_read(text: str) -> tuple[str, list[dict[str, Any]]]:
    """(prompt, spans with type, start, end, text) of what ``bracketed`` wrote. Raises ValueError for anything else."""
    plain: list[str] = []
    spans: list[dict[str, Any]] = []
    opened: int | None = None
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            plain.append(text[at + 1])
            at += 1
        elif char == "[" and opened is None:
            opened = len(plain)
        elif char == "]" and opened is not None:
            kind, closed, _ = text[at + 2 :].partition(")")
            if text[at + 1 : at + 2] != "(" or not closed:
                raise ValueError("A passage has no type behind it.")
            words = "".join(plain[opened:])
            spans.append({"type": kind, "start": opened, "end": len(plain), "text": words})
            opened, at = None, at + 2 + len(kind)
        elif char in "[]":
            raise ValueError("The brackets do not match.")
        else:
            plain.append(char)
        at += 1
    if opened is not None:
        raise ValueError("A passage has no end.")
    return "".join(plain), spans


def preference_pairs(labels: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """(chosen, rejected) of every ranking whose schema asks for them, best pairs first; equal texts make no pair."""
    pairs: list[tuple[str, str]] = []
    for answer in (labels or {}).get("fields", {}).values():
        if answer["kind"] != RANKING or answer["preferences"] == "none":
            continue
        ranked = answer["ranked"]
        found = combinations(ranked, 2) if answer["preferences"] == "all" else ((ranked[0], r) for r in ranked[1:])
        pairs += [pair for pair in found if pair[0] != pair[1]]
    return pairs


def has_passages(labels: Mapping[str, Any]) -> bool:
    """Whether passages of the prompt are marked, or their absence was said of exactly this prompt."""
    return any(one["kind"] == SPANS for one in labels["fields"].values())


def class_keys(labels: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Field key -> keys of the classes chosen, for every field that chooses classes."""
    fields = (labels or {}).get("fields", {})
    return {key: [c["key"] for c in one["chosen"]] for key, one in fields.items() if one["kind"] in CHOOSING}
