"""A file brought in: stored, mapped, read by a worker. Rows in = samples + already there + row errors, always."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.jobs import enqueue
from reviewapp.core.models import Job
from reviewapp.projects.models import Project
from reviewapp.samples.importing import RowSorter, Sorted, heldout_write, pool_write, row_errors_write
from reviewapp.samples.mapping import Mapping, mapping_problems
from reviewapp.samples.models import HeldoutSet, ImportBatch
from reviewapp.samples.parsing.encodings import ENCODINGS, EncodingUnknown
from reviewapp.samples.parsing.formats import format_of
from reviewapp.samples.parsing.reading import iter_rows, preview
from reviewapp.samples.parsing.rows import FileError
from reviewapp.samples.services.heldout import heldout_set_create

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

SEALED = "This held-out set is sealed: nothing is added to it any more. Make a new set."
CHUNK_ROWS = 200
_BLOCK = 1 << 20


def import_batch_create(
    *,
    project: Project,
    uploaded_by: User | None,
    file_name: str,
    content: BinaryIO,
    target: str = ImportBatch.Target.POOL,
    heldout_set: HeldoutSet | None = None,
    new_set: str = "",
    idempotency_key: uuid.UUID | None = None,
) -> ImportBatch:
    """Keeps a copy of the file and looks at its first rows; nothing is imported before the mapping is confirmed.

    ``new_set`` names a held-out set to make for the file. Raises ApplicationError when the file cannot be read, is
    too large, or the held-out set is sealed.
    """
    known = ImportBatch.objects.filter(project=project, idempotency_key=idempotency_key or uuid.uuid4()).first()
    if known is not None:
        return known
    if not new_set:
        _check_target(target, heldout_set)
    name = Path(file_name).name[-255:]
    stored, size, digest = _store(content, project, name)
    try:
        columns, encoding = _look(stored, name)
        with transaction.atomic():
            if new_set:
                heldout_set = heldout_set_create(project=project, name=new_set, created_by=uploaded_by)
            batch = ImportBatch.objects.create(
                project=project,
                uploaded_by=uploaded_by,
                file_name=name,
                stored_path=str(stored),
                file_size=size,
                file_sha256=digest,
                file_format=format_of(name),
                encoding=encoding,
                columns=columns,
                target=target,
                heldout_set=heldout_set,
                idempotency_key=idempotency_key,
            )
            _record(batch, uploaded_by, "import.upload", {"file": name, "bytes": size, "sha256": digest})
    except (FileError, ApplicationError) as error:
        stored.unlink()
        raise ApplicationError(str(error)) from error
    return batch


def import_file_from_path(path_text: str) -> Path:
    """A file on the server, if it lies in a folder that the operator opened (COUNTERSIGN_IMPORT_DIRS).

    Raises ApplicationError otherwise; links are followed before the check, so none leads out.
    """
    if not settings.IMPORT_DIRS:
        raise ApplicationError(gettext("No folder of this server is open for imports. Upload the file instead."))
    path = Path(path_text.strip())
    roots = [Path(root).resolve() for root in settings.IMPORT_DIRS]
    candidates = [path] if path.is_absolute() else [root / path for root in roots]
    for candidate in candidates:
        real = candidate.resolve()
        if real.is_file() and any(real.is_relative_to(root) for root in roots):
            return real
    folders = ", ".join(str(root) for root in roots)
    raise ApplicationError(
        gettext("There is no such file in the folders that are open for imports: %(folders)s.") % {"folders": folders}
    )


def import_batch_start(*, batch: ImportBatch, mapping: Mapping, encoding: str, started_by: User | None) -> Job:
    """Confirms the mapping and lets a worker read the file. Raises ApplicationError when it cannot be used.

    Starting twice gives the job of the first time.
    """
    _check_target(batch.target, batch.heldout_set)
    if encoding and encoding not in ENCODINGS and encoding != batch.encoding:
        raise ApplicationError(gettext("Choose one of the listed encodings."))
    columns = batch_columns(batch, encoding)
    problems = mapping_problems(mapping, columns, is_heldout=batch.target == ImportBatch.Target.HELDOUT)
    if problems:
        raise ApplicationError(" ".join(problems.values()), problems=problems)
    with transaction.atomic():
        row = ImportBatch.objects.select_for_update(of=("self",)).select_related("job").get(pk=batch.pk)
        if row.job is not None:
            return row.job
        row.job = enqueue(
            "reviewapp.samples.jobs.read_import_batch",
            title=f"Import {batch.file_name}",
            created_by=started_by,
            kwargs={"batch_id": batch.pk},
            project_slug=batch.project.slug,
        )
        row.mapping, row.encoding, row.columns = mapping.to_json(), encoding, list(columns)
        row.save(update_fields=["job", "mapping", "encoding", "columns"])
        _record(row, started_by, "import.start", {"mapping": row.mapping, "target": row.target})
    return row.job


def batch_columns(batch: ImportBatch, encoding: str) -> tuple[str, ...]:
    """The file's columns as read with this encoding. Raises ApplicationError when it cannot be read so."""
    try:
        return preview(Path(batch.stored_path), name=batch.file_name, encoding=encoding).columns
    except FileError as error:
        raise ApplicationError(str(error)) from error


