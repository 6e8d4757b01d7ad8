"""Runs one Python labelling function in a process of its own, started by a worker. Standard library only.

``python -I host.py FILE``: loads FILE, which defines ``label(prompt, metadata)``, and says {"ready": true}. Then it
reads lines {"prompt", "metadata"} and answers each with {"label": class key or null} or {"error": words}. What the
file prints goes nowhere; it cannot read the lines itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
from collections.abc import Callable
from typing import IO, Any

MEMORY = 2 * 1024**3  # bytes of address space
LONGEST = 300  # characters of an error that are told


def main(path: str) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    _limit()
    try:
        label = runpy.run_path(path).get("label")
    except BaseException as error:  # noqa: BLE001 - whatever a file does, the worker is told
        _say(answers, {"error": _words(error)})
        return
    if not callable(label):
        _say(answers, {"error": "it defines no function label(prompt, metadata)"})
        return
    _say(answers, {"ready": True})
    for line in lines:
        _say(answers, _answer(label, json.loads(line)))


def _answer(label: Callable[..., Any], item: dict[str, Any]) -> dict[str, Any]:
    try:
        found = label(item["prompt"], item["metadata"])
    except BaseException as error:  # noqa: BLE001 - see above
        return {"error": _words(error)}
    if found is None or isinstance(found, str):
        return {"label": found}
    return {"error": f"label() gave back {type(found).__name__}, not the key of a class or None"}


def _words(error: BaseException) -> str:
    with contextlib.suppress(Exception):
        return f"{type(error).__name__}: {error}"[:LONGEST]
    return type(error).__name__


def _say(answers: IO[str], words: dict[str, Any]) -> None:
    answers.write(json.dumps(words) + "\n")
    answers.flush()


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on this system
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1])
