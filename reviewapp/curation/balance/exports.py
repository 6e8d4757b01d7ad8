"""A balance report and the weights of a mitigation as files: JSON for programs, formula-safe CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from reviewapp.curation.models import BiasReport, Mitigation
from reviewapp.samples.exporting import safe_cell
from reviewapp.samples.models import Sample

COLUMNS = (
    "attribute", "first", "second", "term", "kind", "first_n", "first_of", "second_n", "second_of", "groups", "odds",
    "low", "high", "log_odds", "z", "p", "q", "standing",
)  # fmt: skip


def report_json(report: BiasReport) -> str:
    """The whole report with its date, hash and list of terms. It holds counts and no text of a sample."""
    facts = {
        "project": report.project.slug,
        "number": report.number,
        "made_at": report.made_at.isoformat() if report.made_at else None,
        "content_hash": report.content_hash,
        "conditions": report.conditions,
        "content": report.content,
    }
    return json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True)


def associations_csv(report: BiasReport) -> str:
    """One line an association."""
    return _csv(COLUMNS, ([row[name] for name in COLUMNS] for row in report.content["associations"]))


def weights_csv(mitigation: Mitigation) -> str:
    """The identifier and weight of each sample of a mitigation by weights."""
    return _csv(("sample", "weight"), _weights(mitigation))


def _weights(mitigation: Mitigation) -> Iterator[tuple[str, float]]:
    for weight, ids in mitigation.plan["chosen"]:
        for start in range(0, len(ids), 400):
            some = Sample.objects.filter(project=mitigation.project_id, pk__in=ids[start : start + 400])
            yield from ((name, weight) for name in some.order_by("pk").values_list("external_id", flat=True))


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:  # a negative number is no formula: numbers stay numbers
        writer.writerow([value if isinstance(value, int | float) else safe_cell(value) for value in row])
    return buffer.getvalue()
