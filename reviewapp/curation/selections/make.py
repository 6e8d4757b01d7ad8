"""What a worker does to make a selection: read, score, compare, choose, and write the reason for each sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from reviewapp.core.exceptions import JobFailed
from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services
from reviewapp.curation.languages.mix import sized
from reviewapp.curation.learning.classifier import reason_unknown
from reviewapp.curation.learning.learned import UNCHANGED
from reviewapp.curation.meaning.build import index_ready
from reviewapp.curation.meaning.embedded import space_of
from reviewapp.curation.meaning.files import Vectors
from reviewapp.curation.models import Selection, SelectionEntry
from reviewapp.curation.selections import reasons
from reviewapp.curation.selections.asked import Config, Pin, golden_of
from reviewapp.curation.selections.choosing import POOL_MOST, Choice, Left, Pool, Quota, choose, pool_of
from reviewapp.curation.selections.figures import figures_of_selection
from reviewapp.curation.selections.material import (
    Columns,
    Pairs,
    columns_of,
    decided_of,
    duplicate_pairs,
    tags_of,
)
from reviewapp.curation.selections.quality import (
    Pulls,
    Reals,
    Usual,
    broken_pulls,
    default_scores,
    features_of,
    pulls_of,
    usual_of,
)
from reviewapp.curation.selections.quality_fit import quality_fit
from reviewapp.curation.selections.relevance import DIGITS, relevance_of
from reviewapp.projects.models import Project
from reviewapp.samples.models import ImportBatch, SampleGroup

PHASES = 5
_BLOCK = 5_000  # samples whose quality is worked out together
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of every row of the columns; ``relevance`` None without golden examples, ``golden`` their samples or 0."""

    quality: Reals
    pull: Callable[[int], Pulls | None]
    quality_facts: dict[str, Any]
    relevance: Reals | None
    golden: Ints
    vectors: Ints  # row of the index, -1 for none


def selection_make(selection: Selection, handle: JobHandle) -> None:
    """Makes the selection. Raises JobFailed when no sample comes into question, or none can be compared."""
    project, config = selection.project, Config.of_json(selection.config)

    def say(phase: int, text: str) -> None:
        handle.progress(phase, PHASES, text)
        handle.check_cancelled()

    index, number = index_ready(project, lambda text: say(0, text))
    columns = columns_of(project, config.scope, config.seed, lambda done: say(1, f"{done:,} texts read"))
    if not (columns.hard == "").any():
        raise JobFailed("No sample comes into question. Settle findings of high severity, or import more.")
    say(2, "Working out quality and relevance")
    space = space_of(project, index)
    scores = _scores(project, columns, space.vectors)
    fates = np.array(columns.hard)
    _limit(fates, columns, scores, config)
    pairs = duplicate_pairs(project, columns)
    rows = _pooled(_ordered(fates, columns, pairs), fates, columns, scores, config)
    pool = _pool(project, rows, columns, scores, space.vectors, config, pairs)
    choice = choose(pool, config.size, _spread(config, scores), lambda done: say(3, f"{done:,} samples chosen"))
    entries = _Entries(selection, columns, scores, fates, rows, choice, config, pairs)
    say(4, "Writing the reason for every sample")
    kept = [int(rows[one.row]) for one in choice.chosen]
    figures = figures_of_selection(
        columns, scores.quality, scores.relevance, space.vectors.vectors, scores.vectors, kept
    )
    services.selection_finish(
        selection=selection, entries=entries.made(project), figures=figures, quality=scores.quality_facts,
        index_number=number, vocabulary_hash=index.projection.vocabulary_hash,
        counts={**entries.counts(scores), "space": space.facts},
    )  # fmt: skip


# ---- scores


def _scores(project: Project, columns: Columns, index: Vectors) -> Scores:
    known = np.searchsorted(index.samples, columns.samples)
    known = np.minimum(known, max(0, len(index.samples) - 1))
    is_same = (index.samples[known] == columns.samples) & (index.revisions[known] == columns.revisions)
    vectors = np.where(is_same, known, -1).astype(np.int64)
    quality, pull, facts = _quality(project, columns)
    relevance, golden = _relevance(project, columns, index, vectors)
    return Scores(quality=quality, pull=pull, quality_facts=facts, relevance=relevance, golden=golden, vectors=vectors)


