"""Wording that judges the person or their sex and adds no fact a clinician could use.

A small list of our own: stereotypes by gender, and terms that studies of stigmatising language in clinical notes
name again and again (Goddu et al. 2018; Park et al. 2021; Himmelstein et al. 2022). It shows; it never rewrites.
"""

from __future__ import annotations

import re

from reviewapp.curation.checks.finding import Corpus, FindingDraft, Scope, on_span

NAME, TITLE = "gender_coded", "Judging or gender-coded wording"
SCOPE: Scope = "text"
VERSION = 1

GENDER: tuple[tuple[str, str | None], ...] = (
    (r"hysteric(?:al|s)?(?:ly)?", None),
    (r"bossy|shrill|catty|feisty|bitchy|ditzy|flighty|high-maintenance", None),
    (r"nagging (?:wife|woman|mother|husband)|(?:is|was) nagging", None),
    (r"over-?(?:emotional|sensitive|anxious|dramatic)", None),
    (r"(?:overly|very|too|rather|quite) (?:emotional|sensitive|dramatic)", None),
    (r"emotional(?= (?:woman|female|lady|mother|wife|patient))|(?<=woman, )emotional(?=,)", None),
    (r"effeminate|macho|henpecked|burly|manly|unmanly|girly|tomboyish|emasculat(?:ed|ing)", None),
    (
        r"(?:weepy|emotional|sensitive|tearful|weak|strong|tough|brave|calm|logical) for a (?:man|woman|girl|boy|lady)",
        None,
    ),
    (r"(?:like|such) a (?:girl|real man|typical (?:man|woman|male|female))", None),
    (r"(?:typical|silly|neurotic|difficult) (?:woman|female|girl|lady|housewife|man|male)", None),
    (r"male nurse", "nurse"),
    (r"(?:lady|female|woman) doctor", "doctor"),
    (r"working mother", None),
    (r"chairman", "chair"),
)
STIGMA: tuple[tuple[str, str | None], ...] = (
    (r"drug[- ]seek(?:ing|er|ers)", None),
    (r"frequent fl[iy]er", None),
    (r"(?:poor|bad|unreliable) historian", None),
    (r"non-?complian(?:t|ce)|noncomplian(?:t|ce)", None),
    (r"non-?adheren(?:t|ce)", None),
    (r"(?:failed|refused|neglected) to (?:take|follow|attend|comply)(?: with)?", None),
    (r"(?<=he )claims|(?<=they )claim|(?<=patient )claims|(?<=mother )claims|(?<=father )claims", None),
    (r"claims?(?= (?:the |her |his |their )?(?:pain|symptoms?) )", None),
    (r"(?:allegedly|supposedly|purportedly)", None),
    (r"complains? bitterly|(?:constantly|always|endlessly) complain(?:s|ing)", None),
    (r"(?:insists|maintains)(?= (?:that |he |she |they |the |on ))", None),
    (r"manipulative|malinger(?:ing|er|s)?|attention[- ]seeking|belligerent|combative|hypochondriac(?:al)?", None),
    (r"difficult patient|problem patient|bad patient|heart-?sink", None),
    (r"(?:drug|substance|alcohol) abusers?", None),
    (
        r"(?:drug )?addicts?|junk(?:ie|y)|(?<!non-)(?<!non)(?:an )alcoholic(?! (?:liver|hepat|fatty|cirr|bever|drink))",
        None,
    ),
    (r"(?:wheelchair|bed)[- ]bound", None),
    (r"suffering from (?:obesity|addiction)|morbidly obese", None),
    (r"crazy|insane|lunatic|psycho|retard(?:ed)?(?! growth)", None),
)


def _compiled(rows: tuple[tuple[str, str | None], ...]) -> tuple[tuple[re.Pattern[str], str | None], ...]:
    return tuple((re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), suggestion) for pattern, suggestion in rows)


_KINDS = (
    ("gender_coded", "Wording that stereotypes by gender. Say what was observed instead.", _compiled(GENDER)),
    ("stigmatising", "Wording that judges or doubts the person. Say what was observed instead.", _compiled(STIGMA)),
)


def check(corpus: Corpus) -> list[FindingDraft]:
    """A finding for each listed wording in a completion; what people say in a prompt is theirs."""
    return [
        on_span(
            item,
            "completion",
            match.start(),
            match.end(),
            check=NAME,
            kind=kind,
            severity="medium",
            message=message,
            suggestion=suggestion,
        )
        for item in corpus.items
        for kind, message, patterns in _KINDS
        for pattern, suggestion in patterns
        for match in pattern.finditer(item.completion)
    ]
