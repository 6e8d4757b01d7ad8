"""What the page of labels in doubt shows of a report: classes with their noise, those that are confused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reviewapp.curation.models import LabelReport

MOST_IN_MATRIX = 10  # classes
_SHADES = (0.02, 0.05, 0.1)  # share of the given class from which a cell is shaded more


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    name: str
    n: int
    in_doubt: int
    wrong: int  # estimated

    @property
    def noise(self) -> float | None:
        return self.wrong / self.n if self.n else None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How many samples of the given class probably are of another; ``shade`` 0 to 3, ``other`` is its name."""

    n: int
    other: str
    is_same: bool
    shade: int


@dataclass(frozen=True, kw_only=True)
class FieldPage:
    """``unknown`` says why there is nothing to show; the matrix has the classes that are confused most."""

    key: str
    name: str
    n: int
    unknown: str
    in_doubt: int = 0
    left_out: int = 0
    accuracy: float | None = None
    wrong: int = 0
    classes: tuple[ClassRow, ...] = ()
    columns: tuple[str, ...] = ()
    matrix: tuple[tuple[str, tuple[Cell, ...]], ...] = ()

    @property
    def noise(self) -> float | None:
        judged = sum(row.n for row in self.classes)
        return self.wrong / judged if judged else None

    @property
    def hidden(self) -> int:
        return len(self.classes) - len(self.columns)


def fields_of(report: LabelReport) -> list[FieldPage]:
    return [_field(key, content) for key, content in report.content.items()]


def _field(key: str, content: Mapping[str, Any]) -> FieldPage:
    head = {"key": key, "name": content["name"], "n": content["n"], "unknown": content["unknown"]}
    if content["unknown"]:
        return FieldPage(**head)
    joint, names = content["joint"], [one["name"] for one in content["classes"]]
    k = len(names)
    wrong = [sum(row) - row[place] for place, row in enumerate(joint)]
    confused = [wrong[place] + sum(joint[row][place] for row in range(k) if row != place) for place in range(k)]
    shown = sorted(sorted(range(k), key=lambda place: -confused[place])[:MOST_IN_MATRIX])
    rows = [
        ClassRow(name=one["name"], n=one["n"], in_doubt=one["in_doubt"], wrong=wrong[place])
        for place, one in enumerate(content["classes"])
    ]
    return FieldPage(
        **head,
        in_doubt=content["in_doubt"],
        left_out=content["left_out"],
        accuracy=content["accuracy"],
        wrong=sum(wrong),
        classes=tuple(sorted(rows, key=lambda row: (-(row.noise or 0), row.name))),
        columns=tuple(names[place] for place in shown),
        matrix=tuple((names[a], tuple(_cell(joint, names, a, b) for b in shown)) for a in shown),
    )


def _cell(joint: list[list[int]], names: list[str], a: int, b: int) -> Cell:
    share = joint[a][b] / max(1, sum(joint[a]))
    shade = 0 if a == b else sum(share >= limit for limit in _SHADES)
    return Cell(n=joint[a][b], other=names[b], is_same=a == b, shade=shade)
