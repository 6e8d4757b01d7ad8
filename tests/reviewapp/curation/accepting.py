"""Acceptance samples for tests: plans drawn from made-up samples, and looked through."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from reviewapp.accounts.models import User
from reviewapp.curation import services
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, AcceptanceStatement
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories


def wanted(**values: Any) -> services.Wanted:
    """Whether a quarter or more of all samples is defective, 90 %, none allowed; the values given instead."""
    values.setdefault("target", "overall")
    values.setdefault("definition", "Anything wrong.")
    values.setdefault("population", "current")
    values.setdefault("filters", {})
    values.setdefault("design", "simple")
    values.setdefault("rate", Decimal("0.25"))
    values.setdefault("confidence", Decimal("0.9"))
    return services.Wanted(**values)


def samples(project: Project, n: int, **values: Any) -> list[Sample]:
    return [factories.sample(project, prompt=f"Prompt {i}. My knee has hurt.", **values) for i in range(n)]


def drawn(project: Project, by: User, **values: Any) -> AcceptancePlan:
    return services.plan_draw(project=project, drawn_by=by, wanted=wanted(**values), idempotency_key=uuid.uuid4())


def judged(plan: AcceptancePlan, by: User, defects: int = 0, missing: int = 0) -> None:
    """Looks through a plan: the first ``defects`` are defective, the last ``missing`` stay open."""
    for place in range(plan.n - missing):
        item = services.item_take(plan=plan, taken_by=by)
        assert item is not None
        is_bad = place < defects
        mark = services.Mark(note="Wrong.") if is_bad else None
        services.item_judge(item=item, verdict="defect" if is_bad else "fine", judged_by=by, mark=mark)


def closed(plan: AcceptancePlan, by: User, defects: int = 0, missing: int = 0) -> AcceptanceStatement:
    judged(plan, by, defects, missing)
    return services.plan_close(plan=plan, closed_by=by, with_missing=bool(missing))


def first(plan: AcceptancePlan) -> AcceptanceItem:
    return plan.items.select_related("plan__project", "sample", "revision").get(position=1)
