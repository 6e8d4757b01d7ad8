"""The card of a model version, from the facts alone: data and people, method, judgement, limits, base, recalls.

One list of sections gives both the page, in the reader's language, and the Markdown, which is always in English. It
says nothing of when it was made: the same facts give the same card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django.utils import translation

from reviewapp.evaluations.figures import figure_rows
from reviewapp.evaluations.models import GenerationRun
from reviewapp.evaluations.selectors import suites_measured
from reviewapp.evaluations.selectors.outputs import OF_BASE
from reviewapp.evaluations.suite_page import Row, sections_of
from reviewapp.evaluations.suites.table import SUITES
from reviewapp.lineage import standing
from reviewapp.lineage.selectors import reviewers_of
from reviewapp.reports.models import Report
from reviewapp.runs.ancestry import versions_behind
from reviewapp.runs.models import ModelMerge, ModelVersion, TrainingRun
from reviewapp.runs.selectors import run_config
from reviewapp.runs.settings_page import settings_of
from reviewapp.trainingsets.card import plain, table
from reviewapp.trainingsets.models import TrainingSetVersion
from reviewapp.trainingsets.selectors import version_signing
from reviewapp.words import grouped, named, say

Fact = tuple[str, str]


@dataclass(frozen=True)
class Section:
    title: str
    rows: list[Fact] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def card_sections(model: ModelVersion) -> list[Section]:
    """Everything that is known, in the order in which a reader asks; of what is not known the card says so."""
    report = standing.report_deciding(model)
    return [
        _standing(model, report),
        _data(model),
        _people(model),
        *_method(model),
        _judged(report),
        _measured(model),
        _suites(model),
        _limits(model, report),
        _base(model),
        _own(model),
        _recalls(model),
    ]


def card_text(model: ModelVersion) -> str:
    """The card as Markdown, in English; texts of people are marked up as nothing."""
    with translation.override("en"):
        parts = [f"# {plain(model.label)}", f"Model version {model.number} of project {plain(model.project.name)}."]
        for section in card_sections(model):
            parts.append(f"## {section.title}")
            if section.rows:
                parts.append(table(("Fact", "Value"), section.rows))
            if section.lines:
                parts.append("\n".join(f"- {plain(line)}" for line in section.lines))
    return "\n\n".join(parts) + "\n"


def _standing(model: ModelVersion, report: Report | None) -> Section:
    promotion = standing.promotion_of(model.project, model.pk)
    held = standing.hold_problems(model, report)
    if promotion is None:
        rows = [(say("Promoted"), say("No. It may not be used beyond research."))]
    else:
        by = say(
            "By %(who)s, on %(report)s.", who=promotion.signed_name, report=named(promotion.report, is_within=True)
        )
        rows = [(say("Promoted"), by), (say("Statement"), promotion.meaning)]
        rows.append((say("Hash of the report"), promotion.report_hash))
    return Section(say("May it ship"), rows, held)


def _data(model: ModelVersion) -> Section:
    """Its run's version with counts; then everything else behind it: parents of a merge, earlier runs, general sets."""
    title, behind = say("What it learned from"), versions_behind(model)
    if not behind:
        return Section(title, lines=[say("Nothing of this project.")])
    own = _trained(model.run) if model.run is not None else []
    others = [version for version in behind if model.run is None or version.pk != model.run.version_id]
    named_as = say("Also learned from") if own else say("Training set")
    return Section(title, [*own, *((named_as, f"{named(version)}, {version.content_hash}") for version in others)])


def _trained(run: TrainingRun) -> list[Fact]:
    made = run.result or {}
    return [
        (say("Training set"), named(run.version)),
        (say("Content hash"), run.version.content_hash),
        (say("Trained examples"), _count(made.get("train_rows"))),
        (say("Validation examples"), _count(made.get("validation_rows"))),
        (say("Cut by consent"), _count(made.get("truncated_rows"))),
    ]


def _count(value: object) -> str:
    return grouped(value) if isinstance(value, int) else say("not known")


