"""What the balance page shows of a report, put into the words and charts of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from reviewapp.curation.balance.charts import odds_chart, odds_said, shares_chart
from reviewapp.curation.bias.standing import EXPECTED, NONE, OPEN, REST
from reviewapp.curation.models import BiasReport, Mitigation

NAMES = {
    "gender": gettext_noop("Gender"),
    "age": gettext_noop("Age"),
    "ethnicity": gettext_noop("Ethnicity"),
    "language": gettext_noop("Language"),
    "site": gettext_noop("Site"),
    "department": gettext_noop("Department"),
}
VALUES = {
    "female": gettext_noop("women and girls"),
    "male": gettext_noop("men and boys"),
    "another": gettext_noop("another gender"),
    REST: gettext_noop("all others"),
}
KINDS = {
    "condition": gettext_noop("Condition"),
    "stereotype": gettext_noop("Stereotype"),
    "word": gettext_noop("Word"),
}
STANDINGS = {
    OPEN: ("warn", gettext_noop("Open to question")),
    EXPECTED: ("pass", gettext_noop("Expected")),
    NONE: ("open", gettext_noop("Not shown")),
}
WORDINGS = {
    "gender_coded": gettext_noop("Wording that stereotypes by gender"),
    "stigmatising": gettext_noop("Wording that judges or doubts the person"),
}
AGAINST = {
    "below": ("warn", gettext_noop("Below")),
    "above": ("warn", gettext_noop("Above")),
    "within": ("pass", gettext_noop("As wanted")),
}
REASONS = {
    "few": gettext_noop("Unknown: fewer than 5 samples on one side"),
    "never": gettext_noop("Unknown: on neither side"),
}
CHARTED, CHARTED_VALUES = 12, 12


def value_said(attribute: str, value: str) -> str:
    """A group in words; names of sites, languages and the like stay as they came."""
    return _(VALUES[value]) if value in VALUES and (attribute == "gender" or value == REST) else value


@dataclass(frozen=True)
class Part:
    """The composition of one attribute."""

    name: str
    facts: dict[str, Any]
    rows: list[dict[str, Any]]
    chart: SafeString | None
    has_target: bool


def composition_parts(report: BiasReport) -> list[Part]:
    """One part an attribute; one of which nothing is known has no rows."""
    return [_part(facts) for facts in report.content["composition"]]


def _part(facts: dict[str, Any]) -> Part:
    name = _(NAMES[facts["attribute"]])
    rows = [_row(facts["attribute"], row) for row in facts["rows"]]
    known = [row for row in rows if row["share"] is not None][:CHARTED_VALUES]
    told = "; ".join(f"{row['said']} {row['share']:.0%}" for row in known)
    bars = [(row["said"], row["share"], row["low"], row["high"], row["target"]) for row in known]
    has_target = any(row["target"] is not None for row in rows)
    return Part(name, facts, rows, shares_chart(bars, f"{name}: {told}"), has_target)


def _row(attribute: str, row: dict[str, Any]) -> dict[str, Any]:
    kind, words = AGAINST.get(row["against"], ("", ""))
    return {**row, "said": value_said(attribute, row["value"]), "against_kind": kind, "against_said": words}


@dataclass(frozen=True)
class Filters:
    """What of the associations is shown; '' lets all pass."""

    attribute: str = ""
    kind: str = ""
    standing: str = ""


def association_rows(report: BiasReport, filters: Filters) -> list[dict[str, Any]]:
    """The associations that the filters let through, the strongest evidence first, each in words."""
    chosen = {"attribute": filters.attribute, "kind": filters.kind, "standing": filters.standing}
    rows = report.content["associations"]
    return [
        association_said(row) for row in rows if all(not value or row[name] == value for name, value in chosen.items())
    ]


def association_said(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a report with its groups, kind and standing in words."""
    kind, words = STANDINGS[row["standing"]]
    return {
        **row,
        "first_said": value_said(row["attribute"], row["first"]),
        "second_said": value_said(row["attribute"], row["second"]),
        "kind_said": KINDS[row["kind"]],
        "standing_kind": kind,
        "standing_said": words,
        "odds_said": odds_said(row["odds"]),
        "low_said": odds_said(row["low"]),
        "high_said": odds_said(row["high"]),
        "first_share": row["first_n"] / row["first_of"] if row["first_of"] else None,
        "second_share": row["second_n"] / row["second_of"] if row["second_of"] else None,
    }


