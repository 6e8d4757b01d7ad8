"""Which texts an acceptance sample is drawn from, and what became of them since. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, QuerySet

from reviewapp.curation.acceptance.draw import Unit, one_of_each_group, population_unpack
from reviewapp.curation.models import AcceptancePlan, Finding
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample
from reviewapp.samples.selectors import samples_matching

Design, Population = AcceptancePlan.Design, AcceptancePlan.Population
FILTERS = ("language", "batch", "origin", "tag")
STRATA = {Design.LANGUAGE: "language", Design.BATCH: "batch_id", Design.ORIGIN: "origin"}
_SOME_TEXT = r"\S"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whom a claim is to be about, and how it is drawn; ``filters`` as of the samples list (keys of FILTERS)."""

    population: str
    filters: Mapping[str, str]
    design: str


def asked_of(plan: AcceptancePlan) -> Asked:
    return Asked(population=plan.population, filters=plan.filters, design=plan.design)


def population_samples(project: Project, asked: Asked) -> QuerySet[Sample]:
    """The samples with a text that the population and the filters leave."""
    found = samples_matching(project, asked.filters).filter(revision__isnull=False)
    if asked.population == Population.CURRENT:
        return found.exclude(state=Sample.State.REJECTED)
    found = found.filter(state=Sample.State.ACCEPTED)
    return _eligible(project, found) if asked.population == Population.ELIGIBLE else found


def _eligible(project: Project, found: QuerySet[Sample]) -> QuerySet[Sample]:
    """Leaves out what a training-set version leaves out of the accepted samples, but for what is taken by hand."""
    high = Finding.objects.filter(
        sample=OuterRef("pk"), revision=OuterRef("revision"), severity="high", state=Finding.State.OPEN
    )
    held = HeldoutPrompt.objects.filter(heldout_set__project=project).values("group")
    with_text = found.filter(revision__prompt__regex=_SOME_TEXT, revision__completion__regex=_SOME_TEXT)
    return with_text.filter(~Exists(high), split=Sample.Split.OPEN).exclude(group__in=held)


def population_sizes(project: Project, asked: Asked) -> dict[str, int]:
    """Units by stratum, '' where nothing is stratified; counted by the database, for the form. Empty where none."""
    samples = population_samples(project, asked).order_by()
    if asked.design in STRATA:
        rows = samples.values_list(STRATA[Design(asked.design)]).annotate(n=Count("pk"))
        return {_stratum(value): n for value, n in sorted(rows, key=lambda row: _stratum(row[0]))}
    column = "group" if asked.design == Design.GROUPS else "pk"
    n = samples.aggregate(n=Count(column, distinct=True))["n"]
    return {"": n} if n else {}


def population_units(project: Project, asked: Asked) -> list[Unit]:
    """Every text of the population."""
    column = STRATA.get(Design(asked.design), "")
    rows = population_samples(project, asked).order_by("pk").values_list("pk", "revision", "group", column or "pk")
    return [
        Unit(sample, revision, group, _stratum(value) if column else "")
        for sample, revision, group, value in rows.iterator(chunk_size=10_000)
    ]


def _stratum(value: object) -> str:
    return "" if value is None else str(value)


def units_drawn_from(units: list[Unit], design: str, seed: str) -> list[Unit]:
    """What the draw chooses among: all texts, or one of each group."""
    return one_of_each_group(units, seed) if design == Design.GROUPS else units


def units_frozen(plan: AcceptancePlan) -> list[Unit]:
    """The population as it was when the plan was drawn."""
    return population_unpack(bytes(plan.population_packed), [name for name, *_ in plan.strata])


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What became of a population since: samples with another text, samples that left it, and samples that came."""

    revised: int
    left: int
    new: int

    def __bool__(self) -> bool:
        return bool(self.revised or self.left or self.new)


def population_changes(plan: AcceptancePlan) -> Changes:
    """How the population of a plan differs now from what it was drawn from."""
    before = {unit.sample: unit.revision for unit in units_frozen(plan)}
    rows = population_samples(plan.project, asked_of(plan)).order_by().values_list("pk", "revision")
    now = dict(rows.iterator(chunk_size=10_000))
    kept = before.keys() & now.keys()
    return Changes(
        revised=sum(before[key] != now[key] for key in kept),
        left=len(before) - len(kept),
        new=len(now) - len(kept),
    )


def kinds_found(project: Project) -> list[tuple[str, str]]:
    """(check, kind) of the kinds of findings that this project has had, by check."""
    found = Finding.objects.filter(sample__project=project).exclude(check_name=Finding.MARKED).exclude(kind="")
    return sorted(set(found.order_by().values_list(F("check_name"), F("kind")).distinct()))
