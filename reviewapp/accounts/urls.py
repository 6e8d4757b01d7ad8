from __future__ import annotations

from django.urls import path

from reviewapp.accounts import views

app_name = "accounts"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("theme/", views.theme_set, name="theme_set"),
]