def _people(model: ModelVersion) -> Section:
    title, behind = say("Who stands behind the data"), versions_behind(model)
    if not behind:
        return Section(title, lines=[say("Nobody here.")])
    found = Section(title)
    for version in behind:
        rows, lines = _people_of(version)
        found.rows.extend(rows)
        found.lines.extend(lines if len(behind) == 1 else [f"{named(version)}: {line}" for line in lines])
    return found


def _people_of(version: TrainingSetVersion) -> tuple[list[Fact], list[str]]:
    signing, shares = version_signing(version), reviewers_of(version)
    rows = [(str(row.signed_by), row.meaning) for row in signing.valid]
    stand = say("%(n)s of %(required)s signatures stand.", n=len(signing.valid), required=signing.required)
    return rows, [stand, *(_reviewer(share.name, share.examples, share.is_simulated) for share in shares)]


def _reviewer(name: str, examples: int, is_simulated: bool) -> str:
    if is_simulated:
        return say("%(name)s reviewed %(n)s examples (simulated).", name=name, n=grouped(examples))
    return say("%(name)s reviewed %(n)s examples.", name=name, n=grouped(examples))


def _method(model: ModelVersion) -> list[Section]:
    if model.merge is not None:
        return [_merged(model.merge)]
    if model.run is None:
        return []
    made = model.run.result or {}
    rows = [row for group in settings_of(run_config(model.run), made) for row in group.rows]
    loss = made.get("best_eval_loss")
    device = str((made.get("hardware") or {}).get("device") or say("not known"))
    rows += [
        (say("Steps"), _count(made.get("steps"))),
        (say("Best validation loss"), say("none") if loss is None else f"{loss:.3f}"),
        (say("Trained on"), device),
        (say("Hash of the settings"), model.run.config_hash),
    ]
    return [Section(say("How it was trained"), rows)]


def _merged(merge: ModelMerge) -> Section:
    config = merge.config
    rows = [(say("Method"), say("Merged by %(method)s, without training", method=config["method"]))]
    for part in merge.parts.select_related("model_version"):
        words = say(
            "model version %(number)s, weight %(weight)s, weights %(hash)s",
            number=part.model_version.number, weight=f"{part.weight:g}", hash=part.model_version.weights_sha256,
        )  # fmt: skip
        rows.append((part.model_version.label, words))
    rows += [
        (say("Rank"), str((merge.result or {}).get("rank") or say("not known"))),
        (say("Seed"), str(config["seed"])),
        (say("Hash of the settings"), merge.config_hash),
    ]
    return Section(say("How it was made"), rows, [say("How each part was trained stands on the card of that part.")])


def _judged(report: Report | None) -> Section:
    if report is None:
        return Section(say("What experts found"), lines=[say("No report decides about it yet.")])
    rows = [(say("Report"), named(report)), (say("Verdict"), say(report.get_verdict_display()))]
    for gate in report.data.get("gates", []):
        rows.append((str(gate.get("name") or gate.get("kind")), f"{gate['result']}. {gate['words']['sentence']}"))
    return Section(say("What experts found"), rows)


def _measured(model: ModelVersion) -> Section:
    """The newest generation run in which this model version answered; figures that no gate stands on alone."""
    runs = GenerationRun.objects.filter(candidate=model, result__isnull=False, **OF_BASE)
    run = runs.select_related("heldout_set").first()
    if run is None:
        return Section(say("What was measured"), lines=[say("It has not answered a held-out set yet.")])
    rows = [
        (say("Held-out set"), f"{run.heldout_set.name}, {run.heldout_set.content_hash}"),
        *(
            (say(row.metric.name), say("%(tuned)s; base %(base)s; n %(n)s", tuned=row.tuned, base=row.base, n=row.n))
            for row in figure_rows(run.metrics)
        ),
    ]
    return Section(say("What was measured"), rows)


