"""Saved views: made, renamed, shared, deleted, made the one that a person starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.samples.models import DefaultView, SavedView
from reviewapp.samples.selectors import FILTERS

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MOST_VIEWS = 50  # of one person in one project


def view_save(
    *, project: Project, owner: User, name: str, filters: dict[str, str], is_shared: bool, may_share: bool
) -> SavedView:
    """Keeps filters of the samples list (keys of FILTERS, and ``q``) under a name.

    Raises ApplicationError for a name this person has used, for no filter at all, or for sharing without the right.
    """
    kept = {key: value for key, value in filters.items() if key in (*FILTERS, "q") and value}
    if not kept:
        raise ApplicationError(_("Choose a filter first: a view without any is the list of all samples."))
    if SavedView.objects.filter(project=project, owner=owner).count() >= MOST_VIEWS:
        raise ApplicationError(
            _("You have %(most_views)s views here. Delete one that you no longer use.") % {"most_views": MOST_VIEWS}
        )
    _check_sharing(is_shared, may_share)
    view = SavedView(project=project, owner=owner, name=_name(name), filters=kept, is_shared=is_shared)
    _store(view, "view.save", owner)
    return view


def view_update(*, view: SavedView, name: str, is_shared: bool, may_share: bool, updated_by: User) -> None:
    """Renames a view, shares it or takes it back; what is taken back is nobody else's start any more."""
    if is_shared != view.is_shared:
        _check_sharing(True, may_share)
    view.name, view.is_shared = _name(name), is_shared
    with transaction.atomic():
        _store(view, "view.update", updated_by)
        if not is_shared:
            DefaultView.objects.filter(view=view).exclude(user=view.owner_id).delete()


@transaction.atomic
def view_delete(*, view: SavedView, deleted_by: User) -> None:
    _record(view, "view.delete", deleted_by)
    view.delete()


@transaction.atomic
def default_view_set(*, project: Project, user: User, view: SavedView | None) -> None:
    """Makes a view the one that this person finds first; None: all samples. A choice of one's own, so no event."""
    if view is None:
        DefaultView.objects.filter(project=project, user=user).delete()
    else:
        DefaultView.objects.update_or_create(project=project, user=user, defaults={"view": view})


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not name:
        raise ApplicationError(_("Give the view a name."))
    if len(name) > 60:
        raise ApplicationError(_("The name of a view is at most 60 characters long."))
    return name


def _check_sharing(is_shared: bool, may_share: bool) -> None:
    if is_shared and not may_share:
        raise ApplicationError(_("A lead shares views with the project. Save it for yourself, or ask a lead."))


def _store(view: SavedView, action: str, by: User) -> None:
    try:
        with transaction.atomic():
            view.save()
            _record(view, action, by)
    except IntegrityError as error:
        raise ApplicationError(
            _("There is already a view named %(view_name)s of the same person.") % {"view_name": view.name}
        ) from error


def _record(view: SavedView, action: str, by: User) -> None:
    data: dict[str, Any] = {"name": view.name, "filters": view.filters, "is_shared": view.is_shared}
    audit.record(
        actor=by,
        action=action,
        project=view.project.slug,
        target_type="saved_view",
        target_id=view.pk,
        data=data,
    )
