"""What a balance report says of a corpus, worked out from its facts: plain data, ready to be stored and hashed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reviewapp.curation.bias import lexicon
from reviewapp.curation.bias.association import (
    LEAST_GROUPS,
    LEAST_SAMPLES,
    PRIOR,
    benjamini_hochberg,
    compare,
    interval,
    p_of,
)
from reviewapp.curation.bias.attributes import ATTRIBUTES
from reviewapp.curation.bias.facts import WORDINGS, Facts
from reviewapp.curation.bias.shares import against, risk_ratio, share_of
from reviewapp.curation.bias.standing import EXPECTED, NONE, OPEN, REST
from reviewapp.curation.bias.swapping import barred_by
from reviewapp.curation.bias.terms import Term

SCHEMA = 1
LEVEL = 0.05
LEAST_EFFECT = math.log(1.2)  # odds ratios nearer to 1 than this are not worth a finding, however sure
LEAST_SIDE = 20  # samples of a value before it is compared
MOST_VALUES, MOST_ROWS, MOST_TWINS = 8, 200, 10
COMPARED = ("gender", "age", "ethnicity", "site")  # by department and language texts differ as they should
OF_WORDS = ("gender", "age", "ethnicity")
_BOUND = {"gender": lexicon.SEX_BOUND, "age": lexicon.AGE_BOUND, "ethnicity": lexicon.ETHNICITY_BOUND}
METHOD = {
    "composition": "share of the samples with a known value, 95% interval of Wilson (1927)",
    "association": (
        "log odds ratio of a term between two groups with an informative Dirichlet prior (Monroe, Colaresi and Quinn"
        f" 2008) of {PRIOR:g} pseudo-samples; a term counts once a sample; the standard error is the larger of the"
        " model's and one clustered by group; two-sided p adjusted over all comparisons of the report (Benjamini and"
        " Hochberg 1995)"
    ),
    "wording": "ratio of the shares of samples with such wording, 95% interval of Katz (1978)",
    "diversity": "mean cosine distance of all pairs of texts over hashed bags of words",
    "twins": "prompts that are the same but for gendered words, listed names and numbers, one of each gender",
}

Json = dict[str, Any]
Side = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Comparison:
    """One value of an attribute against another, or against all other known ones (``second`` is "rest")."""

    attribute: str
    first: str
    second: str

    def side(self, facts: Facts) -> Side:
        """1 for a sample of the first group, -1 of the second, 0 of neither."""
        codes, values = facts.codes(self.attribute), facts.columns[self.attribute].values
        side = np.zeros(len(codes), dtype=np.int8)
        if self.first in values:
            mine = codes == values.index(self.first)
            theirs = codes >= 0 if self.second == REST else codes == _place(values, self.second)
            side[theirs] = -1
            side[mine] = 1
        return side


def _place(values: Sequence[str], value: str) -> int:
    return values.index(value) if value in values else -2


def report_of(facts: Facts, targets: Mapping[str, Mapping[str, float]]) -> Json:
    """Everything the balance page shows. ``targets``: wanted shares by attribute and value, where a lead set some."""
    rows, tested = associations(facts)
    kept = [row for row in rows if row["standing"] != NONE or row["kind"] != "word"]
    return {
        "schema": SCHEMA,
        "method": METHOD,
        **measures(facts),
        "composition": [composition(facts, name, targets.get(name, {})) for name in ATTRIBUTES],
        "tested": tested,
        "n_open": sum(row["standing"] == OPEN for row in rows),
        "n_expected": sum(row["standing"] == EXPECTED for row in rows),
        "associations": kept[:MOST_ROWS],
        "left_out": max(0, len(kept) - MOST_ROWS),
        "wording": wording(facts),
        "twins": twins(facts),
    }


def measures(facts: Facts) -> Json:
    """Size, diversity, length and language mix: what a mitigation is paid with."""
    words = np.array(facts.n_words, dtype=np.int64)
    codes, values = facts.codes("language"), facts.columns["language"].values
    languages = {value: int((codes == place).sum()) for place, value in enumerate(values)}
    return {
        "n": len(facts),
        "groups": facts.clusters()[1],
        "diversity": facts.diversity,
        "words_mean": float(words.mean()) if len(words) else None,
        "words_median": float(np.median(words)) if len(words) else None,
        "languages": dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))),
        "language_unknown": int((codes < 0).sum()),
    }


# ---- composition


def composition(facts: Facts, name: str, target: Mapping[str, float]) -> Json:
    """Shares of the values of one attribute; what is unknown is counted and is no part of them."""
    codes, values = facts.codes(name), facts.columns[name].values
    places, n_groups = facts.clusters()
    known = int((codes >= 0).sum())
    wanted = [*values, *(value for value in target if value not in values)]
    rows = [_value_row(value, codes, _place(values, value), places, known, target.get(value)) for value in wanted]
    rows = [row for row in rows if row["n"] or row["target"] is not None]
    if name != "age":
        rows.sort(key=lambda row: (-row["n"], row["value"]))
    return {
        "attribute": name,
        "known": known,
        "missing": len(facts) - known,
        "declared": facts.columns[name].declared,
        "groups": n_groups,
        "rows": rows,
    }


def _value_row(value: str, codes: Any, place: int, clusters: Any, known: int, target: float | None) -> Json:
    mine = codes == place
    n = int(mine.sum())
    share = share_of(n, known)
    return {
        "value": value,
        "n": n,
        "groups": len(np.unique(clusters[mine])),
        "share": share.value if share else None,
        "low": share.low if share else None,
        "high": share.high if share else None,
        "target": target,
        "against": against(share, target) if share and target is not None else None,
    }


# ---- associations


def comparisons(facts: Facts, name: str) -> list[Comparison]:
    """Two values against each other; of more, each against the rest. Those of fewer than 20 samples are left out."""
    codes, values = facts.codes(name), facts.columns[name].values
    counts = {value: int((codes == place).sum()) for place, value in enumerate(values)}
    large = [
        value for value in sorted(counts, key=lambda value: (-counts[value], value)) if counts[value] >= LEAST_SIDE
    ]
    if len(large) == 2:
        return [Comparison(name, *sorted(large))]
    return [Comparison(name, value, REST) for value in large[:MOST_VALUES]] if len(large) > 2 else []


def associations(facts: Facts, words: Sequence[str] | None = None) -> tuple[list[Json], int]:
    """Every comparison, the strongest evidence first, and how many there were."""
    from scipy import sparse

    usual = facts.words_usual() if words is None else list(words)
    listed = facts.matcher.terms
    both = [*listed, *(Term(word, "word") for word in usual)]
    matrices = {
        False: facts.term_matrix(),
        True: sparse.hstack([facts.term_matrix(), facts.word_matrix(usual)], format="csr"),
    }
    rows: list[Json] = []
    for name in COMPARED:
        with_words = name in OF_WORDS
        for comparison in comparisons(facts, name):
            rows += _compared(facts, comparison, matrices[with_words], both if with_words else listed)
    adjusted = benjamini_hochberg([row["p"] for row in rows])
    for row, q in zip(rows, adjusted, strict=True):
        row["q"] = float(q)
        row["standing"] = _standing(row)
    rows.sort(key=lambda row: (-abs(row["z"]), row["attribute"], row["term"], row["first"]))
    return rows, len(rows)


def _compared(facts: Facts, comparison: Comparison, matrix: Any, terms: Sequence[Term]) -> list[Json]:
    from scipy import sparse

    found = compare(sparse.csr_array(matrix), comparison.side(facts), *facts.clusters())
    ps = p_of(found.z)
    rows = []
    for place, term in enumerate(terms):
        if found.first[place] + found.second[place] < LEAST_SAMPLES or found.groups[place] < LEAST_GROUPS:
            continue
        value, error = float(found.value[place]), float(found.error[place])
        low, high = interval(value, error)
        rows.append(
            {
                "attribute": comparison.attribute,
                "first": comparison.first,
                "second": comparison.second,
                "term": term.name,
                "kind": term.kind,
                "first_n": int(found.first[place]),
                "first_of": found.n_first,
                "second_n": int(found.second[place]),
                "second_of": found.n_second,
                "groups": int(found.groups[place]),
                "log_odds": value,
                "odds": math.exp(value),
                "low": low,
                "high": high,
                "z": value / error,
                "p": float(ps[place]),
                "is_expected": _is_expected(term, comparison, value),
                "is_stereotype": _agrees(term, comparison, value) if term.kind == "stereotype" else None,
            }
        )
    return rows


def _standing(row: Json) -> str:
    if row["q"] > LEVEL or abs(row["log_odds"]) < LEAST_EFFECT:
        return NONE
    return EXPECTED if row["is_expected"] else OPEN


def _is_expected(term: Term, comparison: Comparison, value: float) -> bool:
    """Whether medicine expects it: the term's line says so, or the word belongs to one sex or age by itself."""
    if term.kind == "stereotype":
        return False
    if term.kind == "word":
        return bool(barred_by(term.name, _BOUND[comparison.attribute]))
    return _agrees(term, comparison, value)


