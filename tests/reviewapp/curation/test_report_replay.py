"""The pipeline done again: the same texts and findings, and the name of whatever was tampered with."""

from __future__ import annotations

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from reviewapp.curation import services
from reviewapp.curation.models import Finding
from reviewapp.curation.replay import replay
from reviewapp.projects.models import Project
from reviewapp.samples.models import Revision, Sample
from tests import factories
from tests.reviewapp.curation.test_jobs import everything, fill, scan
from tests.reviewapp.curation.test_pipeline import config, save


def command() -> tuple[int, dict[str, Any]]:
    """(exit status, what it printed)."""
    out = StringIO()
    try:
        call_command("curation_replay", "letters", stdout=out)
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def tampered(rows: Any, **values: Any) -> None:
    """Past the rows' own protection, as somebody at the database would."""
    models.QuerySet(rows.model).filter(pk__in=rows.values("pk")).update(**values)


@pytest.fixture
def done(project: Project) -> Project:
    fill(project)
    scan(project)
    return project


def test_a_scan_replays_to_the_same_texts_and_findings(done: Project) -> None:
    before = everything(done)
    status, told = command()
    assert (status, told["is_same"], told["is_whole"], told["differences"]) == (0, True, True, [])
    assert (told["samples"], told["revisions"]) == (5, 6)
    assert told["hashes"]["imported"] != told["hashes"]["repaired"], "one text needed a repair"
    assert set(told["compared"]) >= {"identifiers", "exact_duplicates", "heldout_overlap"}
    assert everything(done) == before, "nothing is written"
    assert command()[1]["hashes"] == told["hashes"]


def test_a_version_of_the_pipeline_is_replayed_as_it_was(project: Project) -> None:
    fill(project)
    version = save(project, config(exact_duplicates={"is_on": False}, whitespace={"severity": "high"}))
    scan(project)
    save(project, config())  # a newer one that no scan went by yet
    status, told = command()
    assert status == 0 and told["pipeline"] == {"number": 1, "content_hash": version.content_hash}
    assert "exact_duplicates" not in told["compared"]


def test_citations_are_replayed_in_the_style_in_which_they_were_cleaned(project: Project) -> None:
    factories.sample(project, completion="It failed under 410 US 113.", state=Sample.State.IMPORTED)
    for style in ("bluebook", "plain"):
        save(project, config(legal_citations={"option": style}))
        scan(project)
        status, told = command()
        assert (status, told["differences"]) == (0, [])
    factories.sample(project, completion="It failed under 42 USC 1983.", state=Sample.State.IMPORTED)
    scan(project)
    assert command()[0] == 0
    assert Revision.objects.filter(reason=Revision.Reason.CLEAN).count() == 3


@pytest.mark.parametrize(
    ("name", "number", "what"), [("s-0", 1, {"content_hash"}), ("s-1", 2, {"content_hash", "cleaning"})]
)
def test_a_tampered_text_is_named(done: Project, name: str, number: int, what: set[str]) -> None:
    """Of an imported text the hash tells; of a repaired one the repair as well, even with a hash that fits."""
    row = Revision.objects.filter(sample__external_id=name, number=number)
    tampered(row, completion="Nothing found, discharge.")
    status, told = command()
    assert status == 1
    assert {one["what"] for one in told["differences"]} >= {"content_hash"}
    assert {one["sample"] for one in told["differences"]} == {name}
    tampered(row, content_hash=factories.sha(f"{row.get().prompt}\0{row.get().completion}"))
    named = {one["what"] for one in command()[1]["differences"] if one["what"] in ("content_hash", "cleaning")}
    assert named == what - {"content_hash"}


def test_a_tampered_repair_is_found_by_the_findings_of_what_should_stand_there(done: Project) -> None:
    row = Revision.objects.filter(sample__external_id="s-1", number=2)
    new = row.get().prompt.replace("café", "cafe")
    assert new != row.get().prompt
    tampered(row, prompt=new, content_hash=factories.sha(f"{new}\0{row.get().completion}"))
    differences = command()[1]["differences"]
    assert {"what": "cleaning", "sample": "s-1", "revision": 2} in differences
    assert all("café" not in json.dumps(one, ensure_ascii=False) for one in differences), "no text is shown"


def test_a_repair_that_was_taken_away_is_named(done: Project) -> None:
    first = Revision.objects.get(sample__external_id="s-1", number=1)
    Sample.objects.filter(external_id="s-1").update(revision=first)
    assert {"what": "cleaning", "sample": "s-1", "revision": 1} in command()[1]["differences"]


def test_a_finding_that_was_taken_away_or_put_in_is_named(done: Project) -> None:
    gone = Finding.objects.filter(check_name="identifiers", state="open")
    assert gone.count() == 1
    gone.delete()
    factories.finding(Sample.objects.get(external_id="s-0"), check_name="whitespace", kind="made_up")
    status, told = command()
    named = {(one["what"], one["sample"], one["check"]) for one in told["differences"]}
    assert status == 1
    assert named == {("finding_missing", "s-1", "identifiers"), ("finding_unexpected", "s-0", "whitespace")}


def test_what_people_decided_is_no_difference(done: Project, people: SimpleNamespace) -> None:
    for finding in Finding.objects.filter(state="open"):
        services.finding_dismiss(finding=finding, dismissed_by=people.annotator, reason="Fine.")
    assert command()[0] == 0


def test_what_came_since_the_scan_is_not_compared_and_said_so(done: Project) -> None:
    factories.sample(done, external_id="new", prompt="Doctor: Well?", completion="Well.")
    status, told = command()
    assert (status, told["is_same"], told["is_whole"]) == (2, True, False)
    assert told["not_compared"][0] == {"what": "texts", "n": 1, "reason": told["not_compared"][0]["reason"]}
    assert {one["check"] for one in told["not_compared"][1:]} >= {"exact_duplicates", "heldout_overlap"}
    scan(done)
    assert command()[0] == 0


def test_before_the_first_scan_texts_alone_are_compared(project: Project) -> None:
    fill(project)
    status, told = command()
    assert status == 2 and told["not_compared"][0]["reason"] == "No scan has finished yet."
    tampered(Revision.objects.filter(sample__external_id="s-0"), prompt="x")
    assert command()[0] == 1


def test_the_same_rows_elsewhere_give_the_same_hashes(done: Project) -> None:
    other = factories.project("other")
    fill(other)
    scan(other)
    assert replay(other).as_json()["hashes"] == replay(done).as_json()["hashes"]


def test_a_project_that_is_not_there(db: None) -> None:
    with pytest.raises(CommandError, match="no project"):
        call_command("curation_replay", "nowhere")
