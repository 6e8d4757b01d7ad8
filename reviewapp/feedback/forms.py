from __future__ import annotations

from django import forms


class OutputFeedbackForm(forms.Form):
    correction = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="The whole answer as it should have been.",
    )
    remark = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)


class CorrectionForm(forms.Form):
    correction = forms.CharField(strip=False, widget=forms.Textarea(attrs={"rows": 8}))


class DismissForm(forms.Form):
    reason = forms.CharField(max_length=500)


class TokenForm(forms.Form):
    label = forms.CharField(max_length=80, help_text="The system that will send feedback, for example: clinic portal.")
