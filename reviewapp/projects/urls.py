from __future__ import annotations

from django.urls import path

from reviewapp.projects import views

app_name = "projects"

urlpatterns = [
    path("new/", views.project_create, name="project_create"),
    path("<slug:slug>/settings/", views.project_settings, name="project_settings"),
    path("<slug:slug>/settings/members/", views.member_set, name="member_set"),
    path("<slug:slug>/settings/members/<int:user_id>/remove/", views.member_remove, name="member_remove"),
]
