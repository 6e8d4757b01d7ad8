from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.utils.translation import gettext as _

from reviewapp.core.exceptions import ApplicationError

MOST_LANGUAGES = 40


def shares_given(form: QueryDict) -> dict[str, float]:
    """Shares of 1 by language, from the percentages of the form: ``share-en``, and ``share-new`` of ``new``.

    Raises ApplicationError for what is no percentage.
    """
    found: dict[str, float] = {}
    for name in list(form)[: MOST_LANGUAGES + 10]:
        given = form.get(name, "")
        if name.startswith("share-") and given.strip():
            code = form.get("new", "") if name == "share-new" else name.removeprefix("share-")
            found[code] = found.get(code, 0.0) + _share(given)
    return found


def _share(text: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%").replace(",", ".")[:12])
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise ApplicationError(_("“%(given)s” is no percentage. Give a number from 0 to 100.") % {"given": text[:20]})
    return percent / 100


def percent_said(share: float) -> str:
    """As a number field wants it."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".")


def shares_shown(codes: Sequence[str], targets: Mapping[str, float], given: QueryDict | None) -> dict[str, str]:
    """What stands in the fields: what was filled in, else what is wanted."""
    if given is not None:
        return {code: given.get(f"share-{code}", "")[:12] for code in codes}
    return {code: percent_said(targets[code]) if code in targets else "" for code in codes}