def associations_chart(rows: Sequence[dict[str, Any]]) -> SafeString | None:
    """The first twelve of those shown that stand out."""
    shown = [row for row in rows if row["standing"] != NONE][:CHARTED]
    names = [f"{row['term']}: {row['first_said']}" for row in shown]
    told = "; ".join(f"{name} {row['odds_said']}" for name, row in zip(names, shown, strict=True))
    return odds_chart(shown, names, _("Odds ratios with 95%% intervals: %(told)s") % {"told": told})


def wording_rows(report: BiasReport) -> list[dict[str, Any]]:
    """Each group's rate of judging and gender-coded wording, in words."""
    return [
        {
            **row,
            "attribute_said": NAMES[row["attribute"]],
            "first_said": value_said(row["attribute"], row["first"]),
            "second_said": value_said(row["attribute"], row["second"]),
            "kind_said": WORDINGS[row["kind"]],
            "reason_said": REASONS.get(row["reason"], ""),
            "first_share": row["first_n"] / row["first_of"] if row["first_of"] else None,
            "second_share": row["second_n"] / row["second_of"] if row["second_of"] else None,
            "is_apart": row["low"] is not None and (row["low"] > 1 or row["high"] < 1),
        }
        for row in report.content["wording"]
    ]


# ---- the ledger


@dataclass(frozen=True)
class Cost:
    """One line of the ledger: what it was and what it is then."""

    name: str
    before: str
    after: str


def costs_of(mitigation: Mitigation) -> list[Cost]:
    """Size, diversity, length, language mix and associations before and after; empty until it is worked out."""
    plan = mitigation.plan
    if not plan:
        return []
    before, after = plan["before"], plan["after"]
    costs = [
        Cost(_("Samples"), f"{before['n']:,}", f"{after['n']:,}"),
        Cost(_("Groups"), f"{before['groups']:,}", f"{after['groups']:,}"),
        Cost(_("Diversity (mean cosine distance)"), _number(before["diversity"], 4), _number(after["diversity"], 4)),
        Cost(_("Words a text, mean"), _number(before["words_mean"], 1), _number(after["words_mean"], 1)),
        Cost(_("Languages"), _languages(before), _languages(after)),
        Cost(_("Associations open to question"), f"{before['n_open']:,}", f"{after['n_open']:,}"),
    ]
    if "effective" in plan:
        costs.insert(1, Cost(_("Effective size (Kish)"), f"{plan['weighted']:,}", f"{plan['effective']:,.0f}"))
    return costs


def _number(value: float | None, digits: int) -> str:
    return _("not known") if value is None else f"{value:.{digits}f}"


def _languages(side: dict[str, Any]) -> str:
    total = max(1, side["n"])
    named = [f"{name} {n / total:.1%}" for name, n in list(side["languages"].items())[:4]]
    return ", ".join(named) or _("not known")


def mix_rows(mitigation: Mitigation) -> list[dict[str, Any]]:
    """The composition of the mitigation's attribute before and after."""
    plan = mitigation.plan
    after = {row["value"]: row for row in plan["after"]["composition"]}
    return [
        {
            "said": value_said(mitigation.attribute, row["value"]),
            "before": row["share"],
            "after": after.get(row["value"], {}).get("share"),
        }
        for row in plan["before"]["composition"]
    ]


def moved_rows(mitigation: Mitigation, most: int = 8) -> list[dict[str, Any]]:
    """Other associations that the mitigation moves most: what it does beside what it is for."""
    before, after = mitigation.plan["before"]["associations"], mitigation.plan["after"]["associations"]
    own = (mitigation.attribute, mitigation.first, mitigation.second, mitigation.term_kind, mitigation.term)
    rows = []
    for key, value in before.items():
        parts = tuple(key.split(" | "))
        if key in after and parts != own and abs(after[key] - value) >= 0.05:
            rows.append({"said": f"{parts[4]}: {value_said(parts[0], parts[1])}", "before": value, "after": after[key]})
    return sorted(rows, key=lambda row: -abs(row["after"] - row["before"]))[:most]
