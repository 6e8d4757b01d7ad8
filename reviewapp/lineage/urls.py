from __future__ import annotations

from django.urls import URLPattern

app_name = "lineage"

urlpatterns: list[URLPattern] = []
