"""include() lines only; the prefix is the app."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("reviewapp.accounts.urls")),
    path("demo/", include("reviewapp.demo.urls")),
    path("projects/", include("reviewapp.projects.urls")),
    path("", include("reviewapp.home.urls")),
    path("projects/<slug:slug>/rubrics/", include("reviewapp.rubrics.urls")),
    path("projects/<slug:slug>/labels/", include("reviewapp.labelling.urls")),
    path("projects/<slug:slug>/samples/", include("reviewapp.samples.urls")),
    path("projects/<slug:slug>/curation/", include("reviewapp.curation.urls")),
    path("projects/<slug:slug>/reviews/", include("reviewapp.reviews.urls")),
    path("projects/<slug:slug>/training-sets/", include("reviewapp.trainingsets.urls")),
    path("projects/<slug:slug>/runs/", include("reviewapp.runs.urls")),
    path("projects/<slug:slug>/evaluations/", include("reviewapp.evaluations.urls")),
    path("projects/<slug:slug>/reports/", include("reviewapp.reports.urls")),
    path("projects/<slug:slug>/feedback/", include("reviewapp.feedback.urls")),
    path("projects/<slug:slug>/lineage/", include("reviewapp.lineage.urls")),
    path("projects/<slug:slug>/api/", include("reviewapp.api.urls")),
    path("api/v1/", include("reviewapp.api.urls_v1")),
]
