"""The sentences of acceptance sampling: why so many, what may be claimed, what may not, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from reviewapp.curation.acceptance.bounds import Terms
from reviewapp.curation.acceptance.facts import chance_of_one
from reviewapp.curation.acceptance.population import Changes
from reviewapp.curation.acceptance.standing import RuleCheck
from reviewapp.curation.acceptance.targets import target_title
from reviewapp.words import figure_said, grouped, named


def share(value: Fraction | Decimal | float | str) -> str:
    """A share as a percentage with as many digits as it has, at most four: 1%, 0.5%."""
    text = f"{float(100 * Fraction(value)):.4f}".rstrip("0").rstrip(".")
    return f"{figure_said(text) if '.' in text else text}%"


def share_up(value: float) -> str:
    """A share as a percentage, rounded up to two digits: a bound is never shown smaller than it is."""
    return figure_said(f"{min(100.0, math.ceil(value * 10_000 - 1e-9) / 100):.2f}%")


# ---- why so many


def reasons(terms: Terms, units: int, n: int, endless: int, *, is_stratified: bool) -> list[str]:
    """How the number to look at came about, step by step."""
    values = {
        "rate": share(terms.rate),
        "fine": share(1 - terms.rate),
        "risk": share(terms.risk),
        "c": terms.allowed,
        "n": grouped(endless),
        "units": grouped(units),
        "bad": grouped(terms.intolerable(units)),
        "drawn": grouped(n),
    }
    return [_endless(terms) % values, _finite(terms, is_stratified) % values]


def _endless(terms: Terms) -> str:
    if terms.allowed:
        return _(
            "Of an endless supply: if %(rate)s were defective, %(c)s or fewer defects would be seen among n texts with "
            "a chance (binomial) that is %(risk)s or less from n = %(n)s on."
        )
    return _(
        "Of an endless supply: if %(rate)s were defective, all of n texts would be fine with a chance of %(fine)s to "
        "the power of n (binomial). It is %(risk)s or less from n = %(n)s on."
    )


def _finite(terms: Terms, is_stratified: bool) -> str:
    if is_stratified:
        return _(
            "There are %(units)s here, and %(bad)s defects would be %(rate)s or more. The same share is drawn of each "
            "stratum, rounded up, so that the claim holds however the defects lie in them: %(drawn)s in all."
        )
    if terms.allowed:
        return _(
            "There are %(units)s here, and %(bad)s defects would be %(rate)s or more. Drawn without replacement, at "
            "most %(c)s of those would be among n with a chance (hypergeometric) that is %(risk)s or less from "
            "n = %(drawn)s on."
        )
    return _(
        "There are %(units)s here, and %(bad)s defects would be %(rate)s or more. Drawn without replacement, none of "
        "those would be among n with a chance (hypergeometric) that is %(risk)s or less from n = %(drawn)s on."
    )


# ---- what may be claimed


def claim(facts: dict[str, Any]) -> str:
    """The sentence of a closed plan, from its facts."""
    plan, result = facts["plan"], facts["result"]
    values = {
        "defects": grouped(result["defects"]),
        "n": grouped(result["n"]),
        "confidence": share(plan["confidence"]),
        "rate": share(plan["rate"]),
        "units": grouped(sum(row["units"] for row in plan["strata"])),
        "most": grouped(result["upper_count"]),
        "upper": share_up(result["upper_rate"]),
        "allowed": plan["allowed"],
        "missing": grouped(result["missing"]),
    }
    if result["has_passed"]:
        return _passed(plan) % values
    if result["missing"] and result["defects"] <= plan["allowed"]:
        return _unfinished() % values
    return _failed(plan) % values


def _passed(plan: dict[str, Any]) -> str:
    if plan["design"] == "groups":
        return _(
            "%(defects)s of %(n)s were defective: with %(confidence)s confidence fewer than %(rate)s of the %(units)s "
            "groups are, one text of each drawn at random (%(most)s at most)."
        )
    return _(
        "%(defects)s of %(n)s were defective: with %(confidence)s confidence fewer than %(rate)s of the %(units)s "
        "samples are (%(most)s at most)."
    )


def _unfinished() -> str:
    return _(
        "%(missing)s of %(n)s texts were never judged, and %(defects)s were defective. That fewer than %(rate)s are "
        "defective cannot be claimed: with each missing one counted as defective the upper bound is %(upper)s."
    )


def _failed(plan: dict[str, Any]) -> str:
    return _(
        "The plan failed: %(defects)s of %(n)s were defective and %(allowed)s were allowed. That fewer than %(rate)s "
        "are cannot be claimed; with %(confidence)s confidence the upper bound is %(upper)s (%(most)s of %(units)s)."
    )


def next_step(facts: dict[str, Any]) -> str:
    """What to do after a plan that did not pass; '' after one that did."""
    result = facts["result"]
    if result["has_passed"]:
        return ""
    if result["defects"] <= facts["plan"]["allowed"]:
        return _("Draw a new sample and look through all of it.")
    return _(
        "Mend what was found, and look for more of the same kind in the whole population: run the check again, search, "
        "review. Then draw a new sample of the mended texts. This one cannot be made larger."
    )


def why_not_larger() -> str:
    return _(
        "A sample that is added to until it passes will pass in the end, however bad the texts are: each further look "
        "is another chance to be lucky, and the confidence that was promised held for one. So what was drawn stays as "
        "it was drawn, and a plan that failed stays failed. A new sample counts, once the texts have changed."
    )


def changed(changes: Changes, texts: int) -> str:
    """What the claim no longer covers; '' where nothing changed."""
    if not changes:
        return ""
    said = [
        ngettext("%(n)s sample has another text", "%(n)s samples have another text", changes.revised)
        % {"n": grouped(changes.revised)},
        ngettext("%(n)s came in", "%(n)s came in", changes.new) % {"n": grouped(changes.new)},
        ngettext("%(n)s left it", "%(n)s left it", changes.left) % {"n": grouped(changes.left)},
    ]
    counts = (changes.revised, changes.new, changes.left)
    parts = ", ".join(text for text, n in zip(said, counts, strict=True) if n)
    return _(
        "The population changed since the draw: %(parts)s. Nothing is claimed of what changed or came in; the "
        "statement is about the %(texts)s texts of the draw."
    ) % {"parts": parts, "texts": grouped(texts)}


def earlier(rows: Sequence[dict[str, Any]], confidence: str) -> str:
    """What earlier draws of the same target mean for this one; '' where none of them failed."""
    failed = [row for row in rows if row["has_passed"] is False]
    if not failed:
        return ""
    draws = len(failed) + 1
    return ngettext(
        "Before this, %(n)s sample of the same kind was drawn from %(shared)s of the same texts and did not pass. Had "
        "nothing been mended, one of %(draws)s draws would pass with a chance of up to %(chance)s.",
        "Before this, %(n)s samples of the same kind were drawn from up to %(shared)s of the same texts and did not "
        "pass. Had nothing been mended, one of %(draws)s draws would pass with a chance of up to %(chance)s.",
        len(failed),
    ) % {
        "n": len(failed),
        "shared": grouped(max(row["shared"] for row in failed)),
        "draws": draws,
        "chance": share_up(chance_of_one(float(confidence), draws)),
    }


# ---- what a version must have


def rule_words(check: RuleCheck) -> str:
    """Whether a version has what a rule asks for, and what is missing, as one sentence."""
    rule, upper = check.rule, check.upper
    values = {"target": target_title(rule.target), "rate": share(rule.rate), "confidence": share(rule.confidence)}
    if check.plan is None or upper is None:
        return (
            _(
                "No passed acceptance sample for “%(target)s”. Draw one that shows with %(confidence)s confidence that "
                "fewer than %(rate)s are defective."
            )
            % values
        )
    values |= {
        "plan": named(check.plan),
        "most": grouped(upper.defects),
        "texts": grouped(upper.texts),
        "upper": share_up(upper.rate),
        "uncovered": grouped(upper.uncovered),
        "by": named(check.contradicted_by, is_within=True) if check.contradicted_by else "",
    }
    if check.contradicted_by:
        return (
            _(
                "%(plan)s for “%(target)s” passed, but %(by)s, drawn later of the same texts, failed. "
                "Mend, then draw again."
            )
            % values
        )
    if check.is_met:
        return (
            _("%(plan)s: with %(confidence)s confidence at most %(most)s of these %(texts)s are defective (%(upper)s).")
            % values
        )
    if upper.uncovered:
        return (
            _(
                "%(plan)s for “%(target)s” does not cover %(uncovered)s of these %(texts)s: they are newer than the "
                "draw. Counted as defective they make %(upper)s, and %(rate)s would be too many. Draw a new sample."
            )
            % values
        )
    return (
        _(
            "%(plan)s for “%(target)s” was drawn from more samples than these %(texts)s: all of its %(most)s possible "
            "defects could be here, %(upper)s, and %(rate)s would be too many. Draw a new sample of just these."
        )
        % values
    )
