"""The scan, done for real: by the job's own entry point, on small projects and on the demo world's planted defects."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from demo.world.build import World, world_build
from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.checks.finding import Corpus
from reviewapp.curation.checks.registry import CHECKS, OFF_AT_FIRST
from reviewapp.curation.drafts import item_of
from reviewapp.curation.jobs import execute_scan, phases
from reviewapp.curation.models import CheckedRevision, Finding, Scan
from reviewapp.curation.pipeline import Pipeline
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, HeldoutSet, Revision, Sample, SampleGroup
from tests import factories

State = Finding.State
PHASES = phases(Pipeline())
TEXTS = [
    ("Doctor: What is it?\nPatient: My knee, for three weeks. I am 54.", "54-year-old with knee pain for three weeks."),
    ("Doctor: Hello.\r\nPatient: cafÃ© au lait spots, ring 555-867-5309.", "Spots since birth, 12 of them."),
    ("Doctor: And now?\nPatient: A cough since Monday, and I smoke.", "Smoker with a cough since Monday."),
    ("Doctor: And now?\nPatient: A cough since Monday, and I smoke.", "Smoker with a cough since Monday."),
    ("Doctor: Well?\nPatient: The rash is back on both arms.", ""),
]


def fill(project: Project, texts: list[tuple[str, str]] | None = None) -> list[Sample]:
    return [
        factories.sample(
            project, prompt=prompt, completion=completion, state=Sample.State.IMPORTED, external_id=f"s-{number}"
        )
        for number, (prompt, completion) in enumerate(texts or TEXTS)
    ]


def scan_asked(project: Project) -> Scan:
    return services.scan_request(project=project, requested_by=factories.member(project, "engineer"))


def job_of(scan: Scan) -> Job:
    assert scan.job is not None
    return scan.job


def scan(project: Project) -> Scan:
    asked = scan_asked(project)
    jobs.execute(job_of(asked).pk)
    asked.refresh_from_db()
    return asked


def found(project: Project, **values: Any) -> set[tuple[str, str, str]]:
    """(sample, check, state) of every finding."""
    rows = Finding.objects.filter(sample__project=project, **values)
    return set(rows.values_list("sample__external_id", "check_name", "state"))


def everything(project: Project) -> list[Any]:
    """All that a scan writes, without keys and times."""
    samples = Sample.objects.filter(project=project).order_by("external_id")
    findings = Finding.objects.filter(sample__project=project)
    columns = ("sample__external_id", "check_name", "kind", "field", "start", "end", "state", "suggestion", "message")
    return [
        list(samples.values_list("external_id", "state", "revision__number", "revision__prompt")),
        list(Revision.objects.filter(sample__in=samples).order_by("sample", "number").values_list("number", "actions")),
        sorted(findings.values_list(*columns, "revision__number", "related_sample__external_id"), key=str),
    ]


def test_a_scan_cleans_checks_and_opens_for_review(project: Project) -> None:
    fill(project)

    done = scan(project)

    assert job_of(done).state == "succeeded", job_of(done).traceback
    assert set(Sample.objects.values_list("state", flat=True)) == {Sample.State.READY}
    assert found(project) == {
        ("s-1", "identifiers", "open"),
        ("s-1", "unsupported_numbers", "open"),
        ("s-3", "exact_duplicates", "open"),
        ("s-4", "completion_length", "open"),
    }
    cleaned = Revision.objects.get(reason=Revision.Reason.CLEAN)
    assert cleaned.prompt == "Doctor: Hello.\nPatient: café au lait spots, ring 555-867-5309."
    assert cleaned.created_by is None
    assert {action["action"]: action["count"] for action in cleaned.actions} == {"mojibake": 1, "line_endings": 1}
    assert Sample.objects.get(external_id="s-1").revision == cleaned


def test_a_scan_says_what_it_did(project: Project) -> None:
    fill(project)

    done = scan(project)

    assert done.finished_at is not None
    assert (done.counts["samples"], done.counts["cleaned"], done.counts["new"], done.counts["gone"]) == (5, 1, 4, 0)
    assert done.counts["open"]["identifiers"] == 1
    job = job_of(done)
    assert job.message == "5 samples checked, 1 cleaned. 4 findings are open, 4 of them new."
    assert (job.progress_done, job.progress_total) == (PHASES, PHASES)
    assert all((check.title in job.log) == (check.name not in OFF_AT_FIRST) for check in CHECKS)
    event = AuditEvent.objects.get(action="scan.finish")
    assert (event.actor, event.data) == (done.requested_by, done.counts)


def test_duplicates_name_the_sample_they_resemble(project: Project) -> None:
    samples = fill(project)

    scan(project)

    finding = Finding.objects.get(check_name="exact_duplicates")
    assert (finding.sample, finding.related_sample) == (samples[3], samples[2])


def test_every_heldout_set_is_compared_with(project: Project) -> None:
    held = [heldout_prompt(project, "Doctor: Any pain?\nPatient: In my left hip."), heldout_prompt(project, "A rash.")]
    heldout_prompt(factories.project(), TEXTS[0][0])
    samples = fill(project, [*((prompt.prompt, "A note of some length.") for prompt in held), TEXTS[0]])

    scan(project)

    pairs = Finding.objects.filter(check_name="heldout_overlap").order_by("sample")
    assert [(pair.sample, pair.related_heldout) for pair in pairs] == list(zip(samples[:2], held, strict=True))
    assert {pair.severity for pair in pairs} == {"high"}


def heldout_prompt(project: Project, text: str) -> HeldoutPrompt:
    """The only prompt of a held-out set of its own."""
    made: HeldoutPrompt = HeldoutPrompt.objects.create(
        heldout_set=factories.heldout_set(project, prompts=0), external_id="h", group=factories.group(project),
        prompt=text, reference="A note.", row_hash=factories.sha(text),
    )  # fmt: skip
    return made


def test_a_second_scan_adds_nothing(project: Project) -> None:
    fill(project)
    scan(project)
    before = everything(project), list(Finding.objects.values_list("pk", "created_at"))

    again = scan(project)

    assert (everything(project), list(Finding.objects.values_list("pk", "created_at"))) == before
    assert (again.counts["new"], again.counts["gone"], again.counts["cleaned"]) == (0, 0, 0)


def test_what_was_dismissed_stays_dismissed(project: Project, people: SimpleNamespace) -> None:
    fill(project)
    scan(project)
    finding = Finding.objects.get(check_name="exact_duplicates")
    services.finding_dismiss(finding=finding, reason="Two visits.", dismissed_by=people.annotator)

    scan(project)

    finding.refresh_from_db()
    assert (finding.state, finding.reason) == (State.DISMISSED, "Two visits.")
    assert Finding.objects.filter(check_name="exact_duplicates").count() == 1


def test_what_a_scan_no_longer_sees_is_gone_until_it_is_back(project: Project) -> None:
    """The first of two copies is rejected, and taken back into the project."""
    samples = fill(project)
    scan(project)
    Sample.objects.filter(pk=samples[2].pk).update(state=Sample.State.REJECTED)

    scan(project)
    assert found(project, check_name="exact_duplicates") == {("s-3", "exact_duplicates", "gone")}

    Sample.objects.filter(pk=samples[2].pk).update(state=Sample.State.READY)
    scan(project)
    assert found(project, check_name="exact_duplicates") == {("s-3", "exact_duplicates", "open")}


def test_findings_of_rejected_samples_and_replaced_texts_are_closed(project: Project) -> None:
    samples = fill(project)
    scan(project)
    Sample.objects.filter(pk=samples[4].pk).update(state=Sample.State.REJECTED)
    Sample.objects.filter(pk=samples[3].pk).update(
        revision=factories.revision(samples[3], prompt="Another text.", completion="Nothing to see.")
    )

    scan(project)

    assert found(project, state=State.OPEN) == {("s-1", "identifiers", "open"), ("s-1", "unsupported_numbers", "open")}


def test_reviewed_samples_are_checked_and_not_cleaned(project: Project) -> None:
    samples = fill(project)
    Sample.objects.filter(pk=samples[1].pk).update(state=Sample.State.IN_REVIEW)

    scan(project)

    samples[1].refresh_from_db()
    assert samples[1].state == Sample.State.IN_REVIEW
    assert not Revision.objects.filter(reason=Revision.Reason.CLEAN).exists()
    assert ("s-1", "unicode", "open") in found(project)


def test_a_text_that_changed_during_the_scan_is_left_alone(project: Project) -> None:
    samples = fill(project)
    first = factories.current(samples[1])
    drafts = [draft for check in CHECKS for draft in check.run(corpus_of(samples[1]))]
    Sample.objects.filter(pk=samples[1].pk).update(revision=factories.revision(samples[1], prompt="Another text."))

    for draft in drafts:
        services.findings_write(check_name=draft.check, drafts=[draft], looked_at={samples[1].pk: first.pk})

    assert drafts
    assert not Finding.objects.exists()


def corpus_of(sample: Sample) -> Corpus:
    return Corpus(items=[item_of(factories.current(sample), sample)])


class Killed(BaseException):
    """What ends a process ends it anywhere."""


class DyingHandle(jobs.JobHandle):
    """The worker is killed when it is about to say its n-th sentence."""

    left = 0

    def progress(self, done: int, total: int = 0, message: str = "") -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed
        super().progress(done, total, message)


@pytest.mark.parametrize("sentences", [0, 1, 2, 3, 7, PHASES])
def test_a_killed_scan_done_again_leaves_what_one_scan_leaves(project: Project, sentences: int) -> None:
    whole = factories.project("whole")
    fill(whole)
    scan(whole)
    fill(project)
    asked = scan_asked(project)
    job = jobs._claim(job_of(asked).pk)
    assert job is not None
    handle = DyingHandle(job)
    handle.left = sentences

    with pytest.raises(Killed):
        execute_scan(handle, asked.pk)
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED, token=None)
    jobs.execute(job.pk)

    asked.refresh_from_db()
    assert everything(project) == everything(whole)
    assert asked.counts == Scan.objects.get(project=whole).counts


def test_a_cancelled_scan_stops_between_phases_and_opens_nothing(project: Project) -> None:
    fill(project)
    asked = scan_asked(project)
    Job.objects.filter(pk=job_of(asked).pk).update(is_cancel_requested=True)

    jobs.execute(job_of(asked).pk)

    asked.refresh_from_db()
    assert (job_of(asked).state, asked.finished_at) == ("cancelled", None)
    assert set(Sample.objects.values_list("state", flat=True)) == {Sample.State.IMPORTED}


def stopped_scan(project: Project, sentences: int) -> None:
    """A scan that a person cancels when its n-th sentence is said."""
    asked = scan_asked(project)
    job = jobs._claim(job_of(asked).pk)
    assert job is not None
    handle = DyingHandle(job)
    handle.left = sentences
    with pytest.raises(Killed):
        execute_scan(handle, asked.pk)
    Job.objects.filter(pk=job.pk).update(state=Job.State.CANCELLED)


def test_the_next_scan_goes_on_where_a_stopped_one_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = factories.project("whole")
    fill(whole)
    scan(whole)
    fill(project)
    monkeypatch.setattr("reviewapp.curation.jobs._BLOCK", 2)  # five samples in three blocks
    alone = sum(step.run.scope == "text" for step in Pipeline().on)
    corpus = len(Pipeline().on) - alone
    cleaning = 2  # sentences

    stopped_scan(project, cleaning + alone + 1)  # in the second block
    assert CheckedRevision.objects.filter(revision__sample__project=project).count() == 2
    assert not Scan.objects.get(project=project).corpus_hashes
    stopped_scan(project, cleaning + 2 * alone + 2)  # amid the checks of all samples
    assert CheckedRevision.objects.filter(revision__sample__project=project).count() == 5
    behind = sum(map(bool, Scan.objects.filter(project=project).latest("pk").corpus_hashes.values()))
    assert 0 < behind < corpus

    done = scan(project)

    assert everything(project) == everything(whole)
    told = job_of(done).log
    assert told.count(" 5 samples are as they were and were passed over.") == alone + behind, told


def test_a_check_that_died_in_its_work_looks_again(project: Project) -> None:
    """Its findings are then of no text: neither of that before, nor of the one that it did not end on."""
    samples = fill(project)
    scan(project)
    first = factories.current(samples[3])
    changed = factories.revision(samples[3], prompt="Another text.", completion="Nothing to see.")
    Sample.objects.filter(pk=samples[3].pk).update(revision=changed)
    scan(project)
    assert not found(project, check_name="exact_duplicates", state=State.OPEN)
    Sample.objects.filter(pk=samples[3].pk).update(revision=first)
    latest = scan(project)
    hashes = latest.corpus_hashes | {"exact_duplicates": ""}
    Scan.objects.filter(pk=latest.pk).update(corpus_hashes=hashes, finished_at=None)
    Finding.objects.filter(check_name="exact_duplicates").delete()

    scan(project)

    assert found(project, check_name="exact_duplicates", state=State.OPEN)


def test_a_project_with_rejected_samples_only_fails_with_a_sentence(project: Project) -> None:
    factories.sample(project, state=Sample.State.REJECTED)

    done = scan(project)

    assert job_of(done).state == "failed"
    assert "every sample of this project was rejected" in job_of(done).message


def queries_of_a_scan(project: Project, size: int) -> int:
    """Every sample needs cleaning and has one finding."""
    fill(project, [(f"Doctor: Go on.\r\nPatient: Visit number {n}.", "") for n in range(size)])
    asked = scan_asked(project)
    with CaptureQueriesContext(connection) as queries:
        jobs.execute(job_of(asked).pk)
    assert Finding.objects.filter(sample__project=project, check_name="completion_length").count() == size
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_the_samples(project: Project) -> None:
    few = queries_of_a_scan(project, 5)

    assert queries_of_a_scan(factories.project(), 40) == few
    assert few < 13 * len(CHECKS) + 20, "about a dozen for each check"


# ---- planted defects


def load(project: Project, world: World) -> None:
    groups: dict[str, SampleGroup] = {}

    def group(key: str) -> SampleGroup:
        return groups.setdefault(key, SampleGroup(project=project, key=key))

    for row in [*world.samples, *world.heldout]:
        group(row["group"])
    SampleGroup.objects.bulk_create(groups.values())
    held = HeldoutSet.objects.create(project=project, name="Held-out")
    HeldoutPrompt.objects.bulk_create(
        HeldoutPrompt(
            heldout_set=held, external_id=row["id"], group=group(row["group"]), prompt=row["prompt"],
            reference=row["reference"], row_hash=factories.sha(row["id"]),
        )
        for row in world.heldout
    )  # fmt: skip
    samples = Sample.objects.bulk_create(
        Sample(project=project, external_id=row["id"], group=group(row["group"]), row_hash=factories.sha(row["id"]))
        for row in world.samples
    )
    revisions = Revision.objects.bulk_create(
        Revision(
            sample=sample, number=1, prompt=row["prompt"], completion=row["completion"],
            reason=Revision.Reason.IMPORT, content_hash=factories.sha(row["id"]),
        )
        for sample, row in zip(samples, world.samples, strict=True)
    )  # fmt: skip
    for sample, revision in zip(samples, revisions, strict=True):
        sample.revision = revision
    Sample.objects.bulk_update(samples, ["revision"], batch_size=500)


# check, what it should find, how many of them at least, findings on samples without any defect at most. Measured with
# seed 7: 30/30, 50/50, 25/25, 70/70, 36/36, 34/34, 1/1 found, and 0, 0, 0, 0, 0, 5, 10 findings on sound samples; seeds
# 11 and 23 found as many, with up to 5 and 15 on sound ones. Of the wrong completions only ages, doses and durations
# (60 of 120) can be seen as a figure: 53 were, the others use a figure that the conversation also holds.
FLOORS = [
    ("exact_duplicates", "exact_duplicate", 30, 0),
    ("near_duplicates", "near_duplicate", 48, 0),
    ("contradictory_completions", "contradiction", 25, 0),
    ("identifiers", "identifier", 68, 8),  # eight of the sound ones are 90 years old: an age over 89 is an identifier
    ("gender_coded", "judging_wording", 35, 0),
    ("off_topic", "off_topic", 33, 8),
    ("heldout_overlap", "heldout_leak", 1, 15),
    ("unsupported_numbers", "wrong_completion", 50, 0),
]


@pytest.mark.slow
def test_planted_defects_are_found_and_sound_samples_left_in_peace(project: Project) -> None:
    world = world_build(7)
    load(project, world)
    done = scan(project)
    assert job_of(done).state == "succeeded"

    rows = Finding.objects.filter(state=State.OPEN).values_list("check_name", "sample__external_id")
    flagged: Counter[tuple[str, str]] = Counter(rows)
    defects = world.truth["defects"]
    unsound = {defect["sample"] for defect in defects} | {defect["of"] for defect in defects if "of" in defect}
    recall = {
        (check, kind): sum(
            (check, defect["sample"]) in flagged or (check, defect.get("of")) in flagged
            for defect in defects
            if defect["kind"] == kind
        )
        for check, kind, _, _ in FLOORS
    }
    alarms = Counter(check for (check, sample) in flagged if sample not in unsound)

    assert {key: n for key, n in recall.items() if n < dict(floor_of())[key]} == {}
    assert {check: alarms[check] for check, _, _, most in FLOORS if alarms[check] > most} == {}
    # the people of this world have names, and a name in a sound sample is still a name
    assert set(alarms) <= {check for check, _, _, _ in FLOORS} | {"named_people", "negations"}
    assert alarms["negations"] <= 2


def floor_of() -> list[tuple[tuple[str, str], int]]:
    return [((check, kind), least) for check, kind, least, _ in FLOORS]


@pytest.mark.slow
def test_mojibake_is_repaired_to_the_letter(project: Project) -> None:
    world = world_build(7)
    load(project, world)

    services.samples_clean(project=project)

    current = dict(Sample.objects.values_list("external_id", "revision__prompt"))
    broken = [defect for defect in world.truth["defects"] if defect["kind"] == "mojibake"]
    assert len(broken) == 45
    assert [d["sample"] for d in broken if current[d["sample"]] != d["original"]] == []
