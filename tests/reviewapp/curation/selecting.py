"""A project worth choosing from: letters about three matters, some of them poor, alike or not to be trained on."""

from __future__ import annotations

from reviewapp.accounts.models import User
from reviewapp.core import jobs
from reviewapp.core.models import Job
from reviewapp.curation import services
from reviewapp.curation.models import Selection
from reviewapp.curation.selections.asked import Config
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories

ABOUT = {
    "knee": ("knee swelling stairs joint meniscus crutches", "The knee is swollen and painful on stairs."),
    "heart": ("chest angina effort troponin heart nitrate", "Angina on effort with a normal troponin."),
    "skin": ("rash arms itching soap eczema cream", "An itching rash on both arms since the new soap."),
}


def fill(project: Project, each: int = 6) -> dict[str, list[Sample]]:
    """``each`` samples about each matter, all different, each of a group of its own."""
    made: dict[str, list[Sample]] = {}
    for name, (words, completion) in ABOUT.items():
        known = words.split()
        made[name] = [
            factories.sample(
                project,
                prompt=f"Patient tells of {known[n % 6]} and {known[(n + 2) % 6]}, visit {n}, {known[(n + 3) % 6]}.",
                completion=f"{completion} Seen at visit {n} for {known[n % 6]} and {known[(n + 1) % 6]}.",
                external_id=f"{name}-{n}",
                group_key=f"{name}-{n}",
                language="en" if n % 2 else "de",
            )
            for n in range(each)
        ]
    return made


def config(**values: object) -> Config:
    return Config.of_json({"size": 6, "quotas": {}, **values})


def selected(project: Project, by: User, **values: object) -> Selection:
    """Asked for and made by the job."""
    asked = services.selection_request(project=project, config=config(**values), requested_by=by)
    return finished(asked)


def finished(asked: Selection) -> Selection:
    assert asked.job is not None
    jobs.execute(asked.job.pk)
    made = Selection.objects.select_related("job", "project").get(pk=asked.pk)
    assert made.job is not None and made.job.state == Job.State.SUCCEEDED, (made.job, made.job and made.job.traceback)
    return made


def kept(selection: Selection) -> list[str]:
    return list(selection.entries.filter(is_kept=True).order_by("place").values_list("sample__external_id", flat=True))


def reason(selection: Selection, name: str) -> str:
    return str(selection.entries.get(sample__external_id=name).reason)
