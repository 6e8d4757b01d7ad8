"""Decisions about samples that are alike: keep one, the chosen or all; the first of every exact cluster; undo.

What goes is withdrawn, never deleted: it is rejected with a reason that names the sample that stays, and an undo puts
back state, findings and place in the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.checks import exact_duplicates, near_duplicates
from reviewapp.curation.checks.finding import Corpus
from reviewapp.curation.drafts import finding_of, item_of
from reviewapp.curation.duplicates import clusters as duplicates
from reviewapp.curation.duplicates.clusters import Cluster
from reviewapp.curation.models import DuplicateDecision, Finding
from reviewapp.curation.services.withdrawing import samples_restore, samples_withdraw
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from reviewapp.words import grouped

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

Act = DuplicateDecision.Act
State = Finding.State
KEPT_ALL = "Looked at as duplicates: all are kept."
OTHER_WENT = "The sample that it resembles was withdrawn."
_BATCH = 500


class ConfirmationNeeded(ApplicationError):
    """Samples that people have judged would go; ``samples`` are those. Nothing was done yet."""

    def __init__(self, message: str, samples: list[Sample]) -> None:
        super().__init__(message)
        self.samples = samples


def duplicates_decide(
    *,
    project: Project,
    sample_id: int,
    seal: str,
    keep: Collection[int] | None,
    decided_by: User,
    idempotency_key: UUID,
    is_confirmed: bool = False,
) -> DuplicateDecision:
    """Keeps ``keep`` (None: all) of the cluster that a sample is in and withdraws the rest of it.

    The same key gives back the decision that it made. Raises ApplicationError when the cluster is not the one that was
    seen (``seal``), when nothing would stay, while somebody reviews one that would go, and for one that descends from
    a held-out prompt; ConfirmationNeeded when accepted or reviewed samples would go and ``is_confirmed`` is false.
    """
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        known = DuplicateDecision.objects.filter(project=project, idempotency_key=idempotency_key).first()
        if known is not None:
            return known
        cluster = duplicates.cluster_of(project, sample_id)
        if cluster is None or cluster.seal != seal:
            raise ApplicationError(_("These samples changed since you opened this page. Look at them again."))
        kept = set(cluster.members if keep is None else keep) & set(cluster.members)
        if not kept:
            raise ApplicationError(_("Choose at least one sample to keep."))
        samples = _lock(cluster.members)
        going = [sample for sample in samples if sample.pk not in kept]
        _check_going(going, is_confirmed)
        act = Act.KEEP_ALL if not going else Act.KEEP_ONE if len(kept) == 1 else Act.KEEP_CHOSEN
        made = DuplicateDecision(
            project=project, act=act, kept=sorted(kept), decided_by=decided_by, idempotency_key=idempotency_key
        )
        _withdraw(made, [(kept_sample(samples, kept), going)])
        _keep_apart(made, [sample for sample in samples if sample.pk in kept], cluster)
        _store(made, "duplicates.decide")
    return made


def exact_keep_first(*, project: Project, n: int, decided_by: User, idempotency_key: UUID) -> DuplicateDecision:
    """Keeps one sample of each exact cluster (an accepted one, else the first) and withdraws its copies.

    Copies that were reviewed, are being reviewed or descend from held-out prompts are left alone. ``n`` is how many the
    person was told would go. Raises ApplicationError when it would be another number, or none.
    """
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        known = DuplicateDecision.objects.filter(project=project, idempotency_key=idempotency_key).first()
        if known is not None:
            return known
        rows, _total = duplicates.exact_preview(project)
        going = [sample.pk for row in rows for sample in row.go]
        if len(going) != n or not n:
            raise ApplicationError(
                _("You were asked about %(n)s samples, and now it would be %(now)s. Nothing was done; look again.")
                % {"n": grouped(n), "now": grouped(len(going))}
            )
        locked = {sample.pk: sample for sample in _lock(going)}
        used = [row for row in rows if row.go]
        made = DuplicateDecision(
            project=project, act=Act.KEEP_FIRST, clusters=len(used), kept=[row.keep.pk for row in used],
            left=dict(Counter(why for row in rows for why, some in row.left.items() for _one in some)),
            decided_by=decided_by, idempotency_key=idempotency_key,
        )  # fmt: skip
        _withdraw(made, [(row.keep, [locked[sample.pk] for sample in row.go]) for row in used])
        _store(made, "duplicates.keep_first")
    return made


def duplicates_undo(*, decision: DuplicateDecision, undone_by: User) -> DuplicateDecision:
    """Puts back samples and findings that nobody changed since; a second time it does nothing."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=decision.project_id)
        row = DuplicateDecision.objects.select_for_update(of=("self",)).select_related("project").get(pk=decision.pk)
        if row.undone_at is not None:
            return row
        samples = _lock([int(key) for key in row.withdrawn])
        back = samples_restore(
            samples=samples, before=row.withdrawn, withdrawn_at=row.decided_at, restored_by=undone_by
        )
        _findings_restore(row)
        row.undone, row.undone_at, row.undone_by = len(back), timezone.now(), undone_by
        row.save(update_fields=["undone", "undone_at", "undone_by"])
        _record(row, "duplicates.undo", undone_by, {"put_back": len(back)})
    return row


def kept_sample(samples: Sequence[Sample], kept: Collection[int]) -> Sample:
    """The one that the reason names: the first that stays."""
    return next(sample for sample in samples if sample.pk in kept)


def _lock(keys: Collection[int]) -> list[Sample]:
    """In the order of their ids as everywhere, so that nobody waits in a circle."""
    ordered, locked = sorted(keys), list[Sample]()
    for start in range(0, len(ordered), _BATCH):
        some = Sample.objects.filter(pk__in=ordered[start : start + _BATCH]).order_by("pk")
        locked += some.select_for_update()
    return locked


