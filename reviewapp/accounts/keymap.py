"""The keys of the workbenches and a person's own ones in their place. Plain Python.

Pages are written with the usual keys; a person's keymap is {page: {usual key: own key}} and holds only what differs.
static/js/keys.js presses and shows the own ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reviewapp.words import say

Keymap = dict[str, dict[str, str]]

PAGES = {"review": "Reviewing samples", "grade": "Grading outputs"}
ACTIONS: dict[str, dict[str, str]] = {
    "review": {
        "n": "next open finding",
        "e": "edit the next block",
        "d": "diff, clean text, since import",
        ",": "sentence before",
        ".": "sentence after",
        "w": "where the prompt says it, again: the next best place",
        "/": "search in the prompt",
        "m": "mark the passage as evidence, then score",
        "g": "guidelines",
        "c": "comments",
        "f": "flag for the lead, or take the flag away",
        "s": "skip with a reason",
        "u": "undo the last decision",
    },
    "grade": {
        "o": "go to the output",
        "p": "go to the prompt",
        ",": "select the sentence before",
        ".": "select the sentence after",
        "f": "mark the selection",
        "a": "the prompt has nothing about this error",
        "m": "minor or major",
        "j": "jump between the error and its evidence",
        "w": "where the prompt says it, again: the next best place",
        "/": "search in the prompt",
        "c": "remark",
        "r": "what it should have said",
        "g": "guidelines",
        "s": "skip with a reason",
        "x": "flag for the lead, or take the flag away",
        "u": "undo the grade locked last",
    },
}
# What is the same for everybody, and what no action may take: on the grading page Y and N answer gate items.
TAKEN = {"review": frozenset("?"), "grade": frozenset("?yn")}
FIXED = (
    (("1", "to", "9"), "choose a level of the criterion with the frame; for yes or no, 1 is yes"),
    (("0",), "not applicable; for yes or no, no"),
    (("↑", "↓"), "criterion before or after; with Alt also out of a text"),
    (("Ctrl", "Enter"), "accept and take the next, also while typing"),
    (("Ctrl", "S"), "save now"),
    (("Ctrl", "Z"), "undo the last decision, when not typing"),
    (("Esc",), "leave a text box, end a search"),
    (("?",), "this list"),
)


class KeysInvalid(ValueError):
    """Keys that cannot be used; ``problems`` by field name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(self.problems.values()))


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """One act of a page on the settings page: its field, its usual key, the key it has now."""

    field: str
    words: str
    usual: str
    now: str
    problem: str = ""


def field_of(page: str, usual: str) -> str:
    return f"key-{page}-{usual}"


def keymap_read(given: Mapping[str, str]) -> Keymap:
    """Reads a settings form; an empty field means the usual key. Raises KeysInvalid with every problem."""
    chosen = {page: {usual: _chosen(given, page, usual) for usual in acts} for page, acts in ACTIONS.items()}
    problems: dict[str, str] = {}
    for page, keys in chosen.items():
        problems |= _problems(page, keys)
    if problems:
        raise KeysInvalid(problems)
    own = {page: {usual: key for usual, key in keys.items() if key != usual} for page, keys in chosen.items()}
    return {page: keys for page, keys in own.items() if keys}


def key_rows(
    keymap: Mapping[str, Mapping[str, str]], given: Mapping[str, str], problems: Mapping[str, str]
) -> list[tuple[str, list[KeyRow]]]:
    """What the settings page shows: (title of the page, its rows), as typed when something was refused."""
    return [
        (title, [_row(page, usual, keymap.get(page, {}), given, problems) for usual in ACTIONS[page]])
        for page, title in PAGES.items()
    ]


def cheat_sheet(page: str) -> list[tuple[tuple[str, ...], str]]:
    """All keys of a page as (keys, what they do), with the usual ones: the page shows the person's own."""
    return [*FIXED[:3], *(((key.upper(),), words) for key, words in ACTIONS[page].items()), *FIXED[3:]]


def _chosen(given: Mapping[str, str], page: str, usual: str) -> str:
    return given.get(field_of(page, usual), "").strip().lower() or usual


def _problems(page: str, keys: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for usual, key in keys.items():
        others = [ACTIONS[page][other] for other, also in keys.items() if also == key and other != usual]
        if len(key) != 1 or not key.isprintable() or key.isspace():
            found[field_of(page, usual)] = say("Give one letter or sign.")
        elif key.isdigit() or key in TAKEN[page]:
            found[field_of(page, usual)] = say(
                "%(key)s always has another meaning on this page. Choose another key.", key=key.upper()
            )
        elif others:
            found[field_of(page, usual)] = say(
                "%(key)s is also the key for: %(act)s. Give one of them another.",
                key=key.upper(),
                act=others[0],
            )
    return found


def _row(
    page: str, usual: str, own: Mapping[str, str], given: Mapping[str, str], problems: Mapping[str, str]
) -> KeyRow:
    field = field_of(page, usual)
    now = given.get(field, own.get(usual, usual))
    return KeyRow(field=field, words=ACTIONS[page][usual], usual=usual, now=now, problem=problems.get(field, ""))
