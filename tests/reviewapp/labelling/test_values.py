"""From the form to labels, from labels to what is learned, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.labelling.bench import candidates_of, field_rows
from reviewapp.labelling.rendering import bracketed, bracketed_read, class_keys, completion_of, preference_pairs
from reviewapp.labelling.schema import SchemaDocument, class_paths
from reviewapp.labelling.suggesting import values_of_text
from reviewapp.labelling.values import KnownClass, LabelsInvalid, Material, labels_read, labels_to_form
from tests.reviewapp.labelling import documents as d


def known(document: SchemaDocument) -> dict[tuple[str, str], KnownClass]:
    found = {}
    for field in document.fields:
        paths, parents = class_paths(field.classes), {one.parent for one in field.classes}
        for place, one in enumerate(field.classes):
            found[field.key, one.key] = KnownClass(one.key, one.name, paths[one.key], place, one.key not in parents)
    return found


def read(document: SchemaDocument, form: dict[str, str], **values: Any) -> dict[str, Any]:
    values = {"prompt": d.PROMPT, "known": known(document)} | values
    return labels_read(document, form, Material(**values))


def said(document: SchemaDocument, form: dict[str, str], **values: Any) -> str:
    with pytest.raises(LabelsInvalid) as caught:
        read(document, form, **values)
    return str(caught.value)


def marked(*spans: tuple[str, int, int], relations: tuple[tuple[str, int, int], ...] = ()) -> str:
    return json.dumps(
        {
            "spans": [{"type": kind, "start": start, "end": end} for kind, start, end in spans],
            "relations": [{"type": kind, "from": left, "to": right} for kind, left, right in relations],
        }
    )


def learned(document: SchemaDocument, form: dict[str, str], **values: Any) -> str:
    return completion_of(document, read(document, form, **values), d.PROMPT)


def test_classes_are_learned_by_name_key_or_path() -> None:
    assert learned(d.parsed(d.one_class()), {"label-reason": "skin"}) == "Skin"
    assert learned(d.parsed(d.one_class(write_as="key")), {"label-reason": "skin"}) == "skin"
    path = "Muscles and joints > Other joint problems > Pain in joint"
    assert learned(d.parsed(d.tree()), {"label-code": "M25.5"}) == path


def test_many_classes_stand_in_the_order_of_the_schema() -> None:
    document = d.parsed(d.many_classes())
    assert learned(document, {"label-topics": "sleep\r\npain\n"}) == "Pain; Sleep"
    assert read(document, {"label-topics": "pain\nsleep"}) == read(document, {"label-topics": "sleep\npain"})


def test_no_class_is_said_when_the_schema_allows_it() -> None:
    optional = d.parsed(d.many_classes(is_required=False), d.written())
    assert learned(optional, {"label-reply": "Rest."}) == "Topics: none\n\nReply: Rest."


MISSING = [
    (d.one_class(), {}, "Reason: choose a class."),
    (d.one_class(), {"label-reason": "tennis"}, "there is no class “tennis”"),
    (d.one_class(), {"label-reason": "pain\nskin"}, "only one class fits here"),
    (d.many_classes(at_least=2), {"label-topics": "pain"}, "1 chosen; at least 2 are asked for"),
    (d.many_classes(at_least=1, at_most=1), {"label-topics": "pain\nskin"}, "at least 1 and at most 1"),
    (d.tree(leaves_only=True), {"label-code": "M25"}, "has finer classes below it"),
    (d.written(), {"label-reply": " \n "}, "Reply: write it."),
    (d.written(longest=3), {"label-reply": "Rest."}, "5 characters; at most 3"),
]


@pytest.mark.parametrize(("field", "form", "words"), MISSING, ids=[row[2][:20] for row in MISSING])
def test_what_is_missing_is_said(field: dict[str, Any], form: dict[str, str], words: str) -> None:
    assert words in said(d.parsed(field), form)


# ---- passages

MEDICINE, DOSE = ("medicine", 7, 16), ("dose", 17, 23)


def test_passages_with_a_relation_are_learned_as_json() -> None:
    document = d.parsed(d.spans(), d.one_class())
    form = {"label-facts": marked(DOSE, MEDICINE, relations=(("dose_of", 1, 2),)), "label-reason": "pain"}
    answers = read(document, form)
    assert [span["text"] for span in answers["facts"]["spans"]] == ["ibuprofen", "400 mg"]
    assert answers["facts"]["relations"] == [{"type": "dose_of", "from": 2, "to": 1}]
    facts = (
        '{"spans": [{"id": 1, "type": "medicine", "text": "ibuprofen"}, {"id": 2, "type": "dose", "text": "400 mg"}]'
    )
    assert completion_of(document, answers, d.PROMPT).startswith(f"Facts: {facts}")


def test_overlapping_passages_are_kept_where_allowed() -> None:
    whole = marked(("medicine", 7, 23), DOSE)
    assert len(read(d.parsed(d.spans(), d.one_class(is_required=False)), {"label-facts": whole})["facts"]["spans"]) == 2
    apart = d.parsed(d.spans(overlap=False), d.one_class())
    assert "must not overlap" in said(apart, {"label-facts": whole, "label-reason": "pain"})


BROKEN = [
    ("no json", "{", "cannot be read"),
    ("no number", '{"spans": [{"type": "dose", "start": "x", "end": 2}]}', "cannot be read"),
    ("outside", marked(("dose", 5, 5000)), "does not lie on the prompt"),
    ("empty", marked(("dose", 5, 5)), "does not lie on the prompt"),
    ("blank", marked(("dose", 6, 7)), "does not lie on the prompt"),
    ("type", marked(("colour", 0, 3)), "no type “colour”"),
    ("twice", marked(DOSE, DOSE), "marked twice"),
    ("relation", marked(DOSE, MEDICINE, relations=(("owns", 1, 2),)), "no relation “owns”"),
    ("joins itself", marked(DOSE, MEDICINE, relations=(("dose_of", 1, 1),)), "does not join two"),
    ("joins nothing", marked(DOSE, MEDICINE, relations=(("dose_of", 1, 9),)), "does not join two"),
    ("wrong way", marked(DOSE, MEDICINE, relations=(("dose_of", 2, 1),)), "does not join passages of these types"),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_broken_passages_are_refused(text: str, words: str) -> None:
    assert words in said(d.parsed(d.spans(is_required=True)), {"label-facts": text})


def test_no_passage_is_an_answer_unless_one_is_required() -> None:
    assert learned(d.parsed(d.spans(relations=[])), {}) == '{"spans": []}'
    assert "mark at least one passage" in said(d.parsed(d.spans(is_required=True)), {})


spans_of_text = st.lists(
    st.tuples(st.sampled_from(["medicine", "dose"]), st.integers(0, 40), st.integers(1, 9)), max_size=6
)


@given(st.permutations(range(6)), spans_of_text)
def test_equal_passages_make_equal_labels_whoever_marked_first(
    order: list[int], raw: list[tuple[str, int, int]]
) -> None:
    document = d.parsed(d.spans(relations=[]))
    spans = list(
        {(kind, start, min(start + n, len(d.PROMPT))) for kind, start, n in raw if d.PROMPT[start : start + n].strip()}
    )
    shuffled = [spans[n] for n in order if n < len(spans)]
    first, second = (read(document, {"label-facts": marked(*one)}) for one in (spans, shuffled))
    assert first == second
    assert read(document, labels_to_form(first, {})) == first


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=4))
def test_brackets_are_read_back_as_they_were(text: str, raw: list[tuple[int, int]]) -> None:
    spans, end = [], 0
    for start, length in sorted(raw):
        if start >= end and start < len(text):
            end = min(start + length, len(text))
            spans.append({"type": "dose", "start": start, "end": end, "text": text[start:end]})
    assert bracketed_read(bracketed(text, spans)) == (text, spans)


@pytest.mark.parametrize("text", ["[open", "a]", "[a](", "[a] b", "[[a](x)](y)"])
def test_brackets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="brackets|type|end"):
        bracketed_read(text)


# ---- rankings

ANSWERS = ["Rest.", "See a doctor.", "Take ibuprofen."]


def test_a_ranking_is_learned_as_its_best_and_as_pairs() -> None:
    document = d.parsed(d.ranking())
    answers = read(document, {"label-best": "3 1 2"}, candidates={"best": ANSWERS})
    assert completion_of(document, answers, d.PROMPT) == "Take ibuprofen."
    pairs = preference_pairs({"fields": answers})
    assert pairs == [("Take ibuprofen.", "Rest."), ("Take ibuprofen.", "See a doctor."), ("Rest.", "See a doctor.")]
    assert labels_to_form(answers, {"best": ANSWERS}) == {"label-best": "3 1 2"}


@pytest.mark.parametrize(("wish", "count"), [("all", 3), ("best", 2), ("none", 0)])
def test_the_schema_says_which_pairs(wish: str, count: int) -> None:
    answers = read(d.parsed(d.ranking(preferences=wish)), {"label-best": "1,2,3"}, candidates={"best": ANSWERS})
    assert len(preference_pairs({"fields": answers})) == count


@pytest.mark.parametrize("text", ["1 2", "1 2 2", "0 1 2", "1 2 4", "x"])
def test_a_ranking_names_each_candidate_once(text: str) -> None:
    assert "name each of the 3 candidates once" in said(
        d.parsed(d.ranking()), {"label-best": text}, candidates={"best": ANSWERS}
    )


def test_a_sample_without_candidates_cannot_be_ranked() -> None:
    assert "1 candidates, so there is nothing to rank" in said(
        d.parsed(d.ranking()), {}, candidates={"best": ["Rest."]}
    )


def test_candidates_come_from_the_named_columns_and_stand_once() -> None:
    document = d.parsed(d.ranking(columns=["a", "b"]))
    assert candidates_of(document, {"a": ["x", "y", "", 3], "b": "x", "c": "z"}) == {"best": ["x", "y"]}


def test_the_form_shows_candidates_as_ranked_so_far() -> None:
    rows = field_rows(d.parsed(d.ranking()), {"label-best": "2 9 2"}, candidates={"best": ANSWERS})
    assert [one.number for one in rows[0].candidates] == [2, 1, 3]


# ---- back from what a model says

WRITTEN = {
    ("reason", "pain"): "pain",
    ("reason", "skin"): "skin",
    ("topics", "pain"): "pain",
    ("topics", "sleep"): "sleep",
}


def test_a_models_answer_is_read_as_a_label_or_not_at_all() -> None:
    document = d.parsed(d.one_class())
    assert values_of_text(document, " Skin\n", WRITTEN) == {"reason": "skin"}
    assert values_of_text(document, "It is the skin.", WRITTEN) == {}


def test_what_was_learned_is_read_back_field_by_field() -> None:
    document = d.parsed(d.many_classes(), d.one_class(), d.written())
    form = {"label-topics": "pain\nsleep", "label-reason": "skin", "label-reply": "Rest.\nThen walk."}
    text = learned(document, form)
    assert values_of_text(document, text, WRITTEN) == {
        name.removeprefix("label-"): value for name, value in form.items()
    }


def test_class_keys_of_labels() -> None:
    answers = read(d.parsed(d.many_classes(), d.written()), {"label-topics": "skin\npain", "label-reply": "Rest."})
    assert class_keys({"fields": answers}) == {"topics": ["pain", "skin"]} and class_keys(None) == {}
