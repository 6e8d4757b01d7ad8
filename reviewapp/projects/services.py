"""Projects and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Membership, Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


@transaction.atomic
def project_create(*, slug: str, name: str, created_by: User, description: str = "") -> Project:
    """Creates a project with its creator as lead. Raises ApplicationError when the slug is taken."""
    if Project.objects.filter(slug=slug).exists():
        raise ApplicationError(
            gettext("There is already a project with the address %(slug)s; choose another.") % {"slug": f"{slug!r}"}
        )
    project = Project(slug=slug, name=name, description=description, created_by=created_by)
    project.full_clean()
    project.save()
    Membership.objects.create(project=project, user=created_by, role=Membership.Role.LEAD)
    audit.record(
        actor=created_by,
        action="project.create",
        project=slug,
        target_type="project",
        target_id=project.pk,
        data={"name": name},
    )
    return project


@transaction.atomic
def membership_set(*, project: Project, user: User, role: str, set_by: User | None) -> Membership:
    """Gives ``user`` a role, new or changed. The last lead cannot be made anything else."""
    if role not in Membership.Role.values:
        raise ApplicationError(
            gettext("Unknown role %(role)s; choose one of %(roles)s.")
            % {"role": f"{role!r}", "roles": ", ".join(Membership.Role.values)}
        )
    _keep_a_lead(project, user, role)
    membership, _ = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
    audit.record(
        actor=set_by,
        action="membership.set",
        project=project.slug,
        target_type="user",
        target_id=user.pk,
        data={"role": role, "user": str(user)},
    )
    return membership


@transaction.atomic
def membership_remove(*, project: Project, user: User, removed_by: User) -> None:
    """Takes a person out of the project. What they did stays, under their name."""
    _keep_a_lead(project, user, "")
    if not Membership.objects.filter(project=project, user=user).delete()[0]:
        raise ApplicationError(gettext("%(user)s is no member of this project.") % {"user": user})
    audit.record(
        actor=removed_by,
        action="membership.remove",
        project=project.slug,
        target_type="user",
        target_id=user.pk,
        data={"user": str(user)},
    )


def _keep_a_lead(project: Project, user: User, role: str) -> None:
    lead = Membership.Role.LEAD
    others = project.memberships.filter(role=lead).exclude(user=user).exists()
    was_lead = project.memberships.filter(role=lead, user=user).exists()
    if was_lead and role != lead and not others:
        raise ApplicationError(gettext("A project needs a lead. Make someone else lead first."))


@transaction.atomic
def project_update(*, project: Project, signatures_required: int, updated_by: User) -> Project:
    """Changes how many signatures are asked for, from now on. How samples are handed out is the queue's matter."""
    before = {"signatures_required": project.signatures_required}
    project.signatures_required = signatures_required
    project.clean_fields(exclude=["created_by", "description"])  # null for a project that the system made
    project.save(update_fields=["signatures_required"])
    after = {"signatures_required": signatures_required}
    audit.record(
        actor=updated_by,
        action="project.update",
        project=project.slug,
        target_type="project",
        target_id=project.pk,
        data={"before": before, "after": after},
    )
    return project
