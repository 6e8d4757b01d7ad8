from __future__ import annotations

from django.urls import path

from reviewapp.home import views

app_name = "home"

urlpatterns = [
    path("", views.start, name="start"),
    path("health/", views.health, name="health"),
    path("projects/<slug:slug>/", views.project, name="project"),
    path("projects/<slug:slug>/search/", views.search, name="search"),
    path("projects/<slug:slug>/jobs/", views.jobs, name="jobs"),
    path("projects/<slug:slug>/jobs/<int:job_id>/retry/", views.job_retry, name="job_retry"),
    path("projects/<slug:slug>/jobs/<int:job_id>/cancel/", views.job_cancel, name="job_cancel"),
    path("projects/<slug:slug>/raters/", views.raters, name="raters"),
    path("projects/<slug:slug>/audit/", views.audit, name="audit"),
    path("projects/<slug:slug>/opened/", views.view_log, name="view_log"),
    path("projects/<slug:slug>/opened/export/", views.view_log_export, name="view_log_export"),
    path("opened/", views.own_views, name="own_views"),
]
