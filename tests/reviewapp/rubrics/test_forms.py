from __future__ import annotations

from typing import Any

import pytest

from reviewapp.rubrics.forms import document_blank, document_changed, document_from_form
from reviewapp.rubrics.schema import RubricInvalid, rubric_parse
from reviewapp.rubrics.selectors import rubrics_builtin


def form_of(document: dict[str, Any]) -> dict[str, str]:
    """What a browser sends for this document."""
    form = {name: document[name] for name in ("name", "applies_to", "guidelines", "notice")}
    form["n-criteria"] = str(len(document["criteria"]))
    for c, criterion in enumerate(document["criteria"]):
        for name, value in criterion.items():
            if isinstance(value, bool):
                form |= {f"c-{c}-{name}": "on"} if value else {}
            elif name != "levels":
                form[f"c-{c}-{name}"] = "" if value is None else str(value)
        form[f"n-c-{c}-levels"] = str(len(criterion["levels"]))
        for n, level in enumerate(criterion["levels"]):
            form |= {f"c-{c}-l-{n}-{name}": str(value) for name, value in level.items()}
    return form


@pytest.mark.parametrize("name", ["clinical_note", "generic_generation"])
def test_a_rubric_survives_the_form(name: str) -> None:
    document = rubrics_builtin()[name]
    assert rubric_parse(document_from_form(form_of(document.as_json()))) == document


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