def _quality(project: Project, columns: Columns) -> tuple[Reals, Callable[[int], Pulls | None], dict[str, Any]]:
    """Scores, what pulls the score of a row, and what they were made of."""
    usual = usual_of(columns.figures[columns.hard == ""])
    decided = decided_of(project)
    is_good = np.array([one.outcome == UNCHANGED for one in decided.decisions], dtype=np.bool_)
    unknown = reason_unknown([one.outcome for one in decided.decisions])
    score, pulls = default_scores, broken_pulls
    facts: dict[str, Any] = {"kind": "default", "n": len(is_good), "unknown": unknown}
    if not unknown:
        groups = np.array([one.group for one in decided.decisions], dtype=np.int64)
        model = quality_fit(features_of(decided.figures, usual), is_good, groups)
        facts["unknown"] = model.reason_unused
        if not model.reason_unused:
            score, pulls = model.scores, lambda features: [pulls_of(one) for one in model.contributions(features)]
            facts = {"kind": "learned", "unknown": "", **model.facts}
    quality = np.zeros(len(columns.samples))
    for start in range(0, len(quality), _BLOCK):
        rows = start + np.flatnonzero(columns.hard[start : start + _BLOCK] == "")
        quality[rows] = np.round(score(features_of(columns.figures[rows].astype(np.float64), usual)), DIGITS)
    return quality, _pull(columns, usual, pulls), facts


