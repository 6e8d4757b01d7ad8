from __future__ import annotations

from django.urls import path

from reviewapp.accounts import views

app_name = "accounts"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("theme/", views.theme_set, name="theme_set"),
    path("keys/", views.keys_edit, name="keys_edit"),
    path("keys/save/", views.keys_save, name="keys_save"),
    path("keys/reset/", views.keys_reset, name="keys_reset"),
]
