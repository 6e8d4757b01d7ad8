"""What passed acceptance samples still say: of a project, and of the very texts that a version would train. Reads only.

The bound of a passed plan is a number of defective texts in its whole population, so it holds for every part of it at
once, however that part was chosen: a part has at most so many. What the plan never covered (newer texts, samples that
came since) counts as if each were defective. Plans that took one sample of a group speak of groups and count for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from django.db.models import F, QuerySet

from reviewapp.curation.acceptance.draw import population_revisions
from reviewapp.curation.acceptance.facts import verdicts_by_revision
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, AcceptanceRule, AcceptanceStatement
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

Verdict = AcceptanceItem.Verdict


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A passed plan: of ``covered`` revisions at most ``upper_count`` are defective; ``valid`` are still current."""

    statement: AcceptanceStatement
    covered: np.ndarray
    valid: np.ndarray

    @property
    def plan(self) -> AcceptancePlan:
        return self.statement.plan

    def upper_of(self, revisions: np.ndarray) -> Upper:
        """How many of these revisions are defective at most; what is not covered counts as defective."""
        items = self.statement.facts["items"]
        defects = np.array(sorted(verdicts_by_revision(items, Verdict.DEFECT)), dtype=np.int64)
        fine = np.array(sorted(verdicts_by_revision(items, Verdict.FINE)), dtype=np.int64)
        inside = int(np.isin(revisions, self.covered).sum())
        left_out = defects.size - int(np.isin(defects, revisions).sum())  # seen to be defective, and not among these
        possible = inside - int(np.isin(fine, revisions).sum())
        unseen = min(self.statement.upper_count - left_out, possible)
        uncovered = revisions.size - inside
        return Upper(texts=revisions.size, uncovered=uncovered, defects=unseen + uncovered)


@dataclass(frozen=True, kw_only=True)
class Upper:
    """At most ``defects`` of ``texts`` are defective, of which ``uncovered`` are only taken to be."""

    texts: int
    uncovered: int
    defects: int

    @property
    def rate(self) -> float:
        return self.defects / self.texts if self.texts else 0.0

    def is_below(self, rate: Fraction) -> bool:
        return self.defects < rate * self.texts


def acceptance_standing(project: Project) -> list[Standing]:
    """Every passed plan of the project, newest first, with the revisions it speaks of and those that are current."""
    current = Sample.objects.filter(project=project, revision__isnull=False).order_by()
    now = np.fromiter(current.values_list("revision", flat=True).iterator(chunk_size=10_000), dtype=np.int64)
    return [_standing(statement, now) for statement in _passed(project)]


def _passed(project: Project) -> QuerySet[AcceptanceStatement]:
    found = AcceptanceStatement.objects.filter(plan__project=project, has_passed=True)
    return found.select_related("plan").order_by(F("plan__number").desc())


def _standing(statement: AcceptanceStatement, now: np.ndarray) -> Standing:
    covered = population_revisions(bytes(statement.plan.population_packed))
    return Standing(statement=statement, covered=covered, valid=covered[np.isin(covered, now)])


@dataclass(frozen=True, kw_only=True)
class RuleCheck:
    """Whether a rule is met for some texts, and by which plan; ``upper`` is None where no plan was passed."""

    rule: AcceptanceRule
    is_met: bool
    plan: AcceptancePlan | None = None
    upper: Upper | None = None
    contradicted_by: AcceptancePlan | None = None  # a later plan of the same texts that failed


def rules_check(project: Project, revision_ids: Iterable[int]) -> list[RuleCheck]:
    """Each rule of the project, held against exactly these revisions. Empty where nothing is required."""
    rules = list(AcceptanceRule.objects.filter(project=project))
    if not rules:
        return []
    revisions = np.unique(np.fromiter(revision_ids, dtype=np.int64))
    targets = {rule.target for rule in rules}
    passed = _passed(project).filter(plan__target__in=targets).exclude(plan__design=AcceptancePlan.Design.GROUPS)
    standing = [_standing(statement, revisions) for statement in passed]
    return [_rule_check(rule, standing, revisions) for rule in rules]


def _rule_check(rule: AcceptanceRule, standing: list[Standing], revisions: np.ndarray) -> RuleCheck:
    """By the plan that covers most of the texts, the newer of two: never by what was found, which would be choosing."""
    fitting = [one for one in standing if one.plan.target == rule.target and one.plan.confidence >= rule.confidence]
    if not fitting or not revisions.size:
        return RuleCheck(rule=rule, is_met=False)
    best = max(fitting, key=lambda one: (one.valid.size, one.plan.number))  # valid: among the revisions asked about
    upper, failed = best.upper_of(revisions), _contradiction(best)
    is_met = failed is None and upper.is_below(Fraction(rule.rate))
    return RuleCheck(rule=rule, is_met=is_met, plan=best.plan, upper=upper, contradicted_by=failed)


def _contradiction(standing: Standing) -> AcceptancePlan | None:
    """A later plan of the same target that failed and looked at some of the same texts."""
    plan = standing.plan
    later = AcceptancePlan.objects.filter(project=plan.project_id, target=plan.target, number__gt=plan.number)
    for one in later.filter(statement__defects__gt=F("allowed")).order_by("number"):
        if np.isin(population_revisions(bytes(one.population_packed)), standing.covered).any():
            return one
    return None
