"""What the frame of every page shows: the project, where one may go in it, and the people's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_noop

from reviewapp.projects.models import Membership
from reviewapp.projects.permissions import GRANTED, Permission

P = Permission


@dataclass(frozen=True)
class NavItem:
    label: str
    url: str
    is_current: bool


# Roles inside a sentence; the templates ask for them by the small form of the label.
_ROLES = (
    gettext_noop("annotator"),
    gettext_noop("reviewer"),
    gettext_noop("lead"),
    gettext_noop("engineer"),
    gettext_noop("observer"),
    gettext_noop("admin"),
)

# (label, URL name, permission, app names that light it up)
_PAGES = (
    (gettext_noop("Home"), "home:project", P.VIEW, ("home", "projects", "lineage", "api")),
    (gettext_noop("Samples"), "samples:sample_list", P.VIEW, ("samples", "curation")),
    (gettext_noop("Review"), "reviews:queue", P.VIEW, ("reviews", "rubrics", "labelling")),
    (gettext_noop("Training sets"), "trainingsets:version_list", P.VIEW, ("trainingsets",)),
    (gettext_noop("Training runs"), "runs:run_list", P.VIEW, ("runs",)),
    (gettext_noop("Grade"), "evaluations:round_list", P.VIEW, ("evaluations",)),
    (gettext_noop("Reports"), "reports:report_list", P.VIEW, ("reports",)),
    (gettext_noop("Feedback"), "feedback:item_list", P.FEEDBACK, ("feedback",)),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """``nav_project``, ``nav_role``, ``nav_items`` and ``theme``. One query on project pages, none elsewhere."""
    user = getattr(request, "user", None)
    theme = user.theme if user is not None and user.is_authenticated else "auto"
    empty: dict[str, Any] = {"nav_project": None, "nav_role": "", "nav_items": [], "may": {}, "theme": theme}
    match = request.resolver_match
    slug = match.kwargs.get("slug") if match else None
    if not slug or user is None or not user.is_authenticated:
        return empty
    membership = Membership.objects.select_related("project").filter(user=user, project__slug=slug).first()
    if membership is None:
        return empty
    granted = GRANTED[membership.role]
    app = match.app_name if match else ""
    items = [
        NavItem(label, reverse(name, args=[slug]), app in apps)
        for label, name, permission, apps in _PAGES
        if permission in granted
    ]
    return {
        "nav_project": membership.project,
        "nav_role": membership.get_role_display(),
        "nav_items": items,
        "may": {permission.name.lower(): permission in granted for permission in Permission},
        "theme": theme,
    }
