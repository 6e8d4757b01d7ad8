"""A finished evaluation from elsewhere: the grades of outside people on outputs that are here.

It becomes a round that is complete and unsealed from the start. Its graders are people of the file: named, never
members, unable to sign in or to sign. Whatever gates are declared on it come after the fact, so its report is
exploratory for good.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from reviewapp.accounts.models import User
from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.evaluations import importing, importing_grades, ordering, selectors
from reviewapp.evaluations.importing_grades import GradeColumns, Graded, ImportedGrades, Scale
from reviewapp.evaluations.importing_passages import Texts
from reviewapp.evaluations.judging import error_types_by_key
from reviewapp.evaluations.models import (
    GenerationRun,
    Grade,
    GradeAssignment,
    GradeScore,
    GradeSpan,
    GradingRound,
    Output,
    Preference,
    RoundItem,
)
from reviewapp.evaluations.services.grades import span_row
from reviewapp.evaluations.services.rounds import round_add, round_check
from reviewapp.rubrics.models import Criterion, RubricVersion
from reviewapp.rubrics.selectors import version_document
from reviewapp.rubrics.services import rubric_version_use
from reviewapp.samples.parsing.reading import iter_rows
from reviewapp.samples.parsing.rows import FileError

if TYPE_CHECKING:
    from datetime import datetime

BASELINE, CANDIDATE = Output.Arm.BASELINE.value, Output.Arm.CANDIDATE.value
MOST_LISTED = 200  # rows that were left out, kept with the round in words
COUNT_MOST = 1000


@transaction.atomic
def grades_import(
    *,
    generation_run: GenerationRun,
    rubric_version: RubricVersion,
    content: bytes,
    file_name: str,
    columns: GradeColumns,
    imported_by: User,
    idempotency_key: UUID,
    leaves_out: bool = False,
) -> GradingRound:
    """A complete, unsealed round from a CSV, TSV, JSON or JSONL file of one answer a row.

    A row that cannot be used stops the import (ApplicationError with ``extra["problems"]``, nothing is written) unless
    ``leaves_out``: then it is listed with the round, and what it was to say is missing. A form sent twice gives one
    round.
    """
    known: GradingRound | None = GradingRound.objects.filter(
        project=generation_run.project, kind=GradingRound.Kind.GRADING, imported__key=str(idempotency_key)
    ).first()
    if known is not None:
        return known
    round_check(generation_run, rubric_version, 0)
    if not columns.system and generation_run.outputs.exclude(arm=CANDIDATE).exists():
        _only_tuned_check(columns)
    read = _read(content, file_name, columns, generation_run, rubric_version, leaves_out=leaves_out)
    facts = {
        "key": str(idempotency_key),
        "file_name": file_name[:200],
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "rows": read.rows,
        "left_out": len(read.problems),
        "problems": [f"Line {one.line}: {one.reason}" for one in read.problems[:MOST_LISTED]],
        "graders": read.graders,
        "passages": sum(map(len, read.passages.values())),
    }
    people = _people(read.graders, imported_by)
    round = _round(generation_run, rubric_version, read, imported_by, facts)
    _write_grades(round, read, people)
    ranks = _write_ranks(round, read, people)
    rubric_version_use(version=rubric_version)
    data = {"number": round.number, "grades": len(read.scores), "preferences": ranks}
    audit.record(
        actor=imported_by, action="grading_round.import", project=round.project.slug, target_type="grading_round",
        target_id=round.pk, data={**data, **{k: v for k, v in facts.items() if k != "problems"}},
    )  # fmt: skip
    return round


def _only_tuned_check(columns: GradeColumns) -> None:
    if columns.rank:
        raise ApplicationError(gettext("Ranks compare systems. Name the column that tells the systems apart."))


def _read(
    content: bytes,
    file_name: str,
    columns: GradeColumns,
    run: GenerationRun,
    version: RubricVersion,
    *,
    leaves_out: bool,
) -> ImportedGrades:
    if len(content) > importing.MAX_BYTES:
        raise ApplicationError(gettext("The file is larger than 100 MB. Split it by prompts and import the parts."))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grades"
        path.write_bytes(content)
        try:
            rows = list(iter_rows(path, name=file_name))
        except FileError as error:
            raise ApplicationError(str(error)) from error
    outputs: dict[str, dict[str, Texts]] = defaultdict(dict)
    known = run.outputs.values_list("arm", "heldout_prompt__external_id", "text", "heldout_prompt__prompt")
    for arm, prompt, text, asked in known:
        outputs[arm][prompt] = Texts(text, asked)
    read = importing_grades.grades_read(
        rows,
        columns,
        outputs=outputs,
        arms=_arms(run),
        scales=scales_of(version),
    )
    if read.problems and not leaves_out:
        raise ApplicationError(
            gettext("%(n_problems)s rows cannot be used, so nothing was imported.")
            % {"n_problems": len(read.problems)},
            problems=[f"Line {problem.line}: {problem.reason}" for problem in read.problems],
        )
    if not any(arm == CANDIDATE for _, arm, _ in read.scores):
        raise ApplicationError(
            gettext("No row grades the system that a report compares with the base. Check the columns and the file."),
            problems=[f"Line {problem.line}: {problem.reason}" for problem in read.problems],
        )
    return read


def _arms(run: GenerationRun) -> dict[str, str]:
    """What a file may call a system, in small letters: its label, its short name, base or tuned."""
    found = {"baseline": BASELINE, "candidate": CANDIDATE, "base": BASELINE, "tuned": CANDIDATE}
    for arm in selectors.arms_of(run):
        found |= {arm.key.lower(): arm.key, arm.label.lower(): arm.key, arm.model_version.label.lower(): arm.key}
    return found


def scales_of(version: RubricVersion) -> dict[str, Scale]:
    """Criteria whose answers are whole numbers, with their range and the kinds of error that they know."""
    kinds = Criterion.Kind
    errors = error_types_by_key(version_document(version))
    found = {}
    counted = version.criteria.filter(kind__in=[kinds.LEVELS, kinds.GATE, kinds.POINTS, kinds.COUNT])
    for criterion in counted.prefetch_related("levels").order_by("position"):
        values = [level.value for level in criterion.levels.all()]
        low, high = min(values, default=0), max(values, default=1)
        if criterion.kind == kinds.COUNT:
            low, high = 0, criterion.most or COUNT_MOST
        found[criterion.key] = Scale(criterion.name, low, high, errors.get(criterion.key, frozenset()))
    return found


def _people(names: list[str], added_by: User) -> dict[str, User]:
    """The graders of the file, as people who can neither sign in nor sign."""
    found = {}
    for name in names:
        person = User(username=f"outside-{uuid.uuid4().hex[:20]}", display_name=name, is_active=False, is_outside=True)
        person.set_unusable_password()
        found[name] = person
    User.objects.bulk_create(found.values())
    return found


def _round(
    run: GenerationRun, version: RubricVersion, read: ImportedGrades, user: User, facts: dict[str, Any]
) -> GradingRound:
    now = timezone.now()
    arms = {arm for _, arm, _ in read.scores}
    per_output = Counter((arm, prompt) for _, arm, prompt in read.scores)
    double = {prompt for (_, prompt), n in per_output.items() if n > 1}
    prompts = {prompt for _, prompt in per_output}
    round = round_add(
        run,
        rubric_version=version,
        overlap_percent=round_percent(len(double), len(prompts)),
        grade_baseline=BASELINE in arms,
        created_by=user,
        opened_at=now,
        unsealed_at=now,
        unsealed_by=user,
        imported=facts,
    )
    rows = run.outputs.filter(arm__in=arms).values_list("id", "arm", "heldout_prompt__external_id")
    # nobody declared how many were to grade each: who did is what was asked for; an output without anyone is missing
    RoundItem.objects.bulk_create(
        RoundItem(
            round=round,
            output_id=output,
            slots=max(1, per_output[arm, prompt]),
            order_key=ordering.order_key(round.seed, output),
        )
        for output, arm, prompt in rows
    )
    return round


def round_percent(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def _assignments(items: dict[Any, RoundItem], graded: list[tuple[Any, User]], now: datetime) -> list[GradeAssignment]:
    """Closed assignments, one a grade: the item by its key, and who had it."""
    slots: Counter[Any] = Counter()
    made = []
    for key, person in graded:
        made.append(
            GradeAssignment(
                item=items[key], slot=slots[key], holder=person, state=GradeAssignment.State.SUBMITTED,
                lease_expires_at=now, closed_at=now,
            )
        )  # fmt: skip
        slots[key] += 1
    return GradeAssignment.objects.bulk_create(made, batch_size=500)


def _write_grades(round: GradingRound, read: ImportedGrades, people: dict[str, User]) -> None:
    items = {
        (item.output.arm, item.output.heldout_prompt.external_id): item
        for item in round.items.select_related("output__heldout_prompt")
    }
    keys: list[Graded] = list(read.scores)
    now = timezone.now()
    assignments = _assignments(items, [((arm, prompt), people[name]) for name, arm, prompt in keys], now)
    grades = Grade.objects.bulk_create(
        [
            Grade(
                assignment=assignment, output_id=assignment.item.output_id, round=round, grader=assignment.holder,
                rubric_version=round.rubric_version, idempotency_key=uuid.uuid4(), submitted_at=now,
            )
            for assignment in assignments
        ],
        batch_size=500,
    )  # fmt: skip
    criteria = {criterion.key: criterion for criterion in round.rubric_version.criteria.all()}
    GradeScore.objects.bulk_create(
        [
            GradeScore(grade=grade, criterion=criteria[name], value=value, reason=read.notes.get(key, {}).get(name, ""))
            for grade, key in zip(grades, keys, strict=True)
            for name, value in read.scores[key].items()
        ],
        batch_size=1000,
    )
    outputs = {item.output_id: item.output for item in items.values()}
    GradeSpan.objects.bulk_create(
        [
            span_row(grade, criteria[one.criterion], one, output.text, output.heldout_prompt.prompt)
            for grade, key in zip(grades, keys, strict=True)
            for output in (outputs[grade.output_id],)
            for one in read.passages.get(key, ())
        ],
        batch_size=1000,
    )


def _write_ranks(round: GradingRound, read: ImportedGrades, people: dict[str, User]) -> int:
    """Ranks as preferences between the two systems that a report compares, in a pairwise round of their own."""
    found = importing_grades.preferred(read.ranks, BASELINE, CANDIDATE)
    if not found:
        return 0
    now = timezone.now()
    pairs: dict[str, dict[str, int]] = defaultdict(dict)
    for output, arm, prompt in round.generation_run.outputs.values_list("id", "arm", "heldout_prompt__external_id"):
        pairs[prompt][arm] = output
    made = round_add(
        round.generation_run, kind=GradingRound.Kind.PAIRWISE, rubric_version=round.rubric_version,
        overlap_percent=round.overlap_percent, created_by=round.created_by, opened_at=now, unsealed_at=now,
        unsealed_by=round.created_by, imported=round.imported,
    )  # fmt: skip
    counts = Counter(prompt for _, prompt in found)
    items = RoundItem.objects.bulk_create(
        RoundItem(
            round=made, output_id=pairs[prompt][BASELINE], other_output_id=pairs[prompt][CANDIDATE], slots=n,
            order_key=ordering.order_key(made.seed, pairs[prompt][BASELINE]),
        )
        for prompt, n in counts.items()
    )  # fmt: skip
    by_prompt = dict(zip(counts, items, strict=True))
    graded = [(prompt, people[name]) for name, prompt in found]
    choices = {BASELINE: "left", CANDIDATE: "right", "": "tie"}
    Preference.objects.bulk_create(
        Preference(
            assignment=assignment, round=made, grader=person, left_id=pairs[prompt][BASELINE],
            right_id=pairs[prompt][CANDIDATE], choice=choices[better], idempotency_key=uuid.uuid4(),
        )
        for assignment, (prompt, person), better in zip(
            _assignments(by_prompt, graded, now), graded, found.values(), strict=True
        )
    )  # fmt: skip
    return len(found)
