"""The small world that the tests of training learn: rows, files, events."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from training import cli, contract

COMPLAINTS = ["a cough", "back pain", "a headache", "fever", "a rash", "knee pain", "nausea", "dizziness"]
UNITS = ["days", "weeks", "months"]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def example(number: int) -> dict[str, str]:
    """One row of a small world: the note repeats what the patient said."""
    chosen = random.Random(number)  # noqa: S311
    complaint, count, unit = chosen.choice(COMPLAINTS), chosen.randint(2, 9), chosen.choice(UNITS)
    prompt = f"Doctor: What brings you in?\nPatient: I have had {complaint} for {count} {unit}."
    return {"id": f"row-{number}", "prompt": prompt, "completion": f"Complaint: {complaint}. Duration: {count} {unit}."}


def examples(count: int, start: int = 0) -> list[dict[str, str]]:
    return [example(start + number) for number in range(count)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    contract.write_atomic(path, contract.jsonl_text(rows))
    return contract.file_sha256(path)


def events_of(run_dir: Path) -> list[dict[str, Any]]:
    return list(contract.read_jsonl(run_dir / contract.EVENTS_FILE))


def kinds_of(run_dir: Path) -> list[str]:
    return [event["kind"] for event in events_of(run_dir)]


def last_message(run_dir: Path) -> str:
    """The sentence of the last event."""
    return str(events_of(run_dir)[-1]["data"].get("message"))


def execute(command: str, run_dir: Path) -> int:
    """The real command, in this process."""
    return cli.main([command, str(run_dir)])


def prompts_from(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Held-out prompts with the duration as the fact to get right."""
    found = []
    for row in rows:
        duration = row["completion"].partition("Duration: ")[2].rstrip(".")
        fact = {"slot": "duration", "value": duration, "accepted": [duration], "forbidden": []}
        found.append({"id": row["id"], "prompt": row["prompt"], "reference": row["completion"], "facts": [fact]})
    return found


@contextmanager
def acted_on(run_dir: Path, is_time: Callable[[list[dict[str, Any]]], bool], act: Callable[[], None]) -> Iterator[None]:
    """Does something from another thread, once the events say so."""
    over = threading.Event()

    def watch() -> None:
        path = run_dir / contract.EVENTS_FILE
        while not over.is_set():
            if path.exists() and is_time(events_of(run_dir)):
                act()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def cancelled_when(run_dir: Path, is_time: Callable[[list[dict[str, Any]]], bool]) -> AbstractContextManager[None]:
    """Puts the cancel file there: what the web application does."""
    return acted_on(run_dir, is_time, (run_dir / contract.CANCEL_FILE).touch)


def has_step(events: list[dict[str, Any]]) -> bool:
    return any(event["kind"] == "step" for event in events)
