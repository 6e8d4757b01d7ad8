"""Selections made by the job: every sample has its reason, the same settings give the same set, nothing is lost."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError, ImmutableError
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.models import GoldenExample, RelevanceLimit, Selection, SelectionEntry
from reviewapp.curation.selections import reasons
from reviewapp.curation.selections.asked import Config, samples_eligible
from reviewapp.curation.selections.reasons import entry_words, pulls_words
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample, SampleTag
from tests import factories
from tests.reviewapp.curation.selecting import config, fill, finished, kept, reason, selected
from tests.reviewapp.curation.test_learned import decide


def words(selection: Selection, name: str) -> str:
    return entry_words(selection.entries.select_related("other", "golden").get(sample__external_id=name))


def revised(selection: Selection, act: str, by: object, *names: str) -> Selection:
    ids = list(selection.entries.filter(sample__external_id__in=names).values_list("sample", flat=True))
    asked = services.selection_revise(
        selection=selection, act=act, sample_ids=ids, revised_by=by, idempotency_key=uuid.uuid4()  # type: ignore[arg-type]
    )  # fmt: skip
    return finished(asked)


def test_every_sample_is_kept_or_dropped_for_one_reason(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    made = selected(project, people.lead)
    assert made.counts["samples"] == 18 == made.entries.count() == sum(made.counts["reasons"].values())
    assert made.counts["kept"] == 6 == len(kept(made)) and made.counts["reasons"] == {"chosen": 6, "full": 12}
    assert {name.split("-")[0] for name in kept(made)[:3]} == {"knee", "heart", "skin"}
    assert words(made, kept(made)[0]) == "Place 1: quality 1.00. Nothing was chosen before it."
    assert words(made, kept(made)[1]).startswith("Place 2: quality 1.00, 0.")
    full = made.entries.filter(reason="full").first()
    assert full is not None and "The set was full with 6 samples" in entry_words(full)
    assert made.figures["cover"]["n"] == 18 and made.figures["cover"]["apart"] >= made.figures["cover"]["apart_random"]
    assert sum(made.figures["quality"]["kept"]) == 6
    assert made.index_number == 1 and len(made.vocabulary_hash) == 64


def test_the_same_settings_on_the_same_texts_give_the_same_hash(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    first, again = selected(project, people.lead), selected(project, people.lead)
    assert first.content_hash == again.content_hash and kept(first) == kept(again) and again.number == 2
    assert selected(project, people.lead, size=5).content_hash != first.content_hash
    sample = next(one for some in samples.values() for one in some if one.external_id == kept(first)[0])
    sample.revision = factories.revision(sample, prompt=factories.current(sample).prompt, completion="Another note.")
    sample.save(update_fields=["revision"])
    assert selected(project, people.lead).content_hash != first.content_hash


def test_another_project_with_the_same_texts_has_the_same_hash(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    twin = factories.project("twin")
    fill(twin)
    assert selected(twin, people.lead).content_hash == selected(project, people.lead).content_hash


def test_what_may_not_train_is_dropped_and_says_why(project: Project, people: SimpleNamespace) -> None:
    some = [sample for each in fill(project).values() for sample in each]
    heldout = factories.heldout_set(project)
    Sample.objects.filter(pk=some[0].pk).update(state="rejected")
    Sample.objects.filter(pk=some[1].pk).update(split="heldout")
    Sample.objects.filter(pk=some[2].pk).update(group=heldout.prompts.all()[0].group)
    factories.finding(some[3], check_name="heldout_overlap", severity="medium")
    factories.finding(some[4])
    factories.finding(some[5], check_name="spreadsheet_errors")
    factories.finding(some[6], state="dismissed")
    blank = factories.sample(project, prompt=" ", completion="A note.", external_id="blank")
    factories.sample(project, completion="", external_id="empty")
    made = selected(project, people.lead, size=50)
    found = [reason(made, sample.external_id) for sample in some[:7]]
    assert found == ["rejected", "held_out", "held_out_group", "overlap", "identifiers", "open_high", "chosen"]
    assert reason(made, blank.external_id) == reason(made, "empty") == "no_text"
    assert made.counts["kept"] == 12 and made.counts["eligible"] == 12 and made.counts["noise"] == 6
    assert all(entry_words(entry) for entry in made.entries.select_related("other", "golden"))
    assert samples_eligible(project).n == 13  # a blank prompt is known when it is read


def test_only_those_asked_for_come_into_question(project: Project, people: SimpleNamespace) -> None:
    Sample.objects.filter(pk__in=[sample.pk for sample in fill(project)["knee"]]).update(state="accepted")
    made = selected(project, people.lead, size=50, scope="accepted")
    assert {name.split("-")[0] for name in kept(made)} == {"knee"} and made.counts["reasons"]["scope"] == 12
    assert {name.split("-")[0] for name in kept(selected(project, people.lead, size=50, scope="open"))} == {
        "heart",
        "skin",
    }


def test_of_duplicates_one_is_kept(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    first, second, third, _fourth, fifth, sixth = samples["knee"]
    factories.finding(second, check_name="near_duplicates", severity="medium", related_sample=first, kind="near")
    text = factories.current(third)
    copy = factories.sample(project, prompt=text.prompt, completion=text.completion, external_id="copy")
    factories.finding(copy, check_name="exact_duplicates", related_sample=third)
    factories.finding(sixth, check_name="exact_duplicates", related_sample=fifth, state="dismissed")
    made = selected(project, people.lead, size=50)
    assert reason(made, "knee-4") == reason(made, "knee-5") == reason(made, "knee-2") == "chosen"
    assert words(made, "copy") == "The same text as knee-2, which was kept."
    gone = "knee-0" if reason(made, "knee-0") == "duplicate" else "knee-1"
    kept_one = {"knee-0", "knee-1"} - {gone}
    assert words(made, gone) == f"Near-duplicate of {kept_one.pop()}, which was kept."


def test_copies_that_no_check_has_seen_are_duplicates_too(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    for name in ("copy-a", "copy-b"):
        factories.sample(project, prompt="The very same knee.", completion="A swollen knee, twice.", external_id=name)
    made = selected(project, people.lead, size=50)
    assert sorted(reason(made, name) for name in ("copy-a", "copy-b")) == ["chosen", "duplicate"]


def test_quotas_hold_by_group_language_import_and_tag(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    knees = [sample.pk for sample in samples["knee"]]
    group = factories.group(project, "ward 7")
    Sample.objects.filter(pk__in=knees).update(group=group)
    made = selected(project, people.lead, size=50, quotas={"group": 2, "language": 5})
    by_language = [entry.sample.language for entry in made.entries.filter(is_kept=True).select_related("sample")]
    assert by_language.count("en") == by_language.count("de") == 5
    assert sum(name.startswith("knee") for name in kept(made)) <= 2
    said = {entry_words(entry) for entry in made.entries.filter(reason="quota")}
    assert "The quota of its language “en” (5) was full." in said
    assert said <= {
        "The quota of its language “en” (5) was full.",
        "The quota of its language “de” (5) was full.",
        "The quota of its group “ward 7” (2) was full.",
    }
    SampleTag.objects.bulk_create(SampleTag(project=project, sample_id=pk, name="hip") for pk in knees)
    batch = factories.import_batch(project)
    Sample.objects.filter(pk__in=[sample.pk for sample in samples["skin"]]).update(batch=batch)
    made = selected(project, people.lead, size=50, quotas={"tag": 1, "batch": 2})
    names = [name.split("-")[0] for name in kept(made)]
    assert (names.count("knee"), names.count("skin"), names.count("heart")) == (1, 2, 6)
    assert any("its import “letters.csv” (2)" in entry_words(entry) for entry in made.entries.filter(reason="quota"))


def test_relevance_is_nearness_to_the_golden_with_the_nearest_named(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    services.golden_mark(sample=samples["heart"][0], marked_by=people.lead)
    made = selected(project, people.lead, preset="golden", least_relevance=0.5, size=50)
    assert {name.split("-")[0] for name in kept(made)} == {"heart"}
    entry = made.entries.select_related("golden").get(sample=samples["heart"][3])
    assert entry.relevance is not None and entry.relevance > 0.3 and entry.golden == samples["heart"][0]
    assert "less relevant" in words(made, "skin-0").lower() and "than the limit 0.50" in words(made, "skin-0")
    assert made.counts["golden"] == 1 and made.figures["relevance"]["median_kept"] > 0.3
    services.golden_unmark(sample=samples["heart"][0], unmarked_by=people.lead)
    plain = selected(project, people.lead, least_relevance=0.3, size=50)
    assert plain.counts["kept"] == 18 and not plain.counts["has_relevance"]


def test_without_decisions_the_score_is_that_of_stated_rules(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    factories.sample(project, prompt="Knee?", completion="knee knee knee knee knee knee ###", external_id="poor")
    made = selected(project, people.lead, size=50, least_quality=0.9)
    assert made.quality == {"kind": "default", "n": 0, "unknown": "0 of at least 50 decisions are there."}
    assert words(made, "poor").startswith("Quality 0.") and "below the limit 0.90" in words(made, "poor")
    entry = made.entries.get(sample__external_id="poor")
    assert "repeats itself" in pulls_words(entry) and pulls_words(entry).startswith("down: ")


def test_with_decisions_the_score_is_learned_and_its_calibration_shown(
    project: Project, people: SimpleNamespace
) -> None:
    decide(project, factories.rubric_version(project, used=True), 60)
    good = factories.sample(project, completion="Knee pain for three weeks. Number 77.", external_id="good")
    bad = factories.sample(project, completion="Fragment ??? lorem. Number 78.", external_id="bad")
    made = selected(project, people.lead, size=50)
    assert made.quality["kind"] == "learned" and made.quality["n"] == 60 and made.quality["auc"] > 0.8
    assert sum(one["n"] for one in made.quality["reliability"]) == 60
    said = {entry.sample_id: entry.quality for entry in made.entries.all()}
    assert said[good.pk] > said[bad.pk]


def test_a_score_that_says_no_more_than_the_mean_is_not_used(project: Project, people: SimpleNamespace) -> None:
    rubric = factories.rubric_version(project, used=True)
    for n in range(60):
        sample = factories.sample(
            project, state=("accepted", "rejected")[n % 2], completion=f"Knee pain, note {n // 2}."
        )
        factories.review(sample, people.annotator, rubric, ("accept", "reject")[n % 2])
    made = selected(project, people.lead)
    assert made.quality["kind"] == "default" and made.quality["n"] == 60
    assert "say no more than their mean" in made.quality["unknown"]


def test_findings_count_as_they_stood_when_somebody_decided(project: Project, people: SimpleNamespace) -> None:
    from reviewapp.curation.selections.material import decided_of

    rubric = factories.rubric_version(project, used=True)
    sample = factories.sample(project, state="accepted")
    factories.finding(sample, check_name="unsupported_numbers", severity="medium")
    review = factories.review(sample, people.annotator, rubric)
    sample.findings.update(state="dismissed", decided_at=review.submitted_at)
    factories.finding(sample, check_name="whitespace", severity="low")  # seen only later
    figures = decided_of(project).figures[0]
    assert figures[12] > 0 and figures[13] == 0


def test_a_person_keeps_and_drops_in_another_selection(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    first = selected(project, people.lead)
    before, wanted = kept(first), first.entries.filter(is_kept=False).first()
    assert wanted is not None
    name = wanted.sample.external_id
    second = revised(first, "keep", people.lead, name)
    assert kept(second)[0] == name and reason(second, name) == "pinned" and second.base == first
    assert words(second, name) == "Kept by hand by Lead; quality 1.00."
    gone = kept(second)[1]
    third = revised(second, "drop", people.lead2, gone)
    assert reason(third, gone) == "by_hand" and words(third, gone) == "Dropped by hand by Lead2."
    assert kept(third)[0] == name and gone not in kept(third)
    fourth = revised(third, "keep", people.lead, gone)
    assert gone in kept(fourth) and not fourth.config["drop"]
    first.refresh_from_db()
    assert kept(first) == before and len({one.content_hash for one in (first, second, third)}) == 3


def test_what_is_hard_cannot_be_kept_by_hand(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    factories.finding(samples["knee"][0])
    made = selected(project, people.lead)
    with pytest.raises(ApplicationError, match="knee-0 cannot be kept by hand"):
        revised(made, "keep", people.lead, "knee-0")
    with pytest.raises(ApplicationError, match="Tick the samples"):
        revised(made, "keep", people.lead, kept(made)[0])


def test_a_made_selection_and_its_entries_never_change(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    made = selected(project, people.lead)
    made.counts = {}
    with pytest.raises(ImmutableError):
        made.save()
    with pytest.raises(ImmutableError):
        SelectionEntry.objects.filter(selection=made).update(is_kept=True)
    assert made.job is not None
    before = list(made.entries.values_list("pk", flat=True))
    Job.objects.filter(pk=made.job.pk).update(state=Job.State.QUEUED)
    jobs.execute(made.job.pk)
    assert list(made.entries.values_list("pk", flat=True)) == before


def test_an_attempt_that_was_cut_off_is_done_again_whole(project: Project, people: SimpleNamespace) -> None:
    samples = fill(project)
    asked = services.selection_request(project=project, config=config(), requested_by=people.lead)
    SelectionEntry.objects.create(selection=asked, sample=samples["knee"][0], is_kept=True, reason="chosen")
    assert finished(asked).entries.count() == 18


def test_cancelled_it_keeps_nothing(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    asked = services.selection_request(project=project, config=config(), requested_by=people.lead)
    assert asked.job is not None
    Job.objects.filter(pk=asked.job.pk).update(is_cancel_requested=True)
    jobs.execute(asked.job.pk)
    asked.refresh_from_db()
    assert asked.made_at is None and not asked.entries.exists()
    asked.job.refresh_from_db()
    assert asked.job.state == Job.State.CANCELLED
    with pytest.raises(ApplicationError, match="nothing to cancel"):
        services.selection_cancel(selection=asked, cancelled_by=people.lead)


def test_nothing_in_question_is_said_plainly(project: Project, people: SimpleNamespace) -> None:
    factories.sample(project, state="rejected")
    asked = services.selection_request(project=project, config=config(), requested_by=people.lead)
    assert asked.job is not None
    jobs.execute(asked.job.pk)
    asked.job.refresh_from_db()
    assert asked.job.state == Job.State.FAILED and "No sample comes into question" in asked.job.message


def test_a_limit_that_nobody_reaches_keeps_nobody(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    made = selected(project, people.lead, least_quality=1.0)
    assert made.counts["kept"] in (0, 6)
    factories.finding(Sample.objects.all()[0], check_name="whitespace", severity="low")
    services.golden_mark(sample=Sample.objects.all()[0], marked_by=people.lead)
    Sample.objects.filter(external_id__startswith="heart").update(state="rejected")
    made = selected(project, people.lead, least_relevance=1.0, least_quality=1.0)
    assert made.counts["kept"] == 0 and made.figures["quality"]["median_kept"] is None
    assert made.figures["cover"]["mean"] == 1.0 and len(made.content_hash) == 64


def test_one_at_a_time_and_a_form_sent_twice_makes_one(project: Project, people: SimpleNamespace) -> None:
    with pytest.raises(ApplicationError, match="no samples to choose from"):
        services.selection_request(project=project, config=config(), requested_by=people.lead)
    fill(project)
    key = uuid.uuid4()
    asked = [
        services.selection_request(project=project, config=config(), requested_by=people.lead, idempotency_key=key)
        for _ in range(2)
    ]
    assert asked[0] == asked[1]
    with pytest.raises(ApplicationError, match="already being made"):
        services.selection_request(project=project, config=config(), requested_by=people.lead)
    assert AuditEvent.objects.filter(action="selection.request").count() == 1


@pytest.mark.parametrize("wrong", [{"size": 0}, {"preset": "x"}, {"scope": "x"}, {"quotas": {"age": 2}}])
def test_settings_that_no_form_sends_are_refused(project: Project, people: SimpleNamespace, wrong: dict) -> None:  # type: ignore[type-arg]
    fill(project, 1)
    with pytest.raises(ApplicationError, match="Open the form"):
        services.selection_request(project=project, config=config(**wrong), requested_by=people.lead)


def test_settings_come_back_as_they_were_kept() -> None:
    given = config(quotas={"tag": 3}, keep=[{"sample": 1, "external_id": "a", "by": "Lead"}], least_quality=0.5)
    assert Config.of_json(given.to_json()) == given


def test_the_reasons_have_all_their_words() -> None:
    assert reasons.HARD.isdisjoint(reasons.KEPT) and reasons.NOISE.isdisjoint(reasons.KEPT)
    assert len({reason.label for reason in reasons.REASONS.values()}) == len(reasons.REASONS)


# ---- golden examples and the limit


def test_marking_twice_is_one_example_and_taking_it_back_leaves_a_trace(
    project: Project, people: SimpleNamespace
) -> None:
    sample = fill(project)["knee"][0]
    for _ in range(2):
        services.golden_mark(sample=sample, marked_by=people.lead)
    services.golden_unmark(sample=sample, unmarked_by=people.lead)
    services.golden_unmark(sample=sample, unmarked_by=people.lead)
    assert not GoldenExample.objects.exists()
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True)) == ["golden.mark", "golden.unmark"]


def test_a_sample_without_text_is_no_example(project: Project, people: SimpleNamespace) -> None:
    sample = factories.sample(project)
    Sample.objects.filter(pk=sample.pk).update(revision=None)
    sample.refresh_from_db()
    with pytest.raises(ApplicationError, match="no text"):
        services.golden_mark(sample=sample, marked_by=people.lead)


def test_a_limit_is_kept_with_what_it_was_judged_by(project: Project, people: SimpleNamespace) -> None:
    judged = {n: (n / 10, n > 4) for n in range(1, 9)}
    kept_one = services.limit_keep(
        project=project, judged=judged, limit=None, golden=3, index_number=1, made_by=people.lead
    )
    assert kept_one.limit == kept_one.suggested == 0.45 and len(kept_one.judged) == 8
    by_hand = services.limit_keep(
        project=project, judged=judged, limit=0.6, golden=3, index_number=1, made_by=people.lead
    )
    assert (by_hand.limit, by_hand.suggested) == (0.6, 0.45) and RelevanceLimit.objects.count() == 2


@pytest.mark.parametrize("judged", [{}, {1: (0.1, True), 2: (0.2, False)}, {n: (n / 10, True) for n in range(8)}])
def test_too_few_or_one_kind_give_no_limit(project: Project, people: SimpleNamespace, judged: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(ApplicationError, match="some that belong and some that do not"):
        services.limit_keep(project=project, judged=judged, limit=None, golden=1, index_number=1, made_by=people.lead)
