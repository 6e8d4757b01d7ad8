"""What a selection is asked to do, and which samples come into question at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.material import HELDOUT
from reviewapp.curation.models import Finding, GoldenExample, RelevanceLimit
from reviewapp.curation.selections import reasons
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample

SIZE_MOST, SIZES = 100_000, (1_000, 5_000, 10_000)
IDENTIFIER_CHECKS = ("identifiers", "named_people")
DUPLICATE_CHECKS = ("exact_duplicates", "near_duplicates")
ANY, OPEN, ACCEPTED = "any", "open", "accepted"
QUOTAS = ("group", "language", "origin", "batch", "tag")
# weights of quality, relevance and distance
PRESETS: dict[str, tuple[float, float, float]] = {
    "balanced": (1, 1, 1),
    "best": (3, 1, 1),
    "golden": (1, 3, 1),
    "widest": (0, 0, 1),
}


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Somebody's word about one sample: it stands above relevance, quality, duplicates and quotas."""

    sample: int
    external_id: str
    by: str


@dataclass(frozen=True, kw_only=True)
class Config:
    """``weights`` of quality, relevance and distance; ``quotas``: at most so many of one value, by name of QUOTAS.

    ``mix``: the wanted shares by language, which sum to 1; nothing of any other language comes in.
    """

    size: int = 1_000
    preset: str = "balanced"
    scope: str = ANY
    seed: int = 17
    least_relevance: float | None = None
    least_quality: float | None = None
    quotas: Mapping[str, int]
    mix: Mapping[str, float] = field(default_factory=dict)
    keep: tuple[Pin, ...] = ()
    drop: tuple[Pin, ...] = ()

    @property
    def weights(self) -> tuple[float, float, float]:
        return PRESETS[self.preset]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "quotas": dict(self.quotas), "mix": dict(self.mix)}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Config:
        pins = {name: tuple(Pin(**pin) for pin in data.get(name, ())) for name in ("keep", "drop")}
        return cls(**{**data, **pins})

    def check(self) -> None:
        """Raises ApplicationError for what no form of ours sends."""
        is_sound = (
            1 <= self.size <= SIZE_MOST and self.preset in PRESETS and self.scope in (ANY, OPEN, ACCEPTED)
            and set(self.quotas) <= set(QUOTAS) and all(most >= 1 for most in self.quotas.values())
            and all(0 < share <= 1 for share in self.mix.values())
            and (not self.mix or abs(sum(self.mix.values()) - 1) < 0.01)
        )  # fmt: skip
        if not is_sound:
            raise ApplicationError("These settings of the selection are not ones that can be chosen. Open the form.")


def _open_findings() -> QuerySet[Finding]:
    return Finding.objects.filter(
        sample=OuterRef("pk"), state=Finding.State.OPEN, revision=OuterRef("revision")
    ).order_by()


def samples_weighed(project: Project, scope: str = ANY) -> QuerySet[Any, Any]:
    """Every sample with ``hard``: the first condition that keeps it out whatever its worth, '' where none does."""
    high = _open_findings().filter(severity=Finding.Severity.HIGH)
    people = _open_findings().filter(check_name__in=IDENTIFIER_CHECKS).exclude(severity=Finding.Severity.LOW)
    others = high.exclude(check_name__in=(HELDOUT, *IDENTIFIER_CHECKS, *DUPLICATE_CHECKS))
    held = HeldoutPrompt.objects.filter(heldout_set__project=project, group=OuterRef("group")).order_by()
    conditions = [
        (Q(state=Sample.State.REJECTED), reasons.REJECTED),
        (Q(split=Sample.Split.HELDOUT), reasons.HELD_OUT),
        (_no_text(project), reasons.NO_TEXT),
        (Exists(_open_findings().filter(check_name=HELDOUT)), reasons.OVERLAP),
        (Exists(held), reasons.HELD_OUT_GROUP),
        (Exists(people), reasons.IDENTIFIERS),
        (Exists(others), reasons.OPEN_HIGH),
        *_outside(scope),
    ]
    whens = [When(condition, then=Value(code)) for condition, code in conditions]
    hard = Case(*whens, default=Value(""), output_field=CharField())
    return Sample.objects.filter(project=project).annotate(hard=hard)


def _no_text(project: Project) -> Q:
    """Where experts write the completions from labels, one that is missing is no fault."""
    empty = Q(revision__isnull=True) | Q(revision__prompt="")
    return empty if project.label_schemas.filter(is_active=True).exists() else empty | Q(revision__completion="")


def _outside(scope: str) -> list[tuple[Q, str]]:
    accepted = Q(state=Sample.State.ACCEPTED)
    return {ANY: [], OPEN: [(accepted, reasons.SCOPE)], ACCEPTED: [(~accepted, reasons.SCOPE)]}[scope]


@dataclass(frozen=True)
class Eligible:
    """How many samples there are, how many come into question, and (reason, n) of those that do not."""

    total: int
    n: int
    left_out: list[tuple[str, int]]


def samples_eligible(project: Project, scope: str = ANY) -> Eligible:
    """One query, and one to learn whether completions are expected."""
    rows = samples_weighed(project, scope).order_by().values_list("hard").annotate(n=Count("pk"))
    counts = dict(rows)
    left_out = [(code, counts[code]) for code in reasons.REASONS if counts.get(code)]
    return Eligible(sum(counts.values()), counts.get("", 0), left_out)


def golden_of(project: Project) -> QuerySet[GoldenExample]:
    """With their samples and texts, the first marked first."""
    return GoldenExample.objects.filter(project=project).select_related("sample__revision", "marked_by").order_by("pk")


def limit_current(project: Project) -> RelevanceLimit | None:
    """The limit kept last, if any; it may be of other vectors than are used now (``limit_holds``)."""
    return RelevanceLimit.objects.filter(project=project).select_related("made_by").first()


def limit_holds(limit: RelevanceLimit | None, encoder_sha256: str) -> bool:
    """Whether it is of these vectors: a cosine of one encoder says nothing about those of another, or of the index."""
    return limit is not None and limit.encoder_sha256 == encoder_sha256


def duplicates_of(project: Project) -> QuerySet[Finding]:
    """Open findings of duplicates on present texts: (sample, related sample) are alike."""
    open_ones = Finding.objects.filter(
        sample__project=project, check_name__in=DUPLICATE_CHECKS, state=Finding.State.OPEN,
        revision=F("sample__revision"), related_sample__isnull=False,
    )  # fmt: skip
    return open_ones.order_by("pk")
