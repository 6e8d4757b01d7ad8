"""What the pages of acceptance sampling show: the figure on the form, a plan with its items, the text to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, QuerySet
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from reviewapp.core.svg import Part, Scale, circle, line, svg, text
from reviewapp.curation.acceptance import words
from reviewapp.curation.acceptance.bounds import ImpossiblePlanError, Terms, chance_to_pass, size_endless
from reviewapp.curation.acceptance.facts import (
    Counts,
    content_hash,
    counts_of,
    earlier_of,
    items_of,
    people_of,
)
from reviewapp.curation.acceptance.population import Changes, population_changes, population_sizes
from reviewapp.curation.acceptance.targets import target_check, target_title
from reviewapp.curation.acceptance.terms import IMPOSSIBLE, sizes_of, terms_of
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, AcceptanceStatement, Finding
from reviewapp.curation.services import Wanted
from reviewapp.projects.models import Project
from reviewapp.samples.models import ImportBatch, Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Verdict = AcceptanceItem.Verdict
Design = AcceptancePlan.Design
_TRUE = (
    0,
    Fraction(1, 10),
    Fraction(1, 5),
    Fraction(1, 2),
    1,
    2,
)  # of the rate: rows of the table
_STEPS = 48  # of the curve


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How many are to be looked at, why, and what the plan would do. ``problem`` says why none can be drawn."""

    terms: Terms
    units: int = 0
    n: int = 0
    endless: int = 0
    strata: Sequence[tuple[str, int, int]] = ()
    design: str = Design.SIMPLE
    problem: str = ""

    @property
    def is_stratified(self) -> bool:
        return len(self.strata) > 1

    @property
    def is_whole(self) -> bool:
        return self.n == self.units

    @property
    def reasons(self) -> list[str]:
        return words.reasons(self.terms, self.units, self.n, self.endless, is_stratified=self.is_stratified)

    @property
    def chances(self) -> list[tuple[str, float]]:
        """(true share, chance to pass), in the order of the shares."""
        shares = [min(Fraction(1), factor * self.terms.rate) for factor in _TRUE]
        return [(words.share(one), self._chance(one)) for one in shares]

    def _chance(self, true_rate: Fraction) -> float:
        return chance_to_pass(self.terms, population=self.units, n=self.n, true_rate=true_rate)

    @property
    def curve(self) -> SafeString:
        """The chance to pass by the true share of defects, with a line where they would be too many."""
        rate = self.terms.rate
        shares = [2 * rate * step / _STEPS for step in range(_STEPS + 1)]
        x, y = Scale([0, float(200 * rate)], 44, 420, 4), Scale([0, 100], 170, 14, 4)
        points = [(x(float(100 * share)), y(100 * self._chance(share))) for share in shares]
        parts: list[Part] = []
        for tick in y.ticks:
            parts += [line("grid", 44, 420, y(tick), y(tick)), text("t-end", 38, y(tick) + 4, f"{tick:g}%")]
        for tick in x.ticks:
            parts.append(text("t-mid", x(tick), 188, f"{tick:g}%"))
        parts.append(line("axis", x(float(100 * rate)), x(float(100 * rate)), 14, 170))
        for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
            parts.append(line("tuned-line", x1, x2, y1, y2))
        parts.append(circle("tuned", x(float(100 * rate)), y(100 * self._chance(rate)), 4))
        return svg("cs-chart cs-curve", 440, 196, _("Chance to pass by the true share of defects"), parts)


def figure_of(project: Project, wanted: Wanted) -> Figure:
    """Counts the population as it is now and works out the number to look at."""
    terms = terms_of(wanted)
    sizes = population_sizes(project, wanted.asked)
    try:
        drawn = sizes_of(terms, list(sizes.values()))
    except ImpossiblePlanError as error:
        return Figure(terms=terms, units=sum(sizes.values()), problem=_(IMPOSSIBLE[str(error)]))
    strata = [(name, units, n) for (name, units), n in zip(sizes.items(), drawn, strict=True)]
    return Figure(
        terms=terms,
        units=sum(sizes.values()),
        n=sum(drawn),
        endless=size_endless(terms),
        strata=_named(project, strata, wanted.design),
        design=wanted.design,
    )


def _named(project: Project, strata: Sequence[Sequence[Any]], design: str) -> list[tuple[str, int, int]]:
    """Strata under the names that people know."""
    names = {"": _("none")}
    if design == Design.BATCH:
        rows = ImportBatch.objects.filter(project=project).values_list("pk", "file_name")
        names |= {str(pk): f"{pk}: {name}" for pk, name in rows}
    elif design == Design.ORIGIN:
        names |= {value: _(label) for value, label in Sample.Origin.choices}
    return [(names.get(name, name), units, n) for name, units, n in strata]


# ---- a plan


def plans_of(project: Project) -> QuerySet[AcceptancePlan]:
    """Newest first, with their statements and how many were judged; without what is large."""
    judged = Count("items", filter=~Q(items__verdict=Verdict.OPEN))
    found = AcceptancePlan.objects.filter(project=project).select_related("project", "drawn_by", "statement__closed_by")
    return found.defer("population_packed", "statement__facts").annotate(judged=judged).order_by("-number")


def statement_of(plan: AcceptancePlan) -> AcceptanceStatement | None:
    return getattr(plan, "statement", None)


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """A plan in the list."""

    plan: AcceptancePlan

    @property
    def title(self) -> str:
        return target_title(self.plan.target)

    @property
    def statement(self) -> AcceptanceStatement | None:
        return statement_of(self.plan)

    @property
    def rate(self) -> str:
        return words.share(self.plan.rate)

    @property
    def upper(self) -> str:
        statement = self.statement
        return words.share_up(statement.upper_count / sum(row[1] for row in self.plan.strata)) if statement else ""


