"""Findings settled by people (``findings``) and kept with the words they are about (``following``); scans of a project
(``scans``) that clean texts nobody has seen (``cleaning``) and run the checks (``checking``); the index of a
project's texts (``indexes``) and what is learned from decisions (``learning``); who the samples are about (``balance``)
and what is done about it (``mitigations``)."""

from __future__ import annotations

from reviewapp.curation.services.balance import balance_settings_update, bias_report_finish, bias_report_request
from reviewapp.curation.services.checking import findings_sweep, findings_write, sample_scan
from reviewapp.curation.services.cleaning import sample_clean, samples_clean
from reviewapp.curation.services.findings import finding_accept, finding_dismiss, finding_reopen
from reviewapp.curation.services.following import findings_follow
from reviewapp.curation.services.indexes import index_begin, index_finish, index_known, index_remove, index_request
from reviewapp.curation.services.learning import learning_finish, learning_request
from reviewapp.curation.services.mitigations import (
    mitigation_apply,
    mitigation_plan,
    mitigation_planned,
    mitigation_undo,
)
from reviewapp.curation.services.scans import scan_cancel, scan_finish, scan_request

__all__ = [
    "balance_settings_update",
    "bias_report_finish",
    "bias_report_request",
    "finding_accept",
    "finding_dismiss",
    "finding_reopen",
    "findings_follow",
    "findings_sweep",
    "findings_write",
    "index_begin",
    "index_finish",
    "index_known",
    "index_remove",
    "index_request",
    "learning_finish",
    "learning_request",
    "mitigation_apply",
    "mitigation_plan",
    "mitigation_planned",
    "mitigation_undo",
    "sample_clean",
    "sample_scan",
    "samples_clean",
    "scan_cancel",
    "scan_finish",
    "scan_request",
]
