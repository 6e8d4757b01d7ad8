from __future__ import annotations

import uuid
from types import SimpleNamespace

import pytest

from reviewapp.projects.models import Project
from reviewapp.reviews import agreement
from reviewapp.reviews.selectors.agreements import adjudication_counts, agreement_rows, versions_reviewed
from reviewapp.reviews.services import adjudication_submit
from tests.reviewapp.reviews import reviewing
from tests.reviewapp.reviews.reviewing import given, review
from tests.reviewapp.reviews.test_adjudications import take

# (Ann's level, Bob's level) of each sample; None is not applicable
PAIRS = [(4, 4), (3, 4), (2, 2), (1, 2), (4, 1), (None, 3)]


@pytest.fixture
def w(project: Project) -> SimpleNamespace:
    world = reviewing.world(project, samples=len(PAIRS), overlap=2)
    for ann, bob in PAIRS:
        review(project, world.ann, given(complete=ann, completion="Fixed."))
        review(project, world.bob, given(complete=bob, completion="Fixed.", wrong_fact=1 if bob == 1 else 0))
    return world


def test_rows_are_the_decision_and_each_criterion(w: SimpleNamespace) -> None:
    rows = agreement_rows(w.project, w.version)
    assert [row.name for row in rows] == ["Decision", "Wrong fact", "Complete"]
    table = [[ann for ann, _ in PAIRS], [bob for _, bob in PAIRS]]
    assert rows[2].alpha.value == pytest.approx(agreement.krippendorff_alpha(table).value)
    assert rows[2].ac1.value == pytest.approx(agreement.gwet(table, [1, 2, 3, 4]).value)
    assert (rows[2].alpha.n_units, rows[2].alpha.n_raters, rows[2].alpha.missing) == (5, 2, 1)


def test_unanimous_decisions_say_why_there_is_no_alpha(w: SimpleNamespace) -> None:
    decision = agreement_rows(w.project, w.version)[0]
    assert (decision.percent.value, decision.alpha.value, decision.alpha.reason) == (1.0, None, "no_variation")
    assert decision.ac1.value == 1.0 and decision.reading == ("unknown", "Not defined")


def test_gate_items_are_read_by_positive_agreement(w: SimpleNamespace) -> None:
    gate = agreement_rows(w.project, w.version)[1]
    assert gate.is_gate and gate.positive is not None and gate.positive.value == 0.0
    assert gate.reading == ("unknown", "Too few to rely on: 6 of 50")


def test_adjudication_changes_no_agreement(w: SimpleNamespace) -> None:
    before = agreement_rows(w.project, w.version)
    adjudication_submit(assignment=take(w, w.cleo), given=given(), cause="slip", idempotency_key=uuid.uuid4())
    assert agreement_rows(w.project, w.version) == before
    counts = adjudication_counts(w.project)
    assert counts.adjudicated == 1 and dict(counts.causes)["A slip of one reviewer"] == 1


def test_versions_that_were_used_can_be_chosen(w: SimpleNamespace, project: Project) -> None:
    assert list(versions_reviewed(project)) == [w.version]
