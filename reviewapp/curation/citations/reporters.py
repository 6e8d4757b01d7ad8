"""What citations are made of: reports of cases, courts, rules; each by its Bluebook form. Facts, in our own selection.

Left out on purpose are short forms that two reports share without anything that tells them apart.
"""

from __future__ import annotations

import re

_FEDERAL = """
U.S.|S. Ct.|L. Ed.|L. Ed. 2d|F.|F.2d|F.3d|F.4th|F. App'x|F. Supp.|F. Supp. 2d|F. Supp. 3d|F.R.D.|B.R.|Fed. Cl.|Ct. Cl.
|Cl. Ct.|T.C.|M.J.|C.C.P.A.|Vet. App.
"""
_REGIONAL = """
A.|A.2d|A.3d|N.E.|N.E.2d|N.E.3d|N.W.|N.W.2d|P.|P.2d|P.3d|S.E.|S.E.2d|So.|So. 2d|So. 3d|S.W.|S.W.2d|S.W.3d
|Cal. Rptr.|Cal. Rptr. 2d|Cal. Rptr. 3d|N.Y.S.|N.Y.S.2d|N.Y.S.3d
"""
_STATE = """
Cal.|Cal. 2d|Cal. 3d|Cal. 4th|Cal. 5th|Cal. App. 2d|Cal. App. 3d|Cal. App. 4th|Cal. App. 5th|N.Y.|N.Y.2d|N.Y.3d
|A.D.2d|A.D.3d|Ill.|Ill. 2d|Ill. App. 2d|Ill. App. 3d|Ill. Dec.|Mass.|Mass. App. Ct.|Ohio St.|Ohio St. 2d|Ohio St. 3d
|Ohio App. 3d|Pa.|Pa. Super.|Wash.|Wash. 2d|Wash. App.|Wis.|Wis. 2d|Mich.|Mich. App.|Minn.|N.J.|N.J. Super.|Md.
|Md. App.|Va.|Va. App.|N.C.|N.C. App.|S.C.|Ga.|Ga. App.|Conn.|Conn. App.|Iowa|Kan.|Mo.|Mo. App.|Neb.|Nev.|N.H.
|Okla.|Or. App.|R.I.|Tenn.|Tex.|Vt.|W. Va.|Ariz.|Ark.|Colo.|Haw.|Idaho|Ind.|Ind. App.|Ky.|Mont.|Utah 2d
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split("|"))


REPORTERS = _listed(_FEDERAL) + _listed(_REGIONAL) + _listed(_STATE)
# The year stands in brackets, since the court's reports are numbered within it.
BRACKETED = (
    *(
        "UKSC",
        "UKHL",
        "UKPC",
        "EWCA Civ",
        "EWCA Crim",
        "EWHC",
        "UKUT",
        "UKFTT",
        "UKEAT",
        "NICA",
        "NIQB",
        "NIKB",
        "CSIH",
    ),
    *(
        "CSOH",
        "HCJAC",
        "HCA",
        "FCAFC",
        "NSWCA",
        "NSWSC",
        "NSWCCA",
        "VSC",
        "VSCA",
        "QCA",
        "QSC",
        "WASC",
        "WASCA",
        "SASC",
    ),
    *("NZSC", "NZCA", "NZHC", "IESC", "IECA", "IEHC", "SGCA", "SGHC", "HKCFA", "HKCA", "ZASCA", "ZACC"),
)
# Canadian courts: the year stands without brackets.
PLAIN = (
    *("SCC", "ONCA", "ONSC", "ONCJ", "BCCA", "BCSC", "ABCA", "ABQB", "ABKB", "QCCA", "QCCS", "MBCA", "MBQB", "SKCA"),
    *("SKQB", "NSCA", "NSSC", "NBCA", "NLCA", "PECA", "YKCA", "NWTCA", "CMAC"),
)
# Two courts have the name, one with brackets and one without: the brackets say which, so they are never changed.
EITHER = ("FCA", "FC", "TCC")
# Reports of a year: (with full stops, without).
YEARLY = {
    "A.C.": "AC", "W.L.R.": "WLR", "Q.B.": "QB", "K.B.": "KB", "All E.R.": "All ER", "S.C.R.": "SCR", "Fam.": "Fam",
    "Lloyd's Rep.": "Lloyd's Rep", "Cr. App. R.": "Cr App R", "E.C.R.": "ECR", "I.R.": "IR",
}  # fmt: skip
RULES = {"Civ": "Fed. R. Civ. P.", "Crim": "Fed. R. Crim. P.", "App": "Fed. R. App. P.", "Bankr": "Fed. R. Bankr. P.",
         "Evid": "Fed. R. Evid."}  # fmt: skip

_PIECE = re.compile(r"[0-9]+[a-z]+|[A-Z]\.(?=[A-Z0-9])|[^\s.]+\.?")
_SERIES = {"2d": r"(?:2d|2nd|Zd|2cl)", "3d": r"(?:3d|3rd|3cl)", "4th": r"4th", "5th": r"5th"}
GAP = r"\s{0,2}"  # within a citation; bounded, so that no text makes the search slow


def pieces(name: str) -> list[str]:
    """A Bluebook form cut where a blank or a full stop may or may not stand: "F. Supp. 2d" is F, Supp, 2d."""
    return [piece.rstrip(".") for piece in _PIECE.findall(name)]


def loose(name: str) -> str:
    """A pattern for every way of writing ``name``: with or without stops and blanks, or with the scan's 5 for S."""
    parts = []
    for piece in pieces(name):
        made = _SERIES.get(piece) or re.escape(piece).replace("S", "[S5]").replace("'", "['’]?")
        parts.append(made if piece in _SERIES else made + r"[.,]?")
    return GAP.join(parts)


def key_of(written: str) -> str:
    """What stays of a written form without stops, blanks and apostrophes; 2nd is 2d."""
    bare = re.sub(r"[^A-Za-z0-9]", "", written)
    return re.sub(r"(?<=[^0-9])([23])(?:nd|rd)$", r"\1d", bare)


def plain(name: str) -> str:
    """A Bluebook form without full stops, series apart: "F.3d" is "F 3d", "U.S." is "US", "F. Supp. 2d" "F Supp 2d"."""
    words = name.replace(".", ". ").replace("' ", "'").split()
    spelled = [word.rstrip(".") for word in words]
    made = "".join(f" {word}" if place and not _joins(spelled[place - 1], word) else word for place, word in
                   enumerate(spelled))  # fmt: skip
    return made.strip()


def _joins(before: str, word: str) -> bool:
    return len(before) == 1 and len(word) == 1
