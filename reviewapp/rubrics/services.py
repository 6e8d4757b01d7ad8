"""Making and changing rubrics. A version that was used is never touched: a change makes the next one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.rubrics.changes import RubricChange, rubric_change
from reviewapp.rubrics.models import Criterion, Level, Rubric, RubricVersion
from reviewapp.rubrics.schema import CriterionDocument, RubricDocument, RubricInvalid, content_hash, rubric_loads
from reviewapp.rubrics.selectors import Uses, rubrics_builtin, version_document, version_uses, versions_comparable

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

MAX_FILE_BYTES = 1_000_000


STALE = (
    "Somebody else saved {last} since you opened the editor. What you typed is still here: compare it with that "
    "version, then save again to put yours in its place."
)


class StructureChanged(ApplicationError):
    """A change after which judgements would have to be given anew; asked about before it applies.

    ``against`` is the hash of the version it replaces: saving with it as ``confirmed_against`` goes through.
    """

    def __init__(self, change: RubricChange, uses: Uses, against: str) -> None:
        super().__init__("This changes what was judged. Look at what would have to be judged anew, then confirm.")
        self.change, self.uses, self.against = change, uses, against

    @property
    def redone(self) -> list[tuple[str, dict[str, int]]]:
        return self.uses.redone(self.change)


@transaction.atomic
def rubric_create(*, project: Project, document: RubricDocument, created_by: User) -> RubricVersion:
    """A new rubric with its first version; offered for new work when no other of its kind is.

    Raises ApplicationError when the project has a rubric of that name.
    """
    if project.rubrics.filter(name=document.name).exists():
        raise ApplicationError(
            _("This project already has a rubric named “%(document_name)s”. Choose another name.")
            % {"document_name": document.name}
        )
    same_work = [document.applies_to, Rubric.AppliesTo.BOTH]
    is_first = not project.rubrics.filter(applies_to__in=same_work, is_active=True).exists()
    rubric = Rubric.objects.create(
        project=project, name=document.name, applies_to=document.applies_to, is_active=is_first
    )
    version = _version_add(rubric, 1, document, created_by)
    _record(version, created_by, "rubric.create", {"name": rubric.name, "applies_to": rubric.applies_to})
    return version


@transaction.atomic
def rubric_save(
    *,
    rubric: Rubric,
    document: RubricDocument,
    saved_by: User,
    based_on: str = "",
    confirmed_against: str = "",
) -> RubricVersion:
    """Stores a changed rubric: in place while its newest version is unused, else as the next version.

    The same content gives back the version that is there. Judgements keep the version that they were given by.
    Raises ApplicationError when the document is for another kind of work, its name is taken, or the newest version is
    no longer the one with the hash ``based_on``; StructureChanged when judgements would have to be given anew and
    that is not confirmed.
    """
    rubric = Rubric.objects.select_for_update().get(pk=rubric.pk)
    if document.applies_to != rubric.applies_to:
        raise ApplicationError(
            _("This rubric judges %(applies_to)s; make a new one for %(applies_to_2)s.")
            % {"applies_to": rubric.applies_to, "applies_to_2": document.applies_to}
        )
    # Locked, so that a first use and a change in place never cross.
    last = rubric.versions.select_for_update().order_by("-number").first()
    if last is None:
        raise ApplicationError(_("This rubric has no version. Make a new rubric."))
    if based_on and last.content_hash not in (based_on, content_hash(document)):
        raise ApplicationError(STALE.format(last=last))
    change = rubric_change(version_document(last), document)
    _check_confirmed(last, change, confirmed_against)
    _rename(rubric, document.name)
    if last.content_hash == content_hash(document):
        return last
    if last.used_at is None:
        last.criteria.all().delete()
        version = _version_fill(last, document)
    else:
        version = _version_add(rubric, last.number + 1, document, saved_by)
    before = last.content_hash if last != version else None
    structural = [one.key for one in change.structural]
    _record(version, saved_by, "rubric.save", {"before": before, "structural": structural})
    return version


def _check_confirmed(last: RubricVersion, change: RubricChange, confirmed_against: str) -> None:
    if not change.is_structural or confirmed_against == last.content_hash:
        return
    uses = version_uses(versions_comparable(last))
    if uses.redone(change):
        raise StructureChanged(change, uses, last.content_hash)


@transaction.atomic
def rubric_import(*, project: Project, content: bytes, imported_by: User, is_confirmed: bool = False) -> RubricVersion:
    """Reads a JSON file: a new rubric, or the next version of the one with its name.

    Raises ApplicationError with every problem of the file, and StructureChanged as ``rubric_save`` does.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ApplicationError(_("This file is larger than 1 MB, so it is no rubric."))
    try:
        document = rubric_loads(content)
    except RubricInvalid as error:
        raise ApplicationError(_("The file is no valid rubric."), problems=error.problems) from error
    rubric = project.rubrics.filter(name=document.name).first()
    if rubric is None:
        return rubric_create(project=project, document=document, created_by=imported_by)
    newest = rubric.versions.first() if is_confirmed else None
    against = newest.content_hash if newest else ""
    return rubric_save(rubric=rubric, document=document, saved_by=imported_by, confirmed_against=against)


