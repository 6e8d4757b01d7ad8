"""Stored label schemas: immutable once used, searched, with rules and suggestions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reviewapp.core.exceptions import ApplicationError
from reviewapp.labelling import selectors, services
from reviewapp.labelling.models import LabelClass, LabelRule, LabelSuggestion
from reviewapp.labelling.schema import content_hash
from reviewapp.projects.models import Project
from tests import factories
from tests.reviewapp.labelling import documents as d


def big(n: int = 10_000) -> dict[str, Any]:
    rows = [{"key": f"K{i}", "name": f"Condition {i}", "parent": f"K{i // 10}" if i >= 10 else ""} for i in range(n)]
    return d.tree(classes=rows)


def use(version: Any) -> bool:
    return services.label_version_use(version_id=version.pk, content_hash=version.content_hash)


def test_a_schema_is_stored_and_read_back_whole(project: Project) -> None:
    fields = (d.one_class(), d.many_classes(), d.tree(), d.spans(), d.written(), d.ranking())
    version = d.version(project, *fields)
    assert selectors.version_document(version) == d.parsed(*fields)
    assert selectors.workbench_document(version).fields[3:] == d.parsed(*fields).fields[3:]
    assert version.content_hash == content_hash(d.parsed(*fields))
    assert selectors.version_current(project) == version


def test_an_unused_version_changes_in_place_a_used_one_never(project: Project) -> None:
    first = d.version(project)
    lead = factories.user()
    changed = services.schema_save(schema=first.schema, document=d.parsed(d.written()), saved_by=lead)
    assert (changed.pk, changed.number, LabelClass.objects.count()) == (first.pk, 1, 0)
    assert not services.label_version_use(version_id=first.pk, content_hash=first.content_hash)
    assert use(changed)
    again = services.schema_save(schema=first.schema, document=d.parsed(), saved_by=lead)
    assert (again.number, changed.document["fields"][0]["kind"]) == (2, "text")
    assert services.schema_save(schema=first.schema, document=d.parsed(), saved_by=lead) == again


def test_a_name_is_taken_once(project: Project) -> None:
    d.version(project)
    with pytest.raises(ApplicationError, match="already has a label schema"):
        d.version(project)


def test_an_import_makes_the_next_version(project: Project) -> None:
    use(d.version(project))
    content = json.dumps(d.document(d.many_classes())).encode()
    assert services.schema_import(project=project, content=content, imported_by=factories.user()).number == 2
    with pytest.raises(ApplicationError) as caught:
        services.schema_import(project=project, content=b"{", imported_by=factories.user())
    assert "not JSON" in caught.value.extra["problems"][0]


def test_another_schema_is_offered_instead_or_none(project: Project) -> None:
    first, second = d.version(project), d.version(project, d.written(), name="Replies")
    assert selectors.version_current(project) == first
    services.schema_activate(schema=second.schema, is_active=True, changed_by=factories.user())
    assert selectors.version_current(project) == second
    services.schema_activate(schema=second.schema, is_active=False, changed_by=factories.user())
    assert selectors.version_current(project) is None


@pytest.mark.slow
def test_ten_thousand_classes_are_searched_in_one_query(project: Project, django_assert_num_queries: Any) -> None:
    version = d.version(project, big())
    for text in ("condition", "condition 7531", "K42", "nothing like it", ""):
        with django_assert_num_queries(1):
            found = selectors.classes_search(version, "code", text)
        assert len(found) <= selectors.SHOWN
    assert selectors.classes_search(version, "code", "7531 COND")[0].key == "K7531"
    assert selectors.classes_search(version, "code", "k42")[0].key == "K42"
    assert [c.key for c in selectors.classes_search(version, "code", "condition 42")[:2]] == ["K42", "K420"]
    assert [c.key for c in selectors.classes_search(version, "code", "", parent="K75")][:2] == ["K750", "K751"]
    with django_assert_num_queries(1):
        known = selectors.classes_known(version, {("code", "K7531"), ("code", "gone"), ("other", "K1")})
    assert known[("code", "K7531")].path == ("Condition 7", "Condition 75", "Condition 753", "Condition 7531")
    assert set(known) == {("code", "K7531")} and known[("code", "K7531")].is_leaf
    with django_assert_num_queries(1):
        assert selectors.classes_listed(version, "code") == []


def test_a_search_is_not_led_astray_by_wildcards_or_case(project: Project) -> None:
    rows = [{"key": "a", "name": "Ärger"}, {"key": "b", "name": "100% sure"}, {"key": "c", "name": "Other_one"}]
    version = d.version(project, d.one_class(classes=rows))
    assert [c.key for c in selectors.classes_search(version, "reason", "ärg")] == ["a"]
    assert [c.key for c in selectors.classes_search(version, "reason", "ÄRG")] == ["a"]
    assert [c.key for c in selectors.classes_search(version, "reason", "%")] == ["b"]
    assert [c.key for c in selectors.classes_search(version, "reason", "_")] == ["c"]


# ---- rules and suggestions


def save(version: Any, lines: str) -> int:
    return services.rules_save(schema=version.schema, lines=lines, saved_by=factories.user())


def test_rules_suggest_with_their_share_and_source(project: Project) -> None:
    version = d.version(project, d.one_class(), d.spans())
    assert save(version, "reason, pain: knee, ibuprofen\n\nreason, sleep: helps\nfacts, dose ~ \\d{1,4} mg\n") == 3
    found = selectors.suggestions_for(version, "s1", d.PROMPT)
    assert [(one.field, one.value, round(one.score or 0, 2)) for one in found[1:]] == [
        ("reason", "pain", 0.67),
        ("reason", "sleep", 0.33),
    ]
    assert json.loads(found[0].value)["spans"] == [{"type": "dose", "start": 17, "end": 23}]
    assert found[0].score is None and found[1].source == "rule “knee, ibuprofen”"
    assert [str(rule) for rule in selectors.rules_of(version.schema)][2] == "facts, dose ~ \\d{1,4} mg"


LINES = [
    ("reason pain knee", "write it as"),
    ("reason: knee", "write it as"),
    ("mood, pain: knee", "no field “mood”"),
    ("reason, joy: knee", "“joy” is no class or type"),
    ("reason, pain ~ (a+)+", "may run away"),
    ("reason, pain: ,", "at least one word"),
]


@pytest.mark.parametrize(("line", "words"), LINES)
def test_rules_that_cannot_be_used_are_refused_and_nothing_is_lost(project: Project, line: str, words: str) -> None:
    version = d.version(project, d.one_class())
    save(version, "reason, pain: knee")
    with pytest.raises(ApplicationError) as caught:
        save(version, f"reason, skin: rash\n{line}")
    assert "Line 2" in caught.value.extra["problems"][0] and words in caught.value.extra["problems"][0]
    assert LabelRule.objects.get().target == "pain"


def answers(*rows: object) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_a_models_answers_become_suggestions(project: Project) -> None:
    version = d.version(project, d.one_class())
    content = answers({"id": "s1", "output": "Skin", "score": 0.9}, {"id": "s2", "completion": "I do not know"})
    told = [
        services.suggestions_import(schema=version.schema, content=content, source="v3", imported_by=factories.user())
        for _ in range(2)
    ]
    assert told[0] == {"read": 2, "suggested": 1, "unreadable": 1} == told[1]
    assert LabelSuggestion.objects.get().value == "skin"
    found = selectors.suggestions_for(version, "s1", d.PROMPT)
    assert [(one.value, one.score, one.source) for one in found] == [("skin", 0.9, "v3")]
    assert selectors.suggestions_for(version, "s2", d.PROMPT) == []


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", answers([1]), answers({"output": "Skin"}), answers({"id": 1, "output": 3}),
                answers({"id": 1, "output": "Skin", "score": 7}), b'{"id": 1, "output": "Skin", "score": NaN}'],
)  # fmt: skip
def test_answers_that_are_none_are_refused(project: Project, content: bytes) -> None:
    version = d.version(project, d.one_class())
    with pytest.raises(ApplicationError):
        services.suggestions_import(schema=version.schema, content=content, source="v3", imported_by=factories.user())


def test_patterns_that_are_costly_together_are_refused(project: Project) -> None:
    version = d.version(project, d.one_class())
    line = r"reason, pain ~ \w{0,49}\w{0,3}x"
    assert save(version, "\n".join([line] * 25)) == 25
    with pytest.raises(ApplicationError) as caught:
        save(version, "\n".join([line] * 26))
    assert "too many ways" in caught.value.extra["problems"][0]


def test_a_form_that_names_very_many_classes_is_answered(project: Project) -> None:
    version = d.version(project, d.one_class())
    assert selectors.classes_known(version, {("reason", f"x{n}") for n in range(300_000)}) == {}