def _suites(model: ModelVersion) -> Section:
    """Of every suite its newest figures, tuned beside base, with bounds; which suites were never run is said too."""
    runs = suites_measured(model.pk)
    rows = [
        (f"{say(section.suite.name)}: {row.name}", _figure(row))
        for key, run in sorted(runs.items())
        for section in sections_of({key: run.figures[key]})
        for row in section.rows
    ]
    measured_by = dict.fromkeys(
        say("%(run)s, against %(base)s.", run=named(run), base=run.baseline.label)
        for run in sorted(runs.values(), key=lambda run: run.number)
    )
    lines = [*measured_by, *([] if rows else [say("No suite was run.")])]
    missing = [say(suite.name) for key, suite in SUITES.items() if key not in runs]
    if rows and missing:
        lines.append(say("Not run: %(suites)s.", suites=", ".join(missing)))
    return Section(say("What suites found"), rows, lines)


def _figure(row: Row) -> str:
    """Tuned and base, the change with its bounds where there is one, n and what is missing."""
    base, tuned, change = row.cells
    bounded = change if change.value else tuned
    parts = [say("%(tuned)s; base %(base)s", tuned=tuned.value or "–", base=base.value or "–")]
    if change.value:
        parts.append(say("change %(change)s", change=change.value))
    if bounded.low or bounded.high:
        parts.append(say("%(low)s to %(high)s", low=bounded.low or "–", high=bounded.high or "–"))
    parts.append(say("n %(n)s", n=grouped(row.n)))
    if row.missing:
        parts.append(say("%(n)s missing", n=grouped(row.missing)))
    return "; ".join(parts)


def _limits(model: ModelVersion, report: Report | None) -> Section:
    lines = [say("Made for the task of its project; judged on its held-out set and on nothing else.")]
    if report is None:
        lines.append(say("Its answers were not judged by experts."))
    if not model.base_model.facts.get("licence"):
        lines.append(say("The licence of its base is not stated: find it out before it is passed on."))
    if model.merge is not None:
        lines.append(say("It was merged and not trained: what was found of its parts does not hold for it."))
    for version in versions_behind(model):
        lines += [line for line in _limits_of(version) if line not in lines]
    if model.run is not None and (model.run.result or {}).get("best_eval_loss") is None:
        lines.append(say("It was trained without validation."))
    return Section(say("Limits"), lines=lines)


def _limits_of(version: TrainingSetVersion) -> list[str]:
    shares = reviewers_of(version)
    simulated = sum(share.is_simulated for share in shares)
    lines = []
    if simulated:
        lines.append(say("%(n)s of %(all)s reviewers are simulated.", n=simulated, all=len(shares)))
    if not version_signing(version).is_complete:
        lines.append(say("Signatures of its training set were withdrawn or have expired since."))
    return lines


def _base(model: ModelVersion) -> Section:
    base, facts = model.base_model, model.base_model.facts
    rows = [
        (say("Name"), base.name),
        (say("Licence"), facts.get("licence") or say("not stated")),
        (say("Where from"), base.path if base.is_hub else Path(base.path).name),
        *([(say("Pinned commit"), base.revision)] if base.revision else []),
        (say("Architecture"), str(facts.get("architecture") or say("not known"))),
        (say("Parameters"), _count(facts.get("parameters"))),
        (say("Weights"), str(facts.get("weights_sha256") or say("not known"))),
        (say("Tokenizer"), str(facts.get("tokenizer_sha256") or say("not known"))),
    ]
    return Section(say("Its base model"), rows)


def _own(model: ModelVersion) -> Section:
    kind = say("Base and adapter") if model.adapter_path else say("Whole model")
    rows = [
        (say("Kind"), kind if model.adapter_path or model.model_path else say("Base model alone")),
        (say("Own weights"), model.weights_sha256 or say("none")),
        (say("Template"), model.template_sha256 or say("not recorded")),
    ]
    return Section(say("Its weights"), rows)


def _recalls(model: ModelVersion) -> Section:
    """Every hold that a recall ever put on it or on what it was made from, and what became of it."""
    lines = []
    for hold in standing.holds_ever(model):
        found = hold.decision
        decided = say("open") if found is None else f"{say(found.get_outcome_display())}. {found.words}".strip()
        kind, number = say(hold.get_kind_display()), hold.recall_number
        lines.append(say("Recall %(number)s, %(kind)s: %(decided)s", number=number, kind=kind, decided=decided))
    return Section(say("Recalls"), lines=lines or [say("No sample behind it was recalled.")])
