from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.rubrics import schema

BUILTIN = sorted((Path(schema.__file__).parent / "builtin").glob("*.json"))


def rubric(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": "Letters",
        "applies_to": "samples",
        "guidelines": "Read it all.",
        "criteria": [
            {
                "key": "complete",
                "name": "Complete",
                "description": "",
                "kind": "levels",
                "weight": 1,
                "allow_na": True,
                "is_critical": False,
                "evidence_at_or_below": 1,
                "levels": [
                    {"value": 1, "label": "Gap", "anchor": "One omission."},
                    {"value": 2, "label": "All", "anchor": "No omission."},
                ],
            },
            {
                "key": "unsafe",
                "name": "Unsafe",
                "kind": "gate",
                "is_critical": True,
                "levels": [
                    {"value": 0, "label": "No", "anchor": "Nothing unsafe."},
                    {"value": 1, "label": "Yes", "anchor": "Something unsafe."},
                ],
            },
        ],
    }
    return document | changes


def problems_of(document: object) -> str:
    with pytest.raises(schema.RubricInvalid) as caught:
        schema.rubric_parse(document)
    return "\n".join(caught.value.problems)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = rubric()
    change(document)
    return document


def test_it_works() -> None:
    parsed = schema.rubric_parse(rubric())
    assert [criterion.key for criterion in parsed.criteria] == ["complete", "unsafe"]
    assert [level.value for level in parsed.criteria[0].levels] == [2, 1]
    assert parsed.criteria[1].weight == 1.0 and not parsed.criteria[1].allow_na
    assert parsed.criteria[1].evidence_at_or_below == 1


@pytest.mark.parametrize("path", BUILTIN, ids=lambda path: path.stem)
def test_a_builtin_rubric_is_valid_and_survives_export(path: Path) -> None:
    parsed = schema.rubric_loads(path.read_bytes())
    assert schema.rubric_parse(json.loads(json.dumps(parsed.as_json()))) == parsed
    assert schema.content_hash(schema.rubric_parse(parsed.as_json())) == schema.content_hash(parsed)


def test_both_uses_have_a_builtin_rubric() -> None:
    uses = {schema.rubric_loads(path.read_bytes()).applies_to for path in BUILTIN}
    assert uses >= {"samples", "outputs"}


def test_the_generic_rubric_names_the_five_common_criteria() -> None:
    path = next(path for path in BUILTIN if path.stem == "generic_generation")
    keys = {criterion.key for criterion in schema.rubric_loads(path.read_bytes()).criteria}
    assert keys == {"relevance", "coherence", "factual_accuracy", "tone", "safety"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(criteria=[]), "no criteria"),
        (lambda d: d.pop("criteria"), "no criteria"),
        (lambda d: d.update(criteria={}), "criteria must be a list"),
        (lambda d: d.update(criteria=["complete"]), "Criterion 1 must be a JSON object"),
        (lambda d: d.update(name=" "), "name is empty"),
        (lambda d: d.update(name=3), "name must be text"),
        (lambda d: d.update(name="\ud800"), "half a character"),
        (lambda d: d.update(applies_to="people"), 'must be one of samples, outputs, both, not "people"'),
        (lambda d: d.update(colour="red"), "“colour” is not known here"),
        (lambda d: d["criteria"][0].update(kind="pairs"), "kind must be one of levels, gate"),
        (lambda d: d["criteria"][0].update(key="unsafe"), "“unsafe” is used by 2 criteria"),
        (lambda d: d["criteria"][0].update(name="UNSAFE"), "2 criteria are named “unsafe”"),
        (lambda d: d["criteria"][0].update(key="Not ok"), "small letters, digits and _ only"),
        (lambda d: d["criteria"][0].update(weight=-1), "weight must be between 0 and 100"),
        (lambda d: d["criteria"][0].update(weight=float("nan")), "weight must be a number"),
        (lambda d: d["criteria"][0].update(weight=10**400), "weight must be a number"),
        (lambda d: d["criteria"][0].update(weight=True), "weight must be a number"),
        (lambda d: d["criteria"][0].update(allow_na="yes"), "allow_na must be true or false"),
        (lambda d: [c.update(weight=0) for c in d["criteria"]], "All weights are 0"),
        (lambda d: d["criteria"][0]["levels"].pop(), "it has 1 levels; 2 to 7 are needed"),
        (lambda d: d["criteria"][0]["levels"][0].update(value=2), "two levels have the value 2"),
        (lambda d: d["criteria"][0]["levels"][0].update(label="ALL"), "two levels are labelled “all”"),
        (lambda d: d["criteria"][0]["levels"][0].update(anchor=""), "level 1: anchor is empty"),
        (lambda d: d["criteria"][0]["levels"][0].update(value=0), "level values go from 1 to 9"),
        (lambda d: d["criteria"][0]["levels"][0].update(value=1.5), "value must be a whole number"),
        (lambda d: d["criteria"][0].update(evidence_at_or_below=2), "the best level must not ask for it"),
        (lambda d: d["criteria"][0].update(evidence_at_or_below=0), "makes no sense with levels 1 to 2"),
        (lambda d: d["criteria"][1].update(evidence_at_or_below=0), "leave evidence_at_or_below empty"),
        (lambda d: d["criteria"][1].update(allow_na=True), "a gate is answered yes or no"),
        (lambda d: d["criteria"][1]["levels"].pop(), "a gate has exactly two levels"),
        (lambda d: d["criteria"][1]["levels"][0].update(value=2), "a gate has exactly two levels"),
    ],
)
def test_a_contradiction_is_refused_with_a_sentence(change: Callable[[dict[str, Any]], object], message: str) -> None:
    assert message in problems_of(changed(change))


def test_every_problem_is_named_at_once() -> None:
    document = changed(lambda d: (d.update(name=""), d["criteria"][1].update(key="complete")))
    assert len(problems_of(document).splitlines()) == 2


def test_a_problem_names_its_criterion() -> None:
    document = changed(lambda d: d["criteria"][1].update(weight="heavy"))
    assert problems_of(document) == "Criterion 2 (Unsafe): weight must be a number."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value at line 1, column 1"),
        ('{"name": ', "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("[]", "one JSON object"),
        ("[" * 200_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_rubric_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(schema.RubricInvalid, match=message):
        schema.rubric_loads(text)


def test_the_hash_sees_what_is_judged_and_nothing_else() -> None:
    base = schema.content_hash(schema.rubric_parse(rubric()))
    reordered = changed(lambda d: [c["levels"].reverse() for c in d["criteria"]])
    assert schema.content_hash(schema.rubric_parse(reordered)) == base
    assert schema.content_hash(schema.rubric_parse(rubric(name="Other"))) == base
    assert schema.content_hash(schema.rubric_parse(rubric(guidelines="Read it all.\r\n"))) == base
    for change in (
        lambda d: d["criteria"].reverse(),
        lambda d: d.update(guidelines="Skim."),
        lambda d: d["criteria"][0]["levels"][0].update(anchor="Two omissions."),
        lambda d: d["criteria"][0].update(weight=2),
    ):
        assert schema.content_hash(schema.rubric_parse(changed(change))) != base


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_any_value_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    document = copy.deepcopy(rubric())
    places = [document, document["criteria"][0], document["criteria"][1], document["criteria"][0]["levels"][0]]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    try:
        parsed = schema.rubric_parse(document)
    except schema.RubricInvalid as error:
        assert error.problems and all(problem.endswith(".") for problem in error.problems)
    else:
        assert schema.rubric_parse(parsed.as_json()) == parsed
        assert len(schema.content_hash(parsed)) == 64
