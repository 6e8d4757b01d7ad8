"""Findings settled by people (``findings``) and kept with the words they are about (``following``); scans of a project
(``scans``) that clean texts nobody has seen (``cleaning``) and run the checks (``checking``); the index of a
project's texts (``indexes``) and what is learned from decisions (``learning``); acts on identifiers (``redactions``)
and the tagger that finds names (``taggers``)."""

from __future__ import annotations

from reviewapp.curation.services.checking import findings_sweep, findings_write, sample_scan
from reviewapp.curation.services.cleaning import sample_clean, samples_clean
from reviewapp.curation.services.findings import finding_accept, finding_dismiss, finding_reopen
from reviewapp.curation.services.following import findings_follow
from reviewapp.curation.services.indexes import index_begin, index_finish, index_known, index_remove, index_request
from reviewapp.curation.services.learning import learning_finish, learning_request
from reviewapp.curation.services.redactions import (
    redaction_finish,
    redaction_request,
    redaction_undo_request,
    redaction_undone,
    sample_redact,
    sample_unredact,
    surrogates_of,
)
from reviewapp.curation.services.scans import scan_cancel, scan_finish, scan_request
from reviewapp.curation.services.taggers import identifier_mark, tagger_finish, tagger_request, tagger_take

__all__ = [
    "finding_accept",
    "finding_dismiss",
    "finding_reopen",
    "findings_follow",
    "findings_sweep",
    "findings_write",
    "identifier_mark",
    "index_begin",
    "index_finish",
    "index_known",
    "index_remove",
    "index_request",
    "learning_finish",
    "learning_request",
    "redaction_finish",
    "redaction_request",
    "redaction_undo_request",
    "redaction_undone",
    "sample_clean",
    "sample_redact",
    "sample_scan",
    "sample_unredact",
    "samples_clean",
    "scan_cancel",
    "scan_finish",
    "scan_request",
    "surrogates_of",
    "tagger_finish",
    "tagger_request",
    "tagger_take",
]
