"""Everything the page of one version shows, for a draft (as it would be now) and a frozen version (as it is)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reviewapp.accounts.models import User
from reviewapp.curation.acceptance.standing import RuleCheck, rules_check
from reviewapp.curation.acceptance.words import rule_words
from reviewapp.projects.permissions import Permission
from reviewapp.projects.selectors import may
from reviewapp.samples.models import Sample
from reviewapp.trainingsets import contamination, selectors, signing
from reviewapp.trainingsets.contamination import CheckRow, ContaminationCheck
from reviewapp.trainingsets.models import Preview, TrainingSetVersion
from reviewapp.trainingsets.synthetic import synthetic_problem, version_problem

SPLITS = ("train", "validation")
LONG_READ = 160  # masked tokens in a row, above which the middle is left out
KEPT_TOKENS = 60  # shown at each end of such a stretch


@dataclass(frozen=True, kw_only=True)
class SplitFact:
    name: str
    groups: int
    examples: int
    share: float


@dataclass(frozen=True, kw_only=True)
class OriginFact:
    name: str
    samples: int
    share: float
    as_is: int
    fixed: int


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of tokens that the loss sees, or does not; ``more`` tokens are left out after it."""

    text: str
    is_trained: bool
    is_end: bool = False
    more: int = 0


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """One example as the trainer's collator gives it to the loss."""

    number: int
    total: int
    id: str
    split: str
    learned: int
    read: int
    is_truncated: bool
    is_dropped: bool
    segments: list[Segment]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Against the frozen version before: external ids."""

    before: TrainingSetVersion
    added: list[str]
    removed: list[str]
    changed: list[str]


@dataclass(frozen=True, kw_only=True)
class VersionPage:
    version: TrainingSetVersion
    examples: int
    total: int
    left_out: dict[str, int]
    splits: list[SplitFact]
    origins: list[OriginFact]
    check_rows: list[CheckRow]
    heldout_prompts: int
    content_hash: str
    pairs: list[contamination.Pair] = field(default_factory=list)
    problem: str = ""
    is_compared: bool = True  # with the held-out sets, these very texts
    acceptance: list[RuleCheck] = field(default_factory=list)  # what a lead requires before it is signed

    @property
    def is_draft(self) -> bool:
        return self.version.state == TrainingSetVersion.State.DRAFT

    @property
    def acceptance_rows(self) -> list[tuple[RuleCheck, str]]:
        """Each required acceptance sample with what it says of these very examples."""
        return [(check, rule_words(check)) for check in self.acceptance]

    @property
    def groups(self) -> int:
        return sum(split.groups for split in self.splits)

    @property
    def found(self) -> int:
        return len({pair.sample_id for pair in self.pairs})

    @property
    def left_out_count(self) -> int:
        return sum(self.left_out.values())

    @property
    def hash_lines(self) -> list[str]:
        """The hash in four lines of four blocks, for people who compare it by eye."""
        blocks = [self.content_hash[start : start + 4] for start in range(0, len(self.content_hash), 4)]
        return [" ".join(blocks[start : start + 4]) for start in range(0, len(blocks), 4)]


def page_of(version: TrainingSetVersion) -> VersionPage:
    return _frozen(version) if version.state == TrainingSetVersion.State.FROZEN else _draft(version)


def _draft(version: TrainingSetVersion) -> VersionPage:
    plan = selectors.version_plan(version)
    chosen = plan.selection.chosen
    check = selectors.overlap_known(version, plan.selection)
    return VersionPage(
        version=version,
        examples=len(chosen),
        total=plan.selection.total,
        left_out=plan.selection.left_out,
        splits=_splits((item.group, plan.splits[item.group]) for item in chosen) if plan.splits else [],
        origins=_origins((item.origin, item.revision_reason) for item in chosen),
        check_rows=check.rows if check else [],
        heldout_prompts=selectors.heldout_count(version.training_set.project),
        content_hash=plan.content.content_hash if plan.content else "",
        pairs=check.pairs if check else [],
        problem=plan.problem
        or synthetic_problem(version.training_set.project, [item.origin for item in chosen])
        or _overlap_problem(check),
        is_compared=check is not None,
        acceptance=rules_check(version.training_set.project, [item.revision_id for item in chosen]),
    )


def _overlap_problem(check: ContaminationCheck | None) -> str:
    return f"{check.words} with {check.with_what}. Take them out below." if check and check.pairs else ""


def _frozen(version: TrainingSetVersion) -> VersionPage:
    rows = list(version.examples.values_list("group_key", "split", "sample__origin", "revision__reason", "revision"))
    check = version.counts.get("contamination", {})
    return VersionPage(
        version=version,
        examples=len(rows),
        total=version.counts.get("total", len(rows)),
        left_out=version.counts.get("left_out", {}),
        splits=_splits((row[0], row[1]) for row in rows),
        origins=_origins((row[2], row[3]) for row in rows),
        check_rows=[CheckRow(**row) for row in check.get("rows", [])],
        heldout_prompts=check.get("heldout_prompts", 0),
        content_hash=version.content_hash,
        acceptance=rules_check(version.training_set.project, [row[4] for row in rows]),
    )


def _splits(pairs: Iterable[tuple[str, str]]) -> list[SplitFact]:
    examples: Counter[str] = Counter()
    groups: dict[str, set[str]] = {name: set() for name in SPLITS}
    for group, split in pairs:
        examples[split] += 1
        groups[split].add(group)
    total = examples.total() or 1
    return [
        SplitFact(name=name, groups=len(groups[name]), examples=examples[name], share=examples[name] / total)
        for name in SPLITS
    ]


def _origins(pairs: Iterable[tuple[str, str]]) -> list[OriginFact]:
    samples: Counter[str] = Counter()
    fixed: Counter[str] = Counter()
    for origin, reason in pairs:
        samples[origin] += 1
        fixed[origin] += reason in selectors.FIXED
    total = samples.total() or 1
    return [
        OriginFact(
            name=Sample.Origin(origin).label,
            samples=count,
            share=count / total,
            as_is=count - fixed[origin],
            fixed=fixed[origin],
        )
        for origin, count in samples.most_common()
    ]


# ---- people


def sign_block(version: TrainingSetVersion, user: User) -> str:
    """Why this person cannot sign now; empty when they can."""
    if version.state != TrainingSetVersion.State.FROZEN:
        return "A draft cannot be signed. Freeze it first."
    if not may(user, version.training_set.project, Permission.SIGN):
        return "Leads of this project sign."
    if user.pk in selectors.authors_of(version):
        return "You made this version yourself, so another lead has to sign it."
    if user.pk in {row.signed_by_id for row in selectors.version_signing(version).valid}:
        return "You have signed this version."
    problem = signing.preview_problem(selectors.preview_latest(version), version.content_hash)
    return problem or version_problem(version) or signing.acceptance_problem(version)


def changes_of(version: TrainingSetVersion) -> Changes | None:
    """What differs from the frozen version before; None for the first."""
    before = selectors.version_before(version)
    if before is None:
        return None
    old = _texts_by_id(before)
    new = (
        _texts_by_id(version)
        if version.state == TrainingSetVersion.State.FROZEN
        else {item.external_id: item.revision_hash for item in selectors.samples_selected(version).chosen}
    )
    return Changes(
        before=before,
        added=sorted(set(new) - set(old)),
        removed=sorted(set(old) - set(new)),
        changed=sorted(key for key in set(old) & set(new) if old[key] != new[key]),
    )


def _texts_by_id(version: TrainingSetVersion) -> dict[str, str]:
    return dict(version.examples.order_by().values_list("sample__external_id", "content_hash"))


# ---- what the model will learn


def preview_row(preview: Preview | None, number: int) -> PreviewRow | None:
    """The ``number``-th shown row (from 1, brought into range) with its tokens put together into stretches."""
    rows: Sequence[dict[str, Any]] = (preview.result or {}).get("rows", []) if preview else []
    if not rows:
        return None
    place = min(max(number, 1), len(rows))
    row = rows[place - 1]
    return PreviewRow(
        number=place,
        total=len(rows),
        id=row["id"],
        split=row["split"],
        learned=row["trained_tokens"],
        read=len(row["tokens"]) - row["trained_tokens"],
        is_truncated=row["is_truncated"],
        is_dropped=row["is_dropped"],
        segments=_segments(row["tokens"], has_end=row["has_end_token"]),
    )


def _segments(tokens: Sequence[dict[str, Any]], *, has_end: bool) -> list[Segment]:
    body = tokens[:-1] if has_end else tokens
    segments: list[Segment] = []
    start = 0
    for end in range(1, len(body) + 1):
        if end == len(body) or body[end]["trained"] != body[start]["trained"]:
            segments += _stretch([token["text"] for token in body[start:end]], body[start]["trained"])
            start = end
    if has_end:
        segments.append(
            Segment(text=tokens[-1]["text"].strip() or "end", is_trained=tokens[-1]["trained"], is_end=True)
        )
    return segments


def _stretch(texts: Sequence[str], is_trained: bool) -> list[Segment]:
    """One stretch, its middle left out when it is long and only read. Words stay whole where tokens are letters."""
    if is_trained or len(texts) <= LONG_READ:
        return [Segment(text="".join(texts), is_trained=is_trained)]
    head = _word_start(texts, KEPT_TOKENS)
    tail = _word_start(texts, len(texts) - KEPT_TOKENS)
    return [
        Segment(text="".join(texts[:head]), is_trained=False, more=tail - head),
        Segment(text="".join(texts[tail:]), is_trained=False),
    ]


def _word_start(texts: Sequence[str], place: int) -> int:
    """The first place from ``place`` on, at most fifteen further, whose token begins with white space."""
    near = range(place, min(place + 15, len(texts)))
    return next((index for index in near if texts[index][:1].isspace()), place)


def preview_warnings(preview: Preview | None) -> list[str]:
    """The trainer's other remarks: what it says of cut and unlearned examples stands on the page with its way out."""
    result = (preview.result or {}) if preview else {}
    counts = result.get("counts", {})
    said = sum(1 for name in ("dropped", "truncated") if counts.get(name))
    return list(result.get("warnings", []))[said:]
