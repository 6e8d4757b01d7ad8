from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.models import Finding, Scan
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample
from tests import factories

State = Finding.State
PHONES = (
    "Doctor: Hello.\nPatient: Ring 555-867-5309 or 555-867-5310, please.\nDoctor: I will. You are 54?\nPatient: Yes."
)
NOTE = "54-year-old who wants to be rung up."


def scanned(project: Project, by: Any, prompt: str = PHONES, completion: str = NOTE, **values: Any) -> Sample:
    sample = factories.sample(project, prompt=prompt, completion=completion, **values)
    services.sample_scan(sample=sample, by=by)
    return sample


def open_findings(sample: Sample, **values: Any) -> list[Finding]:
    return list(Finding.objects.filter(sample=sample, state=State.OPEN, **values).order_by("start"))


def words_of(finding: Finding) -> str:
    """The passage of the revision that the finding stands on."""
    return str(getattr(finding.revision, finding.field)[finding.start : finding.end])


def revision_of(sample: Sample) -> Revision:
    sample.refresh_from_db()
    return factories.current(sample)


def edited(sample: Sample, **texts: str) -> tuple[Revision, Revision]:
    """The revision before and after a reviewer's fix that became the current text."""
    before = revision_of(sample)
    text = {"prompt": before.prompt, "completion": before.completion} | texts
    after = factories.revision(sample, reason=Revision.Reason.FIX, **text)
    sample.revision = after
    sample.save()
    return before, after


def audited(action: str) -> list[dict[str, Any]]:
    return list(AuditEvent.objects.filter(action=action).values_list("data", flat=True))


# ---- accept


def test_accepting_puts_the_suggestion_into_a_new_revision(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    first, second = open_findings(sample)
    before = revision_of(sample)

    after = services.finding_accept(finding=first, accepted_by=people.annotator)

    assert after == revision_of(sample)
    assert after.prompt == PHONES.replace("555-867-5309", "[PHONE]")
    assert after.completion == NOTE
    assert (after.number, after.reason, after.created_by) == (2, Revision.Reason.FINDING, people.annotator)
    assert after.actions == [{"action": "suggestion applied", "field": "prompt", "detail": "phone"}]
    assert before.prompt == PHONES
    assert (first.state, first.decided_by, first.revision) == (State.ACCEPTED, people.annotator, after)
    assert words_of(first) == "[PHONE]"


def test_the_other_findings_follow_an_accept(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    first, second = open_findings(sample)

    after = services.finding_accept(finding=first, accepted_by=people.annotator)

    second.refresh_from_db()
    assert (second.state, second.revision, words_of(second)) == (State.OPEN, after, "555-867-5310")


def test_all_suggestions_can_be_accepted_one_after_the_other(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)

    for finding in open_findings(sample):
        services.finding_accept(finding=finding, accepted_by=people.annotator)

    assert "555" not in revision_of(sample).prompt
    assert revision_of(sample).number == 3
    assert not open_findings(sample)


def test_a_finding_whose_words_vanish_with_an_accept_is_gone(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    inside = factories.finding(sample, start=PHONES.index("867"), end=PHONES.index("867") + 3, excerpt="867")

    services.finding_accept(finding=open_findings(sample, kind="phone")[0], accepted_by=people.annotator)

    inside.refresh_from_db()
    assert (inside.state, inside.decided_by) == (State.GONE, None)


def test_accept_is_audited_without_the_words(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    finding = open_findings(sample)[0]

    after = services.finding_accept(finding=finding, accepted_by=people.annotator)

    (data,) = audited("finding.accept")
    assert data["after"] == after.pk
    assert "555" not in str(data)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"suggestion": None}, "no suggestion"),
        ({"start": None, "end": None}, "no suggestion"),
        ({"state": "dismissed"}, "already settled"),
        ({"excerpt": "Nurse"}, "not in the text any more"),
        ({"suggestion": "Doctor"}, "not in the text any more"),
        ({"end": len(factories.PROMPT), "excerpt": factories.PROMPT, "suggestion": " "}, "Nothing of the prompt"),
    ],
)
def test_what_cannot_be_accepted(
    project: Project, people: SimpleNamespace, values: dict[str, Any], sentence: str
) -> None:
    sample = factories.sample(project)
    finding = factories.finding(sample, **values)

    with pytest.raises(ApplicationError, match=sentence):
        services.finding_accept(finding=finding, accepted_by=people.annotator)

    assert sample.revisions.count() == 1
    assert not audited("finding.accept")


def test_a_finding_on_a_replaced_text_cannot_be_accepted(project: Project, people: SimpleNamespace) -> None:
    sample = factories.sample(project)
    finding = factories.finding(sample)
    edited(sample, completion="Another note.")

    with pytest.raises(ApplicationError, match="changed since"):
        services.finding_accept(finding=finding, accepted_by=people.annotator)


