"""From a form to labels and back. Plain Python.

Every field of a schema is one form value, ``label-<key>``, always text, so that drafts, autosave and undo need to know
nothing about labels: a class by its key; classes by their keys, one a line; a written text; a ranking as the numbers
of the candidates, best first (``2 1 3``); spans as JSON ``{"spans": [{"type", "start", "end"}], "relations": [{"type",
"from", "to"}]}``, where from and to are places in the list, counted from 1.

Labels are the JSON of ``Revision.labels``: they say everything that was labelled without the schema at hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reviewapp.labelling.schema import (
    CHOOSING,
    CLASSES,
    RANKING,
    SPANS,
    TEXT,
    FieldDocument,
    RelationDocument,
    SchemaDocument,
)
from reviewapp.words import say

PREFIX = "label-"
VERSION = "label-version"  # the schema version that a form was made for
MAX_SPANS = 2_000
Labels = dict[str, Any]


class LabelsInvalid(ValueError):
    """Labels that cannot be handed in yet; ``problems`` by form name, such as ``label-reason``."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(self.problems.values()))


@dataclass(frozen=True)
class KnownClass:
    """A class as the database knows it. ``path`` are the names from the root down to it."""

    key: str
    name: str
    path: tuple[str, ...]
    position: int
    is_leaf: bool = True


@dataclass(frozen=True, kw_only=True)
class Material:
    """What labels are about: the prompt, the candidates of ranking fields, and the classes that a form names.

    ``known`` maps (field key, class key) to the class, for at least every class that the form names.
    """

    prompt: str
    candidates: Mapping[str, Sequence[str]] = field(default_factory=dict)
    known: Mapping[tuple[str, str], KnownClass] = field(default_factory=dict)


def classes_named(document: SchemaDocument, form: Mapping[str, str]) -> set[tuple[str, str]]:
    """(field key, class key) of every class that the form names, whether it exists or not."""
    choosing = [one for one in document.fields if one.kind in CHOOSING]
    return {(one.key, key) for one in choosing for key in _keys(form.get(PREFIX + one.key, ""))}


def labels_read(document: SchemaDocument, form: Mapping[str, str], material: Material) -> Labels:
    """The answers by field key; raises LabelsInvalid with every problem. Fields left out on purpose are not there."""
    problems: dict[str, str] = {}
    answers: Labels = {}
    for one in document.fields:
        try:
            answer = _READERS.get(one.kind, _classes)(
                one, form.get(PREFIX + one.key, "").replace("\r\n", "\n"), material
            )
        except _Problem as problem:
            problems[PREFIX + one.key] = f"{one.name}: {problem}"
            continue
        if answer is not None:
            answers[one.key] = {"kind": one.kind} | answer
        elif one.is_required:
            problems[PREFIX + one.key] = f"{one.name}: {_MISSING.get(one.kind, 'choose a class.')}"
    if not answers and not problems:
        problems[""] = say(
            "Nothing is labelled yet, so there is nothing to learn from. Return or reject the sample instead."
        )
    if problems:
        raise LabelsInvalid(problems)
    return answers


