"""Drafts, freezing and signatures: what may happen, what may not, and that refusals change nothing."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError, ImmutableError
from reviewapp.core.models import Job
from reviewapp.curation.models import Finding
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, Sample
from reviewapp.trainingsets import selectors, services
from reviewapp.trainingsets.models import Example, Preview, Signature, TrainingSetVersion
from tests import factories
from tests.reviewapp.trainingsets import builders

pytestmark = pytest.mark.django_db


def finding(sample: Sample, **values: Any) -> Finding:
    values = {
        "check_name": "near_duplicates", "kind": "near_duplicate", "severity": "high", "field": "prompt",
        "message": "m", "fingerprint": uuid.uuid4().hex, "revision": sample.revision, **values,
    }  # fmt: skip
    return Finding.objects.create(sample=sample, **values)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


# ---- drafts


def test_a_draft_starts_a_set_and_counts_up(project: Project, people: SimpleNamespace) -> None:
    first = builders.draft(project, people.lead, set_name=" Notes ")
    second = builders.draft(project, people.engineer, set_name="Notes")
    other = builders.draft(project, people.lead, set_name="Letters")
    assert [(v.training_set.name, v.number) for v in (first, second, other)] == [
        ("Notes", 1), ("Notes", 2), ("Letters", 1),
    ]  # fmt: skip
    assert actions()[-3:] == ["version.draft"] * 3


def test_a_form_sent_twice_makes_one_draft(project: Project, people: SimpleNamespace) -> None:
    key = uuid.uuid4()
    first = builders.draft(project, people.lead, idempotency_key=key)
    assert builders.draft(project, people.lead, idempotency_key=key) == first
    assert TrainingSetVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"set_name": "  "}, "needs a name"),
        ({"filters": {"colour": ["red"]}}, "Unknown filter 'colour'"),
        ({"validation_percent": 0}, "between 1% and 50%"),
        ({"validation_percent": 51}, "between 1% and 50%"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    project: Project, people: SimpleNamespace, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ApplicationError, match=message):
        builders.draft(project, people.lead, **values)
    assert not TrainingSetVersion.objects.exists() and "version.draft" not in actions()


def test_a_draft_may_change_a_frozen_version_not(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.lead)
    rule = {"filters": {}, "validation_percent": 20, "seed": 1, "note": "n", "by": people.lead}
    with pytest.raises(ApplicationError, match="never changes"):
        services.version_update(version=version, **rule)
    with pytest.raises(ApplicationError, match="never changes"):
        services.samples_exclude(version=version, sample_ids={1}, reason="r", by=people.lead)
    draft = services.version_update(version=builders.draft(project, people.lead), **rule)
    assert (draft.validation_percent, draft.seed, draft.note) == (20, 1, "n")


def test_samples_are_taken_out_with_a_reason_and_put_back(project: Project, people: SimpleNamespace) -> None:
    first, second = builders.accepted(project, 4)[:2]
    elsewhere = factories.sample(factories.project())
    version = builders.draft(project, people.lead)
    ids = {first.pk, second.pk, elsewhere.pk}
    assert services.samples_exclude(version=version, sample_ids=ids, reason="doubtful", by=people.lead) == 2
    assert services.samples_exclude(version=version, sample_ids={first.pk}, reason="again", by=people.lead) == 0
    assert selectors.samples_selected(version).left_out == {selectors.BY_HAND: 2}
    with pytest.raises(ApplicationError, match="Say why"):
        services.samples_exclude(version=version, sample_ids={first.pk}, reason=" ", by=people.lead)
    assert services.samples_include(version=version, by=people.lead) == 2
    assert selectors.samples_selected(version).left_out == {}


# ---- freezing


def test_freezing_copies_the_texts_and_fixes_the_hash(project: Project, people: SimpleNamespace) -> None:
    samples = builders.accepted(project, 20)
    version = builders.frozen(project, people.lead)
    examples = list(version.examples.all())
    assert [example.sample_id for example in examples] == [sample.pk for sample in samples]
    assert [example.position for example in examples] == list(range(1, 21))
    assert all(example.prompt == sample.revision.prompt for example, sample in zip(examples, samples, strict=True))
    assert version.state == "frozen" and len(version.content_hash) == 64
    assert version.counts["train"] + version.counts["validation"] == 20
    assert version.counts["groups"] == {"train": 9, "validation": 1}
    assert (version.frozen_by, version.frozen_at is not None) == (people.lead, True)
    assert selectors.version_content(version).content_hash == version.content_hash
    assert AuditEvent.objects.filter(action="version.freeze").get().data["content_hash"] == version.content_hash


def test_frozen_texts_do_not_follow_later_revisions(project: Project, people: SimpleNamespace) -> None:
    sample = builders.accepted(project, 20)[0]
    version = builders.frozen(project, people.lead)
    sample.revision = factories.revision(sample, prompt="new", completion="new")
    sample.state = Sample.State.REJECTED
    sample.save()
    assert version.examples.get(sample=sample).prompt == builders.text(0)[0]
    assert selectors.version_is_unaltered(version).is_ok


def test_examples_and_signatures_are_immutable(project: Project, people: SimpleNamespace) -> None:
    version = builders.signed(project, people.lead, people.lead2)
    example = version.examples.first()
    assert example is not None
    example.completion = "other"
    for change in (
        example.save,
        example.delete,
        lambda: version.examples.update(completion="x"),
        lambda: version.examples.all().delete(),
        lambda: Signature.objects.filter(version=version).delete(),
    ):
        with pytest.raises(ImmutableError):
            change()


def test_a_second_freeze_is_refused(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.lead)
    with pytest.raises(ApplicationError, match="frozen already"):
        services.version_freeze(version=version, frozen_by=people.lead)
    assert version.examples.count() == 20


def test_what_changed_since_the_page_was_opened_is_not_frozen(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 20)
    version = builders.draft(project, people.lead)
    plan = selectors.version_plan(version)
    assert plan.content is not None
    builders.accepted(project, 2, start=40)
    with pytest.raises(ApplicationError, match="changed since you opened"):
        services.version_freeze(version=version, frozen_by=people.lead, expected_hash=plan.content.content_hash)
    version.refresh_from_db()
    assert version.state == "draft" and not Example.objects.exists()


@pytest.mark.parametrize(
    ("count", "per_group", "message"), [(0, 1, "No accepted sample"), (5, 5, "two separate groups")]
)
def test_too_little_to_freeze(
    project: Project, people: SimpleNamespace, count: int, per_group: int, message: str
) -> None:
    builders.accepted(project, count, per_group=per_group)
    with pytest.raises(ApplicationError, match=message):
        services.version_freeze(version=builders.draft(project, people.lead), frozen_by=people.lead)


def test_overlap_with_a_heldout_set_blocks_until_the_sample_is_out(project: Project, people: SimpleNamespace) -> None:
    samples = builders.accepted(project, 20)
    held = factories.heldout_set(project, prompts=3, sealed=False)
    leak = builders.text(7)[0].upper().replace(" ", "  ")
    HeldoutPrompt.objects.create(
        heldout_set=held, external_id="leak", group=factories.group(project, "h"), prompt=leak, reference="r",
        row_hash=factories.sha("leak"),
    )  # fmt: skip
    version = builders.draft(project, people.lead)
    with pytest.raises(ApplicationError, match="1 sample overlaps"):
        services.version_freeze(version=version, frozen_by=people.lead)
    version.refresh_from_db()
    assert version.state == "draft" and not Example.objects.exists()
    services.samples_exclude(version=version, sample_ids={samples[7].pk}, reason="leak", by=people.lead)
    version = services.version_freeze(version=version, frozen_by=people.lead)
    assert version.examples.count() == 19
    assert version.counts["contamination"]["heldout_prompts"] == 4
    assert all(row["found"] == 0 for row in version.counts["contamination"]["rows"])


def leak(project: Project, number: int) -> HeldoutPrompt:
    """A held-out prompt that is also a sample's."""
    return HeldoutPrompt.objects.create(
        heldout_set=factories.heldout_set(project, prompts=1, sealed=False),
        external_id=f"leak {number}",
        group=factories.group(project),
        prompt=builders.text(number)[0],
        row_hash=factories.sha(f"leak {number}"),
    )


