"""Drawing, looking, closing; what is refused; what a passed plan still says of other texts."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError, ImmutableError
from reviewapp.curation import services
from reviewapp.curation.acceptance import export as acceptance_export
from reviewapp.curation.acceptance import facts as acceptance_facts
from reviewapp.curation.acceptance import words as acceptance_words
from reviewapp.curation.acceptance.population import population_changes
from reviewapp.curation.acceptance.standing import acceptance_standing, rules_check
from reviewapp.curation.models import AcceptanceItem, AcceptancePlan, Finding
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample
from tests import factories
from tests.reviewapp.curation.accepting import closed, drawn, first, judged, samples, wanted


@pytest.fixture
def lead(people: SimpleNamespace) -> Any:
    return people.lead


def change(sample: Sample, prompt: str = "Another text.") -> None:
    sample.revision = factories.revision(sample, prompt=prompt)
    sample.save()


# ---- drawing


def test_a_plan_freezes_what_it_drew_and_from_what(project: Project, lead: Any) -> None:
    there = samples(project, 20)
    samples(project, 3, state="rejected")
    plan = drawn(project, lead)
    assert (plan.number, plan.texts, plan.n, plan.strata) == (1, 20, 7, [["", 20, 7]])
    assert plan.items.count() == 7 and len(plan.seed) == 32
    assert set(plan.items.values_list("sample", flat=True)) <= {sample.pk for sample in there}
    event = AuditEvent.objects.get(action="acceptance.draw")
    assert event.data["seed"] == plan.seed and event.data["n"] == 7


def test_the_same_form_twice_draws_once(project: Project, lead: Any) -> None:
    samples(project, 20)
    key = uuid.uuid4()
    plans = [services.plan_draw(project=project, drawn_by=lead, wanted=wanted(), idempotency_key=key) for _ in range(2)]
    assert plans[0] == plans[1] and AcceptancePlan.objects.count() == 1


def test_populations_are_what_they_say(project: Project, lead: Any) -> None:
    samples(project, 12, language="de")
    batch = factories.import_batch(project)
    accepted = samples(project, 8, state="accepted", batch=batch)
    flagged, held, blank, group = accepted[:4]
    factories.finding(flagged)
    held.split = Sample.Split.HELDOUT
    held.save()
    change(blank, prompt=" \n")
    heldout = factories.heldout_set(project)
    group.group = heldout.prompts.first().group  # type: ignore[union-attr]
    group.save()
    assert drawn(project, lead).texts == 20
    assert drawn(project, lead, population="accepted").texts == 8
    assert drawn(project, lead, population="eligible").texts == 4
    assert drawn(project, lead, filters={"language": "de", "batch": ""}).texts == 12
    assert drawn(project, lead, target="identifiers", filters={"batch": str(batch.pk)}).texts == 8
    with pytest.raises(ApplicationError, match="leave no sample"):
        drawn(project, lead, filters={"tag": "nothing"})


def test_strata_and_groups_are_drawn_as_asked(project: Project, lead: Any) -> None:
    samples(project, 12, language="de")
    samples(project, 6, language="fr", group_key="one patient")
    plan = drawn(project, lead, design="language")
    assert [row[:2] for row in plan.strata] == [["de", 12], ["fr", 6]]
    assert plan.items.filter(sample__language="fr").count() == plan.strata[1][2]
    groups = drawn(project, lead, design="groups", target="identifiers")
    assert groups.strata[0][1] == 13 and groups.texts == 18
    assert groups.items.filter(sample__group__key="one patient").count() <= 1
    for one in (plan, groups):
        assert closed(one, lead).has_passed  # what was drawn is drawn again from the seed


def test_a_draw_is_refused_when_the_number_changed(project: Project, lead: Any) -> None:
    samples(project, 20)
    values = {"project": project, "drawn_by": lead, "wanted": wanted(), "idempotency_key": uuid.uuid4()}
    with pytest.raises(ApplicationError, match="it takes 7 now"):
        services.plan_draw(**values, expected_n=6)
    with pytest.raises(ApplicationError, match="Allow fewer"):
        services.plan_draw(**values | {"wanted": wanted(allowed=5)})
    assert not AcceptancePlan.objects.exists()


def test_the_same_texts_are_not_drawn_until_one_passes(project: Project, lead: Any) -> None:
    there = samples(project, 20)
    plan = drawn(project, lead)
    with pytest.raises(ApplicationError, match="still being looked at"):
        drawn(project, lead)
    closed(plan, lead, defects=1)
    with pytest.raises(ApplicationError, match="drawing until one passes would prove nothing"):
        drawn(project, lead)
    assert drawn(project, lead, target="identifiers")  # something else may be looked for
    change(there[0])
    again = closed(drawn(project, lead), lead)
    assert again.facts["earlier"] == [{"plan": 1, "has_passed": False, "shared": 19}]
    said = acceptance_words.earlier(again.facts["earlier"], "0.9")
    assert "19 of the same texts" in said and "19.00%" in said  # 1 - 0.9 ** 2


# ---- looking


def test_two_people_never_look_at_the_same_text(project: Project, people: SimpleNamespace) -> None:
    samples(project, 20)
    plan = drawn(project, people.lead)
    mine, theirs = (services.item_take(plan=plan, taken_by=who) for who in (people.annotator, people.reviewer))
    assert mine and theirs and mine.pk != theirs.pk
    assert services.item_take(plan=plan, taken_by=people.annotator) == mine  # resumed
    with pytest.raises(ApplicationError, match="looks at it now"):
        services.item_judge(item=theirs, verdict="fine", judged_by=people.annotator)
    services.item_judge(item=theirs, verdict="fine", judged_by=people.reviewer)
    with pytest.raises(ApplicationError, match="has judged this text already"):
        services.item_judge(item=theirs, verdict="defect", judged_by=people.annotator)


def test_a_hold_ends_and_the_text_goes_to_the_next(project: Project, people: SimpleNamespace) -> None:
    samples(project, 20)
    plan = drawn(project, people.lead)
    item = services.item_take(plan=plan, taken_by=people.annotator)
    assert item is not None and item.position == 1
    AcceptanceItem.objects.filter(pk=item.pk).update(held_until=timezone.now() - timedelta(minutes=1))
    assert services.item_take(plan=plan, taken_by=people.reviewer) == item


def test_later_gives_a_text_back_and_it_comes_round_again(project: Project, lead: Any) -> None:
    samples(project, 20)
    plan = drawn(project, lead)
    places = [1]
    for _ in range(plan.n):
        item = services.item_take(plan=plan, taken_by=lead, after=places[-1])
        assert item is not None
        places.append(item.position)
    assert places == [*range(1, plan.n + 1), 1]
    assert plan.items.filter(holder=lead).count() == 1


def test_nothing_is_left_when_all_is_judged(project: Project, lead: Any) -> None:
    samples(project, 20)
    plan = drawn(project, lead)
    judged(plan, lead)
    assert services.item_take(plan=plan, taken_by=lead) is None


def test_a_defect_becomes_a_finding_on_its_words(project: Project, lead: Any) -> None:
    samples(project, 20)
    plan = drawn(project, lead, target="identifiers")
    item = first(plan)
    mark = services.Mark(field="prompt", words="My  knee", start=11, note="A name")
    services.item_judge(item=item, verdict="defect", judged_by=lead, mark=mark)
    finding = Finding.objects.get()
    assert (finding.check_name, finding.kind, finding.severity, finding.state) == (
        "acceptance", "identifiers", "high", "open",
    )  # fmt: skip
    assert finding.excerpt == "My knee" == item.revision.prompt[finding.start : finding.end]
    assert finding.message == "Marked in acceptance sample 1: A name"
    assert finding.revision_id == item.sample.revision_id


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (services.Mark(), "Mark the words that are wrong"),
        (services.Mark(words="not there"), "These words are not in the completion"),
        (services.Mark(field="nowhere", words="knee"), "in the prompt or in the completion"),
        (services.Mark(note="x" * 1_001), "at most 1,000 characters"),
    ],
)
def test_a_defect_says_what_it_is(project: Project, lead: Any, mark: services.Mark, words: str) -> None:
    samples(project, 20)
    item = first(drawn(project, lead))
    with pytest.raises(ApplicationError, match=words):
        services.item_judge(item=item, verdict="defect", judged_by=lead, mark=mark)
    with pytest.raises(ApplicationError, match="fine or has a defect"):
        services.item_judge(item=item, verdict="perhaps", judged_by=lead)
    assert not Finding.objects.exists() and first(item.plan).verdict == ""


def test_undo_takes_the_last_verdict_and_its_finding_back(project: Project, lead: Any) -> None:
    samples(project, 20)
    plan = drawn(project, lead)
    judged(plan, lead, defects=2, missing=plan.n - 2)
    item = services.item_undo(plan=plan, undone_by=lead)
    assert (item.position, item.verdict, item.holder) == (2, "", lead)
    assert list(Finding.objects.order_by("pk").values_list("state", flat=True)) == ["open", "gone"]
    services.item_judge(item=item, verdict="defect", judged_by=lead, mark=services.Mark(note="After all."))
    assert Finding.objects.filter(state="open").count() == 2  # the same mark is the same row
    services.item_judge(item=item, verdict="fine", judged_by=lead)
    assert Finding.objects.filter(state="open").count() == 1
    services.item_undo(plan=plan, undone_by=lead)
    services.item_undo(plan=plan, undone_by=lead)
    with pytest.raises(ApplicationError, match="nothing to take back"):
        services.item_undo(plan=plan, undone_by=lead)


def test_a_mark_that_another_look_stands_by_stays(project: Project, people: SimpleNamespace) -> None:
    samples(project, 4, language="de")
    samples(project, 1, language="fr")
    plans = [drawn(project, people.lead), drawn(project, people.lead, filters={"language": "de"})]
    both = [set(plan.items.values_list("sample", flat=True)) for plan in plans]
    sample = min(both[0] & both[1])
    for plan, who in zip(plans, (people.annotator, people.reviewer), strict=True):
        item = plan.items.select_related("plan").get(sample=sample)
        services.item_judge(
            item=item, verdict="defect", judged_by=who, mark=services.Mark(words="knee", field="prompt")
        )
    for plan, who, state in zip(plans, (people.annotator, people.reviewer), ("open", "gone"), strict=True):
        services.item_undo(plan=plan, undone_by=who)
        assert Finding.objects.get().state == state


def test_a_mark_follows_the_text_that_is_there_now(project: Project, lead: Any) -> None:
    samples(project, 20)
    plan = drawn(project, lead)
    kept, gone, rejected = plan.items.select_related("plan", "sample", "revision").order_by("position")[:3]
    change(kept.sample, prompt=f"Before it. {kept.revision.prompt}")
    change(gone.sample, prompt="Nothing of it.")
    Sample.objects.filter(pk=rejected.sample_id).update(state="rejected")
    for item in (kept, gone, rejected):
        mark = services.Mark(field="prompt", words="knee")
        services.item_judge(item=item, verdict="defect", judged_by=lead, mark=mark)
    rows = {row.sample_id: row for row in Finding.objects.select_related("revision")}
    moved = rows[kept.sample_id]
    assert moved.state == "open" and moved.revision_id == Sample.objects.get(pk=kept.sample_id).revision_id
    assert moved.revision.prompt[moved.start : moved.end] == "knee"
    assert (rows[gone.sample_id].state, rows[gone.sample_id].revision_id) == ("gone", gone.revision_id)
    assert rows[rejected.sample_id].state == "gone"


# ---- closing


def test_a_closed_plan_states_and_never_changes(project: Project, people: SimpleNamespace) -> None:
    samples(project, 20)
    plan = drawn(project, people.lead)
    statement = closed(plan, people.reviewer)
    assert statement.has_passed and (statement.defects, statement.missing, statement.upper_count) == (0, 0, 4)
    assert statement.content_hash == acceptance_facts.content_hash(statement.facts)
    assert (
        acceptance_words.claim(statement.facts)
    ) == "0 of 7 were defective: with 90% confidence fewer than 25% of the 20 samples are (4 at most)."
    assert [person["judged"] for person in statement.facts["people"]] == [7]
    assert AuditEvent.objects.get(action="acceptance.close").data["content_hash"] == statement.content_hash
    item = first(plan)
    for act in (
        lambda: services.item_judge(item=item, verdict="fine", judged_by=people.reviewer),
        lambda: services.item_take(plan=plan, taken_by=people.lead),
        lambda: services.item_undo(plan=plan, undone_by=people.reviewer),
        lambda: services.plan_close(plan=plan, closed_by=people.lead),
    ):
        with pytest.raises(ApplicationError, match="Acceptance sample 1 is closed"):
            act()
    with pytest.raises(ImmutableError):
        statement.save()


def test_missing_texts_must_be_agreed_to_and_count_as_defective(project: Project, lead: Any) -> None:
    samples(project, 20)
    plan = drawn(project, lead)
    judged(plan, lead, missing=2)
    with pytest.raises(ApplicationError, match="2 texts were not judged"):
        services.plan_close(plan=plan, closed_by=lead)
    statement = services.plan_close(plan=plan, closed_by=lead, with_missing=True)
    assert not statement.has_passed and statement.facts["result"]["worst"] == 2
    assert "2 of 7 texts were never judged" in acceptance_words.claim(statement.facts)
    assert "look through all of it" in acceptance_words.next_step(statement.facts)


def test_a_failed_plan_says_what_cannot_be_claimed_and_what_to_do(project: Project, lead: Any) -> None:
    samples(project, 20)
    statement = closed(drawn(project, lead), lead, defects=2)
    said = acceptance_words.claim(statement.facts)
    assert said.startswith("The plan failed: 2 of 7 were defective and 0 were allowed. That fewer than 25% are cannot")
    assert f"({statement.upper_count} of 20)" in said
    assert "cannot be made larger" in acceptance_words.next_step(statement.facts)


def test_a_statement_of_groups_speaks_of_groups(project: Project, lead: Any) -> None:
    samples(project, 12)
    statement = closed(drawn(project, lead, design="groups"), lead)
    assert "of the 12 groups are, one text of each drawn at random" in acceptance_words.claim(statement.facts)


def test_items_that_the_seed_does_not_give_cannot_be_closed(project: Project, lead: Any) -> None:
    there = samples(project, 20)
    plan = drawn(project, lead)
    judged(plan, lead)
    swapped = first(plan)
    swapped.sample = next(one for one in there if not plan.items.filter(sample=one).exists())
    swapped.save()
    with pytest.raises(ApplicationError, match="not those that its seed gives"):
        services.plan_close(plan=plan, closed_by=lead)


def test_what_changed_since_is_counted(project: Project, lead: Any) -> None:
    there = samples(project, 20)
    plan = drawn(project, lead)
    assert not population_changes(plan)
    change(there[0])
    samples(project, 2)
    Sample.objects.filter(pk=there[1].pk).update(state="rejected")
    changes = population_changes(plan)
    assert (changes.revised, changes.left, changes.new) == (1, 1, 2)
    said = acceptance_words.changed(changes, plan.texts)
    assert "1 sample has another text, 2 came in, 1 left it" in said and "20 texts of the draw" in said


def test_files_of_a_statement_hold_all_of_it_and_run_nothing(project: Project, people: SimpleNamespace) -> None:
    samples(project, 20)
    plan = drawn(project, people.lead, definition="=1+1")
    item = services.item_take(plan=plan, taken_by=people.lead)
    assert item is not None
    services.item_judge(
        item=item, verdict="defect", judged_by=people.lead, mark=services.Mark(note='=HYPERLINK("http://x")')
    )
    judged(plan, people.lead, missing=1)
    statement = services.plan_close(plan=plan, closed_by=people.lead)
    told = json.loads(acceptance_export.statement_json(statement))
    assert acceptance_facts.content_hash(told["statement"]) == told["content_hash"] == statement.content_hash
    lines = "".join(acceptance_export.statement_csv(statement)).splitlines()
    assert lines[0] == "\ufeffstatement,value" and len([line for line in lines if ",fine," in line]) == 6
    assert not [cell for line in lines for cell in line.split(",") if cell.lstrip('"').startswith("=")]


# ---- what it is good for


@pytest.fixture
def passed(project: Project, lead: Any) -> SimpleNamespace:
    there = samples(project, 40, state="accepted")
    plan = drawn(project, lead, rate=Decimal("0.1"))
    return SimpleNamespace(plan=plan, samples=there, statement=closed(plan, lead))


def rule(project: Project, lead: Any, **values: Any) -> None:
    values = {"target": "overall", "rate": Decimal("0.1"), "confidence": Decimal("0.9"), **values}
    services.rule_set(project=project, set_by=lead, **values)


def revisions(there: list[Sample]) -> list[int]:
    return [factories.current(one).pk for one in there]


def test_nothing_is_required_by_itself(project: Project, passed: SimpleNamespace) -> None:
    assert rules_check(project, revisions(passed.samples)) == []


def test_a_passed_plan_meets_a_rule_for_the_very_texts(project: Project, lead: Any, passed: SimpleNamespace) -> None:
    rule(project, lead)
    [check] = rules_check(project, revisions(passed.samples))
    assert check.is_met and check.plan == passed.plan and check.upper is not None
    assert (check.upper.defects, check.upper.texts, check.upper.uncovered) == (3, 40, 0)
    assert "at most 3 of these 40" in acceptance_words.rule_words(check)


def test_a_part_could_hold_all_the_defects(project: Project, lead: Any, passed: SimpleNamespace) -> None:
    """A smaller version is not covered by a claim about more; texts seen to be fine are no part of the doubt."""
    rule(project, lead)
    looked_at = set(passed.plan.items.values_list("sample", flat=True))
    unseen = [one for one in passed.samples if one.pk not in looked_at]
    [part] = rules_check(project, revisions(unseen))
    assert not part.is_met and part.upper is not None and part.upper.defects == 3
    assert "drawn from more samples than these" in acceptance_words.rule_words(part)
    [seen] = rules_check(project, list(passed.plan.items.values_list("revision", flat=True)))
    assert seen.is_met and seen.upper is not None and seen.upper.defects == 0


def test_newer_texts_count_as_defective(project: Project, lead: Any, passed: SimpleNamespace) -> None:
    rule(project, lead)
    for sample in passed.samples[:2]:
        change(sample)
    [check] = rules_check(project, revisions(passed.samples))
    assert not check.is_met and check.upper is not None and check.upper.uncovered == 2
    assert "does not cover 2 of these 40" in acceptance_words.rule_words(check)
    assert [one.valid.size for one in acceptance_standing(project)] == [38]


def test_rules_ask_for_their_target_rate_and_confidence(project: Project, lead: Any, passed: SimpleNamespace) -> None:
    there = revisions(passed.samples)
    for values in ({"target": "identifiers"}, {"confidence": Decimal("0.95")}, {"rate": Decimal("0.05")}):
        rule(project, lead, **values)
        check = next(one for one in rules_check(project, there) if one.rule.target == values.get("target", "overall"))
        assert not check.is_met
    assert "No passed acceptance sample" in acceptance_words.rule_words(rules_check(project, there)[0])
    assert not rules_check(project, [])[0].is_met


def test_a_mended_defect_is_no_longer_counted(project: Project, lead: Any) -> None:
    there = samples(project, 40, state="accepted")
    plan = drawn(project, lead, rate=Decimal("0.2"), allowed=1)
    assert closed(plan, lead, defects=1).has_passed
    rule(project, lead, rate=Decimal("0.2"))
    before = rules_check(project, revisions(there))[0].upper
    bad = plan.items.get(verdict="defect").sample
    change(bad)
    now = rules_check(project, [factories.current(Sample.objects.get(pk=one.pk)).pk for one in there])[0].upper
    without = rules_check(project, revisions([one for one in there if one.pk != bad.pk]))[0].upper
    assert before and now and without
    assert (now.defects, without.defects) == (before.defects, before.defects - 1)


def test_a_later_failure_takes_the_earlier_pass_away(project: Project, lead: Any, passed: SimpleNamespace) -> None:
    rule(project, lead)
    samples(project, 1, state="accepted")
    closed(drawn(project, lead, rate=Decimal("0.1")), lead, defects=2)
    [check] = rules_check(project, revisions(passed.samples))
    assert not check.is_met
    assert "acceptance sample 2, drawn later of the same texts, failed" in acceptance_words.rule_words(check)


def test_plans_of_groups_meet_no_rule(project: Project, lead: Any) -> None:
    there = samples(project, 40, state="accepted")
    closed(drawn(project, lead, rate=Decimal("0.1"), design="groups"), lead)
    rule(project, lead)
    assert not rules_check(project, revisions(there))[0].is_met


def test_rules_are_set_replaced_and_removed_on_the_record(project: Project, lead: Any) -> None:
    rule(project, lead)
    rule(project, lead, rate=Decimal("0.05"))
    row = project.acceptance_rules.get()
    assert row.rate == Decimal("0.05")
    services.rule_remove(rule=row, removed_by=lead)
    actions = list(AuditEvent.objects.filter(target_type="acceptancerule").values_list("action", flat=True))
    assert sorted(actions) == ["acceptance_rule.remove", "acceptance_rule.set", "acceptance_rule.set"]
