from __future__ import annotations

from django.urls import path

from reviewapp.curation import golden_views, selection_views, views

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
    path("selections/", selection_views.selection_list, name="selection_list"),
    path("selections/create/", selection_views.selection_create, name="selection_create"),
    path("selections/eligible/", selection_views.selection_eligible, name="selection_eligible"),
    path("selections/<int:number>/", selection_views.selection_detail, name="selection_detail"),
    path("selections/<int:number>/live/", selection_views.selection_live, name="selection_live"),
    path("selections/<int:number>/cancel/", selection_views.selection_cancel, name="selection_cancel"),
    path("selections/<int:number>/revise/", selection_views.selection_revise, name="selection_revise"),
    path("selections/<int:number>/review/", selection_views.selection_review, name="selection_review"),
    path("selections/<int:number>/compare/", selection_views.selection_compare, name="selection_compare"),
    path("selections/<int:number>/export/", selection_views.selection_export, name="selection_export"),
    path("golden/", golden_views.golden_list, name="golden_list"),
    path("golden/limit/", golden_views.relevance_limit_keep, name="relevance_limit_keep"),
    path("samples/<int:sample_id>/golden/", golden_views.golden_card, name="golden_card"),
    path("samples/<int:sample_id>/golden/mark/", golden_views.golden_mark, name="golden_mark"),
    path("samples/<int:sample_id>/golden/unmark/", golden_views.golden_unmark, name="golden_unmark"),
]
