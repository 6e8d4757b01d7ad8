"""Findings stay with the words they are about when a sample gets another revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from reviewapp.curation.anchoring import Span, spans_moved
from reviewapp.curation.checks.finding import Corpus, FindingDraft
from reviewapp.curation.checks.registry import LABEL_ERRORS
from reviewapp.curation.drafts import TEXT_CHECKS, distinct, finding_of, fingerprint_of, item_of
from reviewapp.curation.identifiers.tagging import tagger_file
from reviewapp.curation.models import Finding
from reviewapp.curation.pipeline import Pipeline
from reviewapp.curation.selectors import pipeline_of
from reviewapp.samples.models import Revision, Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

State = Finding.State
REJECTED = "The sample was rejected."
_MOVES = (State.OPEN, State.DISMISSED, State.ACCEPTED)


@transaction.atomic
def findings_follow(
    *, sample: Sample, before: Revision, after: Revision, by: User | None, touched: str = State.FIXED
) -> None:
    """Brings the findings of a sample in line with its present text and state.

    Call it in the transaction that made ``after`` the current revision (the same as ``before`` when only the state
    changed). Findings whose words are still there move to ``after``. An open one whose words were touched gets the
    state ``touched`` and stays behind, or counts as accepted where its suggestion was put in; an edit alone never
    settles an overlap with a held-out prompt. Then the checks that need the text alone look at ``after``. Going back
    to an earlier revision opens what leaving it had settled. Findings of a rejected sample are closed, and opened
    again when it is rejected no more.
    """
    if before.pk != after.pk:
        _Move(sample, before, after, by, touched).run()
    if sample.state == Sample.State.REJECTED:
        open_ones = Finding.objects.filter(sample=sample, state=State.OPEN)
        open_ones.update(state=State.GONE, reason=REJECTED, decided_at=timezone.now())
    else:
        closed = Finding.objects.filter(sample=sample, revision=after, state=State.GONE, reason=REJECTED)
        closed.update(state=State.OPEN, reason="", decided_at=None)


class _Move:
    """One step of a sample from one revision to another."""

    def __init__(self, sample: Sample, before: Revision, after: Revision, by: User | None, touched: str) -> None:
        self.before, self.after, self.by, self.touched = before, after, by, touched
        pipeline = pipeline_of(sample.project_id)
        self.seen_before, self.seen_after = (_seen(one, sample, pipeline) for one in (before, after))
        self.there = {finding.fingerprint: finding for finding in Finding.objects.filter(revision=after)}
        self.moved: set[str] = set()  # fingerprints that came along

    def run(self) -> None:
        moving = list(Finding.objects.filter(revision=self.before, state__in=_MOVES))
        for finding, span in zip(moving, _spans(moving, self.before, self.after), strict=True):
            if not self._came_along(finding, span):
                self._settle(finding)
        for finding in self.there.values():
            self._arrive(finding)
        Finding.objects.bulk_update([*moving, *self.there.values()], _FIELDS, batch_size=100)
        known = self.moved | set(self.there)
        new = [draft for fingerprint, draft in self.seen_after.items() if fingerprint not in known]
        Finding.objects.bulk_create([finding_of(draft, self.after.pk) for draft in new], batch_size=200)

    def _came_along(self, finding: Finding, span: Span | None) -> bool:
        if finding.check_name == LABEL_ERRORS and self.before.labels != self.after.labels:
            return False  # somebody labelled again: what was in doubt is no more
        is_touched = finding.start is not None and span is None
        if is_touched:
            span = self._mended(finding)
            if span is None and not finding.related_heldout_id:
                return False
        was, place = finding.fingerprint, (finding.start, finding.end)
        finding.start, finding.end = span or (None, None)
        fingerprint = fingerprint_of(finding)
        is_answered = not is_touched and finding.check_name in TEXT_CHECKS and was in self.seen_before
        if (is_answered and fingerprint not in self.seen_after) or fingerprint in self.moved | set(self.there):
            finding.start, finding.end = place
            self._hand_over(finding, fingerprint)
            return False
        finding.fingerprint, finding.revision = fingerprint, self.after
        self.moved.add(fingerprint)
        return True

    def _mended(self, finding: Finding) -> Span | None:
        """Where the suggestion was put in by hand, or taken out again: that is an accept, or the end of one."""
        place = _replaced(getattr(self.before, finding.field), getattr(self.after, finding.field), finding)
        words = getattr(self.after, finding.field)[slice(*place)] if place else None
        if finding.state == State.OPEN and words is not None and words == finding.suggestion:
            finding.state, finding.decided_by, finding.decided_at = State.ACCEPTED, self.by, timezone.now()
        elif finding.state == State.ACCEPTED and words is not None and words == finding.excerpt:
            finding.state, finding.decided_by, finding.decided_at = State.OPEN, None, None
        else:
            return None
        return place

    def _hand_over(self, finding: Finding, fingerprint: str) -> None:
        """The same finding may stand on the new revision from before: then that row takes what was decided."""
        there = self.there.get(fingerprint)
        if there is not None:
            there.state, there.reason = finding.state, finding.reason
            there.decided_by_id, there.decided_at = finding.decided_by_id, finding.decided_at

    def _settle(self, finding: Finding) -> None:
        if finding.state == State.OPEN:
            finding.state, finding.decided_at = self.touched, timezone.now()
            finding.decided_by = self.by if self.touched == State.FIXED else None

    def _arrive(self, finding: Finding) -> None:
        """What was settled by leaving this text is open again on coming back to it."""
        is_back = finding.state == State.FIXED
        is_seen = finding.state in (State.GONE, State.ACCEPTED) and finding.fingerprint in self.seen_after
        if is_back or is_seen:
            finding.state, finding.reason = State.OPEN, ""
            finding.decided_by, finding.decided_at = None, None


_FIELDS = ["revision", "start", "end", "fingerprint", "state", "reason", "decided_by", "decided_at"]


def _seen(revision: Revision, sample: Sample, pipeline: Pipeline) -> dict[str, FindingDraft]:
    """What the checks of a text alone notice; a completion written from labels is not looked at as prose."""
    corpus = Corpus(items=[item_of(revision, sample)], tagger=tagger_file(sample.project_id))
    found = pipeline.text_findings(corpus)
    return distinct([one for one in found if revision.labels is None or one.field != "completion"])


def _spans(findings: Sequence[Finding], before: Revision, after: Revision) -> list[Span | None]:
    """Where the words of each finding are in ``after``; None for whole fields and for words that were touched."""
    places: dict[int, Span | None] = {}
    for field in Finding.Field.values:
        old, new = getattr(before, field), getattr(after, field)
        spans = {
            finding.pk: (finding.start, finding.end)
            for finding in findings
            if finding.field == field and finding.start is not None and finding.end is not None
        }
        if spans:
            places.update(zip(spans, spans_moved(old, new, list(spans.values())), strict=True))
    return [places.get(finding.pk) for finding in findings]


def _replaced(old: str, new: str, finding: Finding) -> Span | None:
    """Where in ``new`` the words stand that took the place of a finding's; None when what is around went as well."""
    start, end = finding.start or 0, finding.end or 0
    new_start: int | None = 0
    new_end: int | None = len(new)
    if start > 0:
        left = spans_moved(old, new, [(start - 1, start)])[0]
        new_start = left[1] if left else None
    if end < len(old):
        right = spans_moved(old, new, [(end, end + 1)])[0]
        new_end = right[0] if right else None
    if new_start is None or new_end is None or new_start > new_end:
        return None
    return new_start, new_end