def _pull(columns: Columns, usual: Usual, pulls: Callable[[Reals], list[Pulls]]) -> Callable[[int], Pulls | None]:
    """What pulls the score of a row; those of a block are worked out together, since rows are asked for in order."""

    @lru_cache(maxsize=1)
    def block(number: int) -> list[Pulls]:
        figures = columns.figures[number * _BLOCK : (number + 1) * _BLOCK]
        return pulls(features_of(figures.astype(np.float64), usual))

    return lambda row: None if columns.hard[row] else block(row // _BLOCK)[row % _BLOCK]


def _relevance(project: Project, columns: Columns, index: Vectors, vectors: Ints) -> tuple[Reals | None, Ints]:
    marked = list(golden_of(project).values_list("sample", flat=True))
    examples = [(sample, row) for sample in marked if (row := index.row_of(sample)) is not None]
    golden = np.zeros(len(columns.samples), dtype=np.int64)
    if not examples:
        return None, golden
    rows = np.flatnonzero((columns.hard == "") & (vectors >= 0))
    values, nearest = relevance_of(index.vectors, index.vectors[[row for _, row in examples]], vectors[rows])
    relevance = np.zeros(len(columns.samples))
    relevance[rows] = values
    golden[rows] = np.array([sample for sample, _ in examples], dtype=np.int64)[nearest]
    return relevance, golden


# ---- who comes into question


def _limit(fates: npt.NDArray[np.object_], columns: Columns, scores: Scores, config: Config) -> None:
    """Puts down the reason of those whom a person or a limit keeps out; a person's word comes first."""
    kept = {pin.sample for pin in config.keep}
    dropped = {pin.sample for pin in config.drop}
    for row in np.flatnonzero(fates == "").tolist():
        sample = int(columns.samples[row])
        if sample in dropped:
            fates[row] = reasons.BY_HAND
        elif scores.vectors[row] < 0:
            fates[row] = reasons.NOT_INDEXED
        elif sample in kept:
            continue
        elif config.least_quality is not None and scores.quality[row] < config.least_quality:
            fates[row] = reasons.POOR
        elif _is_irrelevant(row, scores, config):
            fates[row] = reasons.IRRELEVANT


def _is_irrelevant(row: int, scores: Scores, config: Config) -> bool:
    if config.least_relevance is None or scores.relevance is None:
        return False
    return bool(scores.relevance[row] < config.least_relevance)


def _ordered(fates: npt.NDArray[np.object_], columns: Columns, pairs: Pairs) -> Ints:
    """The rows in question in the order that settles ties: those first that no finding calls a duplicate of another."""
    rows = np.flatnonzero(fates == "")
    bearers = np.zeros(len(fates), dtype=np.bool_)
    bearers[[row for row, _ in pairs]] = True
    return np.asarray(rows[np.lexsort((columns.ties[rows], bearers[rows]))], dtype=np.int64)


def _pooled(rows: Ints, fates: npt.NDArray[np.object_], columns: Columns, scores: Scores, config: Config) -> Ints:
    """Those that are compared with each other; what is beyond has its reason."""
    pinned = set(_pinned(config, columns))
    best = pool_of(_values(config, scores, rows), [at for at, row in enumerate(rows.tolist()) if row in pinned])
    kept = rows[best]
    fates[np.setdiff1d(rows, kept)] = reasons.POOL
    return kept


def _spread(config: Config, scores: Scores) -> float:
    quality, relevance, distance = config.weights
    worth = quality + (relevance if scores.relevance is not None else 0)
    return distance / (worth + distance)


def _values(config: Config, scores: Scores, rows: Ints) -> Reals:
    """Quality and relevance in one figure 0..1, by their weights."""
    quality, relevance, _ = config.weights
    if scores.relevance is None or quality + relevance == 0:
        return scores.quality[rows]
    mixed = quality * scores.quality[rows] + relevance * scores.relevance[rows]
    return np.asarray(mixed / (quality + relevance))


def _pool(
    project: Project, rows: Ints, columns: Columns, scores: Scores, index: Vectors, config: Config, pairs: Pairs
) -> Pool:
    place = {int(row): n for n, row in enumerate(rows)}
    alike: dict[int, list[int]] = {}
    for one, other in pairs:
        if one in place and other in place:
            alike.setdefault(place[one], []).append(place[other])
            alike.setdefault(place[other], []).append(place[one])
    tags = tags_of(project) if "tag" in config.quotas else {}
    quotas = []
    for name, most in config.quotas.items():
        if name == "tag":
            values: list[tuple[Any, ...]] = [tags.get(int(columns.samples[row]), ()) for row in rows]
        else:
            values = [(value,) if value else () for value in columns.values[name][rows].tolist()]
        quotas.append(Quota(name, values, most))
    if config.mix:
        written = [(value,) for value in columns.values["language"][rows].tolist()]
        quotas.append(Quota("language", written, 0, sized(config.mix, config.size)))
    return Pool(
        vectors=index.vectors[scores.vectors[rows]], values=_values(config, scores, rows), duplicates=alike,
        quotas=quotas, pinned=[place[row] for row in _pinned(config, columns) if row in place],
    )  # fmt: skip


def _pinned(config: Config, columns: Columns) -> list[int]:
    found = [columns.row_of(pin.sample) for pin in config.keep]
    return [row for row in found if row is not None]


# ---- what is written


class _Entries:
    """The rows of the table, by sample."""

    def __init__(
        self, selection: Selection, columns: Columns, scores: Scores, fates: npt.NDArray[np.object_], rows: Ints,
        choice: Choice, config: Config, pairs: Pairs,
    ) -> None:  # fmt: skip
        self.selection, self.columns, self.scores, self.config = selection, columns, scores, config
        self.pairs, self.rows, self.fates = pairs, rows, fates
        self.chosen = {int(rows[one.row]): (place, one) for place, one in enumerate(choice.chosen, start=1)}
        self.left = {int(rows[row]): left for row, left in choice.left.items()}
        self.last = choice.chosen[-1].score if choice.chosen else 0.0
        self.by = {pin.sample: pin for pin in (*config.keep, *config.drop)}
        for row, left in self.left.items():
            fates[row] = left.reason
        keep = {pin.sample for pin in config.keep}
        for row in self.chosen:
            fates[row] = reasons.PINNED if int(columns.samples[row]) in keep else reasons.CHOSEN

    def counts(self, scores: Scores) -> dict[str, Any]:
        by_reason = Counter(self.fates.tolist())
        return {
            "samples": len(self.fates),
            "eligible": len(self.fates) - sum(by_reason[code] for code in reasons.HARD),
            "kept": len(self.chosen),
            "noise": sum(by_reason[code] for code in reasons.NOISE),
            "golden": len(set(scores.golden.tolist()) - {0}) if scores.relevance is not None else 0,
            "has_relevance": scores.relevance is not None,
            "reasons": {code: by_reason[code] for code in reasons.REASONS if by_reason[code]},
        }

    def made(self, project: Project) -> Iterator[SelectionEntry]:
        names = _names(project, self.left.values())
        for row in range(len(self.fates)):
            yield self._entry(row, names)

    def _entry(self, row: int, names: dict[tuple[str, Any], str]) -> SelectionEntry:
        columns, scores, reason = self.columns, self.scores, str(self.fates[row])
        is_hard, left = bool(columns.hard[row]), self.left.get(row)
        place, chosen = self.chosen.get(row, (None, None))
        other = int(self.rows[left.other]) if left is not None and left.other >= 0 else None
        distance = chosen.distance if chosen else left.distance if left else None
        return SelectionEntry(
            selection=self.selection,
            sample_id=int(columns.samples[row]),
            revision_id=int(columns.revisions[row]) or None,
            is_kept=chosen is not None,
            place=place,
            reason=reason,
            facts=self._facts(row, reason, left, other, names),
            other_id=int(columns.samples[other]) if other is not None else None,
            golden_id=int(scores.golden[row]) or None,
            quality=None if is_hard else float(scores.quality[row]),
            relevance=None if is_hard or scores.relevance is None else float(scores.relevance[row]),
            distance=distance,
        )

    def _facts(
        self, row: int, reason: str, left: Left | None, other: int | None, names: dict[tuple[str, Any], str]
    ) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if pulls := self.scores.pull(row):
            facts |= {name: list(keys) for name, keys in (("up", pulls.up), ("down", pulls.down)) if keys}
        if reason in (reasons.PINNED, reasons.BY_HAND):
            facts["by"] = self._pin(row).by
        elif reason == reasons.IRRELEVANT:
            facts["limit"] = self.config.least_relevance
        elif reason == reasons.POOR:
            facts["limit"] = self.config.least_quality
        elif reason == reasons.POOL:
            facts["most"] = POOL_MOST
        elif left is not None:
            facts |= self._left_facts(row, left, other, names)
        return facts

    def _left_facts(self, row: int, left: Left, other: int | None, names: dict[tuple[str, Any], str]) -> dict[str, Any]:
        if left.reason == reasons.QUOTA:
            value = names.get((left.quota, left.value), str(left.value))
            return {"quota": left.quota, "value": value or "–", "most": self._most(left)}
        if left.reason == reasons.DUPLICATE and other is not None:
            return {"kind": self.pairs.get((row, other)) or self.pairs.get((other, row), "")}
        return {"size": len(self.chosen), "score": left.score, "last": self.last}

    def _most(self, left: Left) -> int:
        mix = self.config.mix if left.quota == "language" else {}
        of_mix = sized(mix, self.config.size).get(left.value, 0) if mix else None
        quota = self.config.quotas.get(left.quota)
        return min(most for most in (of_mix, quota) if most is not None)

    def _pin(self, row: int) -> Pin:
        return self.by[int(self.columns.samples[row])]


def _names(project: Project, left: Any) -> dict[tuple[str, Any], str]:
    """What people call the groups and imports whose quota was full."""
    full = {(one.quota, one.value) for one in left if one.reason == reasons.QUOTA}
    groups = [value for quota, value in full if quota == "group"]
    names: dict[tuple[str, Any], str] = {}
    for start in range(0, len(groups), 5_000):
        some = SampleGroup.objects.filter(pk__in=groups[start : start + 5_000])
        names |= {("group", pk): key for pk, key in some.values_list("pk", "key")}
    batches = ImportBatch.objects.filter(pk__in=[value for quota, value in full if quota == "batch"])
    return names | {("batch", pk): name for pk, name in batches.values_list("pk", "file_name")}
