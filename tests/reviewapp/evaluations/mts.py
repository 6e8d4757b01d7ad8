"""The 400 system summaries of the MTS-Dialog correlation study: 100 dialogues, four systems without names."""

from __future__ import annotations

import csv
import io
import uuid
from pathlib import Path

import pytest
from django.utils import timezone

from reviewapp.accounts.models import User
from reviewapp.evaluations.importing_systems import Columns
from reviewapp.evaluations.models import GenerationRun
from reviewapp.evaluations.services.systems import systems_import
from reviewapp.projects.models import Project
from reviewapp.samples.models import HeldoutPrompt, HeldoutSet
from tests import factories

FILE = "mts-dialog/Correlation-Study/MTS-Dialog-Automatic-Summaries-ValidationSet.csv"
COLUMNS = Columns(prompt_id="ID", text="Automatic Summary")


def summaries(data: Path) -> bytes:
    path = data / FILE
    if not path.is_file():
        pytest.skip(f"The real summaries are not at {path}; put the shared data beside the repository to run this.")
    return path.read_bytes()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def heldout_of(project: Project, content: bytes) -> HeldoutSet:
    """The dialogues with their reference notes, sealed."""
    found = {row["ID"]: row for row in rows_of(content)}
    made = HeldoutSet.objects.create(project=project, name="Dialogues", sealed_at=timezone.now(), content_hash="0" * 64)
    for name, row in found.items():
        HeldoutPrompt.objects.create(
            heldout_set=made, external_id=name, group=factories.group(project, f"dialogue-{name}"),
            prompt=row["Dialogue"], reference=row["Reference Summary"], row_hash=factories.sha(name),
        )  # fmt: skip
    return made


def four_systems(project: Project, user: User, data: Path) -> GenerationRun:
    content = summaries(data)
    return systems_import(
        project=project,
        heldout_set=heldout_of(project, content),
        content=content,
        file_name="summaries.csv",
        columns=COLUMNS,
        imported_by=user,
        idempotency_key=uuid.uuid4(),
    )