_GROUPS = {"gender": frozenset({"female", "male"}), "ethnicity": frozenset(lexicon.ETHNICITIES)}


def _agrees(term: Term, comparison: Comparison, value: float) -> bool:
    """Whether the direction found is the one that the term's groups name."""
    is_age = comparison.attribute == "age"
    mine = [
        group
        for group in term.groups
        if (is_age and group[:1].isdigit()) or group in _GROUPS.get(comparison.attribute, ())
    ]
    if not mine:
        return False
    if value > 0:
        return comparison.first in mine
    return comparison.first not in mine and (comparison.second == REST or comparison.second in mine)


# ---- wording and twins


def wording(facts: Facts) -> list[Json]:
    """How often each group meets judging or gender-coded wording, against the group it is compared with."""
    rows = []
    for name in ("gender", "age", "ethnicity"):
        for comparison in comparisons(facts, name):
            side = comparison.side(facts)
            for kind in WORDINGS:
                has = np.array(facts.wording[kind], dtype=bool)
                counts = [int(has[side == which].sum()) for which in (1, -1)]
                totals = [int((side == which).sum()) for which in (1, -1)]
                ratio = risk_ratio(counts[0], totals[0], counts[1], totals[1])
                rows.append(
                    {
                        "attribute": name,
                        "first": comparison.first,
                        "second": comparison.second,
                        "kind": kind,
                        "first_n": counts[0],
                        "first_of": totals[0],
                        "second_n": counts[1],
                        "second_of": totals[1],
                        "ratio": ratio.value,
                        "low": ratio.low,
                        "high": ratio.high,
                        "reason": ratio.reason,
                    }
                )
    return rows


def twins(facts: Facts) -> Json:
    """Of prompts that differ in gender alone: how many have completions that differ in gender alone."""
    pairs = facts.twins_found()
    same = sum(is_same for _, _, is_same in pairs)
    share = share_of(same, len(pairs))
    differing = [[facts.keys[a], facts.keys[b]] for a, b, is_same in pairs if not is_same]
    return {
        "pairs": len(pairs),
        "same": same,
        "share": share.value if share else None,
        "low": share.low if share else None,
        "high": share.high if share else None,
        "differing": differing[:MOST_TWINS],
    }
