"""What the pages of labelling functions show: rows with figures, a matrix, examples, the label model, a trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from reviewapp.curation.models import LabellingAnswer, LabellingFunction, LabellingRun, LabellingVote
from reviewapp.curation.programmatic import asked, reasons
from reviewapp.curation.programmatic.conditions import (
    COMPARE,
    LENGTH,
    LINE,
    Condition,
    ConditionInvalid,
    Matcher,
    TooSlow,
)
from reviewapp.curation.programmatic.forms import OPERATOR_NAMES, UNIT_NAMES
from reviewapp.curation.showing import Passage, passage
from reviewapp.labelling.rules import KEYWORD, PATTERN
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.words import figure_said, grouped

TRIED, TRIED_SECONDS, EXAMPLES = 100, 2.0, 8
HANDED_ON = 1_000  # samples that a list hands to an act on many
FIRES, OTHERS, EXPERTS = "fires", "others", "experts"
WRONG, CONFLICTS, UNCOVERED, UNSURE, ALL = "wrong", "conflicts", "uncovered", "unsure", "all"
TABS = (WRONG, CONFLICTS, UNSURE, UNCOVERED, ALL)


def condition_words(values: Mapping[str, Any] | None) -> str:
    """When a function fires, for a person; empty for a Python file, which only its author knows."""
    if values is None:
        return ""
    kind = values["kind"]
    if kind == KEYWORD or (kind == LINE and values["unit"] == KEYWORD):
        return _("words: %(text)s") % {"text": values["text"]}
    if kind in (PATTERN, LINE):
        return _("pattern: %(text)s") % {"text": values["text"]}
    if kind == LENGTH:
        return _length_words(values)
    if kind == COMPARE:
        return f"{values['column']} {_(OPERATOR_NAMES[values['operator']])} {values['value']}".strip()
    return _("score of %(source)s at least %(least)s") % {
        "source": _("the learned model") if values["source"] == "learned" else values["source"],
        "least": figure_said(f"{values['at_least']:.2f}"),
    }


def _length_words(values: Mapping[str, Any]) -> str:
    given = {"least": grouped(values["least"] or 0), "most": grouped(values["most"] or 0)}
    unit = _(UNIT_NAMES[values["unit"]])
    if values["most"] is None:
        return _("%(least)s %(unit)s or more") % {"least": given["least"], "unit": unit}
    return _("%(least)s to %(most)s %(unit)s") % {**given, "unit": unit}


@dataclass(frozen=True, kw_only=True)
class FunctionRow:
    """One function of the list. ``place`` in the run whose ``figures`` these are; None where it took no part so."""

    name: str
    origin: str
    target: str
    when: str
    function: LabellingFunction | None = None
    version: int | None = None
    digest: str = ""
    place: int | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    n: int = 0
    estimated: float | None = None
    stopped: str = ""

    @property
    def is_on(self) -> bool:
        return self.function is None or self.function.is_on

    def _share(self, name: str) -> float | None:
        return self.figures[name] / self.n if self.figures and self.n else None

    @property
    def coverage(self) -> float | None:
        return self._share("fires")

    @property
    def overlap(self) -> float | None:
        return self._share("overlaps")

    @property
    def conflict(self) -> float | None:
        return self._share("conflicts")


def function_rows(project: Project, of: asked.Field, run: LabellingRun | None) -> list[FunctionRow]:
    """All functions as they are now, with the figures of a run for those that it ran just so."""
    declared = asked.functions_declared(project, of)
    off = [one for one in asked.functions_of(project, of.key) if not one.is_on]
    by_pk = {one.pk: one for one in asked.functions_of(project, of.key)}
    for one in off:
        version = one.versions.all()[0]
        declared.append(
            {
                "name": one.name, "origin": asked.BROWSER, "function": one.pk, "number": version.number,
                "target": version.target, "condition": version.condition, "hash": version.content_hash,
            }
        )  # fmt: skip
    ran = run.functions if run else []
    declared += [one for one in ran if one["origin"] == asked.FILE]
    names = asked.class_names(of.version, of.key, [one["target"] for one in declared])
    place_of = {_key(one): place for place, one in enumerate(ran)}
    return [_row(one, names, by_pk.get(one["function"]), run, place_of.get(_key(one))) for one in declared]


def _key(one: Mapping[str, Any]) -> tuple[object, ...]:
    """What makes a function of a run the function of now: the same origin, name or row, and content."""
    return one["origin"], one["function"] or one["name"], one["hash"]


def _row(
    one: Mapping[str, Any],
    names: Mapping[str, str],
    function: LabellingFunction | None,
    run: LabellingRun | None,
    place: int | None,
) -> FunctionRow:
    row = {
        "name": one["name"], "origin": one["origin"], "target": names.get(one["target"], one["target"]),
        "when": condition_words(one["condition"]), "function": function, "version": one["number"],
        "digest": one["hash"],
    }  # fmt: skip
    if run is None or place is None:
        return FunctionRow(**row)
    return FunctionRow(
        **row, place=place, n=run.figures["n"], figures=run.figures["functions"][place],
        estimated=run.figures["estimated"][place], stopped=stopped_of(run, place),
    )  # fmt: skip


def rows_of_run(run: LabellingRun) -> list[FunctionRow]:
    """The functions as a run had them."""
    names = asked.class_names(run.schema_version, run.field, [one["target"] for one in run.functions])
    return [_row(one, names, None, run, place) for place, one in enumerate(run.functions)]


def stopped_of(run: LabellingRun, place: int) -> str:
    """Why a function took no part, as a sentence; empty where it did."""
    why = run.stopped.get(str(place))
    if why is None:
        return ""
    return reasons.stopped_words(run.functions[place]["name"], why["code"], why["detail"], why["sample"])


def stopped_all(run: LabellingRun) -> list[str]:
    return [stopped_of(run, int(place)) for place in sorted(run.stopped, key=int)]


@dataclass(frozen=True)
class Cell:
    """Samples where both functions fire, those where they differ, and how dark that share is: 0 to 4."""

    both: int
    differ: int
    is_self: bool

    @property
    def level(self) -> int:
        return 0 if not self.differ else min(4, 1 + int(3.999 * self.differ / self.both))


def matrix(run: LabellingRun) -> list[tuple[str, list[Cell]]]:
    """Function by function, how often two fire together and differ; without those that were stopped."""
    kept = [place for place in range(len(run.functions)) if str(place) not in run.stopped]
    pairs = run.figures["pairs"]
    return [(run.functions[i]["name"], [Cell(pairs[i][j][0], pairs[i][j][1], i == j) for j in kept]) for i in kept]


@dataclass(frozen=True)
class MethodRow:
    """How well one way of making a label of the votes does, against experts' labels."""

    name: str
    answered: int
    share: float
    accuracy: Mapping[str, Any]


