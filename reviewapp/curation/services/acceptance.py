"""Acceptance samples: drawn once, closed with a statement. Nothing here adds to what was drawn."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.acceptance import draw as acceptance_draw
from reviewapp.curation.acceptance import facts as acceptance_facts
from reviewapp.curation.acceptance import population as acceptance_population
from reviewapp.curation.acceptance.bounds import ImpossiblePlanError
from reviewapp.curation.acceptance.population import Asked
from reviewapp.curation.acceptance.terms import IMPOSSIBLE, sizes_of, terms_of
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, AcceptanceRule, AcceptanceStatement
from reviewapp.projects.models import Project
from reviewapp.words import grouped, named

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

_CHUNK = 1_000  # rows written at a time


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody asks to have looked at, and how sure they want to be."""

    target: str
    definition: str
    population: str
    filters: Mapping[str, str]
    design: str
    rate: Decimal
    confidence: Decimal
    allowed: int = 0
    shows_findings: bool = False

    @property
    def asked(self) -> Asked:
        return Asked(population=self.population, filters=self.filters, design=self.design)


@transaction.atomic
def plan_draw(
    *, project: Project, drawn_by: User, wanted: Wanted, expected_n: int | None = None, idempotency_key: UUID
) -> AcceptancePlan:
    """Draws the sample at random and freezes it with its population.

    ``expected_n`` is the number that the person saw: where the population changed meanwhile, nothing is drawn. The
    same key gives back the plan it made. Raises ApplicationError as well for an empty population, terms that no number
    of texts can meet, and texts that failed before and were not mended since.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    known = AcceptancePlan.objects.filter(idempotency_key=idempotency_key, project=project).first()
    if known is not None:
        return known
    texts = acceptance_population.population_units(project, wanted.asked)
    _not_again(project, wanted, acceptance_draw.population_hash(texts))
    seed = secrets.token_hex(16)
    units = acceptance_population.units_drawn_from(texts, wanted.design, seed)
    strata = _strata(wanted, acceptance_draw.strata_of(units), expected_n)
    plan = _plan(project, drawn_by, wanted, texts, strata, seed, idempotency_key)
    _items(plan, acceptance_draw.draw(units, {name: n for name, _units, n in strata}, seed))
    _record(drawn_by, "acceptance.draw", plan, {"n": plan.n, "texts": plan.texts, "seed": seed, "target": plan.target})
    return plan


def _strata(wanted: Wanted, units: Mapping[str, int], expected_n: int | None) -> list[tuple[str, int, int]]:
    try:
        sizes = sizes_of(terms_of(wanted), list(units.values()))
    except ImpossiblePlanError as error:
        raise ApplicationError(_(IMPOSSIBLE[str(error)])) from error
    if expected_n is not None and expected_n != sum(sizes):
        raise ApplicationError(
            _("The samples changed while you looked: it takes %(n)s now. Look again, then draw.")
            % {"n": grouped(sum(sizes))}
        )
    return [(name, n, drawn) for (name, n), drawn in zip(units.items(), sizes, strict=True)]


def _not_again(project: Project, wanted: Wanted, population_hash: str) -> None:
    """The same texts are not looked at again until they pass."""
    same = AcceptancePlan.objects.filter(project=project, target=wanted.target, population_hash=population_hash)
    for plan in same.select_related("statement").defer("population_packed", "statement__facts"):
        statement = getattr(plan, "statement", None)
        if statement is None:
            raise ApplicationError(
                _("%(plan)s of the same texts is still being looked at. Finish it first.") % {"plan": named(plan)}
            )
        if statement.defects > plan.allowed:
            raise ApplicationError(
                _(
                    "%(plan)s of the same texts failed and no text has changed since. Mend what was found, look for "
                    "more of it, then draw a new sample: drawing until one passes would prove nothing."
                )
                % {"plan": named(plan)}
            )


def _plan(
    project: Project,
    drawn_by: User,
    wanted: Wanted,
    texts: list[acceptance_draw.Unit],
    strata: list[tuple[str, int, int]],
    seed: str,
    idempotency_key: UUID,
) -> AcceptancePlan:
    last = AcceptancePlan.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
    return AcceptancePlan.objects.create(
        project=project,
        number=last + 1,
        target=wanted.target,
        definition=wanted.definition.strip(),
        population=wanted.population,
        filters={name: value for name, value in wanted.filters.items() if value},
        design=wanted.design,
        rate=wanted.rate,
        confidence=wanted.confidence,
        allowed=wanted.allowed,
        shows_findings=wanted.shows_findings,
        texts=len(texts),
        strata=[list(row) for row in strata],
        n=sum(n for _name, _units, n in strata),
        seed=seed,
        population_hash=acceptance_draw.population_hash(texts),
        population_packed=acceptance_draw.population_pack(texts),
        drawn_by=drawn_by,
        idempotency_key=idempotency_key,
    )


def _items(plan: AcceptancePlan, drawn: list[acceptance_draw.Unit]) -> None:
    AcceptanceItem.objects.bulk_create(
        (
            AcceptanceItem(plan=plan, position=position, sample_id=unit.sample, revision_id=unit.revision)
            for position, unit in enumerate(drawn, start=1)
        ),
        batch_size=_CHUNK,
    )


# ---- the end of it


@transaction.atomic
def plan_close(*, plan: AcceptancePlan, closed_by: User, with_missing: bool = False) -> AcceptanceStatement:
    """Ends the look and states what may be claimed; nothing of it changes afterwards.

    Raises ApplicationError when it was closed before, when texts are missing and nobody agreed to count them as
    defective (``with_missing``), and when the items are not those that the seed gives.
    """
    plan = plan_lock(plan)
    missing = plan.items.filter(verdict=AcceptanceItem.Verdict.OPEN).count()
    if missing and not with_missing:
        raise ApplicationError(
            _("%(n)s texts were not judged. Judge them, or close it so that each of them counts as defective.")
            % {"n": grouped(missing)}
        )
    _as_drawn(plan)
    closed_at = timezone.now()
    facts = acceptance_facts.facts_of(plan, closed_by=str(closed_by), closed_at=closed_at)
    result = facts["result"]
    statement = AcceptanceStatement.objects.create(
        plan=plan,
        has_passed=result["has_passed"],
        defects=result["defects"],
        missing=result["missing"],
        upper_count=result["upper_count"],
        facts=facts,
        content_hash=acceptance_facts.content_hash(facts),
        closed_by=closed_by,
        closed_at=closed_at,
    )
    data = {**result, "content_hash": statement.content_hash}
    _record(closed_by, "acceptance.close", plan, data)
    return statement


def plan_lock(plan: AcceptancePlan) -> AcceptancePlan:
    """The plan's row, held to the end of the transaction. Raises ApplicationError when it is closed."""
    rows = AcceptancePlan.objects.select_for_update(of=("self",)).select_related("project")
    row = rows.defer("population_packed").get(pk=plan.pk)
    if AcceptanceStatement.objects.filter(plan=row).exists():
        raise ApplicationError(_("%(plan)s is closed; nothing of it changes any more.") % {"plan": named(row)})
    return row


