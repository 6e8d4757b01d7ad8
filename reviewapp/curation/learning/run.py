"""What a worker does to learn: decisions to vectors, a classifier, scores of what waits for review."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from django.db.models.functions import Length

from reviewapp.curation import services
from reviewapp.curation.learning.classifier import (
    Classifier,
    auc,
    brier,
    classes_kept,
    features_of,
    k_center,
    learn,
    reason_unknown,
    uncertainty,
)
from reviewapp.curation.learning.learned import CHANGED, UNCHANGED, Decision, decisions_of, random_place, target_of
from reviewapp.curation.meaning.build import index_ready
from reviewapp.curation.meaning.files import Index
from reviewapp.curation.meaning.fit import vectors_of
from reviewapp.curation.meaning.vectors import Floats, text_of
from reviewapp.curation.models import LearnedModel, LearnedScore
from reviewapp.samples.models import NOT_QUEUED, Sample

DIVERSE_MOST = 1_000  # places of the order that covers the texts; the rest have none
Say = Callable[[str], None]


def learning_make(model: LearnedModel, say: Say) -> None:
    """Learns for the row ``model``, or writes why there is too little to learn from."""
    project = model.project
    target = target_of(project)
    decisions = decisions_of(project, target)
    unknown = reason_unknown([one.outcome for one in decisions])
    if unknown:
        services.learning_finish(model=model, target=target, n=len(decisions), unknown=unknown)
        return
    index, number = index_ready(project, say)
    kept = classes_kept([one.outcome for one in decisions])
    decisions = [one for one in decisions if one.outcome in kept]
    classes = [CHANGED, UNCHANGED] if target == UNCHANGED else kept
    vectors = vectors_of(index.projection, [text_of(one.prompt, one.completion) for one in decisions])
    outcomes = np.array([classes.index(one.outcome) for one in decisions])
    lengths = np.array([[len(one.prompt), len(one.completion)] for one in decisions])
    groups = np.array([one.group for one in decisions])
    say(f"Learning from {len(decisions):,} decisions")
    known = learn(features_of(vectors, lengths), outcomes, groups, len(classes))
    counts = {name: int((outcomes == place).sum()) for place, name in enumerate(classes)}
    services.learning_finish(
        model=model, scores=_scores(model, index, known.classifier, vectors), target=target, classes=classes,
        counts=counts, n=len(decisions), auc=known.auc, brier=known.brier, index_number=number,
        temperature=known.classifier.temperature, **_measured_at_random(decisions, target, classes),
    )  # fmt: skip


def _scores(model: LearnedModel, index: Index, classifier: Classifier, done: Floats) -> list[LearnedScore]:
    """Of every sample in the queue that the index has."""
    waiting = Sample.objects.filter(project=model.project, queue_place__gt=NOT_QUEUED).order_by("pk")
    facts = waiting.values_list("pk", "row_hash", Length("revision__prompt"), Length("revision__completion"))
    rows = [(row, *each) for each in facts if (row := index.row_of(each[0])) is not None]
    if not rows:
        return []
    vectors = index.vectors[[each[0] for each in rows]]
    said = classifier.probabilities(features_of(vectors, np.array([each[3:] for each in rows])))
    places = {row: place for place, row in enumerate(k_center(vectors, done, DIVERSE_MOST))}
    least, margin, entropy = uncertainty(said)
    return [
        LearnedScore(
            sample_id=pk, model=model, probabilities=[round(float(one), 9) for one in said[n]],
            least_confident=least[n], margin=margin[n], entropy=entropy[n], diverse_place=places.get(n),
            is_random=random_place(row_hash, model.random_percent) is not None,
        )
        for n, (_, pk, row_hash, _, _) in enumerate(rows)
    ]  # fmt: skip


def _measured_at_random(decisions: Sequence[Decision], target: str, classes: list[str]) -> dict[str, Any]:
    """How well earlier models foretold the samples that were handed out at random: nothing chose them."""
    outcome_of = {one.sample: one.outcome for one in decisions}
    rows = LearnedScore.objects.filter(sample__in=list(outcome_of), is_random=True, model__target=target)
    alike = [score for score in rows.select_related("model") if score.model.classes == classes]
    if not alike:
        return {"random_n": 0, "random_auc": None, "random_brier": None}
    said = np.array([score.probabilities for score in alike])
    outcomes = np.array([classes.index(outcome_of[score.sample_id]) for score in alike])
    return {"random_n": len(alike), "random_auc": auc(said, outcomes), "random_brier": brier(said, outcomes)}
