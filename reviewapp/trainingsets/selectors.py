"""What a version would hold, what it holds, and whether it may train. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Max, Q, QuerySet

from reviewapp.curation.models import Finding
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Revision, Sample
from reviewapp.trainingsets import freezing
from reviewapp.trainingsets.models import Example, Preview, Signature, TrainingSet, TrainingSetVersion

State = Sample.State

# Reasons in the order in which they are asked; a sample is counted under the first that holds.
OUTSIDE = "Outside the filters"
REJECTED = "Rejected in review"
IN_REVIEW = "Still in review"
NOT_REVIEWED = "Not reviewed yet"
HELD_OUT = "Descends from a held-out prompt"
NO_COMPLETION = "No prompt or completion"
OPEN_FINDINGS = "Open high findings"
HELD_OUT_GROUP = "Same group as a held-out prompt"
BY_HAND = "Taken out by hand"
_BY_STATE = {
    State.REJECTED: REJECTED,
    State.IN_REVIEW: IN_REVIEW,
    State.ADJUDICATE: IN_REVIEW,
    State.RETURNED: IN_REVIEW,
    State.IMPORTED: NOT_REVIEWED,
    State.READY: NOT_REVIEWED,
}
REASONS = (OUTSIDE, REJECTED, IN_REVIEW, NOT_REVIEWED, HELD_OUT, NO_COMPLETION, OPEN_FINDINGS, HELD_OUT_GROUP, BY_HAND)
FIXED = frozenset({Revision.Reason.FIX, Revision.Reason.ADJUDICATION, Revision.Reason.FINDING})


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """One sample that a version takes in, with the revision that was accepted."""

    sample_id: int
    external_id: str
    group: str
    origin: str
    revision_id: int
    revision_hash: str
    revision_reason: str
    prompt: str
    completion: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """``len(chosen) + left_out_count == total``: every sample of the project is in one of the two."""

    total: int
    chosen: list[Chosen]
    left_out: dict[str, int]

    @property
    def left_out_count(self) -> int:
        return sum(self.left_out.values())


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A draft as it would be frozen now; ``problem`` says why it cannot be, and is empty when it can."""

    selection: Selection
    splits: dict[str, freezing.Split] = field(default_factory=dict)
    lines: list[freezing.Line] = field(default_factory=list)
    content: freezing.Content | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """Whether a version may train; ``reason`` is a sentence and empty when it may."""

    is_ok: bool
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Who signed the present content. ``valid`` holds the last row of each person that was not withdrawn."""

    required: int
    valid: list[Signature]
    withdrawn: list[Signature]

    @property
    def missing(self) -> int:
        return max(0, self.required - len(self.valid))

    @property
    def is_complete(self) -> bool:
        return self.missing == 0


# ---- lists


def versions_of(project: Project) -> QuerySet[TrainingSetVersion]:
    """All versions of a project by set, the newest first, with their signatures."""
    return (
        TrainingSetVersion.objects.filter(training_set__project=project)
        .select_related("training_set__project", "drafted_by", "frozen_by")
        .prefetch_related("signatures__signed_by")
        .order_by("training_set__name", "-number")
    )


def version_in(project: Project, pk: int) -> TrainingSetVersion:
    """The version with this key in this project; raises TrainingSetVersion.DoesNotExist."""
    return TrainingSetVersion.objects.select_related("training_set__project", "drafted_by", "frozen_by").get(
        pk=pk, training_set__project=project
    )


def number_next(training_set: TrainingSet) -> int:
    return (training_set.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def version_before(version: TrainingSetVersion) -> TrainingSetVersion | None:
    """The newest frozen version of the same training set with a lower number."""
    return (
        TrainingSetVersion.objects.filter(
            training_set=version.training_set, number__lt=version.number, state=TrainingSetVersion.State.FROZEN
        )
        .order_by("-number")
        .first()
    )


# ---- drafts


def samples_selected(version: TrainingSetVersion) -> Selection:
    """Every sample of the project, taken in or left out for one reason."""
    project = version.training_set.project
    flagged = set(_open_high(project).values_list("sample_id", flat=True))
    held_groups = set(HeldoutPrompt.objects.filter(heldout_set__project=project).values_list("group_id", flat=True))
    by_hand = {entry["sample"] for entry in version.excluded}
    chosen: list[Chosen] = []
    left_out: Counter[str] = Counter()
    total = 0
    for sample in _candidates(project):
        total += 1
        reason = _reason(sample, version.filters, flagged, held_groups, by_hand)
        if reason:
            left_out[reason] += 1
        else:
            chosen.append(_chosen(sample))
    return Selection(total=total, chosen=chosen, left_out={name: left_out[name] for name in REASONS if left_out[name]})


def _open_high(project: Project) -> QuerySet[Finding]:
    return Finding.objects.filter(
        sample__project=project,
        severity=Finding.Severity.HIGH,
        state=Finding.State.OPEN,
        revision=F("sample__revision"),
    )


def _candidates(project: Project) -> Iterator[Sample]:
    return (
        Sample.objects.filter(project=project)
        .select_related("group", "revision")
        .order_by("external_id")
        .iterator(chunk_size=2000)
    )


def _reason(
    sample: Sample, filters: dict[str, Any], flagged: set[int], held_groups: set[int], by_hand: set[int]
) -> str:
    """Why a sample is left out; empty when it is taken in."""
    checks = (
        (_is_outside(sample, filters), OUTSIDE),
        (sample.state in _BY_STATE, _BY_STATE.get(State(sample.state), "")),
        (sample.split == Sample.Split.HELDOUT, HELD_OUT),
        (not _has_text(sample.revision), NO_COMPLETION),
        (sample.pk in flagged, OPEN_FINDINGS),
        (sample.group_id in held_groups, HELD_OUT_GROUP),
        (sample.pk in by_hand, BY_HAND),
    )
    return next((reason for is_so, reason in checks if is_so), "")


def _is_outside(sample: Sample, filters: dict[str, Any]) -> bool:
    """``filters``: origin, language, batch, each a list of allowed values; a missing or empty one allows all."""
    values = {"origin": sample.origin, "language": sample.language, "batch": sample.batch_id}
    return any(filters.get(name) and value not in filters[name] for name, value in values.items())


def _has_text(revision: Revision | None) -> bool:
    return revision is not None and bool(revision.prompt.strip()) and bool(revision.completion.strip())


def _chosen(sample: Sample) -> Chosen:
    revision = sample.revision
    assert revision is not None  # noqa: S101 - samples without text were left out before
    return Chosen(
        sample_id=sample.pk,
        external_id=sample.external_id,
        group=sample.group.key,
        origin=sample.origin,
        revision_id=revision.pk,
        revision_hash=revision.content_hash,
        revision_reason=revision.reason,
        prompt=revision.prompt,
        completion=revision.completion,
    )


def version_plan(version: TrainingSetVersion) -> Plan:
    """What freezing the draft now would give: splits, files and hash, or the problem in its way."""
    selection = samples_selected(version)
    if not selection.chosen:
        return Plan(
            selection=selection, problem="No accepted sample is left to learn from. Review and accept some first."
        )
    try:
        splits = _splits(version, selection.chosen)
        lines = [_line(item, splits[item.group]) for item in selection.chosen]
        content = freezing.build_content(lines, hash_facts(version))
    except freezing.FreezeError as error:
        return Plan(selection=selection, problem=str(error))
    return Plan(selection=selection, splits=splits, lines=lines, content=content)


def _splits(version: TrainingSetVersion, chosen: Sequence[Chosen]) -> dict[str, freezing.Split]:
    texts = [(item.group, item.prompt, item.completion) for item in chosen]
    return freezing.split_groups(
        Counter(item.group for item in chosen),
        ratio=version.validation_percent / 100,
        seed=version.seed,
        links=[*freezing.text_links(texts), *_finding_links(version.training_set.project)],
        previous=_previous_splits(version),
    )


def _finding_links(project: Project) -> list[tuple[str, str]]:
    """Groups whose samples a check found to be duplicates of each other, whatever was decided about them."""
    pairs = Finding.objects.filter(sample__project=project, related_sample__isnull=False).values_list(
        "sample__group__key", "related_sample__group__key"
    )
    return sorted({pair for pair in pairs if pair[0] != pair[1]})


def _previous_splits(version: TrainingSetVersion) -> dict[str, freezing.Split]:
    """Where the groups were in the last frozen version; another seed asks for a new split."""
    before = version_before(version)
    if before is None or before.seed != version.seed:
        return {}
    return dict(before.examples.order_by().values_list("group_key", "split").distinct())


def _line(item: Chosen, split: freezing.Split) -> freezing.Line:
    return freezing.Line(
        id=item.external_id,
        group=item.group,
        split=split,
        prompt=item.prompt,
        completion=item.completion,
        revision_hash=item.revision_hash,
    )


def hash_facts(version: TrainingSetVersion) -> dict[str, Any]:
    """What a content hash covers beside the examples; none of it depends on a base model or a template."""
    return {
        "project": version.training_set.project.slug,
        "training_set": version.training_set.name,
        "number": version.number,
        "seed": version.seed,
        "validation_percent": version.validation_percent,
    }


# ---- frozen versions


def version_lines(version: TrainingSetVersion) -> list[freezing.Line]:
    """The examples of a frozen version as they stand in the database now."""
    rows = version.examples.select_related("sample", "revision").iterator(chunk_size=2000)
    return [
        freezing.Line(
            id=row.sample.external_id,
            group=row.group_key,
            split=freezing.TRAIN if row.split == freezing.TRAIN else freezing.VALIDATION,
            prompt=row.prompt,
            completion=row.completion,
            # the copy and the revision it came from must still agree; a made-up value makes the hash differ
            revision_hash=row.content_hash if row.content_hash == row.revision.content_hash else "differs",
        )
        for row in rows
    ]


def version_content(version: TrainingSetVersion) -> freezing.Content:
    """Both files and the hash, computed anew from the rows; raises FreezeError when they make no version."""
    return freezing.build_content(version_lines(version), hash_facts(version))


def version_signing(version: TrainingSetVersion) -> Signing:
    """Signatures of the present content hash, one a person; a later withdrawal takes one back."""
    last: dict[int, Signature] = {}
    for signature in version.signatures.all():
        if signature.content_hash == version.content_hash:
            last[signature.signed_by_id] = signature
    rows = list(last.values())
    return Signing(
        required=version.training_set.project.signatures_required,
        valid=[row for row in rows if not row.is_withdrawal],
        withdrawn=[row for row in rows if row.is_withdrawal],
    )


def authors_of(version: TrainingSetVersion) -> set[int]:
    """Keys of the people who made the version: they may not sign it."""
    return {pk for pk in (version.drafted_by_id, version.frozen_by_id) if pk is not None}


def version_is_trainable(version: TrainingSetVersion) -> Trainable:
    """Frozen, signed by enough people, and still the content that they signed (recomputed from the rows)."""
    if version.state != TrainingSetVersion.State.FROZEN:
        return Trainable(is_ok=False, reason=f"{version} is a draft. Freeze it and have it signed first.")
    signing = version_signing(version)
    if not signing.is_complete:
        words = "1 signature is" if signing.missing == 1 else f"{signing.missing} signatures are"
        return Trainable(is_ok=False, reason=f"{words} missing on {version}. A lead who did not make it must sign.")
    return version_is_unaltered(version)


def version_is_unaltered(version: TrainingSetVersion) -> Trainable:
    """Recomputes the content hash from the rows and compares it with the one that was frozen."""
    try:
        found = version_content(version).content_hash
    except freezing.FreezeError as error:
        return Trainable(is_ok=False, reason=f"{version} was altered after it was frozen: {error}")
    if found != version.content_hash:
        return Trainable(
            is_ok=False,
            reason=f"{version} was altered after it was frozen: its rows give the hash {found[:12]}, "
            f"signed was {version.content_hash[:12]}. Nothing may train on it; freeze a new version.",
        )
    return Trainable(is_ok=True)


def versions_signed(project: Project) -> list[TrainingSetVersion]:
    """Frozen versions with all their signatures, newest first; the hash is verified when a run is requested."""
    frozen = versions_of(project).filter(state=TrainingSetVersion.State.FROZEN)
    return [version for version in frozen if version_signing(version).is_complete]


def versions_to_sign(project: Project, user_id: int) -> list[TrainingSetVersion]:
    """Frozen versions that wait for a signature that this person may give."""
    frozen = versions_of(project).filter(state=TrainingSetVersion.State.FROZEN)
    waiting = []
    for version in frozen.exclude(Q(drafted_by=user_id) | Q(frozen_by=user_id)):
        signing = version_signing(version)
        if not signing.is_complete and user_id not in {row.signed_by_id for row in signing.valid}:
            waiting.append(version)
    return waiting


def preview_latest(version: TrainingSetVersion) -> Preview | None:
    return version.previews.select_related("job", "requested_by", "accepted_by").first()


def samples_accepted(project: Project) -> int:
    """Accepted samples that may train, before any rule of a version."""
    return Sample.objects.filter(project=project, state=State.ACCEPTED, split=Sample.Split.OPEN).count()


def examples_of(version: TrainingSetVersion, split: str = "") -> QuerySet[Example]:
    """Examples of one split in their order, or of both."""
    rows = version.examples.select_related("sample", "revision")
    return rows.filter(split=split) if split else rows


def examples_random(version: TrainingSetVersion, *, count: int, person: int) -> QuerySet[Example]:
    """A random ``count`` of examples, the same whenever this person looks, another for another person."""
    keys = version.examples.order_by().values_list("pk", flat=True)
    chosen = sorted(keys, key=lambda pk: freezing.position(f"{person} {pk}", version.seed))[:count]
    return examples_of(version).filter(pk__in=chosen)
