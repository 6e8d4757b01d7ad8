from __future__ import annotations

from django.urls import path

from reviewapp.lineage import views

app_name = "lineage"

urlpatterns = [
    path("outputs/<int:output_id>/", views.output, name="output"),
    path("samples/<int:sample_id>/", views.sample, name="sample"),
]
