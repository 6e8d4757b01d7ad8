from __future__ import annotations

from django.urls import path

from reviewapp.accounts import views

app_name = "accounts"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/code/", views.sign_in_code, name="sign_in_code"),
    path("sign-in/operator/", views.sign_in_operator, name="sign_in_operator"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("sso/start/", views.sso_start, name="sso_start"),
    path("sso/callback/", views.sso_callback, name="sso_callback"),
    path("sso/link/", views.sso_link, name="sso_link"),
    path("sso/unlink/", views.sso_unlink, name="sso_unlink"),
    path("security/", views.security, name="security"),
    path("security/begin/", views.factor_begin, name="factor_begin"),
    path("security/set-up/", views.factor_setup, name="factor_setup"),
    path("security/confirm/", views.factor_confirm, name="factor_confirm"),
    path("security/recovery-codes/", views.recovery_renew, name="recovery_renew"),
    path("security/remove/", views.factor_remove, name="factor_remove"),
    path("theme/", views.theme_set, name="theme_set"),
    path("language/", views.language_set, name="language_set"),
    path("keys/", views.keys_edit, name="keys_edit"),
    path("keys/save/", views.keys_save, name="keys_save"),
    path("keys/reset/", views.keys_reset, name="keys_reset"),
]