def method_rows(run: LabellingRun) -> list[MethodRow]:
    figures = run.figures
    n = figures["n"] or 1
    named = (
        (_("Majority of votes"), "majority"),
        (_("Label model, where the majority is clear"), "model_clear"),
        (_("Label model (Dawid and Skene)"), "model"),
    )
    return [
        MethodRow(name, figures[key]["answered"], figures[key]["answered"] / n, figures[key]["accuracy"])
        for name, key in named
    ]


def class_rows(run: LabellingRun) -> list[tuple[str, int, float]]:
    """Class by name, samples that the label model gives it, and the share that it reckons with."""
    names = asked.class_names(run.schema_version, run.field, run.figures["classes"])
    counts = run.figures["of_class"]
    shares = run.figures["model"]["shares"]
    found = zip(run.figures["classes"], counts, shares, strict=True)
    return sorted(((names.get(key, key), n, share) for key, n, share in found), key=lambda row: -row[1])


# ---- samples of a run


def answers_of(run: LabellingRun, tab: str, words: str = "") -> QuerySet[LabellingAnswer]:
    """The answers of one tab, those to look at first first."""
    found = LabellingAnswer.objects.filter(run=run).select_related("sample", "revision")
    if words:
        found = found.filter(sample__external_id__icontains=words)
    if tab == WRONG:
        return found.exclude(expert="").exclude(model="").exclude(expert=F("model")).order_by("-chance", "sample")
    if tab == CONFLICTS:
        return found.filter(is_conflict=True).order_by("chance", "sample")
    if tab == UNSURE:
        return found.filter(expert="").exclude(model="").order_by("chance", "sample")
    if tab == UNCOVERED:
        return found.filter(fired=0).order_by("sample")
    return found.order_by("sample")


