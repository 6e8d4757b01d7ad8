"""What a statement holds: the plan, what was found, who looked, and every item. Reads only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
from django.db.models import QuerySet

from reviewapp.curation.acceptance.bounds import Conclusion, conclude, size_endless
from reviewapp.curation.acceptance.draw import population_revisions
from reviewapp.curation.acceptance.population import population_changes
from reviewapp.curation.acceptance.terms import look_of, method_of, terms_of
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan
from training.contract import canonical_json

FORMAT = 1
Verdict = AcceptanceItem.Verdict
_COLUMNS = (
    "position", "sample__external_id", "sample_id", "revision__number", "revision_id", "revision__content_hash",
    "verdict", "judged_by__display_name", "judged_at", "note", "finding_id",
)  # fmt: skip
_NAMES = (
    "position", "sample", "sample_id", "revision", "revision_id", "revision_hash", "verdict", "judged_by", "judged_at",
    "note", "finding",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Counts:
    """``n == fine + defects + missing``."""

    n: int
    fine: int
    defects: int

    @property
    def missing(self) -> int:
        return self.n - self.fine - self.defects

    @property
    def judged(self) -> int:
        return self.fine + self.defects


def counts_of(plan: AcceptancePlan) -> Counts:
    verdicts = list(plan.items.order_by().values_list("verdict", flat=True))
    return Counts(n=len(verdicts), fine=verdicts.count(Verdict.FINE), defects=verdicts.count(Verdict.DEFECT))


def conclusion_of(plan: AcceptancePlan, counts: Counts) -> Conclusion:
    return conclude(terms_of(plan), look_of(plan, defects=counts.defects, missing=counts.missing))


def facts_of(plan: AcceptancePlan, *, closed_by: str, closed_at: datetime) -> dict[str, Any]:
    """Everything that is stated, fit for JSON. Times are in ISO 8601; rates are decimal fractions as text."""
    counts = counts_of(plan)
    items = items_of(plan)
    return {
        "format": FORMAT,
        "project": plan.project.slug,
        "plan": plan_facts(plan),
        "result": {
            "n": counts.n,
            "judged": counts.judged,
            "defects": counts.defects,
            "missing": counts.missing,
            "size_endless": size_endless(terms_of(plan)),
            "method": method_of(plan),
            **asdict(conclusion_of(plan, counts)),
        },
        "closed_by": closed_by,
        "closed_at": closed_at.isoformat(),
        "people": people_of(items),
        "changed_before_closing": asdict(population_changes(plan)),
        "earlier": [asdict(one) for one in earlier_of(plan)],
        "items": items,
    }


def plan_facts(plan: AcceptancePlan) -> dict[str, Any]:
    """What was asked and drawn."""
    return {
        "number": plan.number,
        "target": plan.target,
        "definition": plan.definition,
        "population": plan.population,
        "filters": plan.filters,
        "design": plan.design,
        "rate": f"{plan.rate.normalize():f}",
        "confidence": f"{plan.confidence.normalize():f}",
        "allowed": plan.allowed,
        "shows_findings": plan.shows_findings,
        "texts": plan.texts,
        "strata": [{"name": name, "units": units, "drawn": n} for name, units, n in plan.strata],
        "n": plan.n,
        "seed": plan.seed,
        "population_hash": plan.population_hash,
        "drawn_by": str(plan.drawn_by or "system"),
        "drawn_at": plan.drawn_at.isoformat(),
    }


def items_of(plan: AcceptancePlan) -> list[dict[str, Any]]:
    """Every item in the order of the draw, without any text of the samples."""
    rows = plan.items.order_by("position").values_list(*_COLUMNS)
    items = [dict(zip(_NAMES, row, strict=True)) for row in rows]
    for item in items:
        item["judged_at"] = item["judged_at"].isoformat() if item["judged_at"] else None
    return items


def people_of(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who judged how many, and from when to when; by name."""
    judged = sorted((item for item in items if item["judged_by"]), key=lambda item: item["judged_by"])
    people = []
    for name, theirs in groupby(judged, key=lambda item: str(item["judged_by"])):
        times = sorted(item["judged_at"] for item in theirs)
        people.append({"name": name, "judged": len(times), "first": times[0], "last": times[-1]})
    return people


def content_hash(facts: dict[str, Any]) -> str:
    """sha256 of the canonical JSON (sorted keys, no blanks)."""
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A plan of the same target that was drawn before: how many of the texts it was about are the same."""

    plan: int
    has_passed: bool | None  # None: never closed
    shared: int


def earlier_of(plan: AcceptancePlan) -> list[Earlier]:
    """Plans of the same target drawn before this one from texts of which some are the same, oldest first."""
    before = plans_of_target(plan).filter(number__lt=plan.number).order_by("number")
    ours = population_revisions(bytes(plan.population_packed))
    found = [(one, _shared(ours, one)) for one in before]
    return [Earlier(plan=one.number, has_passed=_result(one), shared=n) for one, n in found if n]


def plans_of_target(plan: AcceptancePlan) -> QuerySet[AcceptancePlan]:
    same = AcceptancePlan.objects.filter(project=plan.project_id, target=plan.target)
    return same.select_related("statement").defer("statement__facts")


def _shared(ours: np.ndarray, other: AcceptancePlan) -> int:
    theirs = population_revisions(bytes(other.population_packed))
    return int(np.intersect1d(ours, theirs, assume_unique=True).size)


def _result(plan: AcceptancePlan) -> bool | None:
    statement = getattr(plan, "statement", None)
    return None if statement is None else statement.has_passed


def chance_of_one(confidence: float, draws: int) -> float:
    """The chance, at most, that one of several draws passes although the rate is as bad as named in each."""
    return float(1 - confidence**draws)


def verdicts_by_revision(items: Sequence[dict[str, Any]], verdict: str) -> set[int]:
    """Revisions that were judged so, from the items of a statement."""
    return {item["revision_id"] for item in items if item["verdict"] == verdict}
