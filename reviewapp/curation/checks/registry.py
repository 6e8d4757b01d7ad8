"""All checks, in the order in which screens list them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reviewapp.curation.checks import (
    benchmark_overlap,
    completion_length,
    contradictory_completions,
    exact_duplicates,
    gender_coded,
    heldout_overlap,
    identifiers,
    near_duplicates,
    off_topic,
    repeated_parts,
    spreadsheet_errors,
    unicode,
    unsupported_numbers,
    whitespace,
)
from reviewapp.curation.checks.finding import Corpus, FindingDraft, Scope


@dataclass(frozen=True)
class Check:
    name: str
    title: str
    scope: Scope
    run: Callable[[Corpus], list[FindingDraft]]


CHECKS: tuple[Check, ...] = tuple(
    Check(module.NAME, module.TITLE, module.SCOPE, module.check)
    for module in (
        heldout_overlap,
        benchmark_overlap,
        identifiers,
        exact_duplicates,
        near_duplicates,
        contradictory_completions,
        repeated_parts,
        unsupported_numbers,
        completion_length,
        spreadsheet_errors,
        gender_coded,
        off_topic,
        unicode,
        whitespace,
    )
)
TITLES: dict[str, str] = {check.name: check.title for check in CHECKS}


def text_findings(corpus: Corpus) -> list[FindingDraft]:
    """What the checks that need the text alone notice; cheap enough to run on every new revision."""
    return [finding for check in CHECKS if check.scope == "text" for finding in check.run(corpus)]