def tab_counts(run: LabellingRun) -> dict[str, int]:
    """How many each tab shows without a search; one query."""
    unsure, wrong = Q(expert="") & ~Q(model=""), ~Q(expert="") & ~Q(model="") & ~Q(expert=F("model"))
    found: dict[str, int] = LabellingAnswer.objects.filter(run=run).aggregate(
        wrong=Count("pk", filter=wrong), conflicts=Count("pk", filter=Q(is_conflict=True)), all=Count("pk"),
        unsure=Count("pk", filter=unsure), uncovered=Count("pk", filter=Q(fired=0)),
    )  # fmt: skip
    return found


def votes_of(run: LabellingRun, place: int, tab: str) -> QuerySet[LabellingVote]:
    """Where a function fires; where others vote differently; where experts say something else."""
    found = LabellingVote.objects.filter(run=run, place=place).select_related("sample")
    if tab == OTHERS:
        others = LabellingVote.objects.filter(run=run, sample=OuterRef("sample")).exclude(label=OuterRef("label"))
        return found.filter(Exists(others)).order_by("sample")
    if tab == EXPERTS:
        answers = LabellingAnswer.objects.filter(run=run, sample=OuterRef("sample")).exclude(expert="")
        return found.filter(Exists(answers.filter(~Q(expert=OuterRef("label"))))).order_by("sample")
    return found.order_by("sample")


@dataclass(frozen=True)
class AnswerRow:
    """One sample with everything that was said of it, classes by name."""

    answer: LabellingAnswer
    passage: Passage
    model: str
    majority: str
    expert: str
    votes: list[tuple[str, str, bool]]  # function, class, whether it is what experts chose (or experts chose nothing)
    label: str = ""

    @property
    def is_wrong(self) -> bool:
        return bool(self.answer.expert and self.answer.model and self.answer.expert != self.answer.model)


def answer_rows(run: LabellingRun, answers: Sequence[LabellingAnswer]) -> list[AnswerRow]:
    """Two queries, however many."""
    return _rows(run, answers, {})


def vote_rows(run: LabellingRun, votes: Sequence[LabellingVote]) -> list[AnswerRow]:
    """As answers, with the place in the prompt where the function fired. Three queries."""
    answers = LabellingAnswer.objects.filter(run=run, sample__in=[vote.sample_id for vote in votes])
    by_sample = {answer.sample_id: answer for answer in answers.select_related("sample", "revision")}
    return _rows(run, [by_sample[vote.sample_id] for vote in votes], {vote.sample_id: vote for vote in votes})


def _rows(run: LabellingRun, answers: Sequence[LabellingAnswer], mine: Mapping[int, LabellingVote]) -> list[AnswerRow]:
    votes = LabellingVote.objects.filter(run=run, sample__in=[answer.sample_id for answer in answers])
    by_sample: dict[int, list[LabellingVote]] = {}
    for vote in votes.order_by("place"):
        by_sample.setdefault(vote.sample_id, []).append(vote)
    keys = {one.label for one in votes} | {key for a in answers for key in (a.model, a.majority, a.expert)}
    names = asked.class_names(run.schema_version, run.field, keys)
    return [_answer_row(run, answer, by_sample.get(answer.sample_id, []), mine, names) for answer in answers]


