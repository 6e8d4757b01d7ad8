from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.__main__ import main
from demo.world.build import World, signatures, world_build
from demo.world.case import SLOTS, Case, case_draw, note, slots
from demo.world.checking import is_right, occurs
from demo.world.conversation import conversation, with_article
from demo.world.corpus import corpus
from demo.world.defects import COUNTS, OLD_FORM_ROWS
from demo.world.people import CONFLICTS, patient_make, patients_make
from demo.world.phrases import NUMBER_WORDS, SPOKEN_FREQUENCY
from demo.world.rows import people_of, stream
from training.metrics.slots import is_right as measured_right

SEED = 7
seeds = st.integers(min_value=0, max_value=10_000)


@pytest.fixture(scope="module")
def world() -> World:
    return world_build(SEED)


@pytest.fixture(scope="module")
def by_id(world: World) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in world.samples}


def _case(seed: int) -> Case:
    rng = stream(seed, "test")
    return case_draw(rng, patient_make(rng, "T"))


def _defects(world: World, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in world.truth["defects"] if entry["kind"] == kind]


def test_same_seed_same_world_and_other_seed_other_world(world: World) -> None:
    assert world_build(SEED) == world
    assert world_build(SEED + 1).samples != world.samples


def test_counts(world: World) -> None:
    assert len(world.samples) == 1500
    assert len({row["id"] for row in world.samples}) == 1500
    assert len({row["group"] for row in world.samples}) == 120
    assert len(world.heldout) == 220
    assert world.truth["counts"] == dict(sorted(COUNTS.items()))


def test_groups_of_samples_and_heldout_are_disjoint(world: World) -> None:
    assert not {row["group"] for row in world.samples} & {row["group"] for row in world.heldout}
    own, others = people_of(SEED)
    assert not {(p.first, p.last) for p in own} & {(p.first, p.last) for p in others}


def test_a_patient_keeps_age_sex_and_allergy(world: World) -> None:
    defective = {entry["sample"] for entry in world.truth["defects"]}
    heads = defaultdict(set)
    for row in world.samples:
        if row["id"] not in defective:
            head = re.search(r"(\d+)-year-old (woman|man)", row["completion"])
            assert head
            heads[row["group"]].add((head.groups(), re.findall(r"Allergies: (.*)\.", row["completion"])[0]))
    assert all(len(found) == 1 for found in heads.values())


def test_every_reference_satisfies_its_facts_by_both_checkers(world: World) -> None:
    for row in world.heldout:
        assert [fact["slot"] for fact in row["facts"]] == list(SLOTS)
        for fact in row["facts"]:
            assert is_right(fact, row["reference"]), (row["id"], fact)
            assert measured_right(fact, row["reference"])


def test_facts_of_one_visit_seldom_fit_another(world: World) -> None:
    """A checker that said yes to everything would pass the test above."""
    right = Counter[str]()
    for row, other in zip(world.heldout, world.heldout[1:], strict=False):
        for fact in row["facts"]:
            right[fact["slot"]] += is_right(fact, other["reference"])
            assert is_right(fact, other["reference"]) == measured_right(fact, other["reference"])
    assert all(right[slot] < 0.15 * len(world.heldout) for slot in SLOTS if slot != "allergy")
    assert right["allergy"] < 0.3 * len(world.heldout)


