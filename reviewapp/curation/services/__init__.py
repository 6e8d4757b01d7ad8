"""Findings settled by people (``findings``) and kept with the words they are about (``following``); scans of a project
(``scans``) by its pipeline (``pipelines``), which clean texts nobody has seen (``cleaning``) and run the checks
(``checking``); the index of a project's texts (``indexes``), their vectors
by an encoder (``embeddings``) and what is learned from decisions (``learning``)."""

from __future__ import annotations

from reviewapp.curation.services.acceptance import Wanted, plan_close, plan_draw, rule_remove, rule_set
from reviewapp.curation.services.augmentations import (
    augmentation_apply,
    augmentation_cancel,
    augmentation_planned,
    augmentation_request,
    augmentation_resume,
    augmentation_withdraw,
    parents_begin,
    synthetic_limit_set,
    texts_keep,
)
from reviewapp.curation.services.balance import balance_settings_update, bias_report_finish, bias_report_request
from reviewapp.curation.services.benchmarks import benchmark_declare, benchmark_remove
from reviewapp.curation.services.checking import (
    findings_sweep,
    findings_switch_off,
    findings_write,
    revisions_checked,
    revisions_unchecked,
    sample_scan,
)
from reviewapp.curation.services.cleaning import revision_cleaned, sample_clean, samples_clean, samples_dirty
from reviewapp.curation.services.duplicates import duplicates_decide, duplicates_undo, exact_keep_first
from reviewapp.curation.services.embeddings import (
    embedding_cancel,
    embedding_finish,
    embedding_remove,
    embedding_request,
)
from reviewapp.curation.services.findings import finding_accept, finding_dismiss, finding_reopen
from reviewapp.curation.services.following import findings_follow
from reviewapp.curation.services.golden import golden_mark, golden_unmark, limit_keep
from reviewapp.curation.services.indexes import index_begin, index_finish, index_known, index_remove, index_request
from reviewapp.curation.services.judging import Mark, item_judge, item_take, item_undo
from reviewapp.curation.services.labels import label_report_finish, label_report_request
from reviewapp.curation.services.languages import language_mix_set, languages_find
from reviewapp.curation.services.learning import learning_finish, learning_request
from reviewapp.curation.services.limits import limit_measure, limit_set
from reviewapp.curation.services.mitigations import (
    mitigation_apply,
    mitigation_plan,
    mitigation_planned,
    mitigation_undo,
)
from reviewapp.curation.services.pipelines import pipeline_save
from reviewapp.curation.services.redactions import (
    redaction_finish,
    redaction_request,
    redaction_undo_request,
    redaction_undone,
    sample_redact,
    sample_unredact,
    surrogates_of,
)
from reviewapp.curation.services.reports import report_exported, report_make
from reviewapp.curation.services.scans import dry_run_request, scan_cancel, scan_finish, scan_request
from reviewapp.curation.services.selections import (
    selection_cancel,
    selection_exported,
    selection_finish,
    selection_request,
    selection_revise,
)
from reviewapp.curation.services.taggers import identifier_mark, tagger_finish, tagger_request, tagger_take
from reviewapp.curation.services.withdrawing import samples_put_back, samples_restore, samples_withdraw

__all__ = [
    "Mark",
    "Wanted",
    "augmentation_apply",
    "augmentation_cancel",
    "augmentation_planned",
    "augmentation_request",
    "augmentation_resume",
    "augmentation_withdraw",
    "balance_settings_update",
    "benchmark_declare",
    "benchmark_remove",
    "bias_report_finish",
    "bias_report_request",
    "dry_run_request",
    "duplicates_decide",
    "duplicates_undo",
    "embedding_cancel",
    "embedding_finish",
    "embedding_remove",
    "embedding_request",
    "exact_keep_first",
    "finding_accept",
    "finding_dismiss",
    "finding_reopen",
    "findings_follow",
    "findings_sweep",
    "findings_switch_off",
    "findings_write",
    "golden_mark",
    "golden_unmark",
    "identifier_mark",
    "index_begin",
    "index_finish",
    "index_known",
    "index_remove",
    "index_request",
    "item_judge",
    "item_take",
    "item_undo",
    "label_report_finish",
    "label_report_request",
    "languages_find",
    "language_mix_set",
    "learning_finish",
    "learning_request",
    "limit_keep",
    "limit_measure",
    "limit_set",
    "mitigation_apply",
    "mitigation_plan",
    "mitigation_planned",
    "mitigation_undo",
    "parents_begin",
    "pipeline_save",
    "plan_close",
    "plan_draw",
    "redaction_finish",
    "redaction_request",
    "redaction_undo_request",
    "redaction_undone",
    "report_exported",
    "report_make",
    "revision_cleaned",
    "revisions_checked",
    "revisions_unchecked",
    "rule_remove",
    "rule_set",
    "sample_clean",
    "sample_redact",
    "sample_scan",
    "sample_unredact",
    "samples_clean",
    "samples_dirty",
    "samples_put_back",
    "samples_restore",
    "samples_withdraw",
    "scan_cancel",
    "scan_finish",
    "scan_request",
    "selection_cancel",
    "selection_exported",
    "selection_finish",
    "selection_request",
    "selection_revise",
    "surrogates_of",
    "synthetic_limit_set",
    "tagger_finish",
    "tagger_request",
    "tagger_take",
    "texts_keep",
]
