"""Keeping what a person types, and noticing when two windows type upon each other."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.core import leases
from reviewapp.core.exceptions import ApplicationError
from reviewapp.reviews.models import Assignment

WINDOW = "window"  # in the draft: which window of the browser wrote it last


class DraftConflict(ApplicationError):
    """Another window changed the same fields since this one last knew the draft; ``version`` is that of the draft."""

    def __init__(self, message: str, version: int) -> None:
        super().__init__(message)
        self.version = version


@transaction.atomic
def draft_keep(
    *, assignment: Assignment, changes: Mapping[str, str | None], window: str = "", version: int | None = None
) -> Assignment:
    """Merges changes into the draft. With the window that wrote them and the draft's version as it knew it, a newer
    draft of another window is not written over: raises DraftConflict, and nothing is changed.

    Raises LeaseLost when the sample was decided about, ApplicationError when the draft grows too large.
    """
    row: Assignment = Assignment.objects.select_for_update(of=("self",)).get(pk=assignment.pk)
    if version is not None and row.draft_version != version and _is_other(row, changes, window):
        at = timezone.localtime(row.draft_saved_at or timezone.now())
        words = _("Changed in another window at %(at)s. What stands here is not saved: choose which counts.") % {
            "at": f"{at:%H:%M}"
        }
        raise DraftConflict(words, row.draft_version)
    return leases.draft_save(lease=row, changes={**changes, WINDOW: window} if window else dict(changes))


def _is_other(row: Assignment, changes: Mapping[str, str | None], window: str) -> bool:
    if row.draft.get(WINDOW, window) == window:
        return False
    return any(row.draft.get(name) not in (None, value) for name, value in changes.items())
