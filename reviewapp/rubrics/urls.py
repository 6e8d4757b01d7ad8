from __future__ import annotations

from django.urls import path

from reviewapp.rubrics import views

app_name = "rubrics"

urlpatterns = [
    path("", views.rubric_list, name="rubric_list"),
    path("new/", views.rubric_new, name="rubric_new"),
    path("preview/", views.rubric_preview, name="rubric_preview"),
    path("import/", views.rubric_import, name="rubric_import"),
    path("<int:rubric_id>/", views.rubric_detail, name="rubric_detail"),
    path("<int:rubric_id>/edit/", views.rubric_edit, name="rubric_edit"),
    path("<int:rubric_id>/versions/<int:old>/to/<int:new>/", views.rubric_diff, name="rubric_diff"),
    path("<int:rubric_id>/activate/", views.rubric_activate, name="rubric_activate"),
    path("<int:rubric_id>/versions/<int:number>/export/", views.rubric_export, name="rubric_export"),
]