@dataclass(frozen=True, kw_only=True)
class PlanPage:
    """A plan as its page shows it; what is closed is shown from the statement alone."""

    plan: AcceptancePlan
    counts: Counts
    changes: Changes
    people: list[dict[str, Any]]
    earlier: list[dict[str, Any]]
    strata: list[tuple[str, int, int]]
    statement: AcceptanceStatement | None

    @property
    def title(self) -> str:
        return target_title(self.plan.target)

    @property
    def rate(self) -> str:
        return words.share(self.plan.rate)

    @property
    def confidence(self) -> str:
        return words.share(self.plan.confidence)

    @property
    def units(self) -> int:
        return sum(row[1] for row in self.plan.strata)

    @property
    def endless(self) -> int:
        return size_endless(terms_of(self.plan))

    @property
    def has_failed(self) -> bool:
        """Whether it cannot pass any more, or did not."""
        return self.counts.defects > self.plan.allowed

    @property
    def claim(self) -> str:
        return words.claim(self.statement.facts) if self.statement else ""

    @property
    def next_step(self) -> str:
        return words.next_step(self.statement.facts) if self.statement else ""

    @property
    def why_not_larger(self) -> str:
        return words.why_not_larger()

    @property
    def changed(self) -> str:
        return words.changed(self.changes, self.plan.texts)

    @property
    def earlier_words(self) -> str:
        return words.earlier(self.earlier, str(self.plan.confidence))

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = self.statement.facts["result"] if self.statement else {}
        return found

    @property
    def upper(self) -> str:
        return words.share_up(self.result["upper_rate"])

    @property
    def upper_endless(self) -> str:
        return words.share_up(self.result["upper_endless"])

    @property
    def is_unaltered(self) -> bool:
        """Whether the statement still has the hash that it was closed with."""
        return self.statement is None or content_hash(self.statement.facts) == self.statement.content_hash

    @property
    def hash_blocks(self) -> str:
        digest = self.statement.content_hash if self.statement else ""
        return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))


def plan_page(plan: AcceptancePlan) -> PlanPage:
    statement = statement_of(plan)
    facts = statement.facts if statement else None
    items = facts["items"] if facts else items_of(plan)
    return PlanPage(
        plan=plan,
        counts=_counts(facts) if facts else counts_of(plan),
        changes=population_changes(plan),
        people=[_timed(person) for person in (facts["people"] if facts else people_of(items))],
        earlier=facts["earlier"] if facts else [asdict(one) for one in earlier_of(plan)],
        strata=_named(plan.project, plan.strata, plan.design),
        statement=statement,
    )


def _timed(person: dict[str, Any]) -> dict[str, Any]:
    return person | {name: datetime.fromisoformat(person[name]) for name in ("first", "last")}


def _counts(facts: dict[str, Any]) -> Counts:
    result = facts["result"]
    return Counts(n=result["n"], fine=result["judged"] - result["defects"], defects=result["defects"])


# ---- the text to be judged


@dataclass(frozen=True, kw_only=True)
class TextPiece:
    text: str
    is_marked: bool


@dataclass(frozen=True, kw_only=True)
class JudgePage:
    """One text with what a person said of it, and the way to the next and back."""

    item: AcceptanceItem
    judged: int
    previous: AcceptanceItem | None
    following: AcceptanceItem | None
    last: AcceptanceItem | None
    findings: Sequence[Finding]

    @property
    def title(self) -> str:
        return target_title(self.item.plan.target)

    @property
    def is_judged(self) -> bool:
        return bool(self.item.verdict)

    @property
    def fields(self) -> list[tuple[str, str, list[TextPiece]]]:
        """(field, its name, its text in pieces) of both fields."""
        revision = self.item.revision
        return [(field, str(label), self._pieces(revision, field)) for field, label in Finding.Field.choices]

    def _pieces(self, revision: Revision, field: str) -> list[TextPiece]:
        whole: str = getattr(revision, field)
        pieces, at = [], 0
        for finding in self.findings:
            start, end = finding.start, finding.end
            if finding.field != field or start is None or end is None or start < at:
                continue
            pieces += [
                TextPiece(text=whole[at:start], is_marked=False),
                TextPiece(text=whole[start:end], is_marked=True),
            ]
            at = end
        return [piece for piece in [*pieces, TextPiece(text=whole[at:], is_marked=False)] if piece.text]

    @property
    def hints_elsewhere(self) -> list[Finding]:
        """Findings about a whole field."""
        return [finding for finding in self.findings if finding.start is None]


def judge_page(item: AcceptanceItem, person: User) -> JudgePage:
    """``previous`` and ``following`` among what this person judged, in the order of judging."""
    mine = list(
        item.plan.items.filter(judged_by=person).order_by("judged_at", "pk").only("pk", "position", "plan", "judged_at")
    )
    place = next((at for at, one in enumerate(mine) if one.pk == item.pk), len(mine))
    return JudgePage(
        item=item,
        judged=item.plan.items.exclude(verdict=Verdict.OPEN).count(),
        previous=mine[place - 1] if place else None,
        following=mine[place + 1] if place + 1 < len(mine) else None,
        last=mine[-1] if mine else None,
        findings=_hints(item) if item.plan.shows_findings else [],
    )


def _hints(item: AcceptanceItem) -> list[Finding]:
    """The open findings of what is looked for, on the text that is judged."""
    found = Finding.objects.filter(revision=item.revision_id, state=Finding.State.OPEN)
    check, kind = target_check(item.plan.target)
    found = found.filter(check_name=check) if check else found.exclude(check_name=Finding.MARKED)
    return list((found.filter(kind=kind) if kind else found).order_by("field", "start", "pk"))
