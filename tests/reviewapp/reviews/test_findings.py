from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.models import Finding
from reviewapp.projects.models import Project
from reviewapp.reviews.judging import drafted_completion
from reviewapp.reviews.models import Assignment
from reviewapp.reviews.selectors.workbench import text_view
from reviewapp.reviews.services import finding_accept, finding_dismiss, prompt_restore, review_submit, review_undo
from reviewapp.samples.models import Sample
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import TEXT, claim, given, review


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    return reviewing.world(project, samples=1)


def finding(sample: Sample, field: str, words: str, suggestion: str | None = "[X]", **values: Any) -> Finding:
    revision = sample.revision
    assert revision is not None
    start = getattr(revision, field).index(words)
    return Finding.objects.create(
        revision=revision, sample=sample, check_name="identifiers", kind="phone", severity="high", field=field,
        start=start, end=start + len(words), excerpt=words, message="A telephone number", suggestion=suggestion,
        fingerprint=uuid.uuid4().hex, **values,
    )  # fmt: skip


def draft_of(assignment: Assignment) -> dict[str, str]:
    return Assignment.objects.get(pk=assignment.pk).draft


def test_a_suggestion_goes_into_the_draft_only(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    finding_accept(assignment=assignment, finding=finding(w.samples[0], "completion", "rest"))
    assert draft_of(assignment) == {"block-2": "Plan: [X]."}
    assert Sample.objects.get().revision == assignment.revision
    assert Finding.objects.get().state == "open"


def test_what_was_typed_before_stays(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    Assignment.objects.update(draft={"block-2": "Plan: much rest and ice.", "score-complete": "3"})
    finding_accept(assignment=assignment, finding=finding(w.samples[0], "completion", "rest"))
    assert draft_of(assignment) == {"block-2": "Plan: much [X] and ice.", "score-complete": "3"}


def test_a_passage_that_was_changed_takes_no_suggestion(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    Assignment.objects.update(draft={"block-2": "Plan: sleep."})
    with pytest.raises(ApplicationError, match="changed this passage already"):
        finding_accept(assignment=assignment, finding=finding(w.samples[0], "completion", "rest"))


def test_a_finding_without_words_to_put_is_refused(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    with pytest.raises(ApplicationError, match="suggests no words"):
        finding_accept(assignment=assignment, finding=finding(w.samples[0], "completion", "rest", suggestion=None))


def test_the_prompt_is_mended_in_the_draft_and_by_the_decision(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    phone = finding(w.samples[0], "prompt", "three weeks", "[TIME]")
    finding_accept(assignment=assignment, finding=phone)
    prompt = draft_of(assignment)["prompt"]
    assert "[TIME]" in prompt and "three weeks" not in prompt
    made = review_submit(assignment=assignment, given=given(prompt=prompt), idempotency_key=uuid.uuid4())
    sample = Sample.objects.get()
    assert sample.revision is not None
    assert (made.decision, sample.revision.prompt, sample.revision.completion) == ("fix", prompt, TEXT)
    assert (Finding.objects.get(pk=phone.pk).state, Finding.objects.get(pk=phone.pk).decided_by) == ("accepted", w.ann)


def test_changes_of_the_prompt_are_taken_back(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    finding_accept(assignment=assignment, finding=finding(w.samples[0], "prompt", "three weeks"))
    prompt_restore(assignment=assignment)
    assert "prompt" not in draft_of(assignment)


def test_undoing_the_decision_opens_its_findings_again(w: SimpleNamespace) -> None:
    mended = finding(w.samples[0], "completion", "rest")
    made = review(w.project, w.ann, given(completion=TEXT.replace("rest", "sleep")))
    assert Finding.objects.get(pk=mended.pk).state == "fixed"
    review_undo(review=made, idempotency_key=uuid.uuid4())
    mended.refresh_from_db()
    assert (mended.state, mended.revision) == ("open", made.revision_before)


def test_untouched_findings_go_along_with_the_accepted_text(w: SimpleNamespace) -> None:
    kept = finding(w.samples[0], "completion", "knee")
    made = review(w.project, w.ann, given(completion=TEXT.replace("Reason", "The reason").replace("rest", "sleep")))
    kept.refresh_from_db()
    assert (kept.state, kept.revision) == ("open", made.revision_after)
    assert kept.start is not None and made.revision_after.completion[kept.start : kept.end] == "knee"


def test_with_overlap_the_other_reviewer_still_sees_the_finding(project: Project) -> None:
    w = reviewing.world(project, samples=1, overlap=2)
    seen = finding(w.samples[0], "completion", "rest")
    review(project, w.ann, given(completion=TEXT.replace("rest", "sleep")))
    seen.refresh_from_db()
    assert (seen.state, seen.revision) == ("open", claim(project, w.bob).revision)


def test_a_finding_is_dismissed_with_a_reason(w: SimpleNamespace) -> None:
    assignment = claim(w.project, w.ann)
    none = finding(w.samples[0], "completion", "rest")
    with pytest.raises(ApplicationError, match="[Ww]hy"):
        finding_dismiss(assignment=assignment, finding=none, reason=" ")
    finding_dismiss(assignment=assignment, finding=none, reason="A plain word.")
    none.refresh_from_db()
    assert (none.state, none.reason, none.decided_by) == ("dismissed", "A plain word.", w.ann)
    with pytest.raises(ApplicationError, match="settled meanwhile"):
        finding_accept(assignment=assignment, finding=none)


def test_after_the_decision_findings_are_not_settled_here(w: SimpleNamespace) -> None:
    made = review(w.project, w.ann)
    with pytest.raises(ApplicationError, match="Undo the decision"):
        finding_accept(assignment=made.assignment, finding=finding(w.samples[0], "completion", "rest"))


# ---- what the page shows


def test_numbers_marks_and_blocks_belong_together(w: SimpleNamespace) -> None:
    sample = w.samples[0]
    plan, knee, weeks = (
        finding(sample, "completion", "rest"),
        finding(sample, "completion", "knee"),
        finding(sample, "prompt", "three weeks"),
    )
    view = text_view(sample.revision, Finding.objects.all(), {}, {})
    assert [(v.number, v.finding, v.block) for v in view.findings] == [(1, weeks, None), (2, knee, 1), (3, plan, 2)]
    marked = [s.text for turn in view.turns for s in turn.segments if s.mark]
    marked += [s.text for block in view.blocks for s in block.segments if s.mark]
    assert marked == ["three weeks", "knee", "rest"]
    assert [turn.turn.number for turn in view.turns if turn.findings] == [2]


def test_an_edited_passage_counts_as_fixed(w: SimpleNamespace) -> None:
    finding(w.samples[0], "completion", "rest")
    finding(w.samples[0], "completion", "knee")
    draft = {"block-2": "Plan: sleep."}
    view = text_view(w.samples[0].revision, Finding.objects.all(), draft, draft)
    assert [(v.is_open, v.words) for v in view.findings] == [(True, "Open"), (False, "Fixed by you")]
    assert (view.n_open, view.is_changed, view.blocks[1].is_changed) == (1, True, True)


def test_blocks_of_another_text_do_not_break_the_page(w: SimpleNamespace) -> None:
    view = text_view(w.samples[0].revision, (), {"block-1": "New.", "block-9": "Strange."}, {})
    assert [block.text for block in view.blocks] == ["New.", "Plan: rest."]


def test_a_draft_with_other_blocks_is_edited_as_one(w: SimpleNamespace) -> None:
    view = text_view(w.samples[0].revision, (), {"completion": "One text."}, {})
    assert [(block.field, block.text, block.base) for block in view.blocks] == [("completion", "One text.", TEXT)]
    assert drafted_completion({"completion": "One text."}, TEXT) == "One text."
