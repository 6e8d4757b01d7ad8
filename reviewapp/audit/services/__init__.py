"""What is done is an event of the chain; what is read is a record view, sealed into the chain from time to time."""

from __future__ import annotations

from reviewapp.audit.models import RecordView, Target
from reviewapp.audit.services.chain import GENESIS, ChainCheck, chain_verify, event_hash, record
from reviewapp.audit.services.record_views import view_record
from reviewapp.audit.services.seals import ViewsCheck, views_prune, views_seal, views_seal_due, views_verify

ViewKind = RecordView.Kind

__all__ = [
    "GENESIS",
    "ChainCheck",
    "Target",
    "ViewKind",
    "ViewsCheck",
    "chain_verify",
    "event_hash",
    "record",
    "view_record",
    "views_prune",
    "views_seal",
    "views_seal_due",
    "views_verify",
]
