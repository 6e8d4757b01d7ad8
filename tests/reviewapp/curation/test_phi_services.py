"""Acts on identifiers by the job, taken back, and the tagger that learns from corrections."""

from __future__ import annotations

from typing import Any

import pytest

from reviewapp.audit.models import AuditEvent
from reviewapp.core import jobs
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.models import Job
from reviewapp.curation import jobs as curation_jobs
from reviewapp.curation import services
from reviewapp.curation.identifiers import tagging
from reviewapp.curation.models import Finding, InventedWords, Redaction, TaggerUse, TaggerVersion
from reviewapp.curation.redaction import train
from reviewapp.curation.redaction.measure import Figures
from reviewapp.curation.redaction.sentences import Tagged, sentences_make
from reviewapp.curation.redaction.tagger import SHIPPED, tagger_train
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample
from tests import factories

State = Finding.State
PROMPT = "Doctor: Good morning, Mrs. Okonkwo. Seen on 03/14/2021 and 03/28/2021. Call (415) 867-5309."
COMPLETION = "Okonkwo was seen on 03/14/2021."


def checked(project: Project, **values: Any) -> Sample:
    values.setdefault("prompt", PROMPT)
    values.setdefault("completion", COMPLETION)
    sample = factories.sample(project, state=Sample.State.IMPORTED, **values)
    services.sample_scan(sample=sample, by=None)
    return sample


def done(row: Redaction) -> Redaction:
    assert row.job is not None
    jobs.execute(row.job.pk)
    row.refresh_from_db()
    assert row.job.pk and Job.objects.get(pk=row.job.pk).state == Job.State.SUCCEEDED, Job.objects.get().traceback
    return row


def redacted(project: Project, action: str, kinds: tuple[str, ...] = (), **values: Any) -> Redaction:
    lead = factories.member(project, "lead")
    return done(services.redaction_request(project=project, action=action, kinds=kinds, requested_by=lead, **values))


def undone(row: Redaction) -> Redaction:
    services.redaction_undo_request(redaction=row, requested_by=factories.member(row.project, "lead"))
    row.refresh_from_db()
    assert row.undo_job is not None
    jobs.execute(row.undo_job.pk)
    row.refresh_from_db()
    return row


def text_of(sample: Sample) -> tuple[str, str]:
    revision = factories.current(Sample.objects.select_related("revision").get(pk=sample.pk))
    return revision.prompt, revision.completion


def test_masking_makes_a_revision_and_accepts_the_findings(project: Project) -> None:
    sample = checked(project)
    row = redacted(project, "mask")
    prompt = "Doctor: Good morning, Mrs. [NAME]. Seen on [DATE] and [DATE]. Call [PHONE]."
    assert text_of(sample) == (prompt, "[NAME] was seen on [DATE].")
    assert row.counts == {"changed": 1, "identifiers": 6, "suggested": 0, "left": 0}
    assert set(
        Finding.objects.filter(sample=sample, kind__in=["name", "date", "phone"]).values_list("state", flat=True)
    ) == {State.ACCEPTED}
    last = Revision.objects.filter(sample=sample).last()
    assert last is not None and [each["count"] for each in last.actions] == [4, 2]
    assert Revision.objects.get(sample=sample, number=1).prompt == PROMPT
    assert "Okonkwo" not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_made_up_words_are_the_same_in_a_group_and_no_check_takes_them_for_real(project: Project) -> None:
    one, two = checked(project, group_key="a"), checked(project, group_key="a", completion="Okonkwo is well.")
    other = checked(project, group_key="b")
    redacted(project, "surrogate")
    name = text_of(one)[1].split(" was")[0]
    assert name != "Okonkwo" and text_of(two)[1] == f"{name} is well."
    assert name in text_of(one)[0] and text_of(other)[0] != text_of(one)[0]
    for sample in (one, two, other):
        services.sample_scan(sample=Sample.objects.get(pk=sample.pk), by=None)
        assert not Finding.objects.filter(sample=sample, state=State.OPEN, kind__in=["name", "date", "phone"]).exists()


def test_shifted_dates_keep_their_intervals(project: Project) -> None:
    sample = checked(project)
    redacted(project, "shift", ("date",))
    prompt, completion = text_of(sample)
    first, second = (word.strip(".") for word in prompt.split() if "/20" in word)
    assert first != "03/14/2021" and completion.endswith(f"{first}.") and "Okonkwo" in prompt
    days = [int(word.split("/")[1]) for word in (first, second)]
    assert (days[1] - days[0]) % 14 == 0 or first.split("/")[0] != second.split("/")[0]


