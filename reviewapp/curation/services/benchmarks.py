"""Declaring a benchmark: its file is read once, turned into hashes, and not kept."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.contamination.benchmarks import MOST_BYTES, BenchmarkRows, rows_of
from reviewapp.curation.contamination.overlapping import packed
from reviewapp.curation.models import Benchmark
from reviewapp.projects.models import Project
from reviewapp.samples.parsing.rows import FileError

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

_BLOCK = 1 << 20


def benchmark_declare(
    *, project: Project, name: str, file_name: str, content: IO[bytes], declared_by: User, idempotency_key: UUID
) -> Benchmark:
    """Keeps hashes of the file's rows; from the next scan on, samples that overlap with it are found.

    The same key gives back what it made. Raises ApplicationError for a name in use, a file above 50 MB or 50,000 rows,
    and one that cannot be read.
    """
    known = Benchmark.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if known is not None:
        return known
    digest, found = _read(content, Path(file_name).name)
    data = packed(found.fingerprints())
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        in_force = Benchmark.objects.filter(project=project, removed_at=None)
        if in_force.filter(name=name).exists():
            raise ApplicationError(_("There is already a benchmark of this name. Remove it first, or choose another."))
        made = Benchmark.objects.create(
            project=project,
            name=name,
            file_name=Path(file_name).name[:255],
            file_sha256=digest,
            rows=len(found.whole),
            rows_left_out=found.left_out,
            fingerprints=data,
            declared_by=declared_by,
            idempotency_key=idempotency_key,
        )
        _record(made, "benchmark.declare", {"name": name, "sha256": digest, "rows": made.rows}, declared_by)
    return made


def _read(content: IO[bytes], name: str) -> tuple[str, BenchmarkRows]:
    """sha256 and rows of the file, by way of a temporary one."""
    digest, size = hashlib.sha256(), 0
    with tempfile.TemporaryDirectory(prefix="countersign-benchmark-") as folder:
        path = Path(folder) / "file"
        with path.open("wb") as file:
            while block := content.read(_BLOCK):
                size += len(block)
                if size > MOST_BYTES:
                    raise ApplicationError(_("A benchmark may have 50 MB at most. Declare it in parts."))
                digest.update(block)
                file.write(block)
        try:
            return digest.hexdigest(), rows_of(path, name)
        except FileError as error:
            raise ApplicationError(str(error)) from error


@transaction.atomic
def benchmark_remove(*, benchmark: Benchmark, removed_by: User) -> None:
    """It is compared with no more; its row stays for the record, its hashes go. A second time it does nothing."""
    row = Benchmark.objects.select_for_update(of=("self",)).select_related("project").get(pk=benchmark.pk)
    if row.removed_at is not None:
        return
    row.removed_at, row.removed_by, row.fingerprints = timezone.now(), removed_by, b""
    row.save(update_fields=["removed_at", "removed_by", "fingerprints"])
    _record(row, "benchmark.remove", {"name": row.name}, removed_by)


def _record(row: Benchmark, action: str, data: dict[str, Any], by: User) -> None:
    audit.record(
        actor=by, action=action, project=row.project.slug, target_type="benchmark", target_id=row.pk, data=data
    )
