from __future__ import annotations

from django.urls import path

from reviewapp.reviews.views import adjudication, agreement, bulk, comments, labels, queue, queue_settings, workbench

app_name = "reviews"

urlpatterns = [
    path("", queue.queue, name="queue"),
    path("next/", queue.assignment_claim, name="assignment_claim"),
    path("next/prefetch/", queue.next_prefetch, name="next_prefetch"),
    path("mine/", queue.review_list, name="review_list"),
    path("undo/", queue.review_undo, name="review_undo"),
    path("agreement/", agreement.agreement, name="agreement"),
    path("settings/", queue_settings.queue_settings, name="queue_settings"),
    path("settings/expertise/<int:user_id>/", queue_settings.expertise_set, name="expertise_set"),
    path("returned/", queue.returned_list, name="returned_list"),
    path("flagged/", queue.flagged_list, name="flagged_list"),
    path("returned/<int:sample_id>/reopen/", queue.sample_reopen, name="sample_reopen"),
    # one act on many samples
    path("bulk/", bulk.bulk_confirm, name="bulk_confirm"),
    path("bulk/act/", bulk.bulk_act, name="bulk_act"),
    path("bulk/<int:act_id>/", bulk.bulk_detail, name="bulk_detail"),
    path("bulk/<int:act_id>/undo/", bulk.bulk_undo, name="bulk_undo"),
    path("samples/<int:sample_id>/comments/", comments.comments, name="comments"),
    # one assignment, by its key
    path("<uuid:key>/edit/", workbench.review_edit, name="review_edit"),
    path("<uuid:key>/suggestions/", labels.suggestions_reveal, name="suggestions_reveal"),
    path("<uuid:key>/submit/", workbench.review_submit, name="review_submit"),
    path("<uuid:key>/draft/", workbench.draft_save, name="draft_save"),
    path("<uuid:key>/renew/", workbench.assignment_renew, name="assignment_renew"),
    path("<uuid:key>/leave/", workbench.assignment_leave, name="assignment_leave"),
    path("<uuid:key>/release/", workbench.assignment_release, name="assignment_release"),
    path("<uuid:key>/skip/", workbench.assignment_skip, name="assignment_skip"),
    path("<uuid:key>/recuse/", queue.recuse, name="recuse"),
    path("<uuid:key>/flag/", workbench.assignment_flag, name="assignment_flag"),
    path("<uuid:key>/findings/<int:finding_id>/accept/", workbench.finding_accept, name="finding_accept"),
    path("<uuid:key>/findings/<int:finding_id>/dismiss/", workbench.finding_dismiss, name="finding_dismiss"),
    path("<uuid:key>/prompt/restore/", workbench.prompt_restore, name="prompt_restore"),
    # samples whose reviews differ
    path("adjudications/next/", adjudication.adjudication_claim, name="adjudication_claim"),
    path("adjudications/<uuid:key>/edit/", adjudication.adjudication_edit, name="adjudication_edit"),
    path("adjudications/<uuid:key>/submit/", adjudication.adjudication_submit, name="adjudication_submit"),
]
