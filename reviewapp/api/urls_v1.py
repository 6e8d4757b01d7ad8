"""Version 1 of the API. Which endpoints there are is said in reviewapp.api.v1, loaded with the first request."""

from __future__ import annotations

from django.urls import path

from reviewapp.api import views

app_name = "api_v1"

urlpatterns = [path("<path:rest>", views.call, name="call")]
