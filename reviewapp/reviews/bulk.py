"""What can be done to many samples at once: each act with its words, who may do it, and what it leaves alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reviewapp.projects.permissions import Permission
from reviewapp.samples.models import Sample

PRIORITY, EXPERTISE, TAG, UNTAG = "priority", "expertise", "tag", "untag"
FLAG, UNFLAG, REOPEN, WITHDRAW = "flag", "unflag", "reopen", "withdraw"
NAMED = 20  # samples named for each reason that left them alone

LEASED = "leased by somebody now"
SETTLED = "accepted or rejected already"
HELDOUT = "descend from a held-out prompt, so each is decided about by itself"


@dataclass(frozen=True)
class Act:
    """``field`` is what a person gives with it, '' for nothing; ``done`` completes "12 samples ..."."""

    label: str
    done: str
    permission: Permission
    field: str = ""
    help_text: str = ""
    is_undoable: bool = True


ACTS: dict[str, Act] = {
    TAG: Act("Add tags", "tagged", Permission.CURATE, "tags", "Parted by commas."),
    UNTAG: Act("Remove tags", "without these tags", Permission.CURATE, "tags", "Parted by commas."),
    FLAG: Act("Flag for the lead", "flagged for the lead", Permission.CURATE),
    UNFLAG: Act(
        "Take the flag away",
        "no longer flagged",
        Permission.ADJUDICATE,
        help_text="Flags that reviewers set go as well.",
    ),
    REOPEN: Act(
        "Send returned ones back to review",
        "back in the queue",
        Permission.CURATE,
        help_text="A new round begins: earlier reviews stay and no longer decide. There is no undo.",
        is_undoable=False,
    ),
    PRIORITY: Act(
        "Set the priority",
        "given this priority",
        Permission.MANAGE,
        "priority",
        "First ones are handed out before all others and last ones after them; otherwise the order of the queue holds.",
    ),
    EXPERTISE: Act(
        "Set the expertise needed",
        "given this expertise",
        Permission.MANAGE,
        "expertise",
        "Parted by commas. Only members with all of it are handed these samples; empty: everybody is.",
    ),
    WITHDRAW: Act(
        "Withdraw",
        "withdrawn",
        Permission.WITHDRAW,
        "reason",
        "They are rejected, with your reason on each of them, and enter no further training-set version. Frozen "
        "versions stay as they are.",
    ),
}


@dataclass(frozen=True)
class Standing:
    """What the acts look at beside the sample itself. Ids of samples."""

    leased: frozenset[int]
    flagged: frozenset[int]  # by their reviewers
    tags: dict[int, frozenset[str]]


def left_alone(act: str, sample: Sample, values: dict[str, Any], standing: Standing) -> str:
    """Why this act leaves a sample as it is, as a person reads it after "3 left alone:"; '' where it can take it."""
    if act in (REOPEN, WITHDRAW) and sample.split == Sample.Split.HELDOUT:
        return HELDOUT
    if act in (EXPERTISE, WITHDRAW) and sample.pk in standing.leased:
        return LEASED
    if act in (PRIORITY, EXPERTISE) and sample.state in (Sample.State.ACCEPTED, Sample.State.REJECTED):
        return SETTLED
    return _has_it(act, sample, values, standing)


def _has_it(act: str, sample: Sample, values: dict[str, Any], standing: Standing) -> str:
    tags, wanted = standing.tags.get(sample.pk, frozenset()), set(values.get("tags", ()))
    is_flagged = sample.flagged_at is not None
    same = {
        TAG: (wanted <= tags, "tagged so already"),
        UNTAG: (not wanted & tags, "without these tags already"),
        FLAG: (is_flagged, "flagged already"),
        UNFLAG: (not is_flagged and sample.pk not in standing.flagged, "not flagged"),
        REOPEN: (sample.state != Sample.State.RETURNED, "not returned"),
        PRIORITY: (sample.priority == values.get("priority"), "of this priority already"),
        EXPERTISE: (sample.expertise == values.get("expertise"), "asking for this expertise already"),
        WITHDRAW: (sample.state == Sample.State.REJECTED, "rejected already"),
    }
    is_same, words = same[act]
    return words if is_same else ""


def parted(
    act: str, samples: Iterable[Sample], values: dict[str, Any], standing: Standing
) -> tuple[list[Sample], list[dict[str, Any]]]:
    """(samples the act takes, those it leaves alone by reason: [{"reason", "n", "names"}], the most frequent first)."""
    taken: list[Sample] = []
    names: defaultdict[str, list[str]] = defaultdict(list)
    for sample in samples:
        reason = left_alone(act, sample, values, standing)
        if reason:
            names[reason].append(sample.external_id)
        else:
            taken.append(sample)
    left = [{"reason": reason, "n": len(found), "names": found[:NAMED]} for reason, found in names.items()]
    return taken, sorted(left, key=lambda row: -len(names[str(row["reason"])]))
