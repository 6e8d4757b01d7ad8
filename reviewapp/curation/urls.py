from __future__ import annotations

from django.urls import path

from reviewapp.curation import identifiers_views, views

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
    path("search/", views.meaning_search, name="meaning_search"),
    path("samples/<int:sample_id>/similar/", views.similar_list, name="similar_list"),
    path("index/request/", views.index_request, name="index_request"),
    path("index/remove/", views.index_remove, name="index_remove"),
    path("index/live/", views.index_live, name="index_live"),
    path("learning/request/", views.learning_request, name="learning_request"),
    path("identifiers/", identifiers_views.identifier_list, name="identifier_list"),
    path("identifiers/mark/", identifiers_views.identifier_mark, name="identifier_mark"),
    path("identifiers/preview/", identifiers_views.redaction_preview, name="redaction_preview"),
    path("identifiers/redact/", identifiers_views.redaction_request, name="redaction_request"),
    path("identifiers/redact/<int:redaction_id>/undo/", identifiers_views.redaction_undo, name="redaction_undo"),
    path("identifiers/live/<int:job_id>/", identifiers_views.identifier_live, name="identifier_live"),
    path("identifiers/tagger/", identifiers_views.tagger_list, name="tagger_list"),
    path("identifiers/tagger/request/", identifiers_views.tagger_request, name="tagger_request"),
    path("identifiers/tagger/<int:number>/take/", identifiers_views.tagger_take, name="tagger_take"),
]
