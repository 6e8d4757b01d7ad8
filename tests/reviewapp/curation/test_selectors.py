from __future__ import annotations

from types import SimpleNamespace

import pytest

from reviewapp.curation import selectors
from reviewapp.curation.models import Finding, Scan
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories

State = Finding.State


def test_findings_of_a_revision_come_in_the_order_of_reading(project: Project) -> None:
    sample = factories.sample(project)
    late = factories.finding(sample, start=20, end=25)
    note = factories.finding(sample, field="completion", start=0, end=2)
    early = factories.finding(sample, start=3, end=5)
    about_all = factories.finding(sample, start=None, end=None)
    factories.finding(sample, state=State.GONE)
    factories.finding(sample, revision=factories.revision(sample))
    settled = factories.finding(sample, start=30, end=32, state=State.DISMISSED)

    found = list(selectors.findings_for(factories.current(sample)))

    assert found == [about_all, early, late, settled, note]


@pytest.fixture
def mixed(project: Project) -> SimpleNamespace:
    """Five findings of one project on two samples, and one of another project."""
    one, two = factories.sample(project, external_id="one"), factories.sample(project, external_id="two")
    factories.finding(factories.sample(factories.project()))
    return SimpleNamespace(
        low=factories.finding(one, severity="low", check_name="whitespace"),
        high=factories.finding(two),
        medium=factories.finding(one, severity="medium"),
        dismissed=factories.finding(two, state=State.DISMISSED),
        gone=factories.finding(one, state=State.GONE, severity="medium", check_name="off_topic"),
    )


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, ["high", "dismissed", "medium", "gone", "low"]),
        ({"state": "all"}, ["high", "dismissed", "medium", "gone", "low"]),
        ({"state": "open"}, ["high", "medium", "low"]),
        ({"severity": "medium"}, ["medium", "gone"]),
        ({"check": "identifiers", "state": "open"}, ["high", "medium"]),
        ({"sample": "one", "state": "open"}, ["medium", "low"]),
        ({"check": "nonsense"}, []),
        ({"sample": "'; drop table"}, []),
    ],
)
def test_filters_leave_what_fits_the_severe_first(
    project: Project, mixed: SimpleNamespace, chosen: dict[str, str], names: list[str]
) -> None:
    found = list(selectors.findings_filtered(project, chosen))

    assert found == [getattr(mixed, name) for name in names]


def test_counts_say_what_each_filter_would_show(project: Project, mixed: SimpleNamespace) -> None:
    counts = selectors.finding_counts(project, {"state": "open"})

    assert counts.check == {"whitespace": 1, "identifiers": 2}
    assert counts.severity == {"low": 1, "high": 1, "medium": 1}
    assert counts.state == {"open": 3, "dismissed": 1, "gone": 1}
    assert selectors.finding_counts(project, {"state": "open", "check": "whitespace"}).severity == {"low": 1}
    assert selectors.finding_counts(project, {"sample": "one"}).check == {
        "whitespace": 1, "identifiers": 1, "off_topic": 1,
    }  # fmt: skip
    assert counts.states[0] == ("open", "Open", 3)
    assert [value for value, _, _ in counts.severities] == ["high", "medium", "low"]


def test_the_last_finished_scan_and_what_waits_for_one(project: Project) -> None:
    assert selectors.samples_unchecked(project) == (False, 0)
    factories.sample(project, state=Sample.State.IMPORTED)
    factories.sample(project, state=Sample.State.READY)
    Scan.objects.create(project=project)
    done = Scan.objects.create(project=project, finished_at=factories.long_ago())
    Scan.objects.create(project=project)

    assert selectors.samples_unchecked(project) == (True, 1)
    assert selectors.scan_finished(project) == done