def _answer_row(
    run: LabellingRun,
    answer: LabellingAnswer,
    votes: Iterable[LabellingVote],
    mine: Mapping[int, LabellingVote],
    names: Mapping[str, str],
) -> AnswerRow:
    vote = mine.get(answer.sample_id)
    place = (vote.start, vote.end) if vote is not None and vote.end else (None, None)
    said = [
        (run.functions[one.place]["name"], names.get(one.label, one.label), answer.expert in ("", one.label))
        for one in votes
        if vote is None or one.place != vote.place
    ]
    return AnswerRow(
        answer, passage(answer.revision.prompt, *place), names.get(answer.model, answer.model),
        names.get(answer.majority, answer.majority), names.get(answer.expert, answer.expert), said,
        names.get(vote.label, vote.label) if vote is not None else "",
    )  # fmt: skip


def ids_handed_on(found: QuerySet[LabellingAnswer]) -> str:
    """The first HANDED_ON samples of a list that nobody settled, for an act on many."""
    settled = (Sample.State.ACCEPTED, Sample.State.REJECTED)
    keys = found.exclude(sample__state__in=settled).values_list("sample", flat=True)[:HANDED_ON]
    return ",".join(map(str, keys))


# ---- the trial


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a condition does on up to TRIED samples, before it is saved. ``judged`` of those have experts' labels."""

    n: int
    fires: int
    judged: int
    right: int
    rows: list[tuple[Sample, Passage, str]]  # the sample, where it fires, what experts chose
    problem: str = ""


def trial_of(project: Project, of: asked.Field, name: str, target: str, condition: Condition) -> Trial:
    """The same samples every time, in the order of their row hashes. Three queries, four for a score."""
    samples = list(asked.samples_asked(project).select_related("revision").order_by("row_hash")[:TRIED])
    sources = asked.sources_asked([{"condition": condition.as_json()}])
    materials = asked.materials_of(samples, of.key, of.version.schema_id, sources)
    hits: list[tuple[Sample, Passage, str]] = []
    problem, at_sample = "", ""
    try:
        matcher = Matcher(condition, target, spare=TRIED_SECONDS)
        for sample, material in zip(samples, materials, strict=True):
            at_sample = sample.external_id
            at = matcher.find(material)
            if at is not None:
                start, end = at if at[1] else (None, None)
                hits.append((sample, passage(material.prompt, start, end), expert_of(sample, of.key)))
    except ConditionInvalid as error:
        problem = str(error)
    except TooSlow as slow:
        code = reasons.SLOW if slow.is_one else reasons.SLOW_ALL
        problem = reasons.stopped_words(name, code, f"{slow.seconds:g}", at_sample)
    judged = [chosen for _sample, _passage, chosen in hits if chosen]
    right = sum(chosen == target for chosen in judged)
    names = asked.class_names(of.version, of.key, judged)
    rows = [(sample, where, names.get(chosen, chosen)) for sample, where, chosen in hits[:EXAMPLES]]
    return Trial(n=len(samples), fires=len(hits), judged=len(judged), right=right, rows=rows, problem=problem)


def expert_of(sample: Sample, of: str) -> str:
    """The class that experts chose for an accepted sample; empty where they have not."""
    labels = sample.revision.labels if sample.revision and sample.state == Sample.State.ACCEPTED else None
    chosen = (labels or {}).get("fields", {}).get(of, {}).get("chosen") or []
    return str(chosen[0]["key"]) if chosen else ""


def columns_of(project: Project) -> list[str]:
    """Names of fields that samples brought from the import, by a look at some of them."""
    found: dict[str, None] = {}
    for metadata in Sample.objects.filter(project=project).values_list("metadata", flat=True)[:50]:
        found |= dict.fromkeys(metadata if isinstance(metadata, dict) else ())
    return [*found, "language"][:60]