def _check_going(going: Sequence[Sample], is_confirmed: bool) -> None:
    leased = duplicates.leased_now([sample.pk for sample in going])
    for sample in going:
        if sample.pk in leased:
            raise ApplicationError(
                _("%(holder)s is reviewing %(sample)s now. Wait for the end of that review, or keep that sample.")
                % {"holder": leased[sample.pk], "sample": sample.external_id}
            )
        if duplicates.left_alone(sample, leased):
            raise ApplicationError(
                _("%(sample)s descends from a held-out prompt, so it is decided about by itself. Keep it here.")
                % {"sample": sample.external_id}
            )
    judged = [sample for sample in going if sample.state in duplicates.JUDGED]
    if judged and not is_confirmed:
        raise ConfirmationNeeded(
            _(
                "Somebody has judged samples that would go. They would be rejected and enter no further training-set "
                "version; their reviews and frozen versions stay as they are, and undo brings them back."
            ),
            judged,
        )


def _withdraw(made: DuplicateDecision, rows: Sequence[tuple[Sample, Sequence[Sample]]]) -> None:
    """Withdraws and closes what others said of those that went: there is nothing left to compare them with."""
    reasons = {sample.pk: _reason(made, keep) for keep, going in rows for sample in going}
    going = [sample for _keep, some in rows for sample in some]
    at = made.decided_at = timezone.now()
    closing: dict[int, str] = {}
    for start in range(0, len(going), _BATCH):
        some = [sample.pk for sample in going[start : start + _BATCH]]
        found = Finding.objects.filter(related_sample__in=some, check_name__in=duplicates.CHECKS, state=State.OPEN)
        rows_found = found.order_by().values_list("pk", "state", "sample_id")
        closing.update((key, state) for key, state, sample in rows_found if sample not in reasons)
    before = samples_withdraw(samples=going, reasons=reasons, withdrawn_by=made.decided_by, at=at)
    made.withdrawn = {str(key): had for key, had in before.items()}
    _close(made, closing, state=State.GONE, reason=OTHER_WENT, decided_by=None)


def _reason(made: DuplicateDecision, keep: Sample) -> str:
    how = "The same text as" if made.act == Act.KEEP_FIRST else "A duplicate of"
    return f"{how} {keep.external_id}, which was kept."


def _keep_apart(made: DuplicateDecision, kept: Sequence[Sample], cluster: Cluster) -> None:
    """What is said between those that stay is dismissed, now and when the next scan says it of other pairs."""
    if len(kept) < 2:
        return
    keys = [sample.pk for sample in kept]
    said = Finding.objects.filter(sample__in=keys, related_sample__in=cluster.members, check_name__in=duplicates.CHECKS)
    closing = dict(said.filter(Q(state=State.OPEN) | Q(reason=OTHER_WENT)).values_list("pk", "state"))
    texts, items = [], []
    for sample in duplicates.samples_of(keys):
        if sample.revision is not None:
            texts.append(sample.revision)
            items.append(item_of(sample.revision, sample))
    corpus = Corpus(items=items, near_limit=duplicates.near_limit(made.project))
    drafts = [*exact_duplicates.check(corpus), *near_duplicates.check(corpus)]
    revisions = {text.sample_id: text.pk for text in texts}
    there = {(row.revision_id, row.fingerprint): row for row in said.filter(revision__in=revisions.values())}
    new = [draft for draft in drafts if (revisions[draft.key], draft.fingerprint) not in there]
    again = [there[pair] for draft in drafts if (pair := (revisions[draft.key], draft.fingerprint)) in there]
    closing.update((row.pk, row.state) for row in again if row.state == State.GONE)
    values = {"state": State.DISMISSED, "reason": KEPT_ALL, "decided_by": made.decided_by}
    _close(made, closing, **values)
    rows = [finding_of(draft, revisions[draft.key]) for draft in new]
    for row in rows:
        row.state, row.reason = State.DISMISSED, KEPT_ALL
        row.decided_by, row.decided_at = made.decided_by, made.decided_at
    made_rows = Finding.objects.bulk_create(rows, batch_size=_BATCH)
    made.findings.update({str(row.pk): State.GONE for row in made_rows})


def _close(made: DuplicateDecision, found: Mapping[int, str], **values: Any) -> None:
    made.findings.update({str(key): state for key, state in found.items() if str(key) not in made.findings})
    keys = list(found)
    for start in range(0, len(keys), _BATCH):
        some = Finding.objects.filter(pk__in=keys[start : start + _BATCH])
        some.update(decided_at=made.decided_at, **values)


def _findings_restore(row: DuplicateDecision) -> None:
    """As they were before the decision, where nobody settled them since; what was gone comes back with a scan."""
    for state in (State.OPEN, State.GONE):
        keys = [int(key) for key, before in row.findings.items() if before == state]
        for start in range(0, len(keys), _BATCH):
            some = Finding.objects.filter(pk__in=keys[start : start + _BATCH], decided_at=row.decided_at)
            some.update(state=state, reason="", decided_by=None, decided_at=None)


def _store(made: DuplicateDecision, action: str) -> None:
    made.save()
    _record(made, action, made.decided_by, {"kept": made.kept[:100], "left_alone": made.left})


def _record(row: DuplicateDecision, action: str, by: User, more: dict[str, Any]) -> None:
    audit.record(
        actor=by,
        action=action,
        project=row.project.slug,
        target_type="duplicate_decision",
        target_id=row.pk,
        data={"act": row.act, "clusters": row.clusters, "withdrawn": len(row.withdrawn), **more},
    )
