from __future__ import annotations

from typing import Any

from django import forms

from reviewapp.accounts.models import User
from reviewapp.projects.models import Membership, Project


class ProjectForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Project
        fields = ["name", "slug", "description"]
        labels = {"slug": "Address"}
        help_texts = {"slug": "Letters, digits and hyphens; it stands in every link and cannot be changed later."}
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"]
        if slug == "new":
            raise forms.ValidationError("This address is taken by the page you are on; choose another.")
        return slug


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Project
        fields = ["signatures_required"]
        labels = {"signatures_required": "Signatures per training-set version"}


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150, help_text="The name this person signs in with.")
    role = forms.ChoiceField(choices=Membership.Role.choices)

    def clean_username(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["username"].strip(), is_active=True).first()
        if user is None:
            raise forms.ValidationError("Nobody signs in with this name. An operator can add people.")
        return user

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs["autocomplete"] = "off"