def test_a_decided_sample_keeps_its_text_and_gets_suggestions(project: Project) -> None:
    sample = checked(project)
    Sample.objects.filter(pk=sample.pk).update(state=Sample.State.ACCEPTED)
    row = redacted(project, "surrogate")
    assert text_of(sample) == (PROMPT, COMPLETION) and row.counts["suggested"] == 1
    finding = Finding.objects.get(sample=sample, kind="phone", state=State.OPEN)
    assert finding.suggestion is not None and "555-01" in finding.suggestion
    services.sample_scan(sample=Sample.objects.get(pk=sample.pk), by=None)
    finding.refresh_from_db()
    assert finding.state == State.OPEN


def test_rejecting_and_taking_it_back(project: Project) -> None:
    sample, clean = checked(project), checked(project, prompt="Doctor: How are you?", completion="Well.")
    row = redacted(project, "reject")
    sample.refresh_from_db()
    clean.refresh_from_db()
    assert (sample.state, clean.state) == (Sample.State.REJECTED, Sample.State.READY)
    undone(row)
    sample.refresh_from_db()
    assert sample.state == Sample.State.READY and sample.withdrawn_at is None
    assert Finding.objects.filter(sample=sample, state=State.OPEN, kind="phone").exists()


@pytest.mark.parametrize("action", ["mask", "surrogate", "shift"])
def test_undo_brings_the_former_text_as_a_new_revision(project: Project, action: str) -> None:
    sample = checked(project)
    open_before = Finding.objects.filter(sample=sample, state=State.OPEN).count()
    row = undone(redacted(project, action))
    assert text_of(sample) == (PROMPT, COMPLETION)
    assert row.counts["taken_back"] == 1 and row.undone_at is not None
    assert Revision.objects.filter(sample=sample).count() == 3
    assert Finding.objects.filter(sample=sample, state=State.OPEN).count() == open_before
    assert not InventedWords.objects.filter(sample=sample).exists()
    with pytest.raises(ApplicationError, match="already"):
        services.redaction_undo_request(redaction=row, requested_by=factories.member(project, "lead"))


def test_what_was_changed_since_is_not_taken_back(project: Project) -> None:
    sample = checked(project)
    row = redacted(project, "mask")
    revision = factories.revision(sample, prompt="Doctor: Rewritten.", completion="Well.")
    Sample.objects.filter(pk=sample.pk).update(revision=revision)
    assert undone(row).counts["not_taken_back"] == 1
    assert text_of(sample)[0] == "Doctor: Rewritten."


