"""Findings settled by people (``findings``) and kept with the words they are about (``following``); scans of a project
(``scans``) that clean texts nobody has seen (``cleaning``) and run the checks (``checking``); the index of a
project's texts (``indexes``) and what is learned from decisions (``learning``); duplicates (``duplicates``, and the
limit from which on samples are, ``limits``), declared benchmarks (``benchmarks``), samples taken out (``withdrawing``).
"""

from __future__ import annotations

from reviewapp.curation.services.benchmarks import benchmark_declare, benchmark_remove
from reviewapp.curation.services.checking import findings_sweep, findings_write, sample_scan
from reviewapp.curation.services.cleaning import sample_clean, samples_clean
from reviewapp.curation.services.duplicates import duplicates_decide, duplicates_undo, exact_keep_first
from reviewapp.curation.services.findings import finding_accept, finding_dismiss, finding_reopen
from reviewapp.curation.services.following import findings_follow
from reviewapp.curation.services.indexes import index_begin, index_finish, index_known, index_remove, index_request
from reviewapp.curation.services.learning import learning_finish, learning_request
from reviewapp.curation.services.limits import limit_measure, limit_set
from reviewapp.curation.services.scans import scan_cancel, scan_finish, scan_request
from reviewapp.curation.services.withdrawing import samples_restore, samples_withdraw

__all__ = [
    "benchmark_declare",
    "benchmark_remove",
    "duplicates_decide",
    "duplicates_undo",
    "exact_keep_first",
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
    "limit_measure",
    "limit_set",
    "sample_clean",
    "sample_scan",
    "samples_clean",
    "samples_restore",
    "samples_withdraw",
    "scan_cancel",
    "scan_finish",
    "scan_request",
]
