"""What labels say, as it is compared between reviewers: by the settling of samples and by agreement. Plain Python.

Labels are the JSON of ``Revision.labels``. A class, the classes together and the first of a ranking are compared by
name; passages by whether they overlap; written text as text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from reviewapp.reviews.agreement_spans import Span

Labels = Mapping[str, Any] | None
PREFIX = "label-"  # of a field among the criteria and decisions that reviews can differ in


def fields_of(labels: Labels) -> Mapping[str, Any]:
    found: Mapping[str, Any] = labels["fields"] if labels else {}
    return found


def label_answers(labels: Labels) -> dict[str, str]:
    """Field key -> the answer as a name: classes by their keys, a ranking by its best candidate."""
    found = {}
    for key, answer in fields_of(labels).items():
        if "chosen" in answer:
            found[key] = "\n".join(sorted(one["key"] for one in answer["chosen"]))
        elif "ranked" in answer:
            found[key] = answer["ranked"][0] if answer["ranked"] else ""
    return found


def label_spans(labels: Labels) -> dict[str, list[Span]]:
    """Field key -> the marked passages of the prompt."""
    return {
        key: [Span(one["start"], one["end"], one["type"]) for one in answer["spans"]]
        for key, answer in fields_of(labels).items()
        if "spans" in answer
    }


def written_hash(prompt: str, labels: Labels) -> str:
    """One value for the same prompt with the same written texts, whatever else was labelled."""
    texts = [f"{key}\0{answer['text']}" for key, answer in sorted(fields_of(labels).items()) if "text" in answer]
    return hashlib.sha256("\0\0".join([prompt, *texts]).encode()).hexdigest()
