"""What the report says of how the grades came about: looked at, changed, skipped, flagged, taken back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from types import SimpleNamespace

from django.test import Client
from django.urls import reverse

from reviewapp.accounts.models import User
from reviewapp.evaluations.models import Grade, GradeAssignment, GradingRound
from reviewapp.evaluations.services import grades, rounds
from reviewapp.projects.models import Project
from reviewapp.reports import services
from tests.reviewapp.evaluations.world import bad_form, good_form, lock
from tests.reviewapp.reports.test_services import declared, planned


def taken(round: GradingRound, user: User) -> GradeAssignment:
    found = grades.grade_claim(round=round, user=user)
    assert found is not None
    return found


def test_what_left_the_plain_path_is_counted(
    project: Project, people: SimpleNamespace, client_for: Callable[[User], Client]
) -> None:
    round = planned(project, people, prompts=4, grade_baseline=False)
    declared(round, people.lead)
    round.refresh_from_db()
    first = taken(round, people.reviewer)
    grades.grade_flag(assignment=first, is_flagged=True, flagged_by=people.reviewer)
    grades.grade_reveal(grade=lock(first), revealed_by=people.reviewer)
    first.refresh_from_db()
    grades.grade_revise(
        assignment=first, idempotency_key=uuid.uuid4(), values=bad_form(), revised_by=people.reviewer
    )  # fmt: skip
    again = grades.grade_undo(
        grade=lock(taken(round, people.reviewer)), idempotency_key=uuid.uuid4(), undone_by=people.reviewer
    )
    lock(again)
    grades.grade_skip(assignment=taken(round, people.reviewer), reason="I know this case.", skipped_by=people.reviewer)
    while found := grades.grade_claim(round=round, user=people.reviewer2):
        lock(found, **good_form())
    rounds.round_unseal(round=round, unsealed_by=people.lead)
    report = services.report_freeze(round=round, frozen_by=people.lead)
    process = report.data["process"]
    told = {name: process[name] for name in ("revealed", "revised", "skipped", "flagged", "undone")}
    assert told == {"revealed": 1, "revised": 1, "skipped": 1, "flagged": 1, "undone": 1}
    assert process["grades_given"] == 4 < Grade.objects.count(), "none of it is an estimate's grade"
    client = client_for(people.observer)
    page = client.get(reverse("reports:report_detail", args=["letters", report.pk])).text
    assert "1 grade looked at afterwards with its machine scores, 1 changed then; estimates use the blind ones" in page
    assert "1 skipped, 1 flagged for the lead, 1 taken back by their grader" in page
    sheet = client.get(reverse("reports:report_export", args=["letters", report.pk, "report.html"])).text
    assert "1 grades looked at with machine scores after locking, 1 changed" in sheet