def import_batch_read(
    *, batch: ImportBatch, progress: Callable[[int, int], None], check_cancelled: Callable[[], None]
) -> ImportBatch:
    """Reads the whole file into samples or held-out prompts. Running it again, or after a kill, gives the same rows.

    Raises ApplicationError when the file cannot be read or the held-out set was sealed meanwhile.
    """
    _check_target(batch.target, batch.heldout_set)
    is_heldout = batch.target == ImportBatch.Target.HELDOUT
    sorter = RowSorter(Mapping.from_json(batch.mapping), is_heldout=is_heldout, unit=batch.unit)
    try:
        # Read once to the end first: a file that breaks off in the middle leaves nothing behind.
        total = sum(1 for _ in _rows(batch))
        if not total:
            raise FileError(gettext("The file holds no rows."))
        chunks = _chunks(batch, sorter)
        if is_heldout:
            _read_heldout(batch, list(chunks), total)
        else:
            _read_pool(batch, chunks, total, progress, check_cancelled)
    except (FileError, OSError) as error:
        raise ApplicationError(gettext("The file cannot be read: %(error)s") % {"error": error}) from error
    _record(batch, batch.uploaded_by, "import.finish", batch_counts(batch))
    return batch


def batch_counts(batch: ImportBatch) -> dict[str, int]:
    """Rows of a batch by what became of them."""
    return {
        "rows": batch.rows_read,
        "created": batch.rows_created,
        "known": batch.rows_known,
        "failed": batch.rows_failed,
    }


def _read_pool(
    batch: ImportBatch,
    chunks: Iterator[Sorted],
    total: int,
    progress: Callable[[int, int], None],
    check_cancelled: Callable[[], None],
) -> None:
    counts = dict.fromkeys(("rows_read", "rows_created", "rows_known", "rows_failed"), 0)
    for chunk in chunks:
        check_cancelled()
        with transaction.atomic():
            # One import at a time writes to a project: two files with the same rows never collide.
            Project.objects.select_for_update().get(pk=batch.project_id)
            created = pool_write(batch, chunk.drafts)
            row_errors_write(batch, chunk.errors)
            _count(batch, counts, chunk, created)
        progress(counts["rows_read"], total)


def _read_heldout(batch: ImportBatch, chunks: list[Sorted], total: int) -> None:
    """All prompts in one transaction: a set never holds half a file."""
    if batch.rows_read:
        return  # a former attempt got as far as here
    counts = dict.fromkeys(("rows_read", "rows_created", "rows_known", "rows_failed"), 0)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=batch.project_id)
        row = HeldoutSet.objects.select_for_update().get(import_batches=batch)
        _check_target(batch.target, row)
        for chunk in chunks:
            created = heldout_write(batch, row, chunk.drafts)
            row_errors_write(batch, chunk.errors)
            _count(batch, counts, chunk, created)


def _count(batch: ImportBatch, counts: dict[str, int], chunk: Sorted, created: int) -> None:
    counts["rows_read"] += chunk.rows
    counts["rows_created"] += created
    counts["rows_failed"] += len(chunk.errors)
    counts["rows_known"] += chunk.rows - created - len(chunk.errors)
    for name, value in counts.items():
        setattr(batch, name, value)
    batch.save(update_fields=list(counts))


def _chunks(batch: ImportBatch, sorter: RowSorter) -> Iterator[Sorted]:
    chunk = Sorted()
    for item in _rows(batch):
        sorter.sort(item, chunk)
        if chunk.rows >= CHUNK_ROWS:
            yield chunk
            chunk = Sorted()
    if chunk.rows:
        yield chunk


def _rows(batch: ImportBatch) -> Iterator[object]:
    encoding = batch.encoding if batch.encoding in ENCODINGS else ""
    return iter(iter_rows(Path(batch.stored_path), name=batch.file_name, encoding=encoding))


def _check_target(target: str, heldout_set: HeldoutSet | None) -> None:
    if target != ImportBatch.Target.HELDOUT:
        return
    if heldout_set is None:
        raise ApplicationError(gettext("Choose the held-out set that the prompts belong to."))
    if heldout_set.sealed_at is not None:
        raise ApplicationError(SEALED)


def _store(content: BinaryIO, project: Project, name: str) -> tuple[Path, int, str]:
    """Copies the bytes under a name of our own; returns path, size and SHA-256."""
    folder = Path(settings.MEDIA_ROOT) / "imports" / str(project.pk)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}{Path(name).suffix.lower()[:10]}"
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("xb") as handle:
            while block := content.read(_BLOCK):
                size += len(block)
                if size > settings.IMPORT_MAX_BYTES:
                    limit = settings.IMPORT_MAX_BYTES >> 20
                    raise ApplicationError(
                        gettext("The file is larger than %(limit)s MB. Split it and import the parts.")
                        % {"limit": limit}
                    )
                digest.update(block)
                handle.write(block)
    except (ApplicationError, OSError) as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ApplicationError(
                gettext("The file cannot be stored: %(strerror)s. Ask an operator.") % {"strerror": error.strerror}
            ) from error
        raise
    return path, size, digest.hexdigest()


def _look(stored: Path, name: str) -> tuple[list[str], str]:
    """Columns and encoding; where the encoding is not known, as read with the likeliest one."""
    try:
        shown = preview(stored, name=name)
    except EncodingUnknown as unknown:
        return list(preview(stored, name=name, encoding=unknown.guess).columns), unknown.guess
    return list(shown.columns), shown.encoding


def _record(batch: ImportBatch, actor: User | None, action: str, data: dict[str, Any]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=batch.project.slug,
        target_type="import_batch",
        target_id=batch.pk,
        data=data,
    )
