from __future__ import annotations

from django.urls import path

from reviewapp.home import views

app_name = "home"

urlpatterns = [
    path("", views.start, name="start"),
    path("projects/<slug:slug>/", views.project, name="project"),
    path("projects/<slug:slug>/search/", views.search, name="search"),
]
