"""What an acceptance sample can be about: overall quality, what a check looks for, or one kind of its findings."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from reviewapp.curation.checks.registry import TITLES

OVERALL = "overall"
# What counts as a defect, as the form proposes it.
DEFINITIONS = {
    OVERALL: gettext_noop(
        "Anything for which you would return or reject the sample: "
        "wrong, unsupported, unsafe, incomplete or unreadable."
    ),
    "identifiers": gettext_noop(
        "Any words that tell who a person is: a name, a date of birth, a number, an address, a place small enough. "
        "Masks and made-up names are fine."
    ),
}


def target_title(target: str) -> str:
    """In the reader's language: "Overall quality", the title of a check, or that with the kind of its findings."""
    if target == OVERALL:
        return _("Overall quality")
    check, _slash, kind = target.partition("/")
    title = _(TITLES.get(check, check))
    return f"{title}: {kind.replace('_', ' ')}" if kind else title


def target_check(target: str) -> tuple[str, str]:
    """(check, kind) whose findings are about this target; both '' for overall quality, kind '' for a whole check."""
    check, _slash, kind = ("", "", "") if target == OVERALL else target.partition("/")
    return check, kind


def definition_for(target: str) -> str:
    known = DEFINITIONS.get(target_check(target)[0] or target)
    return _(known) if known else _("Anything of this kind: %(title)s.") % {"title": target_title(target)}
