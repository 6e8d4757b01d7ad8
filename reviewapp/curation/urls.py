from __future__ import annotations

from django.urls import path

from reviewapp.curation import benchmark_views, duplicates_views, views

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
    path("duplicates/", duplicates_views.duplicate_list, name="duplicate_list"),
    path("duplicates/<int:sample_id>/", duplicates_views.duplicate_detail, name="duplicate_detail"),
    path("duplicates/<int:sample_id>/decide/", duplicates_views.duplicate_decide, name="duplicate_decide"),
    path("duplicates/exact/", duplicates_views.duplicate_exact, name="duplicate_exact"),
    path("duplicates/exact/keep-first/", duplicates_views.duplicate_keep_first, name="duplicate_keep_first"),
    path("duplicates/decisions/", duplicates_views.duplicate_decisions, name="duplicate_decisions"),
    path("duplicates/decisions/<int:decision_id>/undo/", duplicates_views.duplicate_undo, name="duplicate_undo"),
    path("duplicates/limit/", duplicates_views.duplicate_limit, name="duplicate_limit"),
    path("duplicates/limit/measure/", duplicates_views.limit_measure, name="limit_measure"),
    path("duplicates/limit/set/", duplicates_views.limit_set, name="limit_set"),
    path("benchmarks/", benchmark_views.benchmark_list, name="benchmark_list"),
    path("benchmarks/declare/", benchmark_views.benchmark_declare, name="benchmark_declare"),
    path("benchmarks/<int:benchmark_id>/remove/", benchmark_views.benchmark_remove, name="benchmark_remove"),
]
