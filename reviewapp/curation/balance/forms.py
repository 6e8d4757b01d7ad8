from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.bias.planning import MOST_COPIES
from reviewapp.curation.bias.terms import MOST_CHARS
from reviewapp.curation.models import BalanceSettings, Mitigation

PARTS = ("attribute", "first", "second", "term", "kind")


class MitigationForm(forms.Form):
    """What to do about one association, and with how many samples at most."""

    what = forms.ChoiceField(
        label=gettext_noop("What to do"),
        widget=forms.RadioSelect,
        choices=[
            (
                Mitigation.Kind.COPIES,
                gettext_noop("Add counterfactual copies, marked as synthetic, for experts to review"),
            ),
            (Mitigation.Kind.QUEUE, gettext_noop("Let experts see waiting counter-examples first")),
            (Mitigation.Kind.WEIGHTS, gettext_noop("Weigh samples so that group and term are independent")),
        ],
    )
    limit = forms.IntegerField(
        label=gettext_noop("Samples at most"),
        min_value=1,
        max_value=MOST_COPIES,
        help_text=gettext_noop("Copies to make, or samples to put first. Weights take all samples of the two groups."),
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls, limit: int) -> MitigationForm:
        return cls(initial={"what": Mitigation.Kind.COPIES, "limit": limit, "idempotency_key": uuid.uuid4()})


class BalanceSettingsForm(forms.Form):
    """Wanted shares and the terms that are compared, both as lines of text."""

    targets = forms.CharField(
        label=gettext_noop("Wanted shares"),
        required=False,
        max_length=4_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=gettext_noop(
            "One line a group: gender: female = 50%. Attributes are gender, age, ethnicity, language, site, department."
        ),
    )
    conditions = forms.CharField(
        label=gettext_noop("Conditions and words that are compared"),
        required=False,
        max_length=MOST_CHARS,
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "false"}),
        help_text=gettext_noop(
            "One line a term: name = word, word* [group]. In brackets: where medicine expects it more often. Empty: "
            "the list that comes with Countersign."
        ),
    )

    @classmethod
    def filled(cls, row: BalanceSettings, conditions: str) -> BalanceSettingsForm:
        return cls(initial={"targets": targets_text(row.targets), "conditions": conditions})


def targets_text(targets: dict[str, dict[str, float]]) -> str:
    """Wanted shares as lines: "gender: female = 50%"."""
    return "\n".join(
        f"{name}: {value} = {100 * share:g}%" for name, values in targets.items() for value, share in values.items()
    )


def targets_read(text: str) -> dict[str, dict[str, float]]:
    """The other way round. Raises ApplicationError with the number of the first line that cannot be read."""
    found: dict[str, dict[str, float]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, rest = line.partition(":")
        value, equals, share = rest.rpartition("=")
        try:
            part = float(share.strip().removesuffix("%").strip()) / 100
        except ValueError:
            part = -1.0
        if not (colon and equals and value.strip() and 0 <= part <= 1):
            raise ApplicationError(
                _("Line %(n)s of the wanted shares cannot be read. Write it as: gender: female = 50%%") % {"n": number}
            )
        found.setdefault(name.strip().lower(), {})[value.strip()] = part
    return found


def association_of(values: Any) -> dict[str, str]:
    """The association that the address or form names."""
    return {name: str(values.get(name, ""))[:80] for name in PARTS}
