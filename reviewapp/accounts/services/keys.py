"""A person's own settings of the workbench."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from reviewapp.accounts.keymap import KeysInvalid, keymap_read
from reviewapp.accounts.models import User

BREAK_FIELDS = {"break_minutes": 480, "break_items": 1000}


def keys_save(*, user: User, given: Mapping[str, str]) -> None:
    """Stores keys, whether single keys act, when a break is proposed. KeysInvalid: nothing is changed."""
    problems: dict[str, str] = {}
    breaks = {name: _whole(name, given.get(name, "0"), problems) for name in BREAK_FIELDS}
    try:
        keymap = keymap_read(given)
    except KeysInvalid as error:
        raise KeysInvalid(error.problems | problems) from error
    if problems:
        raise KeysInvalid(problems)
    User.objects.filter(pk=user.pk).update(keymap=keymap, has_single_keys="has_single_keys" in given, **breaks)


def keys_reset(*, user: User) -> None:
    """Back to the usual keys; whether single keys act and when a break is proposed stay as they are."""
    User.objects.filter(pk=user.pk).update(keymap={})


def _whole(name: str, text: str, problems: dict[str, str]) -> int:
    most = BREAK_FIELDS[name]
    text = text.strip() or "0"
    if not text.isdecimal() or int(text) > most:
        problems[name] = _("Give a whole number from 0 to %(most)s; 0 means never.") % {"most": most}
        return 0
    return int(text)
