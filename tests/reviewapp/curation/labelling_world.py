"""Samples with one class each, some of them chosen wrongly on purpose."""

from __future__ import annotations

import random
import uuid

from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.models import LabelReport
from reviewapp.labelling.selectors import schemas_starters
from reviewapp.labelling.services import schema_create
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories

NAMES = {"symptom": "New symptom", "medicine": "Medicine", "appointment": "Appointment"}
WORDS = {
    "symptom": "cough fever rash pain swelling since yesterday night getting worse hurts itchy throat knee",
    "medicine": "tablets dose prescription refill pharmacy milligrams twice daily packet ran out side effects stopped",
    "appointment": "book slot reschedule clinic date calendar morning cancel time next week available nurse visit",
}


def answer(key: str) -> dict[str, object]:
    chosen = [{"key": key, "name": NAMES[key], "path": [NAMES[key]]}]
    return {"fields": {"reason": {"kind": "class", "chosen": chosen}}}


def label(sample: Sample, key: str) -> None:
    sample.revision = factories.revision(
        sample, prompt=sample.revision.prompt, completion=NAMES[key], labels=answer(key)
    )
    sample.save(update_fields=["revision"])


def fill(project: Project, person: object, n: int = 90, wrong: int = 5, seed: int = 3) -> list[Sample]:
    """``n`` labelled samples in three classes; returns the first ``wrong`` of "symptom", labelled "appointment"."""
    schema_create(project=project, document=schemas_starters()["one_class"], created_by=person)
    mind, planted = random.Random(seed), []
    for number in range(n):
        key = list(WORDS)[number % 3]
        prompt = f"{' '.join(mind.sample(WORDS[key].split(), 7))} message {number}"
        sample = factories.sample(project, prompt=prompt, state="accepted", group_key=f"g{number}")
        is_wrong = key == "symptom" and len(planted) < wrong
        label(sample, "appointment" if is_wrong else key)
        planted += [sample] if is_wrong else []
    return planted


def looked(project: Project, person: object) -> LabelReport:
    report = services.label_report_request(project=project, requested_by=person, idempotency_key=uuid.uuid4())
    assert report.job is not None
    jobs.execute(report.job.pk)
    report.refresh_from_db()
    assert report.job is not None
    report.job.refresh_from_db()
    assert report.job.state == Job.State.SUCCEEDED, report.job.traceback
    return report
