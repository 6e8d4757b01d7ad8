from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.rubrics import schema
from reviewapp.rubrics.forms import document_from_form, document_of
from reviewapp.rubrics.selectors import rubrics_builtin
from tests.reviewapp.rubrics.kinds import criterion, every_kind, levels
from tests.reviewapp.rubrics.test_forms import form_of

# Of the documents as they were before there were other kinds than levels and gates: their hashes must stay.
HASHES = {
    "clinical_note": "5a85d5de9e191b847892edcb915ae6711abb354780401cae2c130938aa8893db",
    "generic_generation": "8d32d1dda5b131141d89e606b0d0b1a2e15ce77cf7ab8fc8d52a46fefe5d7873",
}


def changed(key: str, **values: Any) -> dict[str, Any]:
    document = every_kind()
    next(one for one in document["criteria"] if one["key"] == key).update(values)
    return document


def problems_of(document: object) -> list[str]:
    with pytest.raises(schema.RubricInvalid) as caught:
        schema.rubric_parse(document)
    return list(caught.value.problems)


def test_every_kind_is_read_with_its_defaults() -> None:
    parsed = {one.key: one for one in schema.rubric_parse(every_kind()).criteria}
    assert {one.kind for one in parsed.values()} == set(schema.KINDS)
    assert {key: one.direction for key, one in parsed.items() if one.is_lower_better} == dict.fromkeys(
        ("unsafe", "harm", "omissions", "invents", "errors"), "lower"
    )
    assert [level.value for level in parsed["harm"].levels] == [1, 2, 3]  # best first
    assert [level.value for level in parsed["better"].levels] == [1, 0, -1]
    assert (parsed["named_owner"].weight, parsed["invents"].weight, parsed["remark"].weight) == (6.0, 4.0, 0.0)
    assert parsed["unsafe"].evidence == ("output", "source", "absent")


def test_older_documents_keep_their_hash() -> None:
    assert {name: schema.content_hash(rubrics_builtin()[name]) for name in HASHES} == HASHES


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        ("omissions", {"unit": ""}, "say what is counted"),
        ("omissions", {"most": 0}, "from 1 to 999"),
        ("omissions", {"levels": levels(1, 2)}, "levels belongs to levels and gate and preference, not to count"),
        ("omissions", {"evidence_at_or_below": 0}, "the best count must not ask for it"),
        ("omissions", {"evidence": []}, "name at least one kind of evidence"),
        ("omissions", {"evidence": ["hearsay"]}, "evidence must be a list of output, source, absent"),
        ("omissions", {"direction": "up"}, "direction must be one of higher, lower"),
        ("omissions", {"applies_to": "samples"}, "would never be asked"),
        ("clear", {"unit": "omissions"}, "unit belongs to count, not to levels"),
        ("clear", {"points": 3}, "points belongs to points, not to levels"),
        ("harm", {"evidence_at_or_below": 1}, "evidence at or above 1 makes no sense"),
        ("unsafe", {"direction": "higher"}, "gate has a direction of its own, lower"),
        ("named_owner", {"points": 11}, "points go from -10 to 10"),
        ("named_owner", {"points": 0}, "points go from -10 to 10"),
        ("named_owner", {"points": -1}, "No criterion gives points"),
        ("named_owner", {"weight": 2}, "the points are the weight"),
        ("remark", {"weight": 1}, "an answer in words is not scored"),
        ("remark", {"is_critical": True}, "cannot fail an item"),
        ("better", {"levels": levels(2, 1)}, "a preference has levels 1 (A is better)"),
        ("better", {"levels": levels(2, 1, 0, -1)}, "a preference has levels 1 (A is better)"),
        ("better", {"evidence_at_or_below": 0}, "no level that could ask for evidence"),
        ("errors", {"error_types": []}, "1 to 12 are needed"),
        ("errors", {"error_types": [{"key": "a", "name": "A", "minor": 5, "major": 1}]}, "no less than a minor one"),
        ("errors", {"error_types": [{"key": "a", "name": "A", "minor": 0, "major": 0}]}, "errors change nothing"),
        ("errors", {"error_types": [{"key": "a", "name": "A"}, {"key": "a", "name": "B"}]}, "have the key “a”"),
        ("errors", {"error_types": [{"key": "a"}]}, "error type 1: name is empty"),
        ("errors", {"error_types": ["made up"]}, "Error type 1 must be a JSON object"),
        ("errors", {"most": None, "unit": "errors"}, "unit belongs to count, not to spans"),
    ],
)
def test_a_contradiction_is_refused(key: str, values: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in problems_of(changed(key, **values)))