def rubric_create_builtin(*, project: Project, name: str, created_by: User) -> RubricVersion:
    """A rubric of this project from a built-in one, by its file name."""
    document = rubrics_builtin().get(name)
    if document is None:
        raise ApplicationError(
            _("There is no built-in rubric named %(name)s; choose one of the list.") % {"name": f"{name!r}"}
        )
    return rubric_create(project=project, document=document, created_by=created_by)


@transaction.atomic
def rubric_activate(*, rubric: Rubric, activated_by: User) -> None:
    """Offers this rubric for new work of its kind, instead of the one offered before.

    One for samples and outputs takes the place of every other; one for a single kind comes before it.
    """
    replaced = rubric.project.rubrics.exclude(pk=rubric.pk)
    if rubric.applies_to != Rubric.AppliesTo.BOTH:
        replaced = replaced.filter(applies_to=rubric.applies_to)
    replaced.update(is_active=False)
    rubric.project.rubrics.filter(pk=rubric.pk).update(is_active=True)
    audit.record(
        actor=activated_by,
        action="rubric.activate",
        project=rubric.project.slug,
        target_type="rubric",
        target_id=rubric.pk,
        data={"name": rubric.name},
    )


def rubric_version_use(*, version: RubricVersion) -> None:
    """Closes a version for changes, the first time that somebody judges by it."""
    if version.used_at is None:
        version.used_at = timezone.now()
        RubricVersion.objects.filter(pk=version.pk, used_at=None).update(used_at=version.used_at)


def _rename(rubric: Rubric, name: str) -> None:
    if name == rubric.name:
        return
    if rubric.project.rubrics.filter(name=name).exists():
        raise ApplicationError(
            _("This project already has a rubric named “%(name)s”. Choose another name.") % {"name": name}
        )
    rubric.name = name
    rubric.save(update_fields=["name"])


def _version_add(rubric: Rubric, number: int, document: RubricDocument, created_by: User) -> RubricVersion:
    return _version_fill(RubricVersion(rubric=rubric, number=number, created_by=created_by), document)


def _version_fill(version: RubricVersion, document: RubricDocument) -> RubricVersion:
    version.guidelines, version.notice = document.guidelines, document.notice
    version.content_hash = content_hash(document)
    version.save()
    criteria = [_criterion(version, position, item) for position, item in enumerate(document.criteria)]
    Criterion.objects.bulk_create(criteria)
    Level.objects.bulk_create(
        Level(criterion=criterion, value=level.value, label=level.label, anchor=level.anchor)
        for criterion, item in zip(criteria, document.criteria, strict=True)
        for level in item.levels
    )
    return version


def _criterion(version: RubricVersion, position: int, item: CriterionDocument) -> Criterion:
    return Criterion(
        version=version,
        key=item.key,
        position=position,
        name=item.name,
        description=item.description,
        kind=item.kind,
        weight=item.weight,
        allow_na=item.allow_na,
        is_critical=item.is_critical,
        evidence_at_or_below=item.evidence_at_or_below,
        applies_to=item.applies_to,
        direction=item.direction,
        evidence=list(item.evidence),
        unit=item.unit,
        most=item.most,
        points=item.points,
        error_types=[asdict(kind) for kind in item.error_types],
    )


def _record(version: RubricVersion, actor: User, action: str, data: dict[str, object]) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=version.rubric.project.slug,
        target_type="rubric_version",
        target_id=version.pk,
        data={"number": version.number, "content_hash": version.content_hash} | data,
    )
