"""Label schemas as documents: what is refused and how it is said, what hashes alike."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewapp.labelling.schema import SchemaInvalid, class_paths, content_hash, schema_loads, schema_parse
from reviewapp.labelling.selectors import schemas_starters
from tests.reviewapp.labelling import documents as d


def problems(document: object) -> str:
    with pytest.raises(SchemaInvalid) as caught:
        schema_parse(document)
    return "\n".join(caught.value.problems)


def test_every_kind_survives_export_and_import() -> None:
    whole = d.parsed(d.one_class(), d.many_classes(), d.tree(), d.spans(), d.written(longest=300), d.ranking())
    again = schema_loads(json.dumps(whole.as_json()))
    assert again == whole and content_hash(again) == content_hash(whole)
    assert again.fields[2].classes[2].parent == "M25" and again.fields[3].relations[0].from_types == ("dose",)


def test_starters_are_valid_and_told_apart() -> None:
    starters = schemas_starters()
    assert set(starters) == {"one_class", "spans", "ranking", "mixed"}
    assert len({content_hash(one) for one in starters.values()}) == 4


def test_the_name_is_not_hashed_but_every_class_is() -> None:
    base = d.document()
    renamed, changed = copy.deepcopy(base) | {"name": "Other"}, copy.deepcopy(base)
    changed["fields"][0]["classes"][0]["description"] = "Any pain."
    hashes = [content_hash(schema_parse(one)) for one in (base, renamed, changed)]
    assert hashes[0] == hashes[1] != hashes[2]


P, Q = {"key": "a", "name": "P"}, {"key": "b", "name": "P"}


def under(one: str, two: str) -> object:
    """A tree of two classes with these parents."""
    rows = [{"key": "a", "name": "A", "parent": one}, {"key": "b", "name": "B", "parent": two}]
    return d.document(d.tree(classes=rows))


BAD: list[tuple[str, object, str]] = [
    ("no object", [], "one JSON object"),
    ("no fields", {"name": "x", "fields": []}, "has no fields"),
    ("unknown kind", d.document(d.one_class(kind="stars")), "kind must be one of class, classes, tree"),
    ("unknown name", d.document(d.one_class(color="red")), "“color” is not known here"),
    ("of another kind", d.document(d.written(classes=[])), "“classes” is not known here"),
    ("one class", d.document(d.one_class(classes=d.classes("Pain"))), "it has 1 classes; 2 to 20,000 are needed"),
    ("same key", d.document(d.one_class(classes=d.classes("Pain", "Pain"))), "2 classes have the key “pain”"),
    ("same name", d.document(d.one_class(classes=[P, Q])), "2 classes are written “P”"),
    ("separator", d.document(d.one_class(classes=d.classes("A", "B; C"))), "must not hold “;”"),
    ("none", d.document(d.one_class(classes=d.classes("A", "none"))), "nor be “none”"),
    ("parent", under("z", ""), "parent “z”, which is no class"),
    ("circle", under("b", "a"), "is its own ancestor"),
    ("parent elsewhere", d.document(d.one_class(classes=[P | {"parent": "b"}])), "“parent” is not known here"),
    ("at most", d.document(d.many_classes(at_least=3, at_most=2)), "no answer could be right"),
    ("no types", d.document(d.spans(types=[], relations=[]), d.one_class()), "it has 0 types"),
    ("relation", d.document(d.spans(types=d.classes("Medicine"))), "names the type “dose”, which is no type"),
    ("brackets", d.document(d.spans(write_as="bracketed")), "brackets cannot show overlapping"),
    ("columns", d.document(d.ranking(columns=[])), "columns is empty"),
    ("two spans", d.document(d.spans(), d.spans(key="more", name="More")), "Only one field may mark spans"),
    ("nothing required", d.document(d.one_class(is_required=False)), "No field is required"),
    ("same field", d.document(d.one_class(), d.one_class()), "used by 2 fields"),
    ("field key", d.document(d.one_class(key="No Good")), "small letters, digits and _ only"),
    ("surrogate", d.document(name="\ud800"), "half a character"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_wrong_is_said(document: object, words: str) -> None:
    assert words in problems(document)


def test_every_problem_is_said_at_once() -> None:
    said = problems(d.document(d.one_class(key="", classes=d.classes("Pain", "Pain")), name=""))
    assert "name is empty" in said and "key is empty" in said and "2 classes have the key" in said


@pytest.mark.parametrize("text", ["{", b"\xff\xfe", "[" * 100_000])
def test_what_is_no_json_is_said(text: Any) -> None:
    with pytest.raises(SchemaInvalid):
        schema_loads(text)


def test_ten_thousand_classes_of_a_deep_tree() -> None:
    rows = [{"key": f"k{n}", "name": f"Class {n}", "parent": f"k{n // 10}" if n >= 10 else ""} for n in range(10_000)]
    document = d.parsed(d.tree(classes=rows))
    paths = class_paths(document.fields[0].classes)
    assert len(paths) == 10_000 and paths["k9999"] == ("Class 9", "Class 99", "Class 999", "Class 9999")


def test_too_deep_a_tree_is_refused() -> None:
    rows = [{"key": f"k{n}", "name": f"Class {n}", "parent": f"k{n - 1}" if n else ""} for n in range(22)]
    assert "22 levels deep" in problems(d.document(d.tree(classes=rows)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["key", "name", "kind", "classes", "types", "relations", "columns", "at_least", "is_required"])


@given(
    st.sampled_from([d.one_class(), d.many_classes(), d.tree(), d.spans(), d.written(), d.ranking()]),
    names,
    json_values,
)
def test_any_field_is_read_or_refused_in_words(field: dict[str, Any], name: str, value: object) -> None:
    try:
        document = schema_parse(d.document(field | {name: value}))
    except SchemaInvalid as error:
        assert error.problems and all(isinstance(one, str) for one in error.problems)
    else:
        assert schema_parse(document.as_json()) == document
