"""A project whose messages are sorted by reason, some of them by experts, and functions that vote for the reasons."""

from __future__ import annotations

import itertools

import numpy as np
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation.models import LabellingFunction, LabellingFunctionVersion, LabellingRun
from reviewapp.curation.programmatic.asked import Field, field_of
from reviewapp.curation.programmatic.conditions import Condition, content_hash
from reviewapp.curation.programmatic.label_model import dawid_skene, majority
from reviewapp.curation.programmatic.run import figures_json
from reviewapp.curation.services import programmatic as services
from reviewapp.labelling.models import LabelSchemaVersion
from reviewapp.projects.models import Project
from reviewapp.rubrics.models import RubricVersion
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.labelling import documents

TEXTS = {
    "pain": ["My knee hurts on stairs.", "A sharp pain in the back since Monday.", "The shoulder hurts at night."],
    "skin": ["An itching rash on both arms.", "Dry skin and eczema on the hands.", "A rash after the new soap."],
    "sleep": ["I cannot sleep before three.", "I wake up at night and lie awake.", "Tired all day, no sleep."],
}
WORDS = {"pain": "hurts, pain", "skin": "rash, eczema", "sleep": "sleep, awake, night"}
_numbers = itertools.count(1)


def schema(project: Project) -> LabelSchemaVersion:
    return documents.version(project)


def field(project: Project) -> Field:
    found = field_of(project)
    assert found is not None
    return found


def fill(project: Project, each: int = 6) -> dict[str, list[Sample]]:
    """``each`` messages a reason, in turn one of three texts; nobody has labelled them."""
    return {
        reason: [
            factories.sample(
                project, prompt=f"{texts[n % 3]} Message {next(_numbers)}.", completion="", external_id=f"{reason}-{n}",
                group_key=f"{reason}-{n}", metadata={"age": 20 + 10 * n, "site": "North" if n % 2 else "South"},
            )
            for n in range(each)
        ]
        for reason, texts in TEXTS.items()
    }  # fmt: skip


def labelled(sample: Sample, key: str, by: User, rubric: RubricVersion) -> None:
    """Experts chose this class for the sample and accepted it."""
    chosen = [{"key": key, "name": key.title(), "path": [key.title()]}]
    labels = {"schema": "x", "fields": {"reason": {"kind": "class", "chosen": chosen}}}
    before = factories.current(sample)
    sample.revision = factories.revision(
        sample, prompt=before.prompt, completion=key.title(), labels=labels, reason="label"
    )
    sample.state = Sample.State.ACCEPTED
    sample.save()
    factories.review(sample, by, rubric, "accept")


def experts(project: Project, samples: dict[str, list[Sample]], each: int = 3) -> None:
    """The first ``each`` of every reason are labelled, the very first sleep message as pain."""
    person, rubric = factories.member(project, "annotator"), factories.rubric_version(project, used=True)
    for reason, found in samples.items():
        for n, sample in enumerate(found[:each]):
            labelled(sample, "pain" if reason == "sleep" and n == 1 else reason, person, rubric)


def function(project: Project, by: User, name: str, target: str, **condition: object) -> LabellingFunction:
    given = condition or {"kind": "keyword", "text": WORDS[target]}
    version = services.labelling_function_save(
        project=project, field=field(project), name=name, target=target, saved_by=by,
        condition=Condition.of_json(given),
    )  # fmt: skip
    return version.function


def functions(project: Project, by: User) -> list[LabellingFunction]:
    return [function(project, by, f"{reason} words", reason) for reason in WORDS]


def requested(project: Project, by: User) -> LabellingRun:
    return services.labelling_run_request(project=project, field=field(project), requested_by=by)


def finished(asked: LabellingRun, state: str = Job.State.SUCCEEDED) -> LabellingRun:
    assert asked.job is not None
    jobs.execute(asked.job.pk)
    made = LabellingRun.objects.select_related("job", "project", "schema_version__schema").get(pk=asked.pk)
    assert made.job is not None and made.job.state == state, (made.job, made.job and made.job.traceback)
    return made


def ran(project: Project, by: User) -> LabellingRun:
    return finished(requested(project, by))


def world(project: Project, by: User) -> LabellingRun:
    """Everything, and a run of it."""
    schema(project)
    experts(project, fill(project))
    functions(project, by)
    return ran(project, by)


def rows(project: Project, by: User) -> LabellingFunctionVersion:
    """One function and a finished run of it as bare rows, beside whatever schema there is."""
    version = documents.version(project, name="Anlass")
    made = LabellingFunction.objects.create(project=project, name="Pain words", field="reason", created_by=by)
    condition = Condition(kind="keyword", text="hurts")
    first = LabellingFunctionVersion.objects.create(
        function=made, number=1, target="pain", condition=condition.as_json(),
        content_hash=content_hash("pain", condition), made_by=by,
    )  # fmt: skip
    votes, none = np.zeros((0, 1), dtype=np.int16), np.zeros(0, dtype=np.int64)
    declared = {"name": made.name, "origin": "browser", "function": made.pk, "number": 1, "target": "pain"}
    LabellingRun.objects.create(
        project=project, number=1, field="reason", schema_version=version, schema_hash=version.content_hash,
        functions=[declared | {"condition": first.condition, "hash": first.content_hash}], made_at=timezone.now(),
        figures=figures_json(votes, none, none, majority(votes, 0), dawid_skene(votes, 0), []),
        job=factories.job(project_slug=project.slug, state="succeeded"),
    )  # fmt: skip
    return first
