"""Why a sample is no parent and why a text was dropped, in words."""

from __future__ import annotations

from django.utils.translation import gettext_noop

KEPT = "kept"
LEFT = {
    "rejected": gettext_noop("Rejected in review"),
    "withdrawn": gettext_noop("Withdrawn"),
    "held_out": gettext_noop("Held out, or of a group that a held-out prompt has"),
    "synthetic": gettext_noop("Synthetic already: nothing is made from what was made"),
    "labelled": gettext_noop("Labelled: the completion is written from labels"),
    "blank": gettext_noop("No prompt or completion"),
    "findings": gettext_noop("Open findings of high severity"),
    "waiting": gettext_noop("Not accepted by an expert"),
    "number": gettext_noop("Beyond the number asked for"),
}
DROPPED = {
    "unchanged": gettext_noop("Nothing could be changed"),
    "empty": gettext_noop("The model wrote nothing"),
    "too_long": gettext_noop("Too long for the model"),
    "length": gettext_noop("Much longer or shorter than its parent"),
    "number": gettext_noop("A figure was lost"),
    "dose": gettext_noop("A figure lost its unit"),
    "name": gettext_noop("A name was lost"),
    "negation": gettext_noop("A negation came or went"),
    "added": gettext_noop("A figure or name that the parent does not have"),
    "away": gettext_noop("The completion is hardly supported any more"),
    "language": gettext_noop("Another language than its parent's"),
    "duplicate": gettext_noop("The same text is there already"),
    "heldout": gettext_noop("Overlaps with a held-out prompt or benchmark"),
}