def _supported(case: Case, prompt: str) -> bool:
    """Whether a reader of the conversation alone could write the note."""
    number, unit = case.duration.split(" ")
    spans = [case.duration, f"{NUMBER_WORDS.get(int(number), number)} {unit}"]
    allergy = case.patient.allergy
    said = [
        occurs(str(case.patient.age), prompt),
        occurs(f"{case.medicine}", prompt),
        occurs(case.dose, prompt),
        any(
            occurs(word, prompt) or occurs(word.replace("I need", "you need"), prompt)
            for word in SPOKEN_FREQUENCY[case.frequency]
        ),
        any(occurs(span, prompt) for span in spans),
        occurs(allergy, prompt) if allergy else bool(re.search(r"(?i)allerg|react", prompt)),
        all(occurs(symptom, prompt) for symptom in case.denied),
        not case.associated or occurs(case.associated, prompt),
        occurs(case.plan, prompt),
        occurs(case.back, prompt),
        occurs(case.patient.title, prompt),
        case.lay.casefold() in prompt.casefold(),
    ]
    return all(said)


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_conversation_holds_every_fact_of_the_note(seed: int) -> None:
    case = _case(seed)
    prompt = conversation(stream(seed, "talk"), case)
    assert _supported(case, prompt), (prompt, note(case))


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_note_satisfies_its_facts_and_a_changed_one_does_not(seed: int) -> None:
    case = _case(seed)
    text = note(case)
    facts = {fact["slot"]: fact for fact in slots(case)}
    assert all(is_right(fact, text) for fact in facts.values())
    assert not is_right(facts["age"], text.replace(f"{case.patient.age}-year", f"{case.patient.age + 1}-year"))
    assert not is_right(facts["dose"], text.replace(f" {case.dose}", f" 7{case.dose}"))
    assert not is_right(facts["duration"], text.replace(f"for {case.duration}", "for 13 weeks"))
    assert not is_right(facts["negation"], text.replace(f" or {case.denied[1]}", ""))
    assert not is_right(facts["medicine"], text.replace(case.medicine, "water"))


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_visits_are_plausible(seed: int) -> None:
    case = _case(seed)
    assert case.medicine not in CONFLICTS.get(case.patient.allergy, frozenset())
    assert case.duration != case.back
    assert not set(case.denied) & {case.associated, case.complaint}
    assert case.patient.sex == "man" or (case.medicine != "tamsulosin" and case.complaint != "poor urine flow")
    assert "{" not in conversation(stream(seed, "talk"), case)


def test_dose_of_five_is_not_found_in_two_point_five() -> None:
    assert not occurs("5 mg", "bisoprolol 2.5 mg")
    assert occurs("2.5 mg", "bisoprolol 2.5 mg.")
    assert occurs("1% cream", "hydrocortisone 1%  cream, twice")
    assert not occurs("", "anything")


@pytest.mark.parametrize(
    ("plan", "said"), [("ECG", "an ECG"), ("knee X-ray", "a knee X-ray"), ("blood tests", "blood tests")]
)
def test_plans_are_said_with_their_article(plan: str, said: str) -> None:
    assert with_article(plan) == said


def test_names_never_repeat_even_beside_taken_ones() -> None:
    first = patients_make(random.Random(1), 300, "P")
    names = {(p.first, p.last) for p in first}
    second = patients_make(random.Random(1), 100, "Q", names)
    assert len(names | {(p.first, p.last) for p in second}) == 400


