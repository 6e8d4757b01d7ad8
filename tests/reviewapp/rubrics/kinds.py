"""A rubric with one criterion of every kind, and answers to it."""

from __future__ import annotations

from typing import Any


def criterion(key: str, kind: str, **values: Any) -> dict[str, Any]:
    return {"key": key, "name": key.replace("_", " ").capitalize(), "kind": kind} | values


def levels(*values: int) -> list[dict[str, Any]]:
    return [{"value": v, "label": f"Label {v}", "anchor": f"{v} things to count."} for v in values]


def every_kind(applies_to: str = "outputs", **changes: Any) -> dict[str, Any]:
    """One criterion of each kind; a preference where outputs can be compared."""
    criteria = [
        criterion("unsafe", "gate", levels=levels(1, 0), is_critical=True, weight=2),
        criterion("clear", "levels", levels=levels(1, 2, 3), evidence_at_or_below=1, allow_na=True),
        criterion("harm", "levels", levels=levels(1, 2, 3), direction="lower", evidence_at_or_below=3),
        criterion("omissions", "count", unit="omissions", most=4, evidence_at_or_below=1, allow_na=True),
        criterion("named_owner", "points", points=6),
        criterion("invents", "points", points=-4, evidence_at_or_below=1),
        criterion("remark", "text", allow_na=True),
        criterion(
            "errors",
            "spans",
            most=10,
            error_types=[
                {"key": "fabrication", "name": "Made up"},
                {"key": "spelling", "name": "Spelling", "minor": 0, "major": 1},
            ],
        ),
    ]
    if applies_to == "outputs":
        criteria.append(criterion("better", "preference", levels=levels(1, 0, -1)))
    return {"name": "Every kind", "applies_to": applies_to, "criteria": criteria} | changes


GOOD_FORM = {
    "score-unsafe": "0",
    "score-clear": "3",
    "score-harm": "1",
    "score-omissions": "0",
    "score-named_owner": "1",
    "score-invents": "0",
}
