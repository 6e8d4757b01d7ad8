"""Every view starts here: the project, if this person may see it, and what they may do in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from reviewapp.projects.models import Membership, Project
from reviewapp.projects.permissions import GRANTED, Permission

if TYPE_CHECKING:
    from reviewapp.accounts.models import User


def projects_for(user: User) -> QuerySet[Project]:
    return Project.objects.filter(memberships__user=user, archived_at=None).order_by("name")


def role_of(user: User, project: Project) -> str:
    """The user's role in the project, or '' for an outsider."""
    return Membership.objects.filter(user=user, project=project).values_list("role", flat=True).first() or ""


def may(user: User, project: Project, permission: Permission) -> bool:
    return permission in GRANTED.get(role_of(user, project), frozenset())


def project_for(user: User, slug: str, permission: Permission = Permission.VIEW) -> Project:
    """The project with this slug. Raises Http404 for outsiders, PermissionDenied for members without the right.

    An outsider must not learn that the project exists; a member gets told what is missing.
    """
    membership = Membership.objects.select_related("project").filter(user=user, project__slug=slug).first()
    if membership is None or membership.project.archived_at is not None:
        raise Http404("No such project, or you are no member of it.")
    if permission not in GRANTED[membership.role]:
        role = membership.get_role_display().lower()
        raise PermissionDenied(f"Your role here is {role}. It does not allow you to {permission}.")
    return membership.project


def members_with(project: Project, permission: Permission) -> QuerySet[Membership]:
    """Memberships whose role grants ``permission``, by name."""
    roles = [role for role, granted in GRANTED.items() if permission in granted]
    return (
        Membership.objects.filter(project=project, role__in=roles, user__is_active=True)
        .select_related("user")
        .order_by("user__display_name")
    )
