from __future__ import annotations

from django.urls import path

from reviewapp.curation import embedding_views, pipeline_views, views
from reviewapp.curation.acceptance import views as acceptance_views
from reviewapp.curation.augmenting import views as augmenting_views
from reviewapp.curation.balance import views as balance_views
from reviewapp.curation.contamination import views as benchmark_views
from reviewapp.curation.duplicates import views as duplicates_views
from reviewapp.curation.house_style import views as house_style_views
from reviewapp.curation.identifiers import views as identifiers_views
from reviewapp.curation.labels import views as label_views
from reviewapp.curation.languages import views as languages_views
from reviewapp.curation.programmatic import views as programmatic_views
from reviewapp.curation.removed import views as removed_views
from reviewapp.curation.report import views as report_views
from reviewapp.curation.selections import golden_views
from reviewapp.curation.selections import views as selection_views

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
    path("pipeline/", pipeline_views.pipeline_edit, name="pipeline_edit"),
    path("pipeline/save/", pipeline_views.pipeline_save, name="pipeline_save"),
    path("pipeline/try/", pipeline_views.pipeline_try, name="pipeline_try"),
    path("pipeline/tried/<int:scan_id>/", pipeline_views.dry_run_live, name="dry_run_live"),
    path("style/", house_style_views.house_style, name="house_style"),
    path("style/set/", house_style_views.house_style_set, name="house_style_set"),
    path("summary/", pipeline_views.summary_detail, name="summary_detail"),
    path("search/", views.meaning_search, name="meaning_search"),
    path("samples/<int:sample_id>/similar/", views.similar_list, name="similar_list"),
    path("index/request/", views.index_request, name="index_request"),
    path("index/remove/", views.index_remove, name="index_remove"),
    path("index/live/", views.index_live, name="index_live"),
    path("vectors/request/", embedding_views.embedding_request, name="embedding_request"),
    path("vectors/cancel/", embedding_views.embedding_cancel, name="embedding_cancel"),
    path("vectors/remove/", embedding_views.embedding_remove, name="embedding_remove"),
    path("vectors/live/", embedding_views.embedding_live, name="embedding_live"),
    path("learning/request/", views.learning_request, name="learning_request"),
    path("acceptance/", acceptance_views.acceptance_list, name="acceptance_list"),
    path("acceptance/draw/", acceptance_views.acceptance_draw, name="acceptance_draw"),
    path("acceptance/rules/", acceptance_views.acceptance_rule_set, name="acceptance_rule_set"),
    path(
        "acceptance/rules/<int:rule_id>/remove/", acceptance_views.acceptance_rule_remove, name="acceptance_rule_remove"
    ),
    path("acceptance/<int:plan_id>/", acceptance_views.acceptance_detail, name="acceptance_detail"),
    path("acceptance/<int:plan_id>/export/", acceptance_views.acceptance_export, name="acceptance_export"),
    path("acceptance/<int:plan_id>/take/", acceptance_views.acceptance_take, name="acceptance_take"),
    path("acceptance/<int:plan_id>/undo/", acceptance_views.acceptance_undo, name="acceptance_undo"),
    path("acceptance/<int:plan_id>/close/", acceptance_views.acceptance_close, name="acceptance_close"),
    path("acceptance/<int:plan_id>/<int:position>/", acceptance_views.acceptance_judge, name="acceptance_judge"),
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
    path("identifiers/", identifiers_views.identifier_list, name="identifier_list"),
    path("identifiers/mark/", identifiers_views.identifier_mark, name="identifier_mark"),
    path("identifiers/preview/", identifiers_views.redaction_preview, name="redaction_preview"),
    path("identifiers/redact/", identifiers_views.redaction_request, name="redaction_request"),
    path("identifiers/redact/<int:redaction_id>/undo/", identifiers_views.redaction_undo, name="redaction_undo"),
    path("identifiers/live/<int:job_id>/", identifiers_views.identifier_live, name="identifier_live"),
    path("identifiers/tagger/", identifiers_views.tagger_list, name="tagger_list"),
    path("identifiers/tagger/request/", identifiers_views.tagger_request, name="tagger_request"),
    path("identifiers/tagger/<int:number>/take/", identifiers_views.tagger_take, name="tagger_take"),
    path("duplicates/", duplicates_views.duplicate_list, name="duplicate_list"),
    path("duplicates/<int:sample_id>/", duplicates_views.duplicate_detail, name="duplicate_detail"),
    path("duplicates/<int:sample_id>/decide/", duplicates_views.duplicate_decide, name="duplicate_decide"),
    path("duplicates/exact/", duplicates_views.duplicate_exact, name="duplicate_exact"),
    path("duplicates/exact/keep-first/", duplicates_views.duplicate_keep_first, name="duplicate_keep_first"),
    path("duplicates/decisions/", duplicates_views.duplicate_decisions, name="duplicate_decisions"),
    path("duplicates/decisions/<int:decision_id>/undo/", duplicates_views.duplicate_undo, name="duplicate_undo"),
    path("duplicates/limit/", duplicates_views.duplicate_limit, name="duplicate_limit"),
    path("duplicates/limit/measure/", duplicates_views.limit_measure, name="limit_measure"),
    path("duplicates/limit/set/", duplicates_views.limit_set, name="limit_set"),
    path("benchmarks/", benchmark_views.benchmark_list, name="benchmark_list"),
    path("benchmarks/declare/", benchmark_views.benchmark_declare, name="benchmark_declare"),
    path("benchmarks/<int:benchmark_id>/remove/", benchmark_views.benchmark_remove, name="benchmark_remove"),
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
    path("augmentations/", augmenting_views.augmentation_list, name="augmentation_list"),
    path("augmentations/limit/", augmenting_views.synthetic_limit, name="synthetic_limit"),
    path("augmentations/new/<slug:kind>/", augmenting_views.augmentation_create, name="augmentation_create"),
    path("augmentations/<int:number>/", augmenting_views.augmentation_detail, name="augmentation_detail"),
    path("augmentations/<int:number>/live/", augmenting_views.augmentation_live, name="augmentation_live"),
    path("augmentations/<int:number>/cancel/", augmenting_views.augmentation_cancel, name="augmentation_cancel"),
    path("augmentations/<int:number>/resume/", augmenting_views.augmentation_resume, name="augmentation_resume"),
    path("augmentations/<int:number>/apply/", augmenting_views.augmentation_apply, name="augmentation_apply"),
    path("augmentations/<int:number>/withdraw/", augmenting_views.augmentation_withdraw, name="augmentation_withdraw"),
    path("languages/", languages_views.language_list, name="language_list"),
    path("languages/mix/", languages_views.language_mix_set, name="language_mix_set"),
    path("removed/", removed_views.removed_list, name="removed_list"),
    path("removed/put-back/", removed_views.removed_put_back, name="removed_put_back"),
    path("reports/make/", report_views.report_make, name="report_make"),
    path("reports/<int:number>/report.<str:form>", report_views.report_export, name="report_export"),
    path("functions/", programmatic_views.labelling_function_list, name="labelling_function_list"),
    path("functions/new/", programmatic_views.labelling_function_new, name="labelling_function_new"),
    path(
        "functions/<int:function_id>/edit/", programmatic_views.labelling_function_edit, name="labelling_function_edit"
    ),
    path(
        "functions/<int:function_id>/switch/",
        programmatic_views.labelling_function_switch,
        name="labelling_function_switch",
    ),
    path("functions/run/", programmatic_views.labelling_run_request, name="labelling_run_request"),
    path("functions/runs/<int:number>/", programmatic_views.labelling_run_detail, name="labelling_run_detail"),
    path("functions/runs/<int:number>/live/", programmatic_views.labelling_run_live, name="labelling_run_live"),
    path("functions/runs/<int:number>/cancel/", programmatic_views.labelling_run_cancel, name="labelling_run_cancel"),
    path(
        "functions/runs/<int:number>/suggest/", programmatic_views.labelling_run_suggest, name="labelling_run_suggest"
    ),
    path(
        "functions/runs/<int:number>/<int:place>/", programmatic_views.labelling_run_votes, name="labelling_run_votes"
    ),
    path("label-errors/", label_views.label_report, name="label_report"),
    path("label-errors/request/", label_views.label_report_request, name="label_report_request"),
    path("label-errors/live/", label_views.label_report_live, name="label_report_live"),
]