def labels_to_form(answers: Mapping[str, Any], candidates: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The form values that ``labels_read`` turns into these answers."""
    form = {}
    for key, answer in answers.items():
        form[PREFIX + key] = _to_form(answer, candidates.get(key, ()))
    return form


def _to_form(answer: Mapping[str, Any], candidates: Sequence[str]) -> str:
    kind = answer["kind"]
    if kind == TEXT:
        return str(answer["text"])
    if kind == SPANS:
        spans = [{name: one[name] for name in ("type", "start", "end")} for one in answer["spans"]]
        return json.dumps({"spans": spans, "relations": answer["relations"]})
    if kind == RANKING:
        places = list(candidates)
        return " ".join(str(places.index(text) + 1) for text in answer["ranked"] if text in places)
    return "\n".join(one["key"] for one in answer["chosen"])


class _Problem(ValueError):
    """Why one field cannot be read, as the end of a sentence."""


_MISSING = {
    TEXT: "write it.",
    RANKING: "put the candidates in order.",
    SPANS: "mark at least one passage.",
}


def _keys(text: str) -> list[str]:
    return list(dict.fromkeys(key for line in text.splitlines() if (key := line.strip())))


def _classes(one: FieldDocument, text: str, material: Material) -> dict[str, Any] | None:
    keys = _keys(text)
    unknown = [key for key in keys if (one.key, key) not in material.known]
    if unknown:
        raise _Problem(say("there is no class “%(value)s”. Choose one of the list.", value=unknown[0][:80]))
    chosen = sorted((material.known[one.key, key] for key in keys), key=lambda item: item.position)
    if one.kind != CLASSES:
        if len(chosen) > 1:
            raise _Problem(say("only one class fits here."))
        if chosen and one.leaves_only and not chosen[0].is_leaf:
            raise _Problem(
                say("“%(chosen_name)s” has finer classes below it. Choose one of those.", chosen_name=chosen[0].name)
            )
        if not chosen:
            return None
    elif len(chosen) < one.at_least or (one.at_most and len(chosen) > one.at_most):
        most = say(" and at most %(at_most)s", at_most=one.at_most) if one.at_most else ""
        raise _Problem(
            say(
                "%(n_chosen)s chosen; at least %(at_least)s%(most)s are asked for.",
                n_chosen=len(chosen),
                at_least=one.at_least,
                most=most,
            )
        )
    elif not chosen and one.is_required:
        return None
    return {"chosen": [{"key": c.key, "name": c.name, "path": list(c.path)} for c in chosen]}


def _text(one: FieldDocument, text: str, material: Material) -> dict[str, Any] | None:
    text = text.replace("\x00", "").strip("\n")
    if one.longest and len(text) > one.longest:
        raise _Problem(
            say(
                "it has %(n_text)s characters; at most %(longest)s are asked for.",
                n_text=f"{len(text):,}",
                longest=f"{one.longest:,}",
            )
        )
    return {"text": text} if text.strip() else None


def _ranking(one: FieldDocument, text: str, material: Material) -> dict[str, Any] | None:
    candidates = material.candidates.get(one.key, ())
    if len(candidates) < 2:
        raise _Problem(
            say(
                "this sample has %(n_candidates)s candidates, so there is nothing to rank. Return it.",
                n_candidates=len(candidates),
            )
        )
    given = text.replace(",", " ").split()
    if not given:
        return None
    if sorted(given) != sorted(str(n) for n in range(1, len(candidates) + 1)):
        raise _Problem(say("name each of the %(n_candidates)s candidates once.", n_candidates=len(candidates)))
    return {"ranked": [candidates[int(n) - 1] for n in given], "preferences": one.preferences}


def _spans(one: FieldDocument, text: str, material: Material) -> dict[str, Any] | None:
    if not text.strip():
        return None if one.is_required else {"spans": [], "relations": []}
    try:
        given = json.loads(text)
        marked = [(str(s["type"]), int(s["start"]), int(s["end"])) for s in given["spans"]]
        joined = [(str(r["type"]), int(r["from"]), int(r["to"])) for r in given.get("relations", [])]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise _Problem(say("the marked passages cannot be read. Reload the page; what was saved is kept.")) from error
    if not marked and one.is_required:
        return None
    order = _order(one, marked, material.prompt)
    spans = [
        {"id": n, "type": marked[i][0], "start": marked[i][1], "end": marked[i][2]} | _words(marked[i], material.prompt)
        for n, i in enumerate(order, 1)
    ]
    place = {old + 1: new for new, old in enumerate(order, 1)}
    return {"spans": spans, "relations": _relations(one, joined, marked, place)}


def _words(span: tuple[str, int, int], prompt: str) -> dict[str, str]:
    return {"text": prompt[span[1] : span[2]]}


def _order(one: FieldDocument, marked: list[tuple[str, int, int]], prompt: str) -> list[int]:
    """Places of the spans in reading order, so that equal spans make equal labels whoever marked first."""
    types = [item.key for item in one.types]
    if len(marked) > MAX_SPANS:
        raise _Problem(
            say(
                "%(n_marked)s passages are marked; at most %(max_spans)s can be kept.",
                n_marked=len(marked),
                max_spans=MAX_SPANS,
            )
        )
    for kind, start, end in marked:
        if kind not in types:
            raise _Problem(say("there is no type “%(value)s” of passages.", value=kind[:80]))
        if not 0 <= start < end <= len(prompt) or not prompt[start:end].strip():
            raise _Problem(say("a marked passage does not lie on the prompt any more. Remove it and mark it again."))
    if len(set(marked)) < len(marked):
        raise _Problem(say("the same passage is marked twice as the same type. Remove one."))
    order = sorted(range(len(marked)), key=lambda i: (marked[i][1], marked[i][2], types.index(marked[i][0])))
    ends = 0
    for i in order:
        if not one.overlap and marked[i][1] < ends:
            raise _Problem(
                say("passages must not overlap; “%(value)s” does.", value=prompt[marked[i][1] : marked[i][2]][:60])
            )
        ends = max(ends, marked[i][2])
    return order


def _relations(
    one: FieldDocument,
    joined: list[tuple[str, int, int]],
    marked: list[tuple[str, int, int]],
    place: Mapping[int, int],
) -> list[dict[str, Any]]:
    known = {item.key: item for item in one.relations}
    made = set()
    for kind, left, right in joined:
        if kind not in known:
            raise _Problem(say("there is no relation “%(value)s”.", value=kind[:80]))
        if left not in place or right not in place or left == right:
            raise _Problem(
                say("the relation “%(known_name)s” does not join two marked passages.", known_name=known[kind].name)
            )
        if not _may_join(known[kind], marked[left - 1][0], marked[right - 1][0]):
            raise _Problem(say("“%(known_name)s” does not join passages of these types.", known_name=known[kind].name))
        made.add((place[left], place[right], kind))
    return [{"type": kind, "from": left, "to": right} for left, right, kind in sorted(made)]


def _may_join(relation: RelationDocument, left: str, right: str) -> bool:
    allowed_left, allowed_right = relation.from_types, relation.to_types
    return (not allowed_left or left in allowed_left) and (not allowed_right or right in allowed_right)


_READERS = {TEXT: _text, RANKING: _ranking, SPANS: _spans}