def test_accepting_in_an_accepted_sample_asks_for_a_new_review(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    Sample.objects.filter(pk=sample.pk).update(state=Sample.State.ACCEPTED)

    services.finding_accept(finding=open_findings(sample)[0], accepted_by=people.lead)

    sample.refresh_from_db()
    assert (sample.state, sample.review_round) == (Sample.State.READY, 2)


def test_the_text_of_a_rejected_sample_stays(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    Sample.objects.filter(pk=sample.pk).update(state=Sample.State.REJECTED)

    with pytest.raises(ApplicationError, match="was rejected"):
        services.finding_accept(finding=open_findings(sample)[0], accepted_by=people.lead)


def test_the_text_does_not_change_under_a_reviewer(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    lease = factories.assignment(sample, people.reviewer, factories.rubric_version(project))
    finding = open_findings(sample)[0]

    with pytest.raises(ApplicationError, match="Reviewer is reviewing this sample now"):
        services.finding_accept(finding=finding, accepted_by=people.lead)
    assert revision_of(sample).number == 1

    lease.lease_expires_at = factories.long_ago()
    lease.save()
    assert services.finding_accept(finding=finding, accepted_by=people.lead).number == 2


# ---- dismiss and reopen


def test_dismissing_needs_a_reason(project: Project, people: SimpleNamespace) -> None:
    finding = factories.finding(factories.sample(project))

    for reason, sentence in (("  \n", "few words"), ("x" * 1_001, "at most 1,000")):
        with pytest.raises(ApplicationError, match=sentence):
            services.finding_dismiss(finding=finding, reason=reason, dismissed_by=people.annotator)

    finding.refresh_from_db()
    assert finding.state == State.OPEN


def test_a_dismissed_finding_keeps_who_and_why(project: Project, people: SimpleNamespace) -> None:
    finding = factories.finding(factories.sample(project))

    services.finding_dismiss(finding=finding, reason=" A made-up number. ", dismissed_by=people.annotator)

    finding.refresh_from_db()
    assert (finding.state, finding.reason) == (State.DISMISSED, "A made-up number.")
    assert (finding.decided_by, finding.decided_at is not None) == (people.annotator, True)
    assert audited("finding.dismiss")[0]["reason"] == "A made-up number."
    with pytest.raises(ApplicationError, match="already settled by Annotator: dismissed"):
        services.finding_dismiss(finding=finding, reason="Again.", dismissed_by=people.lead)


def test_a_dismissal_can_be_taken_back(project: Project, people: SimpleNamespace) -> None:
    sample = factories.sample(project)
    finding = factories.finding(sample)
    services.finding_dismiss(finding=finding, reason="Fine.", dismissed_by=people.annotator)

    revision = services.finding_reopen(finding=finding, reopened_by=people.lead)

    finding.refresh_from_db()
    assert (finding.state, finding.reason, finding.decided_by) == (State.OPEN, "", None)
    assert revision == sample.revision
    assert sample.revisions.count() == 1
    assert audited("finding.reopen")[0]["was"] == "dismissed"


def test_taking_an_accept_back_restores_the_words_and_keeps_later_changes(
    project: Project, people: SimpleNamespace
) -> None:
    sample = scanned(project, people.lead)
    first, second = open_findings(sample)
    services.finding_accept(finding=first, accepted_by=people.annotator)
    second.refresh_from_db()
    services.finding_accept(finding=second, accepted_by=people.annotator)
    first.refresh_from_db()

    after = services.finding_reopen(finding=first, reopened_by=people.annotator)

    assert after.prompt == PHONES.replace("555-867-5310", "[PHONE]")
    assert after.number == 4
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, words_of(first), first.revision) == (State.OPEN, "555-867-5309", after)
    assert (second.state, words_of(second), second.revision) == (State.ACCEPTED, "[PHONE]", after)
    assert Finding.objects.filter(sample=sample).count() == 2


def test_an_accept_whose_place_was_rewritten_cannot_be_taken_back(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    finding = open_findings(sample)[0]
    services.finding_accept(finding=finding, accepted_by=people.annotator)
    before, after = edited(sample, prompt=revision_of(sample).prompt.replace("[PHONE]", "my sister"))
    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    with pytest.raises(ApplicationError, match="changed since"):
        services.finding_reopen(finding=finding, reopened_by=people.annotator)


def test_an_open_finding_cannot_be_reopened(project: Project, people: SimpleNamespace) -> None:
    finding = factories.finding(factories.sample(project))

    with pytest.raises(ApplicationError, match="Only an accepted or dismissed"):
        services.finding_reopen(finding=finding, reopened_by=people.lead)


# ---- following a reviewer's fix


def test_a_fix_settles_what_it_touched_and_keeps_the_rest(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    first, second = open_findings(sample)
    before, after = edited(sample, prompt="Porter: Here.\n" + PHONES.replace("555-867-5309", "me"))

    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.decided_by, first.revision) == (State.FIXED, people.reviewer, before)
    assert (second.state, second.revision, words_of(second)) == (State.OPEN, after, "555-867-5310")


def test_a_fix_that_puts_the_suggestion_in_is_an_accept_until_it_is_undone(
    project: Project, people: SimpleNamespace
) -> None:
    sample = scanned(project, people.lead, prompt=PHONES.replace("Doctor: Hello.\nPatient: Ring ", ""))
    first, second = open_findings(sample)
    assert first.start == 0
    before, after = edited(sample, prompt=revision_of(sample).prompt.replace("555-867-5309", "[PHONE]"))

    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    first.refresh_from_db()
    assert (first.state, first.decided_by, words_of(first)) == (State.ACCEPTED, people.reviewer, "[PHONE]")
    assert open_findings(sample) == [second]

    services.findings_follow(sample=sample, before=after, after=before, by=people.reviewer)

    first.refresh_from_db()
    assert (first.state, first.decided_by, words_of(first)) == (State.OPEN, None, "555-867-5309")
    assert open_findings(sample) == [first, second]


def test_a_fix_that_answers_a_finding_elsewhere_settles_it(project: Project, people: SimpleNamespace) -> None:
    """The figure in the completion stays, but now the prompt holds it."""
    sample = scanned(project, people.lead, prompt="Doctor: How old?\nPatient: Old.", completion="A man of 54 years.")
    assert [finding.kind for finding in open_findings(sample)] == ["number_not_in_prompt"]
    before, after = edited(sample, prompt="Doctor: How old?\nPatient: I am 54.")

    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    assert Finding.objects.get(sample=sample).state == State.FIXED


def test_a_fix_is_checked_too(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead, prompt="Doctor: How old?\nPatient: I am 54.", completion="A man of 54.")
    assert not open_findings(sample)
    before, after = edited(sample, completion="A man of 54. Mail him at jo@example.org.")

    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    (finding,) = open_findings(sample)
    assert (finding.kind, finding.revision, words_of(finding)) == ("email", after, "jo@example.org")


def test_a_dismissed_finding_stays_dismissed_on_the_next_text(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    for finding in open_findings(sample):
        services.finding_dismiss(finding=finding, reason="The clinic's own.", dismissed_by=people.annotator)
    before, after = edited(sample, completion="54-year-old who wants to be rung up today.")

    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    assert not open_findings(sample)
    assert Finding.objects.filter(revision=after, state=State.DISMISSED).count() == 2


def test_undoing_a_fix_brings_its_findings_back(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    before, after = edited(sample, prompt=PHONES.replace("555-867-5309", "jo@example.org"))
    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)
    assert [words_of(finding) for finding in open_findings(sample)] == ["jo@example.org", "555-867-5310"]
    sample.revision = before
    sample.save()

    services.findings_follow(sample=sample, before=after, after=before, by=people.reviewer)

    assert [words_of(finding) for finding in open_findings(sample)] == ["555-867-5309", "555-867-5310"]
    assert {finding.revision for finding in open_findings(sample)} == {before}
    assert {finding.decided_by for finding in open_findings(sample)} == {None}


def test_an_edit_alone_never_settles_an_overlap_with_a_heldout_prompt(
    project: Project, people: SimpleNamespace
) -> None:
    held = factories.heldout_set(project, prompts=1).prompts.get()
    sample = factories.sample(project)
    finding = factories.finding(
        sample, check_name="heldout_overlap", kind="heldout_passage", related_heldout=held, suggestion=None
    )
    before, after = edited(sample, prompt=factories.PROMPT.replace("Doctor: What", "Nurse: What"))

    services.findings_follow(sample=sample, before=before, after=after, by=people.reviewer)

    finding.refresh_from_db()
    assert (finding.state, finding.revision, finding.start, finding.end) == (State.OPEN, after, None, None)


def test_rejecting_closes_the_findings_and_undoing_it_opens_them(project: Project, people: SimpleNamespace) -> None:
    sample = scanned(project, people.lead)
    current = revision_of(sample)
    sample.state = Sample.State.REJECTED

    services.findings_follow(sample=sample, before=current, after=current, by=people.reviewer)
    assert not open_findings(sample)

    sample.state = Sample.State.READY
    services.findings_follow(sample=sample, before=current, after=current, by=people.reviewer)
    assert len(open_findings(sample)) == 2


_pieces = st.sampled_from(
    ["call 555-867-5309 ", "jo@example.org ", "54 ", "she said ", "#NAME? ", "cafÃ© ", "\n\n\n\n", "x    y ", "knee. "]
)
_texts = st.lists(_pieces, min_size=1, max_size=12).map("".join).filter(str.strip)


class FollowingTest(TestCase):
    @settings(max_examples=40, deadline=None)
    @given(_texts, _texts)
    @pytest.mark.slow
    def test_after_any_edit_open_findings_stand_on_their_words_and_say_what_a_scan_would(
        self, old: str, new: str
    ) -> None:
        project = factories.project()
        sample = factories.sample(project, prompt="How old? 54", completion=old, state=Sample.State.IN_REVIEW)
        services.sample_scan(sample=sample, by=None)
        before, after = edited(sample, completion=new)

        services.findings_follow(sample=sample, before=before, after=after, by=None)

        followed = {(f.kind, f.start, f.end, f.fingerprint) for f in open_findings(sample)}
        for finding in open_findings(sample):
            assert finding.revision == after
            assert finding.start is None or words_of(finding) == finding.excerpt
        services.sample_scan(sample=sample, by=None)
        assert followed == {(f.kind, f.start, f.end, f.fingerprint) for f in open_findings(sample)}


# ---- asking for a scan


def test_a_scan_is_a_row_and_a_waiting_job(project: Project, people: SimpleNamespace) -> None:
    factories.sample(project)

    scan = services.scan_request(project=project, requested_by=people.engineer)

    assert scan.job is not None
    assert (scan.job.state, scan.job.kwargs, scan.job.project_slug) == ("queued", {"scan_id": scan.pk}, "letters")
    assert audited("scan.request") == [{"job": scan.job.pk}]


def test_a_project_without_samples_is_not_scanned(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="Import some first"):
        services.scan_request(project=project, requested_by=people.engineer)


def test_one_scan_at_a_time(project: Project, people: SimpleNamespace) -> None:
    factories.sample(project)
    scan = services.scan_request(project=project, requested_by=people.engineer)

    with pytest.raises(ApplicationError, match="already waiting or running"):
        services.scan_request(project=project, requested_by=people.lead)

    Job.objects.filter(pk=scan.job_id or 0).update(state=Job.State.CANCELLED)
    assert services.scan_request(project=project, requested_by=people.lead) != scan


def test_the_same_form_sent_twice_makes_one_scan(project: Project, people: SimpleNamespace) -> None:
    factories.sample(project)
    key = uuid.uuid4()
    scan = services.scan_request(project=project, requested_by=people.engineer, idempotency_key=key)

    assert services.scan_request(project=project, requested_by=people.engineer, idempotency_key=key) == scan
    assert Scan.objects.count() == Job.objects.count() == 1


# ---- one sample at once


def test_one_sample_is_cleaned_checked_and_opened(project: Project, people: SimpleNamespace) -> None:
    sample = factories.sample(
        project, prompt="Doctor: cafÃ©?\r\nPatient: Ring 555-867-5309.", state=Sample.State.IMPORTED
    )

    found = services.sample_scan(sample=sample, by=people.reviewer)

    assert sample.state == Sample.State.READY
    assert revision_of(sample).prompt == "Doctor: café?\nPatient: Ring 555-867-5309."
    assert revision_of(sample).reason == Revision.Reason.CLEAN
    assert "phone" in {finding.kind for finding in found}
    assert {finding.revision for finding in found} == {revision_of(sample)}
    assert audited("sample.scan")[0]["findings"] == len(found)


def test_one_sample_is_compared_with_its_group_and_with_heldout_prompts(
    project: Project, people: SimpleNamespace
) -> None:
    held = factories.heldout_set(project, prompts=1).prompts.get()
    first = factories.sample(project, group_key="p1", prompt=held.prompt)
    second = factories.sample(project, group_key="p1", prompt=held.prompt)

    found = {finding.check_name: finding for finding in services.sample_scan(sample=second, by=people.reviewer)}

    assert found["exact_duplicates"].related_sample == first
    assert found["heldout_overlap"].related_heldout == held
    assert not Finding.objects.filter(sample=first).exists()


def test_a_sample_that_descends_from_a_heldout_prompt_is_not_held_against_it(
    project: Project, people: SimpleNamespace
) -> None:
    held = factories.heldout_set(project, prompts=1).prompts.get()
    sample = factories.sample(project, prompt=held.prompt, split=Sample.Split.HELDOUT)

    found = services.sample_scan(sample=sample, by=people.reviewer)

    assert "heldout_overlap" not in {finding.check_name for finding in found}


def test_a_sample_that_somebody_was_handed_keeps_its_text(project: Project, people: SimpleNamespace) -> None:
    sample = factories.sample(project, prompt="Doctor: cafÃ©?\nPatient: Yes.")
    factories.assignment(sample, people.annotator, factories.rubric_version(project))

    found = services.sample_scan(sample=sample, by=people.reviewer)

    assert revision_of(sample).number == 1
    assert "mojibake" in {finding.kind for finding in found}