def test_a_worker_compares_each_change_of_a_draft_with_the_heldout_sets(
    project: Project, people: SimpleNamespace
) -> None:
    samples = builders.accepted(project, 20)
    leak(project, 3)
    version = builders.draft(project, people.lead)
    assert version.overlap_job is not None and version.overlap_job.queue == "default"
    jobs.execute(version.overlap_job.pk)
    version.refresh_from_db()
    known = selectors.overlap_known(version, selectors.samples_selected(version))
    assert known is not None and known.sample_ids == {samples[3].pk} and known.samples == 20
    services.samples_exclude(version=version, sample_ids=known.sample_ids, reason="leak", by=people.lead)
    assert selectors.overlap_known(version, selectors.samples_selected(version)) is None
    first = version.overlap_job
    assert Job.objects.filter(path=services.OVERLAP_JOB).count() == 2
    services.samples_include(version=version, by=people.lead)
    services.samples_exclude(version=version, sample_ids=known.sample_ids, reason="leak", by=people.lead)
    assert version.overlap_job == first and first.state == "queued"  # the one that waits does it
    jobs.execute(first.pk)
    version.refresh_from_db()
    known = selectors.overlap_known(version, selectors.samples_selected(version))
    assert known is not None and known.pairs == []


def test_a_comparison_does_not_stand_for_later_texts_or_prompts(project: Project, people: SimpleNamespace) -> None:
    samples = builders.accepted(project, 20)
    version = builders.draft(project, people.lead)
    assert services.overlap_store(version=version).pairs == []
    version.refresh_from_db()
    assert selectors.overlap_known(version, selectors.samples_selected(version)) is not None
    leak(project, 5)
    assert selectors.overlap_known(version, selectors.samples_selected(version)) is None
    with pytest.raises(ApplicationError, match="1 sample overlaps"):
        services.version_freeze(version=version, frozen_by=people.lead)
    assert services.overlap_store(version=version).sample_ids == {samples[5].pk}
    version.refresh_from_db()
    samples[5].revision = factories.revision(samples[5], prompt="Something else.", completion="Else.")
    samples[5].save()
    assert selectors.overlap_known(version, selectors.samples_selected(version)) is None
    assert services.version_freeze(version=version, frozen_by=people.lead).state == "frozen"


