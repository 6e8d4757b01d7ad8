from __future__ import annotations

from typing import Any

import pytest

from reviewapp.rubrics.forms import document_blank, document_changed, document_from_form, document_of
from reviewapp.rubrics.schema import KINDS, RubricInvalid, rubric_parse
from reviewapp.rubrics.selectors import rubrics_builtin


def form_of(document: dict[str, Any]) -> dict[str, str]:
    """What a browser sends for this document."""
    form = {name: document.get(name, "") for name in ("name", "applies_to", "guidelines", "notice")}
    form["n-criteria"] = str(len(document["criteria"]))
    for c, criterion in enumerate(document["criteria"]):
        for name, value in criterion.items():
            if isinstance(value, bool):
                form |= {f"c-{c}-{name}": "on"} if value else {}
            elif name == "evidence":
                form |= {f"c-{c}-asks-evidence": "1"} | {f"c-{c}-evidence-{kind}": "on" for kind in value}
            elif name not in ("levels", "error_types"):
                form[f"c-{c}-{name}"] = "" if value is None else str(value)
        for rows, letter, count in (("levels", "l", "levels"), ("error_types", "t", "types")):
            form[f"n-c-{c}-{count}"] = str(len(criterion.get(rows, ())))
            for n, row in enumerate(criterion.get(rows, ())):
                form |= {f"c-{c}-{letter}-{n}-{name}": str(value) for name, value in row.items()}
    return form


@pytest.mark.parametrize("name", sorted(rubrics_builtin()))
def test_a_rubric_survives_the_form(name: str) -> None:
    document = rubrics_builtin()[name]
    assert rubric_parse(document_from_form(form_of(document.as_json()))) == document
    assert rubric_parse(document_from_form(form_of(document_of(document)))) == document


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_criterion_of_each_kind_only_lacks_words(kind: str) -> None:
    document = {"name": "R", "applies_to": "outputs", "guidelines": "", "notice": "", "criteria": []}
    document_changed(document, "add-levels" if kind == "text" else "add-gate")
    document_changed(document, f"add-{kind}")
    assert document["criteria"][1]["kind"] == kind  # type: ignore[index]
    with pytest.raises(RubricInvalid) as caught:
        rubric_parse(document_from_form(form_of(document)))
    assert all(" is empty." in problem or "say what is counted" in problem for problem in caught.value.problems)


def test_levels_change_places_and_keep_their_values_in_order() -> None:
    document = document_blank("samples")
    for level in document["criteria"][0]["levels"]:
        level["label"] = f"was {level['value']}"
    document_changed(document, "level-up:0:2")
    rows = [(level["value"], level["label"]) for level in document["criteria"][0]["levels"]]
    assert rows == [(4, "was 4"), (3, "was 2"), (2, "was 3"), (1, "was 1")]


def test_kinds_of_errors_are_added_and_removed() -> None:
    document = document_changed(document_blank("outputs"), "add-spans")
    document_changed(document, "add-type:1")
    assert len(document["criteria"][1]["error_types"]) == 2
    document_changed(document, "remove-type:1:0")
    assert len(document["criteria"][1]["error_types"]) == 1


def test_a_blank_rubric_asks_for_what_is_missing() -> None:
    with pytest.raises(RubricInvalid) as caught:
        rubric_parse(document_from_form(form_of(document_blank("samples"))))
    assert "The rubric: name is empty." in caught.value.problems


def test_a_key_is_made_from_the_name_and_then_kept() -> None:
    form = {"n-criteria": "3", "c-0-name": "Doses & plan", "c-1-name": "Doses", "c-1-key": "plan", "c-2-name": "2nd"}
    assert [c["key"] for c in document_from_form(form)["criteria"]] == ["doses_plan", "plan", "c_2nd"]


def test_a_name_in_another_script_still_gets_a_key() -> None:
    document = document_from_form({"n-criteria": "1", "c-0-name": "Полнота"})
    assert document["criteria"][0]["key"].startswith("c_")


def test_rows_are_added_moved_and_removed() -> None:
    document = document_blank("outputs")
    document_changed(document, "add-gate")
    assert [c["kind"] for c in document["criteria"]] == ["levels", "gate"]
    document_changed(document, "up:1")
    assert [c["kind"] for c in document["criteria"]] == ["gate", "levels"]
    document_changed(document, "add-level:1")
    assert [level["value"] for level in document["criteria"][1]["levels"]] == [5, 4, 3, 2, 1]
    document_changed(document, "remove-level:1:0")
    assert [level["value"] for level in document["criteria"][1]["levels"]] == [4, 3, 2, 1]
    document_changed(document, "remove:0")
    assert [c["kind"] for c in document["criteria"]] == ["levels"]


@pytest.mark.parametrize("action", ["", "remove", "remove:9", "remove:x", "up:0", "remove-level:0:9", "burn:0"])
def test_a_button_of_a_stale_page_changes_nothing(action: str) -> None:
    assert document_changed(document_blank("samples"), action) == document_blank("samples")


@pytest.mark.parametrize("count", ["-1", "x", "", "9" * 30, "¹"])
def test_a_made_up_number_of_rows_does_no_harm(count: str) -> None:
    assert len(document_from_form({"n-criteria": count})["criteria"]) <= 31