def test_the_same_key_does_it_once_and_nothing_open_is_refused(project: Project) -> None:
    lead, key = factories.member(project, "lead"), "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    with pytest.raises(ApplicationError, match="No identifier"):
        services.redaction_request(project=project, action="mask", kinds=[], requested_by=lead)
    checked(project)
    asked = [
        services.redaction_request(project=project, action="mask", kinds=[], requested_by=lead, idempotency_key=key)  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert asked[0].pk == asked[1].pk
    with pytest.raises(ApplicationError, match="Another redaction"):
        services.redaction_request(project=project, action="mask", kinds=[], requested_by=lead)
    with pytest.raises(ApplicationError, match="Choose"):
        services.redaction_request(project=project, action="burn", kinds=[], requested_by=lead)


def test_a_job_that_was_cut_off_goes_on(project: Project) -> None:
    one, two = checked(project), checked(project)
    lead = factories.member(project, "lead")
    row = services.redaction_request(project=project, action="mask", kinds=[], requested_by=lead)
    services.sample_redact(redaction=row, sample=one)
    assert done(row).counts["changed"] == 2 and "[NAME]" in text_of(two)[0]


def test_names_of_the_metadata_are_grave(project: Project) -> None:
    sample = checked(
        project,
        prompt="Doctor: The zebra of quietude.",
        completion="Quibble was well.",
        metadata={"patient": "Ann Quibble"},
    )
    finding = Finding.objects.get(sample=sample, check_name="named_people", kind="name")
    assert (finding.excerpt, finding.severity) == ("Quibble", "high")


# ---- the tagger


def small(texts: list[Tagged]) -> bytes:
    return tagger_train(sentences_make(1, 150) + texts, iterations=8)


def figures(f1: float = 0.9, worst: int = 100) -> Figures:
    rows = [{"name": "a", "n": 100, "found": 100}, {"name": "b", "n": 100, "found": worst}]
    return Figures.from_json({"precision": 0.9, "recall": 1.0, "f1": f1, "labels": [], "origins": rows})


def version(project: Project, made: Figures) -> TaggerVersion:
    number = project.tagger_versions.count() + 1
    row = TaggerVersion.objects.create(project=project, number=number)
    services.tagger_finish(version=row, model=SHIPPED.read_bytes(), figures=made, counts={"accepted": 1})
    return row


def test_corrections_become_lines_with_the_words_in_them(project: Project) -> None:
    person = factories.member(project, "annotator")
    sample = checked(project, prompt="Doctor: Hello.\nPatient: Mrs. Okonkwo told Dr. Plimm so.\nDoctor: Yes.")
    for finding in Finding.objects.filter(sample=sample, field="prompt", check_name="named_people").order_by("-start"):
        if finding.excerpt == "Plimm":
            services.finding_dismiss(finding=finding, reason="a dog", dismissed_by=person)
        elif finding.excerpt == "Okonkwo":
            services.finding_accept(finding=finding, accepted_by=person)
    services.identifier_mark(
        project=project, external_id=sample.external_id, words="Hello", kind="name", marked_by=person
    )
    marked = Finding.objects.get(check_name=tagging.MARKED)
    services.finding_accept(finding=marked, accepted_by=person)
    learned = tagging.corrections_of(project)
    assert learned.counts == {"accepted": 1, "dismissed": 1, "added": 1}
    cut = {text.text: [text.text[a:b] for a, b, _ in text.entities] for text in learned.texts}
    assert cut["Doctor: Hello."] == ["Hello"]
    assert ["Okonkwo"] in cut.values() and [] in cut.values()


def test_a_worker_trains_and_a_lead_takes_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = factories.member(project, "lead")
    with pytest.raises(ApplicationError, match="nothing to learn"):
        services.tagger_request(project=project, requested_by=lead)
    sample = checked(project)
    services.finding_accept(
        finding=Finding.objects.get(sample=sample, field="completion", kind="name"), accepted_by=lead
    )
    monkeypatch.setattr(curation_jobs, "model_retrained", small)
    row = services.tagger_request(project=project, requested_by=lead)
    assert row.job is not None
    with pytest.raises(ApplicationError, match="already being trained"):
        services.tagger_request(project=project, requested_by=lead)
    jobs.execute(row.job.pk)
    row.refresh_from_db()
    assert row.made_at is not None and row.n_corrections == 1 and tagging.tagger_is_whole(row)
    assert tagging.tagger_file(project.pk) is None
    assert train.WEIGHT > 1


def test_a_worse_one_is_refused_and_an_unfair_one_needs_a_reason(project: Project) -> None:
    lead = factories.member(project, "lead")
    shipped = tagging.figures_of(None)
    better, unfair = version(project, figures(f1=shipped.f1 + 0.01)), version(project, figures(f1=1.0, worst=90))
    worse = version(project, figures(f1=shipped.f1 - 0.1))
    with pytest.raises(ApplicationError, match="worse"):
        services.tagger_take(project=project, version=worse, taken_by=lead)
    with pytest.raises(ApplicationError, match="the gap is 0.100"):
        services.tagger_take(project=project, version=unfair, taken_by=lead)
    services.tagger_take(project=project, version=unfair, taken_by=lead, reason="Only German letters here.")
    assert tagging.tagger_file(project.pk) == (str(tagging.tagger_path(unfair)), unfair.sha256)
    with pytest.raises(ApplicationError, match="in use already"):
        services.tagger_take(project=project, version=unfair, taken_by=lead, reason="Again.")
    services.tagger_take(project=project, version=None, taken_by=lead)
    services.tagger_take(project=project, version=better, taken_by=lead)
    assert TaggerUse.objects.filter(project=project).count() == 3
    checked(project)


def test_a_damaged_file_is_not_used(project: Project) -> None:
    lead, row = factories.member(project, "lead"), version(project, figures(f1=1.0))
    services.tagger_take(project=project, version=row, taken_by=lead)
    tagging.tagger_path(row).write_bytes(b"short")
    assert tagging.tagger_file(project.pk) is None
    assert Finding.objects.filter(sample=checked(project), kind="name").exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"external_id": "none"}, "no sample"),
        ({"words": "Nobody Here"}, "do not stand"),
        ({"words": ""}, "Give the words"),
        ({"kind": "colour"}, "Give the words"),
        ({"words": "(415) 867-5309", "kind": "phone"}, "already"),
    ],
)
def test_marking_refuses_what_it_cannot_place(project: Project, values: dict[str, str], sentence: str) -> None:
    sample = checked(project)
    given = {"external_id": sample.external_id, "words": "Good", "kind": "name"} | values
    with pytest.raises(ApplicationError, match=sentence):
        services.identifier_mark(project=project, marked_by=factories.member(project, "lead"), **given)
