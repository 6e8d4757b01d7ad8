from __future__ import annotations

from django.urls import path

from reviewapp.demo import views

app_name = "demo"

urlpatterns = [
    path("people/", views.people, name="people"),
    path("people/<str:username>/enter/", views.enter, name="enter"),
]
