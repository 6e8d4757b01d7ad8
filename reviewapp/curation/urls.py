from __future__ import annotations

from django.urls import path

from reviewapp.curation import pipeline_views, views

app_name = "curation"

urlpatterns = [
    path("findings/", views.finding_list, name="finding_list"),
    path("findings/<int:finding_id>/", views.finding_detail, name="finding_detail"),
    path("findings/<int:finding_id>/accept/", views.finding_accept, name="finding_accept"),
    path("findings/<int:finding_id>/dismiss/", views.finding_dismiss, name="finding_dismiss"),
    path("findings/<int:finding_id>/reopen/", views.finding_reopen, name="finding_reopen"),
    path("scans/", views.scan_list, name="scan_list"),
    path("scans/request/", views.scan_request, name="scan_request"),
    path("scans/<int:scan_id>/live/", views.scan_live, name="scan_live"),
    path("scans/<int:scan_id>/cancel/", views.scan_cancel, name="scan_cancel"),
    path("pipeline/", pipeline_views.pipeline_edit, name="pipeline_edit"),
    path("pipeline/save/", pipeline_views.pipeline_save, name="pipeline_save"),
    path("pipeline/try/", pipeline_views.pipeline_try, name="pipeline_try"),
    path("pipeline/tried/<int:scan_id>/", pipeline_views.dry_run_live, name="dry_run_live"),
    path("summary/", pipeline_views.summary_detail, name="summary_detail"),
    path("summary/json/", pipeline_views.summary_json, name="summary_json"),
    path("search/", views.meaning_search, name="meaning_search"),
    path("samples/<int:sample_id>/similar/", views.similar_list, name="similar_list"),
    path("index/request/", views.index_request, name="index_request"),
    path("index/remove/", views.index_remove, name="index_remove"),
    path("index/live/", views.index_live, name="index_live"),
    path("learning/request/", views.learning_request, name="learning_request"),
]
