"""A curation report in words and tables, in the reader's language, from the facts that were kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.template.defaultfilters import date as date_said
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from reviewapp.core.documents.blocks import Block, Document, Facts, Figures, Grid, Section, Words
from reviewapp.curation.acceptance.targets import target_title
from reviewapp.curation.acceptance.words import claim, share
from reviewapp.curation.balance.page import NAMES as ATTRIBUTES
from reviewapp.curation.balance.page import value_said
from reviewapp.curation.language import NAMES as LANGUAGES
from reviewapp.words import figure_said, grouped

Json = dict[str, Any]
SEVERITIES = {"high": gettext_noop("High"), "medium": gettext_noop("Medium"), "low": gettext_noop("Low")}
NONE = "–"


def document_of(facts: Json, content_hash: str, language: str) -> Document:
    """The report as sections; ``language`` is the one that is active."""
    project = facts["project"]["name"]
    return Document(
        title=_("Curation report %(number)s: %(project)s") % {"number": facts["number"], "project": project},
        language=language,
        author=facts["made_by"],
        intro=[Facts(_about(facts, content_hash)), *_headline(facts["summary"])],
        sections=[
            Section(_("What came in"), _imports(facts)),
            Section(_("What was taken out, and why"), _removed(facts["summary"])),
            Section(_("Findings by check"), _checks(facts["summary"])),
            Section(_("Duplicates"), _duplicates(facts["duplicates"])),
            Section(_("Contamination"), _contamination(facts["contamination"])),
            Section(_("Identifiers of people"), _identifiers(facts["identifiers"])),
            Section(_("What may be claimed"), _acceptance(facts["acceptance"])),
            Section(_("Balance"), _balance(facts["balance"])),
            Section(_("Languages"), _languages(facts["languages"])),
            Section(_("Selections"), _selections(facts["selections"])),
            Section(_("Pipeline"), _pipeline(facts["pipeline"], facts["scan"])),
            Section(_("Who decided"), _people(facts["people"])),
            Section(_("How to check this report"), _checking()),
        ],
        footer=f"{facts['project']['slug']} · SHA-256 {content_hash}",
        page=_("Page %(n)s of %(of)s"),
        missing=_("%(n)s characters have no letter in the font of this PDF and stand as “?”. HTML and JSON show them."),
    )


# ---- words for values


def _n(value: int | None) -> str:
    return NONE if value is None else grouped(value)


def _share(value: float | None) -> str:
    return NONE if value is None else figure_said(f"{100 * value:.1f}%")


def _at(value: str | None) -> str:
    if not value:
        return NONE
    return str(date_said(timezone.localtime(datetime.fromisoformat(value)), "j M Y, H:i T"))


def _who(name: str | None, at: str | None = None) -> str:
    if not name:
        return _at(at)
    return f"{name}, {_at(at)}" if at else name


def _samples(n: int) -> str:
    return ngettext("%(n)s sample", "%(n)s samples", n) % {"n": grouped(n)}


def _language(code: str) -> str:
    return _(LANGUAGES[code]) if code in LANGUAGES else code or _("Not known")


def _latest(listed: Json) -> list[Block]:
    n, shown = listed["n"], len(listed["rows"])
    if n <= shown:
        return []
    return [Words(_("The latest %(shown)s of %(n)s are shown.") % {"shown": grouped(shown), "n": grouped(n)})]


def _grid(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int], nothing: str
) -> Block:
    """The table, or the sentence that there is nothing to list."""
    rows = list(rows)
    return Grid(caption, header, rows, frozenset(numbers)) if rows else Words(nothing)


# ---- the parts


def _about(facts: Json, content_hash: str) -> list[tuple[str, str]]:
    pipeline = facts["pipeline"]
    return [
        (_("Project"), f"{facts['project']['name']} ({facts['project']['slug']})"),
        (_("Made by"), _who(facts["made_by"], facts["made_at"])),
        (_("Made with"), facts["product"]),
        (_("Pipeline"), _version(pipeline["number"])),
        (_("Hash of the pipeline"), pipeline["content_hash"]),
        (_("Hash of this report"), content_hash),
    ]


def _version(number: int) -> str:
    return _("Version %(number)s") % {"number": number} if number else _("As it comes with Countersign")


def _headline(told: Json) -> list[Block]:
    noise = _("%(settled)s of %(noisy)s samples with findings are mended or out") % {
        "settled": _n(told["noisy_settled"]), "noisy": _n(told["noisy"]),
    }  # fmt: skip
    rows = _("%(read)s rows read, %(failed)s with errors, %(known)s already there") % {
        "read": _n(told["rows_read"]), "failed": _n(told["rows_failed"]), "known": _n(told["rows_known"]),
    }  # fmt: skip
    mended = _("%(cleaned)s cleaned, %(edited)s edited") % {
        "cleaned": _n(told["cleaned"]), "edited": _n(told["edited"]),
    }  # fmt: skip
    figures = [
        (_("Noisy data removed or mended"), _share(told["settled_share"]), noise),
        (_("Samples that came in"), _n(told["samples"]), rows),
        (_("Taken out"), _share(told["removed_share"]), _samples(told["removed"])),
        (_("In the pool"), _n(told["kept"]), mended),
    ]
    blocks: list[Block] = [Figures(figures)]
    if not told["scan"]:
        blocks.append(Words(_("No scan has finished yet, so nothing was looked for."), is_strong=True))
    elif told["changed_since_scan"]:
        words = _("%(n)s samples are newer than the last scan: what it did not see is not in this report.")
        blocks.append(Words(words % {"n": _n(told["changed_since_scan"])}, is_strong=True))
    return blocks


def _imports(facts: Json) -> list[Block]:
    header = [_("File"), _("Rows"), _("Samples"), _("Already there"), _("Errors"), _("Brought in by"), "SHA-256"]
    rows = [
        [
            row["file"], _n(row["read"]), _n(row["created"]), _n(row["known"]), _n(row["failed"]),
            _who(row["by"], row["at"]), row["sha256"][:16],
        ]
        for row in facts["imports"]["rows"]
    ]  # fmt: skip
    told = facts["summary"]
    words = _("Safe repairs gave %(cleaned)s samples a cleaned text; people changed the text of %(edited)s.")
    return [
        _grid(_("Imports"), header, rows, range(1, 5), _("No file was imported.")),
        *_latest(facts["imports"]),
        Words(words % {"cleaned": _n(told["cleaned"]), "edited": _n(told["edited"])}),
    ]


def _removed(told: Json) -> list[Block]:
    rows = [[_(reason), _n(n)] for reason, n in told["reasons"]]
    return [
        Words(_("Nothing is deleted: what was taken out is kept with its reason and can be put back.")),
        _grid(_("Reasons"), [_("Reason"), _("Samples")], rows, [1], _("No sample was taken out.")),
    ]


def _checks(told: Json) -> list[Block]:
    header = [
        _("Check"), _("Found"), _("High"), _("Medium"), _("Low"), _("Open"), _("Settled"), _("Dismissed"), _("Samples"),
    ]  # fmt: skip
    names = ("found", "high", "medium", "low", "open", "mended", "dismissed", "samples")
    rows = [[_(row["title"]), *(_n(row[name]) for name in names)] for row in told["checks"]]
    caption = _("Findings by check, severity and decision")
    return [_grid(caption, header, rows, range(1, 9), _("No finding."))]


def _duplicates(told: Json) -> list[Block]:
    limit = _("Samples count as near-duplicates from a similarity of %(limit)s on.") % {"limit": _share(told["limit"])}
    by = f" {_('Set by')} {_who(told['limit_by'], told['limit_at'])}." if told["limit_by"] else ""
    header = [_("Decision"), _("Decisions"), _("Clusters"), _("Samples taken out"), _("Put back since")]
    rows = [
        [_(act["title"]), *(_n(act[name]) for name in ("decisions", "clusters", "withdrawn", "put_back"))]
        for act in told["acts"]
    ]
    return [Words(limit + by), _grid(_("Decisions"), header, rows, range(1, 5), _("Nobody decided about any yet."))]


def _contamination(told: Json) -> list[Block]:
    n = told["open_samples"]
    words = _("%(n)s samples with an open finding of overlap: nothing with them can be frozen or signed.")
    held = [
        [one["name"], _n(one["prompts"]), _("sealed") if one["is_sealed"] else _("open"), one["content_hash"][:16]]
        for one in told["heldout_sets"]
    ]
    declared = [[one["name"], _n(one["rows"]), one["by"] or NONE, one["sha256"][:16]] for one in told["benchmarks"]]
    return [
        Words(words % {"n": _n(n)}, is_strong=bool(n)),
        _grid(
            _("Held-out sets"), [_("Held-out set"), _("Prompts"), _("State"), _("Hash")], held, [1],
            _("There is no held-out set, so overlap with one could not be looked for."),
        ),
        _grid(
            _("Declared benchmarks"), [_("Benchmark"), _("Rows"), _("Declared by"), "SHA-256"], declared, [1],
            _("No benchmark was declared."),
        ),
    ]  # fmt: skip


def _identifiers(told: Json) -> list[Block]:
    kinds = [
        [_(one["title"]), _(SEVERITIES.get(one["severity"], one["severity"])), _n(one["open"]), _n(one["settled"])]
        for one in told["kinds"]
    ]
    acts = [
        [
            _(one["title"]), _who(one["by"], one["at"]), _n(one["counts"].get("changed")),
            _n(one["counts"].get("identifiers")), _at(one["undone_at"]),
        ]
        for one in told["acts"]["rows"]
    ]  # fmt: skip
    tagger = told["tagger"]
    words = (
        _("Names were found by version %(number)s of the project's tagger.") % {"number": tagger["number"]}
        if tagger
        else _("Names were found by the tagger that comes with Countersign.")
    )
    return [
        Words(words),
        _grid(
            _("Kinds"), [_("Kind"), _("Severity"), _("Open"), _("Settled")], kinds, [2, 3],
            _("No identifier was found."),
        ),
        _grid(
            _("Acts"), [_("Act"), _("By"), _("Samples changed"), _("Identifiers"), _("Taken back")], acts, [2, 3],
            _("No identifier was masked or replaced."),
        ),
        *_latest(told["acts"]),
    ]  # fmt: skip


def _acceptance(told: Json) -> list[Block]:
    blocks: list[Block] = [
        Words(_("Only what follows from people looking through a random sample may be claimed of all samples."))
    ]
    blocks += [_statement(row) for row in told["rows"]] or [
        Words(_("No acceptance sample was drawn, so nothing may be claimed beyond what was found."))
    ]
    header = [_("Required before signing"), _("Below"), _("Confidence"), _("Set by")]
    required = [
        [target_title(row["target"]), share(row["rate"]), share(row["confidence"]), row["by"] or NONE]
        for row in told["required"]
    ]
    blocks.append(_grid(_("Required"), header, required, [1, 2], _("None is required before signing.")))
    return [*blocks, *_latest(told)]


def _statement(row: Json) -> Block:
    plan, result = row["plan"], row["result"]
    title = _("Acceptance sample %(number)s, %(target)s") % {
        "number": plan["number"], "target": target_title(plan["target"]),
    }  # fmt: skip
    if result is None:
        return Facts([(title, _("It is still being looked at; nothing may be claimed from it yet."))])
    people = ", ".join(f"{one['name']} ({_n(one['judged'])})" for one in row["people"])
    return Facts(
        [
            (title, claim({"plan": plan, "result": result})),
            (_("Looked"), people or NONE),
            (_("Closed by"), _who(row["by"], row["at"])),
            ("SHA-256", row["content_hash"]),
        ]
    )


def _balance(told: Json) -> list[Block]:
    made = told["report"]
    if made is None:
        return [Words(_("No balance report was made."))]
    words = _(
        "Balance report %(number)s, %(who)s: %(samples)s samples, %(tested)s comparisons, %(open)s open to question, "
        "%(expected)s expected. %(changed)s samples changed since. SHA-256 %(hash)s"
    ) % {
        "number": made["number"], "who": _who(made["by"], made["at"]), "samples": _n(made["samples"]),
        "tested": _n(made["tested"]), "open": _n(made["open"]), "expected": _n(made["expected"]),
        "changed": _n(made["changed_since"]), "hash": made["content_hash"],
    }  # fmt: skip
    rows = [
        [_(ATTRIBUTES[part["attribute"]]), value_said(part["attribute"], row["value"]), _n(row["n"]),
         _share(row["share"]), _share(row["target"])]
        for part in made["composition"] if part["attribute"] != "language"
        for row in part["rows"][:12]
    ]  # fmt: skip
    header = [_("Attribute"), _("Group"), _("Samples"), _("Share of the known"), _("Wanted")]
    return [
        Words(words),
        _grid(_("Composition"), header, rows, [2, 3, 4], _("Nothing is known of whom the samples are about.")),
        _mitigations(told["mitigations"]),
        *_latest(told["mitigations"]),
    ]


def _mitigations(told: Json) -> Block:
    header = [_("Mitigation"), _("About"), _("State"), _("Samples"), _("Applied by")]
    rows = [
        [f"{one['number']}: {_(one['title'])}", one["about"], _(one["state_title"]), _n(one["n"]),
         _who(one["by"], one["at"])]
        for one in told["rows"]
    ]  # fmt: skip
    return _grid(_("Mitigations"), header, rows, [3], _("Nothing was done to change the balance."))


def _languages(told: Json) -> list[Block]:
    known_before = sum(row["before"] for row in told["counts"] if row["language"])
    known_after = sum(row["after"] for row in told["counts"] if row["language"])
    rows = []
    for row in told["counts"]:
        code = row["language"]
        before, after = (_of(row["before"], known_before), _of(row["after"], known_after)) if code else (None, None)
        wanted = _share(told["targets"].get(code, 0.0)) if told["targets"] and code else NONE
        rows.append([_language(code), _n(row["before"]), _share(before), _n(row["after"]), _share(after), wanted])
    header = [_("Language"), _("Came in"), _("Share"), _("In the pool"), _("Share"), _("Wanted")]
    blocks = [_grid(_("Languages"), header, rows, range(1, 6), _("No language was looked for yet."))]
    if told["unread"]:
        words = _("The language of %(n)s samples was not looked for: they are newer than the last scan.")
        blocks.append(Words(words % {"n": _n(told["unread"])}))
    return blocks


def _of(n: int, total: int) -> float | None:
    return n / total if total else None


def _selections(told: Json) -> list[Block]:
    header = [_("Selection"), _("Asked for"), _("Kept"), _("Of"), _("Noise"), _("Made for"), "SHA-256"]
    rows = [
        [str(row["number"]), _n(row["asked"]), _n(row["kept"]), _n(row["samples"]), _n(row["noise"]),
         _who(row["by"], row["at"]), row["content_hash"][:16]]
        for row in told["rows"]
    ]  # fmt: skip
    return [_grid(_("Selections"), header, rows, range(5), _("No selection was made.")), *_latest(told)]


def _pipeline(told: Json, scan: Json | None) -> list[Block]:
    facts = [
        (_("Version"), _version(told["number"])),
        (_("Hash"), told["content_hash"]),
        (_("Saved by"), _who(told["by"], told["at"])),
        (_("Why"), told["note"] or NONE),
        (_("Safe repairs"), _("on") if told["is_cleaning"] else _("off")),
    ]
    if scan:
        words = _("Scan %(number)s of %(samples)s samples, %(who)s, by: %(version)s") % {
            "number": scan["number"], "samples": _n(scan["samples"]), "who": _who(scan["by"], scan["at"]),
            "version": _version(scan["pipeline"]),
        }  # fmt: skip
        facts.append((_("Last finished scan"), words))
    rows = [
        [str(number), _(step["title"]), _("on") if step["is_on"] else _("off"), str(step["version"]),
         _(SEVERITIES[step["severity"]]) if step["severity"] else _("by kind")]
        for number, step in enumerate(told["steps"], start=1)
    ]  # fmt: skip
    header = [_("Place"), _("Check"), _("State"), _("Version"), _("Severity")]
    return [Facts(facts), Grid(_("Checks in their order"), header, rows, frozenset({0, 3}))]


def _people(told: Sequence[Json]) -> list[Block]:
    whats = {"findings": _("settled findings"), "samples": _("took samples out")}
    rows = [[row["name"], whats[row["what"]], _n(row["n"]), _at(row["first"]), _at(row["last"])] for row in told]
    header = [_("Person"), _("What"), _("How many"), _("First"), _("Last")]
    return [_grid(_("People"), header, rows, [2], _("Nobody decided about a finding or a sample yet."))]


def _checking() -> list[Block]:
    return [
        Words(
            _(
                "The hash of this report is the SHA-256 of the canonical JSON (sorted keys, no blanks) of the part "
                "“report” of its JSON file. Countersign keeps the report unchanged under its number, and the audit has "
                "an event with the same hash."
            )
        ),
        Words(
            _(
                "manage.py curation_replay runs the same pipeline over the imported texts again and compares the "
                "hashes of all texts and the fingerprints of all findings with those that are stored."
            )
        ),
    ]