class TestTruth:
    """Every planted defect can be found in the rows, and is what the truth file says."""

    def test_no_sample_has_two_defects(self, world: World) -> None:
        assert max(Counter(entry["sample"] for entry in world.truth["defects"]).values()) == 1

    def test_exact_duplicates(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in _defects(world, "exact_duplicate"):
            copy, first = by_id[entry["sample"]], by_id[entry["of"]]
            assert re.sub(r" +\n", "\n", copy["prompt"]) == first["prompt"]
            assert copy["completion"] == first["completion"]
            assert copy["group"] == first["group"]

    def test_near_duplicates(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in _defects(world, "near_duplicate"):
            copy, first = by_id[entry["sample"]]["prompt"], by_id[entry["of"]]["prompt"]
            assert copy != first
            words, others = set(copy.split()), set(first.split())
            assert len(words & others) / len(words | others) > 0.6
            assert first.startswith(copy) == (entry["way"] == "truncated")

    def test_no_other_prompts_are_equal(self, world: World) -> None:
        pairs = {entry["sample"] for kind in ("exact_duplicate", "contradiction") for entry in _defects(world, kind)}
        prompts = [row["prompt"] for row in world.samples if row["id"] not in pairs]
        assert len(prompts) == len(set(prompts))

    def test_identifiers(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        entries = _defects(world, "identifier")
        assert Counter(entry["type"] for entry in entries).keys() == {"phone", "email", "mrn", "date", "ssn"}
        for entry in entries:
            prompt = by_id[entry["sample"]]["prompt"]
            assert entry["text"] in prompt
            assert entry["text"] not in entry["original"]

    def test_identifiers_are_fictional(self, world: World) -> None:
        for entry in _defects(world, "identifier"):
            if entry["type"] == "phone":
                assert "555" in entry["text"]
            if entry["type"] == "email":
                assert re.search(r"@example\.(com|org|net)$", entry["text"])

    def test_mojibake_can_be_undone(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in _defects(world, "mojibake"):
            broken = by_id[entry["sample"]]["prompt"]
            assert broken != entry["original"]
            assert broken.encode("cp1252").decode("utf-8") == entry["original"]

    def test_wrong_completions_and_contradictions(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in [*_defects(world, "wrong_completion"), *_defects(world, "contradiction")]:
            row = by_id[entry["sample"]]
            assert row["completion"] != entry["original"]
            assert entry["now"] in row["completion"]
            assert entry["was"] in entry["original"]
            assert entry["was"] != entry["now"]

    def test_old_form_filled_in_allergy_and_dose(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        entries = _defects(world, "form_default")
        for entry in entries:
            completion = by_id[entry["sample"]]["completion"]
            assert entry["slot"] == "allergy and dose"
            assert "Allergies: no known allergies." in completion
            allergy, dose = entry["was"].split(", ")
            assert f"Allergies: {allergy}." in entry["original"]
            assert f" {dose} " in entry["original"]

    def test_rows_of_the_old_form_come_first_and_say_so(self, world: World) -> None:
        forms = [row["metadata"]["form"] for row in world.samples]
        assert forms == ["old form"] * OLD_FORM_ROWS + ["new form"] * (1500 - OLD_FORM_ROWS)
        old = {row["id"] for row in world.samples[:OLD_FORM_ROWS]}
        assert {entry["sample"] for entry in _defects(world, "form_default")} <= old

    def test_every_slot_is_wrong_somewhere(self, world: World) -> None:
        assert {entry["slot"] for entry in _defects(world, "wrong_completion")} == set(SLOTS)

    def test_contradictions_share_their_prompt(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in _defects(world, "contradiction"):
            assert by_id[entry["sample"]]["prompt"] == by_id[entry["of"]]["prompt"]

    def test_judging_wording(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in _defects(world, "judging_wording"):
            assert entry["text"] in by_id[entry["sample"]]["completion"]
            assert entry["text"] not in entry["original"]

    def test_off_topic_rows_have_no_note(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        for entry in _defects(world, "off_topic"):
            assert "HPI:" not in by_id[entry["sample"]]["completion"]

    def test_exactly_one_leak(self, world: World, by_id: dict[str, dict[str, Any]]) -> None:
        (entry,) = _defects(world, "heldout_leak")
        heldout = {row["id"]: row for row in world.heldout}
        assert by_id[entry["sample"]]["prompt"] == heldout[entry["of"]]["prompt"]
        prompts = {row["prompt"] for row in world.heldout}
        assert [row["id"] for row in world.samples if row["prompt"] in prompts] == [entry["sample"]]

    def test_all_other_samples_are_sound(self, world: World) -> None:
        defective = {entry["sample"] for entry in world.truth["defects"]}
        assert len(world.samples) - len(defective) == 1500 - sum(COUNTS.values())
        for row in world.samples:
            if row["id"] not in defective:
                assert row["prompt"].isascii()
                assert re.fullmatch(r"HPI: .*\nMedication: .*\nAllergies: .*\nPlan: .*", row["completion"])


class TestCorpus:
    def test_is_repeatable_and_parts_differ(self) -> None:
        assert list(corpus(SEED, 50)) == list(corpus(SEED, 50))
        assert list(corpus(SEED, 50)) != list(corpus(SEED, 50, part="other"))

    def test_never_shows_the_note_format(self) -> None:
        text = "\n".join(document.text for document in corpus(SEED, 800))
        assert not re.search(r"HPI:|Medication:|Allergies:|Plan:|-year-old", text)

    def test_shares_no_conversation_and_no_person_with_the_world(self, world: World) -> None:
        prompts = {row["prompt"] for row in [*world.samples, *world.heldout]}
        assert not prompts & {document.context for document in corpus(SEED, 800)}

    def test_signatures_cover_samples_and_heldout(self) -> None:
        assert len(signatures(SEED)) == 1360 + 220

    def test_lists_are_read_back_word_for_word(self) -> None:
        for document in corpus(SEED, 50, lists_share=1.0):
            said = document.told.removeprefix("Desk: Reading back. ")
            assert document.context.endswith(said)


def test_command_writes_three_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], world: World) -> None:
    assert main(["--out", str(tmp_path / "new"), "--seed", str(SEED)]) == 0
    assert "1500 rows" in capsys.readouterr().out
    lines = (tmp_path / "new" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == world.samples
    assert json.loads((tmp_path / "new" / "truth.json").read_text(encoding="utf-8")) == world.truth


def test_command_says_why_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file")]) == 1
    assert "could not be written" in capsys.readouterr().err