def _as_drawn(plan: AcceptancePlan) -> None:
    texts = acceptance_population.units_frozen(plan)
    units = acceptance_population.units_drawn_from(texts, plan.design, plan.seed)
    drawn = acceptance_draw.draw(units, {name: n for name, _units, n in plan.strata}, plan.seed)
    there = list(plan.items.order_by("position").values_list("sample", "revision"))
    if there != [(unit.sample, unit.revision) for unit in drawn]:
        raise ApplicationError(
            _("The items of this sample are not those that its seed gives. Ask an operator; nothing may be claimed.")
        )


# ---- what a training-set version must have


@transaction.atomic
def rule_set(*, project: Project, target: str, rate: Decimal, confidence: Decimal, set_by: User) -> AcceptanceRule:
    """From now on a version is signed only with a passed acceptance sample of this target; replaces the former rule."""
    values = {"rate": rate, "confidence": confidence, "set_by": set_by, "set_at": timezone.now()}
    rule, _is_new = AcceptanceRule.objects.update_or_create(project=project, target=target, defaults=values)
    _record_rule(rule, "acceptance_rule.set", {"rate": str(rate), "confidence": str(confidence)}, set_by)
    return rule


@transaction.atomic
def rule_remove(*, rule: AcceptanceRule, removed_by: User) -> None:
    """Versions need no such sample any more. Signatures that stand are not touched by either."""
    _record_rule(rule, "acceptance_rule.remove", {}, removed_by)
    rule.delete()


def _record_rule(rule: AcceptanceRule, action: str, data: dict[str, Any], actor: User) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=rule.project.slug,
        target_type="acceptancerule",
        target_id=rule.pk,
        data={"target": rule.target, **data},
    )


def _record(actor: User, action: str, plan: AcceptancePlan, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=plan.project.slug,
        target_type="acceptanceplan",
        target_id=plan.pk,
        data={"number": plan.number, **data},
    )
