"""What a worker does to find labels in doubt: prompts to vectors, probabilities for folds left out, doubts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reviewapp.curation import services
from reviewapp.curation.checks.finding import FindingDraft
from reviewapp.curation.checks.registry import LABEL_ERRORS
from reviewapp.curation.labels.confident import Ints, Reals, doubts_of
from reviewapp.curation.labels.reading import Labelled, fields_of_one_class, labels_read
from reviewapp.curation.learning.classifier import (
    classes_kept,
    features_of,
    folds_of,
    learn,
)
from reviewapp.curation.learning.least import LEAST_DECISIONS, LEAST_OF_CLASS
from reviewapp.curation.meaning.build import index_ready
from reviewapp.curation.meaning.fit import vectors_of
from reviewapp.curation.meaning.vectors import text_of
from reviewapp.curation.models import LabelReport

KIND = "label_error"
Say = Callable[[str], None]


def labels_look(report: LabelReport, say: Say) -> int:
    """Fills the row ``report`` and writes its findings; returns how many labels are in doubt."""
    content: dict[str, dict[str, Any]] = {}
    drafts: list[FindingDraft] = []
    looked_at: dict[int, int] = {}
    for key, name in fields_of_one_class(report.project):
        labelled = labels_read(report.project, key)
        looked_at |= {one.sample: one.revision for one in labelled}
        content[key] = {"name": name, "n": len(labelled), "unknown": why_too_few(labelled), "classes": [], "said": {}}
        if not content[key]["unknown"]:
            found, of_field = _field(report, name, labelled, say)
            content[key] |= found
            drafts += of_field
    services.label_report_finish(report=report, content=content, drafts=drafts, looked_at=looked_at)
    return len(drafts)


def why_too_few(labelled: Sequence[Labelled]) -> str:
    """A sentence that says how many labels are needed; "" when there are enough."""
    counts = Counter(one.key for one in labelled)
    if len(labelled) < LEAST_DECISIONS:
        return f"{len(labelled)} labels are there; at least {LEAST_DECISIONS} are needed."
    if sum(n >= LEAST_OF_CLASS for n in counts.values()) < 2:
        return f"At least two classes with {LEAST_OF_CLASS} labels each are needed."
    return ""


def _field(
    report: LabelReport, name: str, labelled: Sequence[Labelled], say: Say
) -> tuple[dict[str, Any], list[FindingDraft]]:
    kept = classes_kept([one.key for one in labelled])
    rows = [one for one in labelled if one.key in kept]
    say(f"Learning from {len(rows):,} labels of {name}")
    given, said = probabilities(rows, kept, report, say)
    is_judged = _is_judged(given, np.array([one.group for one in rows]), len(kept))
    rows = [row for row, judged in zip(rows, is_judged, strict=True) if judged]
    given, said = given[is_judged], said[is_judged]
    doubts = doubts_of(given, said)
    names = {one.key: one.name for one in labelled}
    proposed = said.argmax(axis=1)
    drafts = [_draft(name, rows[row], names[kept[proposed[row]]], said[row, [given[row], proposed[row]]])
              for row in doubts.rows]  # fmt: skip
    in_doubt = Counter(int(given[row]) for row in doubts.rows)
    classes = [
        {"key": key, "name": names[key], "n": int((given == place).sum()), "in_doubt": in_doubt[place]}
        for place, key in enumerate(kept)
    ]
    return {
        "classes": classes, "joint": doubts.joint.tolist(), "in_doubt": len(drafts),
        "left_out": len(labelled) - len(rows),
        "accuracy": round(float((proposed == given).mean()), 4),
        "said": {str(rows[row].sample): round(float(said[row, given[row]]), 4) for row in doubts.rows},
    }, drafts  # fmt: skip


def probabilities(rows: Sequence[Labelled], kept: Sequence[str], report: LabelReport, say: Say) -> tuple[Ints, Reals]:
    """Class of each row, and what a classifier that never saw its group says of it."""
    index, _ = index_ready(report.project, say)
    vectors = vectors_of(index.projection, [text_of(one.prompt, "") for one in rows])
    lengths = np.array([[len(one.prompt), 0] for one in rows], dtype=np.float64)
    given = np.array([kept.index(one.key) for one in rows])
    groups = np.array([one.group for one in rows])
    return given, learn(features_of(vectors, lengths), given, groups, len(kept)).left_out


def _is_judged(given: Ints, groups: Ints, k: int) -> np.ndarray:
    """A class that stands in one fold alone was never learned for that fold: its labels are not judged."""
    folds = folds_of(groups)
    spread = [len(np.unique(folds[given == place])) > 1 for place in range(k)]
    return np.array(spread)[given]


def _draft(field: str, row: Labelled, proposed: str, said: Reals) -> FindingDraft:
    of_given, of_proposed = (round(float(one), 4) for one in said)
    return FindingDraft(
        key=row.sample,
        check=LABEL_ERRORS,
        kind=KIND,
        severity="medium",
        field="prompt",
        excerpt=row.name,
        suggestion=proposed,
        score=of_proposed,
        message=(
            f"{field}: “{row.name}” was chosen. From texts like it, “{proposed}” is {100 * of_proposed:.0f}% likely, "
            f"“{row.name}” {100 * of_given:.0f}%. Label it again, or dismiss this."
        ),
    )
