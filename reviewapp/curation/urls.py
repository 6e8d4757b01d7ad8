from __future__ import annotations

from django.urls import path

from reviewapp.curation import balance_views, views

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
    path("balance/", balance_views.balance, name="balance"),
    path("balance/request/", balance_views.balance_request, name="balance_request"),
    path("balance/live/", balance_views.balance_live, name="balance_live"),
    path("balance/settings/", balance_views.balance_settings, name="balance_settings"),
    path("balance/<int:number>/export.<str:form>", balance_views.balance_export, name="balance_export"),
    path("mitigations/", balance_views.mitigation_list, name="mitigation_list"),
    path("mitigations/new/", balance_views.mitigation_create, name="mitigation_create"),
    path("mitigations/<int:number>/", balance_views.mitigation_detail, name="mitigation_detail"),
    path("mitigations/<int:number>/live/", balance_views.mitigation_live, name="mitigation_live"),
    path("mitigations/<int:number>/apply/", balance_views.mitigation_apply, name="mitigation_apply"),
    path("mitigations/<int:number>/undo/", balance_views.mitigation_undo, name="mitigation_undo"),
    path("mitigations/<int:number>/weights.csv", balance_views.mitigation_export, name="mitigation_export"),
]
