from __future__ import annotations

from django.urls import path

from reviewapp.labelling import views

app_name = "labelling"

urlpatterns = [
    path("", views.schema_list, name="schema_list"),
    path("new/", views.schema_new, name="schema_new"),
    path("preview/", views.schema_preview, name="schema_preview"),
    path("import/", views.schema_import, name="schema_import"),
    path("<int:schema_id>/", views.schema_detail, name="schema_detail"),
    path("<int:schema_id>/edit/", views.schema_edit, name="schema_edit"),
    path("<int:schema_id>/activate/", views.schema_activate, name="schema_activate"),
    path("<int:schema_id>/rules/", views.rules_edit, name="rules_edit"),
    path("<int:schema_id>/suggestions/", views.suggestions_import, name="suggestions_import"),
    path("<int:schema_id>/versions/<int:number>/export/", views.schema_export, name="schema_export"),
    path("classes/<int:version_id>/", views.class_search, name="class_search"),
]