def test_a_preference_is_for_outputs() -> None:
    document = every_kind("samples")
    document["criteria"].append(criterion("better", "preference", levels=levels(1, -1)))
    assert any("compares two outputs" in problem for problem in problems_of(document))


def test_words_alone_are_no_rubric() -> None:
    document = {"name": "R", "applies_to": "outputs", "criteria": [criterion("remark", "text")]}
    assert problems_of(document) == [
        "Every criterion is answered in words, so there is nothing to score. Add one of another kind."
    ]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d.update(name=""), "name"),
        (lambda d: d["criteria"][1].update(weight=-1), "c-1-weight"),
        (lambda d: d["criteria"][1]["levels"][2].update(anchor=""), "c-1-l-2-anchor"),
        (lambda d: d["criteria"][7]["error_types"][1].update(name=""), "c-7-t-1-name"),
        (lambda d: d["criteria"][3].update(unit=""), "c-3-unit"),
        (lambda d: d["criteria"][1].update(levels=[]), "c-1-levels"),
        (lambda d: d.update(criteria=[]), "criteria"),
    ],
)
def test_a_problem_knows_its_field(change: Callable[[dict[str, Any]], None], place: str) -> None:
    document = every_kind()
    change(document)
    with pytest.raises(schema.RubricInvalid) as caught:
        schema.rubric_parse(document)
    assert place in [problem.place for problem in caught.value.problems]


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=12).filter(str.strip)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Valid rubrics of any kinds, with whatever may vary."""
    document = every_kind(draw(st.sampled_from(["outputs", "samples", "both"])))
    order = draw(st.permutations(document["criteria"]))
    document["criteria"] = order[: draw(st.integers(1, len(order)))] + [criterion("last", "gate", levels=levels(1, 0))]
    for one in document["criteria"]:
        one["description"] = draw(names)
        one["evidence"] = draw(st.lists(st.sampled_from(["output", "source", "absent"]), min_size=1, unique=True))
        if one["kind"] not in ("text", "points"):
            one["weight"] = draw(st.floats(0.5, 100))
        for level in one.get("levels", []):
            level["anchor"] = draw(names)
    won = {"key": "won", "name": "Won", "kind": "points", "points": draw(st.integers(1, 10))}
    document["criteria"].append(won)
    document["guidelines"] = draw(st.text(st.characters(codec="utf-8"), max_size=40))
    return document


@given(documents())
def test_a_rubric_survives_export_and_import(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    parsed = schema.rubric_parse(document)
    assert document == before
    exported = json.dumps(parsed.as_json(), ensure_ascii=False, indent=2).encode()
    again = schema.rubric_loads(exported)
    assert again == parsed
    assert schema.content_hash(again) == schema.content_hash(parsed)
    assert again.as_json() == parsed.as_json()


@given(documents())
def test_a_rubric_survives_the_editor(document: dict[str, Any]) -> None:
    parsed = schema.rubric_parse(document)
    assert schema.rubric_parse(document_from_form(form_of(document_of(parsed)))) == parsed


def test_every_builtin_rubric_is_there() -> None:
    assert set(rubrics_builtin()) == {
        "checklist_per_example",
        "clinical_discharge_summary",
        "clinical_note",
        "contract_summary",
        "court_record_summary",
        "customer_support",
        "generic_generation",
        "pairwise",
    }
    assert {one.kind for rubric in rubrics_builtin().values() for one in rubric.criteria} == set(schema.KINDS)


@pytest.mark.parametrize("name", ["clinical_discharge_summary", "contract_summary", "court_record_summary"])
def test_gates_come_first_and_a_named_instrument_keeps_its_notice(name: str) -> None:
    rubric = rubrics_builtin()[name]
    kinds = [one.kind for one in rubric.criteria]
    assert kinds[: kinds.count("gate")] == ["gate"] * kinds.count("gate") and "gate" in kinds
    assert "worded" in rubric.notice
    if "PDSQI-9" in rubric.notice:
        assert "Apache License, Version 2.0" in rubric.notice and "Copyright 2021" in rubric.notice


def test_names_of_builtin_rubrics_differ() -> None:
    assert len({rubric.name for rubric in rubrics_builtin().values()}) == len(rubrics_builtin())
