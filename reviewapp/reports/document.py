"""A frozen report as a document to be printed or sent: every number of the page, no passage of a text.

It is English whoever asks for it, as the sealed sentences are: the same report gives the same words everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reviewapp.core.documents.blocks import Block, Chart, Document, Facts, Figures, Grid, Section, Words
from reviewapp.reports import charts, wording
from reviewapp.reports.models import Report
from reviewapp.reports.more_page import Table
from reviewapp.reports.page import ReportPage, page_of

Json = dict[str, Any]
ARMS = (("baseline", "Base"), ("candidate", "Tuned"))
NONE = "–"


def document_of(report: Report, people: Sequence[tuple[str, str]]) -> Document:
    """``people``: who signed or overrode, and what that means, as (name and time, words)."""
    data, page = report.data, page_of(report)
    candidate, baseline = data["header"]["candidate"]["label"], data["header"]["baseline"]["label"]
    return Document(
        title=f"Report {report.number}: {candidate} against {baseline}",
        language="en",
        author=str(report.frozen_by),
        intro=[Figures(_headline(report)), *_verdict(report, page), Facts(_about(report))],
        sections=[
            Section("Gates", [_gates(page.gates, is_imported=data["header"]["round"].get("imported") is not None)]),
            Section("Criteria", list(_criteria(page))),
            Section("Base and tuned on the same prompts", list(_faults(page))),
            Section("Agreement of graders", [_agreement(page)]),
            Section("Errors by type, tuned", list(_taxonomy(page, data["taxonomy"]["candidate"]))),
            Section("Worst outputs, tuned", [_worst(data["worst"])]),
            *(Section(table.title, _table(table)) for table in page.more),
            Section("Automatic figures", list(_figures(page))),
            Section("Missing and excluded", [Facts(_process(data))]),
            Section("How this was computed", [Facts(_method(data["method"]))]),
            Section("What this report cannot say", [Words(sentence) for sentence in page.limits]),
            Section("Sign-off", [_sign_off(people)]),
        ],
        footer=f"{report.project.slug} · report {report.number} · SHA-256 {report.content_hash}",
        page="Page %(n)s of %(of)s",
        missing="%(n)s characters have no letter in the font of this PDF and stand as “?”. HTML and JSON show them.",
    )


def _headline(report: Report) -> list[tuple[str, str, str]]:
    results, process = report.data["verdict"]["results"], report.data["process"]
    said = "exploratory: unconfirmed" if report.is_exploratory else "confirmatory"
    if report.is_simulated:
        said = f"{said}; simulated, releases nothing"
    return [
        ("Verdict", report.data["verdict"]["word"], said),
        ("Gates passed", f"{results['pass']} of {sum(results.values())}", _open_gates(results)),
        ("Usable as they are", *_usable(report.data)),
        ("Grades", wording.counted(process["grades_given"], "grade"), f"by {process['graders']} graders"),
    ]


def _usable(data: Json) -> tuple[str, str]:
    found = data.get("usable", {}).get("candidate") or {"value": None}
    if found["value"] is None:
        return "unknown", "not measured"
    return wording.percent(found["value"], 0), f"of the tuned model's outputs; {_base_usable(data)}"


def _base_usable(data: Json) -> str:
    base = data["usable"]["baseline"]["value"]
    return "base not graded" if base is None else f"base {wording.percent(base, 0)}"


def _open_gates(results: Json) -> str:
    return f"{results['fail']} failed, {results['unknown']} open"


def _verdict(report: Report, page: ReportPage) -> list[Block]:
    blocks: list[Block] = [Words(page.lead, is_strong=True)] if page.lead else []
    if page.sentences:
        blocks.append(Words(" ".join(page.sentences)))
    if page.verdict_chart:
        gate = min(report.data["gates"], key=lambda gate: ("fail", "unknown", "pass").index(gate["result"]))
        blocks.append(Chart(page.verdict_chart, f"{gate['name']}: estimate, 95% bound and declared limit."))
    return blocks


def _about(report: Report) -> list[tuple[str, str]]:
    header, process = report.data["header"], report.data["process"]
    training = header["candidate"]["training_set"]
    learned = "no training set of this project"
    if training:
        learned = f"{training['name']}, {training['examples']} examples, SHA-256 {training['content_hash']}"
    return [
        ("Project", str(report.project)),
        ("Tuned", f"{header['candidate']['label']}, weights {header['candidate']['weights_sha256'] or 'not here'}"),
        ("Learned from", learned),
        ("Base", header["baseline"]["label"]),
        ("Held-out set", f"{header['heldout']['name']}, {process['prompts']} prompts, SHA-256 "
                         f"{header['heldout']['content_hash']}"),
        ("Rubric", f"{header['rubric']['name']} version {header['rubric']['version']}, SHA-256 "
                   f"{header['rubric']['content_hash']}"),
        ("Gates declared", f"{header['gates']['declared_at']} by {header['gates']['declared_by']}"),
        ("Unsealed", _unsealed(header["round"])),
        ("Frozen", f"{report.frozen_at.isoformat(timespec='seconds')} by {report.frozen_by}"),
        ("Hash", f"SHA-256 {report.content_hash}"),
    ]  # fmt: skip


def _unsealed(round: Json) -> str:
    early = f", early: {round['unseal_reason']}" if round["is_early_unseal"] else ""
    return f"{round['unsealed_at']}{early}"


def _gates(gates: Sequence[Json], *, is_imported: bool) -> Grid:
    names = {"pass": "pass", "fail": "FAIL", "unknown": "open"}
    rows = [
        [
            gate["name"], gate["words"]["threshold"], gate["words"]["estimate"], gate["words"]["bound"],
            gate["words"]["reliability"], names[gate["result"]], gate["words"]["more"] or NONE,
        ]
        for gate in gates
    ]  # fmt: skip
    head = ["Gate", "Declared", "Estimate", "Bound", "Reliability", "Result", "How many more"]
    when = "after the grades were imported" if is_imported else "before the first grade"
    return Grid(f"Gates as declared {when}", head, rows)


def _criteria(page: ReportPage) -> Iterable[Block]:
    if page.criteria_chart:
        yield Chart(page.criteria_chart, "Mean level, base (hollow) and tuned (filled), with 95% intervals.")
    rows = [
        [row.name, f"{row.base} ({row.base_interval})", f"{row.tuned} ({row.tuned_interval})",
         f"{row.change} ({row.change_interval})", row.test, str(row.n), str(row.missing)]
        for row in page.criteria
    ]  # fmt: skip
    head = ["Criterion", "Base", "Tuned", "Change", "Test", "n", "Missing"]
    yield Grid("Mean levels with 95% intervals", head, rows, frozenset({5, 6}))
    for row in page.criteria:
        if row.distribution:
            yield Chart(row.distribution, f"{row.name}: how often each level was given, base above tuned.")


def _faults(page: ReportPage) -> Iterable[Block]:
    for fault in page.faults:
        counts = {name: str(count) for name, _, count, _ in fault.cells}
        yield Grid(f"{fault.name} ({fault.rule})", list(counts), [list(counts.values())], frozenset(range(len(counts))))
        yield Words(f"Base {fault.base}; tuned {fault.tuned}. {fault.claim} {fault.p}, exact McNemar.")
        broken = next((prompts for _, kind, _, prompts in fault.cells if kind == "fail"), [])
        if broken:
            yield Words(f"Broken: {', '.join(broken)}.")
    if not page.faults:
        yield Words("No gate and no criterion of this rubric counts faults.")


def _agreement(page: ReportPage) -> Grid:
    rows = [
        [row.name, f"{row.alpha} {row.interval}".strip(), row.ac1, row.percent, str(row.double), row.words or NONE]
        for row in page.agreement
    ]
    head = ["Criterion", "Alpha, 95%", "AC1", "Equal", "Graded twice", "To be read with"]
    return Grid("Agreement by criterion", head, rows, frozenset({2, 3, 4}))


def _taxonomy(page: ReportPage, rows: Sequence[Json]) -> Iterable[Block]:
    if not rows:
        yield Words("No error was marked in the tuned model's outputs.")
        return
    chart = charts.taxonomy_chart(rows)
    if chart:
        yield Chart(chart, "Outputs with an error of each type, major before minor.")
    head = ["Type", "Outputs", "Major", "Share, 95% interval"]
    shares = [row["share"] for row in rows]
    told = [f"{wording.percent(s['value'])}, {wording.interval(s['low'], s['high'], as_percent=True)}" for s in shares]
    cells = [[row["name"], str(row["outputs"]), str(row["major"]), said] for row, said in zip(rows, told, strict=True)]
    yield Grid("Outputs with an error, by type", head, cells, frozenset({1, 2}))


def _worst(rows: Sequence[Json]) -> Block:
    if not rows:
        return Words("No output has a fault or a marked error.")
    cells = [
        [f"Output {row['number']}", row["prompt"], "; ".join(_fault_said(fault) for fault in row["faults"]) or NONE,
         str(row["graders"])]
        for row in rows
    ]  # fmt: skip
    caption = "By faults, major errors, then lowest levels. Passages are withheld from this file."
    return Grid(caption, ["Output", "Prompt", "Faults", "Graders"], cells, frozenset({3}))


def _fault_said(fault: Json) -> str:
    return f"{fault['name']} (base too)" if fault["base_too"] else str(fault["name"])


def _table(table: Table) -> list[Block]:
    chart = [Chart(table.chart)] if table.chart else []
    return [Words(table.note), *chart, Grid(table.title, table.header, table.rows, table.numbers)]


def _figures(page: ReportPage) -> Iterable[Block]:
    yield Words("Secondary: they compare wording and known facts; a high one is no evidence of right facts.")
    rows = [
        [row.name, row.base, row.tuned, row.change, row.interval, row.p or NONE, str(row.n), str(row.missing)]
        for row in page.metrics
    ]
    head = ["Figure", "Base", "Tuned", "Change", "95% interval", "Permutation", "n", "Missing"]
    yield Grid("Automatic figures", head, rows or [["None were computed", *[NONE] * 7]], frozenset({1, 2, 3, 6, 7}))


def _process(data: Json) -> list[tuple[str, str]]:
    process, counts = data["process"], data["counts"]
    told = [
        f"{name} {counts[arm]['completed']} of {counts[arm]['attempted']}, {counts[arm]['missing']} missing"
        for arm, name in ARMS
        if arm in counts
    ]
    reconciled = "attempted = completed + missing" if data["verdict"]["is_reconciled"] else "no: they do not add up"
    return [
        ("Outputs fully graded", "; ".join(told)),
        ("Reconciled", reconciled),
        ("Grades", f"{process['grades_given']} of {process['grades_needed']}, {process['double']} outputs twice"),
        ("Not applicable", f"{process['not_applicable']} of {process['answers']} answers"),
        ("Errors marked", f"{process['spans']}, each with its passage"),
        ("Groups", f"{process['groups']} for {process['prompts']} prompts"),
        *_deviations(data),
    ]


def _deviations(data: Json) -> list[tuple[str, str]]:
    """Where grading left its plain path. A report from before knows nothing of it, nor one of grades from elsewhere."""
    process = data["process"]
    if "revealed" not in process or data["header"]["round"].get("imported"):
        return []
    looked = f"{process['revealed']} grades looked at with machine scores after locking, {process['revised']} changed"
    left = f"{process['skipped']} skipped, {process['flagged']} flagged, {process['undone']} taken back"
    return [("Blinding", looked), ("Off the plain path", left)]


def _method(method: Json) -> list[tuple[str, str]]:
    libraries = ", ".join(f"{name} {version}" for name, version in method["libraries"].items())
    return [
        ("Gates on shares", "Clopper-Pearson, one-sided 95%"),
        ("Means", f"t intervals over prompts, clustered by group. {method['item']}"),
        ("Faults", f"{method['fault']} Exact McNemar, Agresti and Min's interval."),
        ("Figures", f"paired percentile bootstrap, {method['resamples']} resamples, and sign-flip permutation"),
        ("Agreement", "Krippendorff's alpha with a jackknife interval, Gwet's AC1"),
        ("Seed", str(method["seed"])),
        ("Software", f"{libraries}, Python {method['python']}"),
    ]


def _sign_off(people: Sequence[tuple[str, str]]) -> Block:
    if not people:
        return Words("Nobody has signed. Without a lead's signature no verdict releases a model.", is_strong=True)
    return Facts(people)
