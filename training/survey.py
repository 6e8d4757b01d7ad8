"""What of the rows a model will really learn at a given length: counts over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.data import Rendered, Renderer, Row

IDS_LISTED = 100  # row ids written out per problem; the count always covers all


@dataclass(frozen=True)
class Counts:
    """Over all rows of one file. ``tokens`` and ``trained_tokens`` are those that remain after cutting."""

    rows: int
    tokens: int
    trained_tokens: int
    cut_tokens: int  # beyond max_length, never seen
    longest: int  # tokens of the longest row before cutting
    over_long: int  # rows longer than max_length: truncated + dropped
    truncated: int  # rows that lose the tail of their completion
    dropped: int  # rows of which nothing is left to learn: the trainer leaves them out
    no_end_token: int  # rows that do not teach the model to stop
    boundary_merged: int  # rows whose completion is tokenised apart from its prompt
    control_tokens: int  # rows with a special token of the model written in their text


@dataclass(frozen=True)
class Survey:
    """Counts of one file and the ids behind every problem."""

    counts: Counts
    truncated_ids: tuple[str, ...]
    dropped_ids: tuple[str, ...]
    control_ids: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        ids = {
            "truncated": list(self.truncated_ids[:IDS_LISTED]),
            "dropped": list(self.dropped_ids[:IDS_LISTED]),
            "control_tokens": list(self.control_ids[:IDS_LISTED]),
        }
        return {**asdict(self.counts), "ids": ids}


def ends(rendered: Rendered, end_id: int) -> bool:
    """Whether the last token that the loss sees is the end token."""
    return bool(rendered.labels) and rendered.labels[-1] == end_id


def survey(rows: Sequence[Row], rendered: Sequence[Rendered], renderer: Renderer, max_length: int) -> Survey:
    """Counts what remains of each row when it is cut to ``max_length`` tokens."""
    kept = [item.cut(max_length) for item in rendered]
    lengths = [len(item.input_ids) for item in rendered]
    dropped = [item.id for item in kept if not item.trained]
    over_long = [item.id for item, length in zip(rendered, lengths, strict=True) if length > max_length]
    truncated = sorted(set(over_long) - set(dropped), key=over_long.index)
    control = [row.id for row in rows if renderer.control_tokens_in(row.prompt + "\n" + row.completion)]
    tokens = sum(len(item.input_ids) for item in kept)
    counts = Counts(
        rows=len(rows),
        tokens=tokens,
        trained_tokens=sum(item.trained for item in kept),
        cut_tokens=sum(lengths) - tokens,
        longest=max(lengths, default=0),
        over_long=len(over_long),
        truncated=len(truncated),
        dropped=len(dropped),
        no_end_token=sum(not ends(item, renderer.end_id) for item in kept),
        boundary_merged=sum(item.is_boundary_merged for item in rendered),
        control_tokens=len(control),
    )
    return Survey(counts, tuple(truncated), tuple(dropped), tuple(control))


def total(first: Counts, second: Counts) -> Counts:
    """Both files together; ``longest`` is the longer of the two."""
    sums = {key: value + getattr(second, key) for key, value in asdict(first).items()}
    return Counts(**{**sums, "longest": max(first.longest, second.longest)})


def length_warnings(max_length: int, positions: int | None) -> list[str]:
    """What to tell a person about ``max_length`` and the positions the base model was trained on."""
    if positions and max_length > positions:
        return [
            f"Rows may be {max_length} tokens long, but the base model was built for {positions}: "
            "it may read the end of longer rows badly."
        ]
    return []
