from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError, ImmutableError, LeaseLost
from reviewapp.core.models import Lease
from reviewapp.projects.models import Project
from reviewapp.reviews.models import Assignment
from reviewapp.samples.models import Revision
from tests import factories


@pytest.fixture
def lease(project: Project) -> Assignment:
    sample = factories.sample(project)
    return Assignment.objects.create(
        sample=sample,
        revision=sample.revision,
        rubric_version=factories.rubric_version(project),
        holder=factories.user(),
        round=1,
        slot=0,
        lease_expires_at=leases.lease_end(),
    )


def _expire(lease: Assignment) -> None:
    Assignment.objects.filter(pk=lease.pk).update(lease_expires_at=timezone.now())


def test_renewing_moves_the_end(lease: Assignment) -> None:
    before = lease.lease_expires_at

    assert leases.lease_renew(lease=lease) > before


def test_an_expired_lease_cannot_be_renewed(lease: Assignment) -> None:
    _expire(lease)

    with pytest.raises(LeaseLost, match="kept"):
        leases.lease_renew(lease=lease)


def test_expiry_closes_only_what_is_due(lease: Assignment) -> None:
    assert leases.leases_expire(Assignment) == 0
    _expire(lease)
    assert leases.leases_expire(Assignment) == 1
    lease.refresh_from_db()
    assert lease.state == Lease.State.EXPIRED
    assert not lease.is_live


def test_releasing_twice_is_harmless(lease: Assignment) -> None:
    leases.lease_release(lease=lease)
    leases.lease_release(lease=lease)

    lease.refresh_from_db()
    assert lease.state == Lease.State.RELEASED


def test_a_draft_keeps_what_the_change_does_not_name(lease: Assignment) -> None:
    leases.draft_save(lease=lease, changes={"completion": "text", "reason": "because"})
    saved = leases.draft_save(lease=lease, changes={"reason": None, "accuracy": 3})

    assert saved.draft == {"completion": "text", "accuracy": 3}
    assert saved.draft_version == 2


def test_a_draft_is_taken_after_the_lease_ran_out(lease: Assignment) -> None:
    _expire(lease)
    leases.leases_expire(Assignment)

    assert leases.draft_save(lease=lease, changes={"completion": "late"}).draft == {"completion": "late"}


def test_a_draft_is_refused_after_submission(lease: Assignment) -> None:
    Assignment.objects.filter(pk=lease.pk).update(state=Lease.State.SUBMITTED)

    with pytest.raises(LeaseLost, match="submitted"):
        leases.draft_save(lease=lease, changes={"completion": "late"})


def test_a_huge_draft_is_refused_with_a_sentence(lease: Assignment) -> None:
    with pytest.raises(ApplicationError, match="2 MB"):
        leases.draft_save(lease=lease, changes={"completion": "x" * 2_100_000})


@pytest.mark.parametrize("change", ["save", "delete", "update", "queryset_delete"])
def test_immutable_rows_refuse_every_change(project: Project, change: str) -> None:
    revision = factories.sample(project).revision
    assert revision is not None
    attempts: dict[str, Any] = {
        "save": revision.save,
        "delete": revision.delete,
        "update": lambda: Revision.objects.update(prompt="x"),
        "queryset_delete": lambda: Revision.objects.all().delete(),
    }

    with pytest.raises(ImmutableError):
        attempts[change]()
