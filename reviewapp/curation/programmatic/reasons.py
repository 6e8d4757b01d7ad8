"""Why a labelling function took no part in a run, as a code that is stored and a sentence that names the function."""

from __future__ import annotations

from reviewapp.words import figure_said, say

SLOW, SLOW_ALL, LATE, BROKEN = "slow", "slow_all", "late", "broken"
UNKNOWN_CLASS, INVALID, NO_CLASS = "unknown_class", "invalid", "no_class"


class Stopped(Exception):
    """A function that is stopped for the rest of a run; ``code`` as above, ``detail`` what the sentence needs."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


def stopped_words(name: str, code: str, detail: str, sample: str = "") -> str:
    """The sentence for a person: what happened, at which sample, and what to do."""
    known = {
        SLOW: say(
            "“%(name)s” took longer than %(detail)s seconds on sample %(sample)s and was stopped. Its pattern can "
            "match in too many ways: put one repeat where two follow each other, or name what may stand between."
        ),
        SLOW_ALL: say(
            "“%(name)s” took longer than %(detail)s seconds altogether and was stopped. Make its pattern simpler."
        ),
        LATE: say(
            "“%(name)s” gave no answer within %(detail)s seconds at sample %(sample)s and was stopped. "
            "Its file may loop or wait."
        ),
        BROKEN: say(
            "“%(name)s” failed at sample %(sample)s and was stopped: %(detail)s. Mend its file, then run again."
        ),
        UNKNOWN_CLASS: say(
            "“%(name)s” votes for “%(detail)s”, which is no class of this field any more, and was left out. Change it."
        ),
        NO_CLASS: say(
            "“%(name)s” answered “%(detail)s” for sample %(sample)s, which is no class of this field, and was stopped. "
            "Mend its file."
        ),
        INVALID: say("“%(name)s” cannot be used and was left out: %(detail)s"),
    }
    return known[code] % {"name": name, "detail": figure_said(detail), "sample": sample or "–"}
