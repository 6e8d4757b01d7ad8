from __future__ import annotations

import uuid

from django import forms


class ScanForm(forms.Form):
    """Nothing to fill in: the key makes two clicks one scan."""

    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @classmethod
    def fresh(cls) -> ScanForm:
        return cls(initial={"idempotency_key": uuid.uuid4()})
