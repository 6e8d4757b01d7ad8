"""Agreement of those who label, per field of the label schema, before any adjudication."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.db.models.functions import Length

from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.projects.models import Project
from reviewapp.reviews.agreement_measures import reading_of
from reviewapp.reviews.agreement_names import names_agreement
from reviewapp.reviews.agreement_spans import MarkedText, Span, span_alpha, span_f1
from reviewapp.reviews.agreement_tables import Agreement
from reviewapp.reviews.labelled import label_answers, label_spans
from reviewapp.reviews.models import Review
from reviewapp.reviews.outcomes import spans_apart
from reviewapp.reviews.selectors.agreements import Unit
from reviewapp.reviews.selectors.reviews import reviews_effective
from reviewapp.rubrics.models import RubricVersion


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """One field: ``beside`` is percent agreement of names, or matched F1 of passages; ``n_apart`` are to be settled."""

    name: str
    alpha: Agreement
    beside: Agreement
    n_apart: int

    @property
    def reading(self) -> tuple[str, str]:
        return reading_of(self.alpha)


@dataclass(frozen=True, kw_only=True)
class _Labelled:
    reviewer: int
    unit: Unit
    length: int  # characters of the prompt that was marked
    labels: dict[str, Any]


def label_rows(project: Project, version: RubricVersion) -> list[LabelRow]:
    """A row for each field that is compared by name or by passages; written text is not. Two queries."""
    reviews = reviews_effective(
        Review.objects.filter(sample__project=project, rubric_version=version, is_adjudication=False)
    ).filter(revision_after__labels__isnull=False)
    given = [
        _Labelled(reviewer=who, unit=(sample, n), length=length, labels=labels)
        for who, sample, n, length, labels in reviews.values_list(
            "reviewer_id", "sample_id", "round", Length("revision_after__prompt"), "revision_after__labels"
        )
        if labels
    ]
    names = _field_names(given)
    named = dict.fromkeys(key for one in given for key in label_answers(one.labels))
    marked = dict.fromkeys(key for one in given for key in label_spans(one.labels))
    rows = [_named_row(key, names.get(key, key), given) for key in named]
    return rows + [_marked_row(key, names.get(key, key), given) for key in marked]


def _field_names(given: Sequence[_Labelled]) -> dict[str, str]:
    used = {one.labels["schema"]["version"] for one in given}
    documents = LabelSchemaVersion.objects.filter(pk__in=used).order_by("pk").values_list("document", flat=True)
    return {field["key"]: field["name"] for document in documents for field in document.get("fields", ())}


def _named_row(key: str, name: str, given: Sequence[_Labelled]) -> LabelRow:
    """A field left out is an answer too: "" beside the names of others."""
    answers = [(one.reviewer, one.unit, label_answers(one.labels).get(key, "")) for one in given]
    alpha, percent = names_agreement(answers)
    by_unit: dict[Unit, set[str]] = defaultdict(set)
    for _, unit, answer in answers:
        by_unit[unit].add(answer)
    return LabelRow(name=name, alpha=alpha, beside=percent, n_apart=sum(len(one) > 1 for one in by_unit.values()))


def _marked_row(key: str, name: str, given: Sequence[_Labelled]) -> LabelRow:
    """Passages of prompts of one length only: where a reviewer mended the prompt, places no longer compare."""
    by_unit: dict[Unit, dict[int | str, list[Span]]] = defaultdict(dict)
    lengths: dict[Unit, int] = {}
    for one in given:
        spans = label_spans(one.labels).get(key)
        if spans is not None and lengths.setdefault(one.unit, one.length) == one.length:
            by_unit[one.unit][one.reviewer] = spans
    texts = [MarkedText(length=lengths[unit], marks=marks) for unit, marks in by_unit.items()]
    n_apart = sum(any(spans_apart(a, b) for a, b in combinations(marks.values(), 2)) for marks in by_unit.values())
    return LabelRow(name=name, alpha=span_alpha(texts), beside=span_f1(texts), n_apart=n_apart)
