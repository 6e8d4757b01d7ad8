"""Golden examples, marked and unmarked by experts, and the limit from which a text counts as relevant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.models import GoldenExample, RelevanceLimit
from reviewapp.curation.selections.relevance import LEAST_JUDGED, limit_suggested
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.words import say

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

GOLDEN_MOST = 500


@transaction.atomic
def golden_mark(*, sample: Sample, marked_by: User) -> GoldenExample:
    """Holds a sample up as an example; done twice it is one. Raises ApplicationError without text, or for too many."""
    if sample.revision_id is None:
        raise ApplicationError(_("This sample has no text, so it cannot be an example for others."))
    known = GoldenExample.objects.filter(sample=sample).first()
    if known is not None:
        return known
    if GoldenExample.objects.filter(project=sample.project_id).count() >= GOLDEN_MOST:
        raise ApplicationError(
            say("There are %(most)s golden examples already. Take one back first.", most=str(GOLDEN_MOST))
        )
    golden = GoldenExample.objects.create(project_id=sample.project_id, sample=sample, marked_by=marked_by)
    _record(sample.project, "golden.mark", "sample", sample.pk, {"revision": sample.revision_id}, marked_by)
    return golden


@transaction.atomic
def golden_unmark(*, sample: Sample, unmarked_by: User) -> None:
    """Takes the mark back; a sample without one stays as it is."""
    gone, _rows = GoldenExample.objects.filter(sample=sample).delete()
    if gone:
        _record(sample.project, "golden.unmark", "sample", sample.pk, {}, unmarked_by)


@transaction.atomic
def limit_keep(
    *,
    project: Project,
    judged: Mapping[int, tuple[float, bool]],
    limit: float | None,
    golden: int,
    index_number: int,
    encoder_sha256: str = "",
    made_by: User,
) -> RelevanceLimit:
    """Keeps a limit with the samples that were judged for it: sample -> (relevance, whether it belongs).

    Without ``limit`` the one that the judged ones suggest. Raises ApplicationError when they suggest none.
    """
    suggested = limit_suggested(list(judged.values()))
    if limit is None and (len(judged) < LEAST_JUDGED or suggested is None):
        raise ApplicationError(
            say(
                "Judge at least %(least)s of them, with some that belong and some that do not: only then is there a "
                "limit between them.",
                least=str(LEAST_JUDGED),
            )
        )
    chosen = suggested if limit is None else limit
    if chosen is None or not 0 <= chosen <= 1:
        raise ApplicationError(_("The limit is a number from 0 to 1."))
    rows = [
        {"sample": sample, "relevance": relevance, "belongs": belongs}
        for sample, (relevance, belongs) in sorted(judged.items())
    ]
    kept = RelevanceLimit.objects.create(
        project=project, limit=chosen, suggested=suggested, judged=rows, golden=golden, index_number=index_number,
        encoder_sha256=encoder_sha256, made_by=made_by,
    )  # fmt: skip
    data = {"limit": chosen, "suggested": suggested, "judged": len(rows)}
    _record(project, "relevance_limit.keep", "relevance_limit", kept.pk, data, made_by)
    return kept


def _record(project: Project, action: str, target_type: str, target_id: int, data: dict[str, Any], actor: User) -> None:
    audit.record(
        actor=actor, action=action, project=project.slug, target_type=target_type, target_id=target_id, data=data
    )
