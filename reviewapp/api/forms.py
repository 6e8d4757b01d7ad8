from __future__ import annotations

from django import forms

from reviewapp.api.addresses import MAX_URL
from reviewapp.api.models import ApiToken, Webhook
from reviewapp.api.services.tokens import MAX_DAYS


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="The program that will use it, for example: nightly import.")
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=ApiToken.Scope,
        initial=[ApiToken.Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        help_text="Never more than your own role in this project allows.",
    )
    days = forms.IntegerField(
        label="Days until it ends", min_value=1, max_value=MAX_DAYS, initial=90, help_text="366 at most."
    )


class WebhookForm(forms.Form):
    url = forms.CharField(label="Address", max_length=MAX_URL, help_text="For example: https://example.org/hook.")
    events = forms.MultipleChoiceField(label="Events", choices=Webhook.Event, widget=forms.CheckboxSelectMultiple)
