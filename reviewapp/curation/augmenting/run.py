"""What a worker does for synthetic samples: writes the texts of a recipe, checks each, and measures the whole."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Count

from reviewapp.core.jobs import JobHandle
from reviewapp.curation import services
from reviewapp.curation.augmenting import noise
from reviewapp.curation.augmenting.facts import Pair, problem_of
from reviewapp.curation.augmenting.measuring import similarity_of, spread_of, variety_of
from reviewapp.curation.augmenting.reasons import KEPT
from reviewapp.curation.augmenting.rewording import reworded, templates_read
from reviewapp.curation.checks import benchmark_overlap, heldout_overlap
from reviewapp.curation.checks.finding import Corpus, Item
from reviewapp.curation.contamination.benchmarks import benchmarks_declared
from reviewapp.curation.duplicates.clusters import near_limit
from reviewapp.curation.language import language_of
from reviewapp.curation.minhash import layout_for, pairs_between, sketches_of
from reviewapp.curation.models import Augmentation, SyntheticText
from reviewapp.curation.tokens import form_hash
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample

Make = Callable[[SyntheticText], Pair]
_AT_ONCE = 50


def texts_write(augmentation: Augmentation, handle: JobHandle) -> None:
    """Writes the texts of templates or noise that are not written yet, some at a time; then measures."""
    services.parents_begin(augmentation=augmentation)
    make = _maker(augmentation.recipe)
    total, waiting = augmentation.texts.count(), _waiting(augmentation)
    done = total - len(waiting)
    for start in range(0, len(waiting), _AT_ONCE):
        handle.progress(done + start, total, f"{done + start:,} of {total:,} texts")
        handle.check_cancelled()
        texts_check(waiting[start : start + _AT_ONCE], make)
    texts_measure(augmentation, handle)


def _waiting(augmentation: Augmentation) -> list[SyntheticText]:
    return list(augmentation.texts.filter(outcome="").select_related("parent", "parent_revision"))


def _maker(recipe: dict[str, Any]) -> Make:
    """What makes a text of its parent; the same recipe and parent make the same text."""
    templates = templates_read(recipe["templates"]) if recipe["kind"] == Augmentation.Kind.TEMPLATES else []

    def make(text: SyntheticText) -> Pair:
        parent = text.parent_revision
        rng = random.Random(f"{recipe['seed']}:{text.parent.row_hash}:{text.variant}")  # noqa: S311 - no secret
        if templates:
            return Pair(reworded(parent.prompt, templates, rng), parent.completion)
        spoken = noise.FILLERS.get(text.parent.language[:2], noise.FILLERS["en"])
        fillers = [word for word in recipe["fillers"] if word in spoken] or spoken
        return Pair(noise.noisy(parent.prompt, recipe["rates"], rng, fillers), parent.completion)

    return make


def texts_check(texts: Sequence[SyntheticText], make: Make) -> None:
    """Makes and checks some texts and keeps them, with the reason where one is dropped."""
    for text in texts:
        parent, made = Pair(text.parent_revision.prompt, text.parent_revision.completion), make(text)
        text.prompt, text.completion = made.prompt, made.completion
        text.outcome = problem_of(parent, made) or _other_language(parent, made) or KEPT
    services.texts_keep(texts=texts)


def _other_language(parent: Pair, made: Pair) -> str:
    pairs = ((parent.prompt, made.prompt), (parent.completion, made.completion))
    found = [(language_of(old), language_of(new)) for old, new in pairs if old != new]
    return "language" if any(old and new and old != new for old, new in found) else ""


# ---- the whole


def texts_measure(augmentation: Augmentation, handle: JobHandle) -> None:
    """Drops what is there already or overlaps with what is held out, measures the rest, and finishes the preview."""
    handle.progress(0, message="Comparing with all samples")
    handle.check_cancelled()
    kept = list(augmentation.texts.filter(outcome=KEPT).select_related("parent", "parent_revision"))
    limit = near_limit(augmentation.project)
    _pool_compare(augmentation.project, kept, limit)
    _heldout_compare(augmentation.project, kept)
    for text in kept:
        text.similarity = similarity_of(_joined(text), _joined(text.parent_revision))
    services.texts_keep(texts=kept, fields=["outcome", "similarity", "near"])
    services.augmentation_planned(augmentation=augmentation, plan=_plan(augmentation, kept, limit))


def _joined(pair: Any) -> str:
    return f"{pair.prompt}\n{pair.completion}"


def _pool_compare(project: Project, texts: Sequence[SyntheticText], limit: float) -> None:
    """Texts that are there already, in the pool or before it in the list, are dropped; near ones get their sample."""
    layout = layout_for(limit)
    keys: list[tuple[int, int]] = []
    forms: set[int] = set()

    def read() -> Iterator[str]:
        for pk, group, text in _pool(project):
            keys.append((pk, group))
            forms.add(form_hash(text))
            yield text

    pool = sketches_of(read(), layout)
    for text in texts:
        form = form_hash(_joined(text))
        parent = form_hash(_joined(text.parent_revision))
        if form in forms and form != parent:
            text.outcome = "duplicate"
        forms.add(form)
    seen: defaultdict[int, set[str]] = defaultdict(set)
    for text in texts:  # noise in case and white space leaves the form as it is: such variants are told apart exactly
        if _joined(text) in seen[text.parent_id]:
            text.outcome = "duplicate"
        seen[text.parent_id].add(_joined(text))
    pairs = pairs_between(sketches_of(map(_joined, texts), layout), pool, limit)
    for a, b in zip(pairs.a.tolist(), pairs.b.tolist(), strict=True):
        if keys[b][1] != texts[a].parent.group_id:
            texts[a].near_id = keys[b][0]


def _pool(project: Project) -> Iterator[tuple[int, int, str]]:
    found = Sample.objects.filter(project=project, revision__isnull=False).exclude(state=Sample.State.REJECTED)
    rows = found.order_by("pk").values_list("pk", "group_id", "revision__prompt", "revision__completion")
    for pk, group, prompt, completion in rows.iterator(chunk_size=1_000):
        yield pk, group, f"{prompt}\n{completion}"


def _heldout_compare(project: Project, texts: Sequence[SyntheticText]) -> None:
    """What overlaps with a held-out prompt or a declared benchmark could never be signed."""
    held = list(HeldoutPrompt.objects.filter(heldout_set__project=project).order_by("pk").values_list("pk", "prompt"))
    items = [Item(key=at, prompt=text.prompt, completion=text.completion) for at, text in enumerate(texts)]
    corpus = Corpus(items=items, heldout=held, benchmarks=benchmarks_declared(project))
    for draft in [*heldout_overlap.check(corpus), *benchmark_overlap.check(corpus)]:
        texts[draft.key].outcome = "heldout"


def _plan(augmentation: Augmentation, texts: Sequence[SyntheticText], limit: float) -> dict[str, Any]:
    kept = [text for text in texts if text.outcome == KEPT]
    parents = {text.parent_id: _joined(text.parent_revision) for text in kept}
    before = list(parents.values())
    outcomes = Counter(dict(augmentation.texts.order_by().values_list("outcome").annotate(n=Count("pk"))))
    similar = [text.similarity or 0.0 for text in kept]
    return {
        "n": len(kept),
        "asked": outcomes.total(),
        "parents": len(parents),
        "dropped": {reason: n for reason, n in outcomes.most_common() if reason != KEPT},
        "limit": limit,
        "similarity": spread_of(similar),
        "near_parent": sum(value >= limit for value in similar),
        "near_others": sum(text.near_id is not None for text in kept),
        "variety_before": variety_of(before),
        "variety_after": variety_of([*before, *map(_joined, kept)]),
        "chars": sum(len(_joined(text)) for text in kept),
    }