def test_the_next_version_keeps_groups_in_their_splits(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project, 40)
    first = builders.frozen(project, people.lead)
    builders.accepted(project, 40, start=40)
    second = builders.frozen(project, people.lead)
    before = dict(first.examples.values_list("group_key", "split"))
    after = dict(second.examples.values_list("group_key", "split"))
    assert {group: after[group] for group in before} == before
    assert list(after.values()).count("validation") == 4
    other_seed = builders.frozen(project, people.lead, seed=99)
    assert dict(other_seed.examples.values_list("group_key", "split")) != after


def test_near_duplicates_of_two_groups_stay_together(project: Project, people: SimpleNamespace) -> None:
    samples = builders.accepted(project, 20, per_group=1)
    first = builders.frozen(project, people.lead)
    held = first.examples.filter(split="validation").values_list("sample_id", flat=True)[0]
    other = next(sample for sample in samples if sample.pk != held)
    finding(other, severity="medium", related_sample_id=held, state="dismissed")
    second = builders.frozen(project, people.lead)
    assert {example.split for example in second.examples.filter(sample__in=[other.pk, held])} == {"validation"}


# ---- signatures


def sign(version: TrainingSetVersion, by: Any, **values: Any) -> Signature:
    values = {"content_hash": version.content_hash, "meaning": "I read twenty of them.", **values}
    return services.version_sign(version=version, signed_by=by, **values)


def test_a_lead_who_did_not_make_it_signs(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.engineer)
    assert not selectors.version_is_trainable(version).is_ok
    signature = sign(version, people.lead)
    assert signature.content_hash == version.content_hash
    assert selectors.version_is_trainable(version).is_ok
    assert actions()[-1] == "version.sign"


def test_signing_your_own_version_is_refused(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project)
    version = services.version_freeze(version=builders.draft(project, people.lead), frozen_by=people.lead2)
    for author in (people.lead, people.lead2):
        with pytest.raises(ApplicationError, match="You made this version yourself"):
            sign(version, author)
    assert not Signature.objects.exists() and "version.sign" not in actions()


@pytest.mark.parametrize("role", ["annotator", "reviewer", "engineer", "observer", "admin", "outsider"])
def test_only_leads_of_the_project_sign(project: Project, people: SimpleNamespace, role: str) -> None:
    version = builders.frozen(project, people.lead)
    with pytest.raises(ApplicationError, match="Only a lead"):
        sign(version, getattr(people, role))
    assert not Signature.objects.exists()


def test_a_signature_needs_the_shown_hash_a_meaning_and_a_frozen_version(
    project: Project, people: SimpleNamespace
) -> None:
    version = builders.frozen(project, people.lead)
    with pytest.raises(ApplicationError, match="not the hash of this version"):
        sign(version, people.lead2, content_hash="0" * 64)
    with pytest.raises(ApplicationError, match="what was checked"):
        sign(version, people.lead2, meaning=" \n")
    with pytest.raises(ApplicationError, match="is a draft"):
        sign(builders.draft(project, people.lead), people.lead2)
    assert not Signature.objects.exists()


def test_one_person_signs_once_and_k_people_are_needed(project: Project, people: SimpleNamespace) -> None:
    project.signatures_required = 2
    project.save()
    version = builders.frozen(project, people.engineer)
    sign(version, people.lead)
    with pytest.raises(ApplicationError, match="signed .* already"):
        sign(version, people.lead)
    assert "1 signature is missing" in selectors.version_is_trainable(version).reason
    sign(version, people.lead2)
    assert selectors.version_is_trainable(version).is_ok


