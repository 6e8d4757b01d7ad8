"""What a curation report holds: figures, names of checks and people, hashes; no text of any sample. Reads only.

Everything is fit for JSON, in English names of keys, with None where nothing can be said.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet

from reviewapp import __version__
from reviewapp.curation.acceptance.facts import plan_facts
from reviewapp.curation.balance.reading import mitigations_of, report_current, samples_changed
from reviewapp.curation.contamination.benchmarks import benchmarks_of
from reviewapp.curation.duplicates.clusters import limits_set, near_limit
from reviewapp.curation.identifiers.redacting import kind_counts, redactions_of
from reviewapp.curation.identifiers.tagging import use_current
from reviewapp.curation.languages.reading import bases_of, language_counts, language_mix, samples_unread
from reviewapp.curation.models import (
    AcceptancePlan,
    AcceptanceRule,
    DuplicateDecision,
    Finding,
    Scan,
    Selection,
)
from reviewapp.curation.selectors import pipeline_of, pipeline_version, scan_finished
from reviewapp.curation.summary import summary_of
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutSet, ImportBatch, Sample
from training.contract import canonical_json

SCHEME = 1
OVERLAPS = ("heldout_overlap", "benchmark_overlap")
MOST_ROWS = 50  # of one table: the latest; how many there are in all is said
Json = dict[str, Any]
State = Finding.State


def facts_of(project: Project, *, number: int, made_by: str, made_at: datetime) -> Json:
    """A report of the project as it is now, in a bounded number of queries."""
    return {
        "scheme": SCHEME,
        "product": f"Countersign {__version__}",
        "project": {"slug": project.slug, "name": project.name},
        "number": number,
        "made_by": made_by,
        "made_at": made_at.isoformat(timespec="seconds"),
        "summary": summary_of(project).as_json(),
        "imports": _imports(project),
        "pipeline": _pipeline(project),
        "scan": _scan(scan_finished(project)),
        "duplicates": _duplicates(project),
        "contamination": _contamination(project),
        "identifiers": _identifiers(project),
        "acceptance": _acceptance(project),
        "balance": _balance(project),
        "languages": _languages(project),
        "selections": _selections(project),
        "people": people_of(project),
    }


def content_hash(facts: Json) -> str:
    """sha256 of the canonical JSON (sorted keys, no blanks)."""
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def _name(person: object | None) -> str | None:
    return str(person) if person else None


def _listed(rows: QuerySet[Any], made: Any) -> Json:
    """The first MOST_ROWS, and how many there are."""
    return {"n": rows.count(), "rows": [made(row) for row in rows[:MOST_ROWS]]}


def _imports(project: Project) -> Json:
    batches = ImportBatch.objects.filter(project=project, target=ImportBatch.Target.POOL, rows_read__gt=0)

    def row(batch: ImportBatch) -> Json:
        counts = {name: getattr(batch, f"rows_{name}") for name in ("read", "created", "known", "failed")}
        return {
            "file": batch.file_name, "sha256": batch.file_sha256, **counts, "by": _name(batch.uploaded_by),
            "at": _time(batch.created_at),
        }  # fmt: skip

    return _listed(batches.select_related("uploaded_by"), row)


def _pipeline(project: Project) -> Json:
    version, pipeline = pipeline_version(project), pipeline_of(project.pk)
    steps = [
        {
            "check": step.check, "title": step.run.title, "is_on": step.is_on, "severity": step.severity,
            "version": step.run.version,
        }
        for step in pipeline.steps
    ]  # fmt: skip
    return {
        "number": version.number if version else 0,
        "content_hash": pipeline.content_hash,
        "is_cleaning": pipeline.is_cleaning,
        "steps": steps,
        "note": version.note if version else "",
        "by": _name(version.created_by) if version else None,
        "at": _time(version.created_at) if version else None,
    }


def _scan(scan: Scan | None) -> Json | None:
    if scan is None:
        return None
    return {
        "number": scan.pk, "pipeline": scan.pipeline.number if scan.pipeline else 0,
        "pipeline_hash": scan.pipeline.content_hash if scan.pipeline else None, "samples": scan.counts.get("samples"),
        "by": _name(scan.requested_by), "at": _time(scan.finished_at),
    }  # fmt: skip


def _duplicates(project: Project) -> Json:
    decisions = DuplicateDecision.objects.filter(project=project).select_related("decided_by")
    limit = limits_set(project).first()
    acts: dict[str, Counter[str]] = {}
    for one in decisions.order_by().iterator(chunk_size=500):
        taken = acts.setdefault(one.act, Counter())
        taken.update(decisions=1, clusters=one.clusters, withdrawn=len(one.withdrawn), put_back=one.undone)
    return {
        "limit": near_limit(project),
        "limit_by": _name(limit.set_by) if limit else None,
        "limit_at": _time(limit.set_at) if limit else None,
        "acts": [{"act": act, "title": str(DuplicateDecision.Act(act).label), **acts[act]} for act in sorted(acts)],
    }


def _contamination(project: Project) -> Json:
    sets = HeldoutSet.objects.filter(project=project).annotate(n=Count("prompts")).order_by("pk")
    held = [
        {"name": one.name, "prompts": one.n, "is_sealed": one.sealed_at is not None, "content_hash": one.content_hash}
        for one in sets[:MOST_ROWS]
    ]
    declared = [
        {"name": one.name, "rows": one.rows, "sha256": one.file_sha256, "by": _name(one.declared_by)}
        for one in benchmarks_of(project)[:MOST_ROWS]
    ]
    counts = Finding.objects.filter(sample__project=project, check_name__in=OVERLAPS).order_by()
    open_ones = counts.filter(state=State.OPEN).values("sample").distinct().count()
    return {"heldout_sets": held, "benchmarks": declared, "open_samples": open_ones}


def _identifiers(project: Project) -> Json:
    use = use_current(project.pk)

    def row(act: Any) -> Json:
        return {
            "action": act.action, "title": str(act.get_action_display()), "by": _name(act.requested_by),
            "at": _time(act.created_at), "counts": act.counts, "undone_at": _time(act.undone_at),
        }  # fmt: skip

    kinds = [
        {"kind": one.kind, "title": one.words, "severity": one.severity, "open": one.open, "settled": one.settled}
        for one in kind_counts(project)
    ]
    version = use.version if use else None
    tagger = {"number": version.number, "sha256": version.sha256} if version else None
    return {"kinds": kinds, "acts": _listed(redactions_of(project), row), "tagger": tagger}


def _acceptance(project: Project) -> Json:
    plans = AcceptancePlan.objects.filter(project=project).select_related("statement__closed_by", "project", "drawn_by")

    def row(plan: AcceptancePlan) -> Json:
        statement = getattr(plan, "statement", None)
        facts = statement.facts if statement else None
        return {
            "plan": facts["plan"] if facts else plan_facts(plan),
            "result": facts["result"] if facts else None,
            "content_hash": statement.content_hash if statement else None,
            "by": facts["closed_by"] if facts else None,
            "at": facts["closed_at"] if facts else None,
            "people": facts["people"] if facts else [],
        }

    rules = AcceptanceRule.objects.filter(project=project).select_related("set_by")
    required = [
        {"target": one.target, "rate": str(one.rate), "confidence": str(one.confidence), "by": _name(one.set_by)}
        for one in rules
    ]
    return {"required": required, **_listed(plans.defer("population_packed").order_by("-number"), row)}


def _balance(project: Project) -> Json:
    report = report_current(project)
    made = None
    if report is not None:
        content = report.content
        made = {
            "number": report.number, "content_hash": report.content_hash, "at": _time(report.made_at),
            "by": _name(report.requested_by), "samples": report.n, "changed_since": samples_changed(report),
            "tested": content["tested"], "open": content["n_open"], "expected": content["n_expected"],
            "composition": content["composition"],
        }  # fmt: skip

    def row(one: Any) -> Json:
        return {
            "number": one.number, "title": str(one.get_kind_display()), "state": one.state,
            "state_title": str(one.get_state_display()), "about": f"{one.term}: {one.first} / {one.second}",
            "n": one.done.get("n"), "by": _name(one.applied_by), "at": _time(one.applied_at),
        }  # fmt: skip

    return {"report": made, "mitigations": _listed(mitigations_of(project).defer("plan"), row)}


def _languages(project: Project) -> Json:
    counts = [{"language": one.language, "before": one.before, "after": one.after} for one in language_counts(project)]
    return {
        "counts": counts, "bases": bases_of(project), "unread": samples_unread(project),
        "targets": language_mix(project),
    }  # fmt: skip


def _selections(project: Project) -> Json:
    made = Selection.objects.filter(project=project, made_at__isnull=False).select_related("requested_by")

    def row(one: Selection) -> Json:
        return {
            "number": one.number, "asked": one.config.get("size"), "kept": one.counts["kept"],
            "samples": one.counts["samples"], "noise": one.counts.get("noise"), "content_hash": one.content_hash,
            "reasons": one.counts.get("reasons", {}), "by": _name(one.requested_by), "at": _time(one.made_at),
        }  # fmt: skip

    return _listed(made.order_by("-number"), row)


def people_of(project: Project) -> list[Json]:
    """Who decided about findings and samples, how many and when; the busiest first. Machines' acts are not in it."""
    settled = Finding.objects.filter(sample__project=project, decided_by__isnull=False).order_by()
    withdrawn = Sample.objects.filter(project=project, withdrawn_by__isnull=False).order_by()
    rows = [
        *_by(settled.filter(~Q(state=State.OPEN)), "decided_by", "decided_at", "findings"),
        *_by(withdrawn, "withdrawn_by", "withdrawn_at", "samples"),
    ]
    return sorted(rows, key=lambda row: (row["what"], -row["n"], row["name"]))


def _by(rows: QuerySet[Any], who: str, when: str, what: str) -> list[Json]:
    names = {"name": F(f"{who}__display_name"), "login": F(f"{who}__username")}
    counted = rows.values(**names).annotate(n=Count("pk"), first=Min(when), last=Max(when))
    return [
        {
            "what": what, "name": row["name"] or row["login"], "n": row["n"], "first": _time(row["first"]),
            "last": _time(row["last"]),
        }
        for row in counted
    ]  # fmt: skip
