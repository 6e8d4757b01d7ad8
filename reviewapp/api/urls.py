from __future__ import annotations

from django.urls import path

from reviewapp.api import views

app_name = "api"

urlpatterns = [
    path("", views.reference, name="reference"),
    path("tokens/", views.token_list, name="token_list"),
    path("tokens/<int:token_id>/revoke/", views.token_revoke, name="token_revoke"),
    path("webhooks/", views.webhook_list, name="webhook_list"),
    path("webhooks/<int:webhook_id>/", views.webhook_detail, name="webhook_detail"),
    path("webhooks/<int:webhook_id>/pause/", views.webhook_pause, name="webhook_pause"),
    path("webhooks/<int:webhook_id>/resume/", views.webhook_resume, name="webhook_resume"),
    path("webhooks/<int:webhook_id>/remove/", views.webhook_remove, name="webhook_remove"),
    path("deliveries/<int:delivery_id>/redeliver/", views.delivery_redeliver, name="delivery_redeliver"),
]