def test_a_withdrawn_signature_counts_no_more_and_may_be_given_again(project: Project, people: SimpleNamespace) -> None:
    version = builders.signed(project, people.lead, people.lead2)
    with pytest.raises(ApplicationError, match="Say why"):
        services.signature_withdraw(version=version, withdrawn_by=people.lead2, reason="")
    services.signature_withdraw(version=version, withdrawn_by=people.lead2, reason="A dose is wrong.")
    assert not selectors.version_is_trainable(version).is_ok
    with pytest.raises(ApplicationError, match="already returned"):
        services.signature_withdraw(version=version, withdrawn_by=people.lead2, reason="again")
    sign(version, people.lead2)
    assert selectors.version_is_trainable(version).is_ok
    assert [row.is_withdrawal for row in version.signatures.all()] == [False, True, False]


# ---- tampering


ALTERATIONS = [
    "UPDATE trainingsets_example SET completion = completion || ' ' WHERE position = 3 AND version_id = %s",
    "UPDATE trainingsets_example SET prompt = 'x' WHERE position = 1 AND version_id = %s",
    "UPDATE trainingsets_example SET split = 'train' WHERE split = 'validation' AND version_id = %s",
    "UPDATE trainingsets_example SET group_key = 'other' WHERE position = 2 AND version_id = %s",
    "DELETE FROM trainingsets_example WHERE position = 20 AND version_id = %s",
    "UPDATE trainingsets_example SET content_hash = 'x' WHERE position = 2 AND version_id = %s",
    "UPDATE trainingsets_trainingsetversion SET seed = 18 WHERE id = %s",
    "UPDATE trainingsets_trainingsetversion SET content_hash = 'x' WHERE id = %s",
]


@pytest.mark.parametrize("statement", ALTERATIONS)
def test_an_altered_version_neither_trains_nor_is_signed(
    project: Project, people: SimpleNamespace, statement: str
) -> None:
    version = builders.signed(project, people.engineer, people.lead)
    with connection.cursor() as cursor:
        cursor.execute(statement, [version.pk])
        assert cursor.rowcount >= 1
    version = selectors.version_in(project, version.pk)
    trainable = selectors.version_is_trainable(version)
    assert not trainable.is_ok and trainable.reason
    with pytest.raises(ApplicationError, match="altered|cannot|missing|split"):
        sign(version, people.lead2)


# ---- previews


def counts(**values: int) -> dict[str, Any]:
    return {"counts": {"rows": 20, "tokens": 900, "trained_tokens": 300, "truncated": 0, "dropped": 0, **values}}


def preview(version: TrainingSetVersion, by: Any, **values: int) -> Preview:
    made = services.preview_request(version=version, base_model_path="/m", max_length=64, requested_by=by)
    services.preview_store(preview=made, result=counts(**values))
    return made


def test_a_preview_is_asked_for_once_and_queued(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.lead)
    key = uuid.uuid4()
    values = {"version": version, "base_model_path": "/m", "max_length": 64, "requested_by": people.lead}
    first = services.preview_request(**values, idempotency_key=key)
    assert services.preview_request(**values, idempotency_key=key) == first
    assert first.job is not None
    assert (first.job.queue, first.job.path) == ("training", "reviewapp.runs.jobs.execute_preview")
    assert first.content_hash == version.content_hash
    with pytest.raises(ApplicationError, match="between 16"):
        services.preview_request(**{**values, "max_length": 3})


def test_cut_completions_must_be_agreed_to_before_signing(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.lead)
    made = preview(version, people.lead, truncated=3)
    with pytest.raises(ApplicationError, match="3 completions are cut"):
        sign(version, people.lead2)
    services.preview_accept(preview=made, accepted_by=people.lead2)
    services.preview_accept(preview=made, accepted_by=people.lead)
    assert made.accepted_by == people.lead2
    sign(version, people.lead2)


def test_examples_that_are_not_learned_cannot_be_agreed_to(project: Project, people: SimpleNamespace) -> None:
    version = builders.frozen(project, people.lead)
    made = preview(version, people.lead, dropped=1)
    with pytest.raises(ApplicationError, match="would not be learned at all"):
        services.preview_accept(preview=made, accepted_by=people.lead2)
    with pytest.raises(ApplicationError, match="would not be learned at all"):
        sign(version, people.lead2)
    preview(version, people.lead)  # a later one with a greater length is clean
    sign(version, people.lead2)


def test_a_preview_of_other_content_stops_nobody(project: Project, people: SimpleNamespace) -> None:
    builders.accepted(project)
    version = builders.draft(project, people.lead)
    preview(version, people.lead, truncated=3)
    builders.accepted(project, 2, start=40)
    version = services.version_freeze(version=version, frozen_by=people.lead)
    sign(version, people.lead2)
