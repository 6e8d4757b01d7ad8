from __future__ import annotations

from django.urls import path

from reviewapp.feedback import views

app_name = "feedback"

urlpatterns = [
    path("", views.item_list, name="item_list"),
    path("<int:item_id>/", views.item_detail, name="item_detail"),
    path("<int:item_id>/correct/", views.item_correct, name="item_correct"),
    path("<int:item_id>/promote/", views.item_promote, name="item_promote"),
    path("<int:item_id>/dismiss/", views.item_dismiss, name="item_dismiss"),
    path("outputs/<int:output_id>/", views.output_feedback, name="output_feedback"),
    # other systems post here with a token
    path("endpoint/", views.endpoint, name="endpoint"),
    path("tokens/", views.token_list, name="token_list"),
    path("tokens/<int:token_id>/revoke/", views.token_revoke, name="token_revoke"),
]
