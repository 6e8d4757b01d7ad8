"""Keeping the language of every sample in step with its text, and setting the mix that is wanted."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext as _

from reviewapp.core.exceptions import ApplicationError
from reviewapp.curation.balance.reading import settings_of
from reviewapp.curation.language import NAMES, language_among, language_by_script, language_of
from reviewapp.curation.languages.reading import LANGUAGE
from reviewapp.curation.models import SampleLanguage
from reviewapp.curation.services.balance import balance_settings_update
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

VERSION = 1  # goes up with every change of how a language is found
KNOWN_SHARE, KNOWN_LEAST = 0.01, 3  # of the samples whose language is sure: what makes one the project's
_CHUNK = 500
_FIELDS = ("pk", "revision_id", "group_id", "language", "revision__prompt", "revision__completion")
Basis = SampleLanguage.Basis
_SURE = (Basis.TEXT, Basis.DECLARED)


def languages_find(*, project: Project, step: Callable[[int], None] = lambda _: None) -> int:
    """Finds the language of samples whose text is new; returns how many were looked at.

    Sure are texts that are long enough, then what the import declared. What is short is compared with the project's
    own languages, then takes the language of its group, then the only one of the project that has its letters. Those
    are found again when texts came or changed. Doing it twice changes nothing.
    """
    looked_at = 0
    for rows in _chunks(_unread(project)):
        _write([_surely(*row) for row in rows])
        looked_at += len(rows)
        step(looked_at)
    known = languages_known(project)
    method = _method(known)
    unsure = Q(written_in__basis__in=[Basis.SHORT, Basis.GROUP, Basis.SCRIPT, Basis.OPEN])
    stale = unsure if looked_at else unsure & ~Q(written_in__method=method)
    for rows in _chunks(Sample.objects.filter(stale, project=project, revision__isnull=False)):
        groups = _groups({row[2] for row in rows})
        _write([_probably(row, known, groups.get(row[2], ""), method) for row in rows])
    return looked_at


def languages_known(project: Project) -> tuple[str, ...]:
    """The languages of the project, by the samples whose language is sure; in the order of the alphabet."""
    sure = SampleLanguage.objects.filter(sample__project=project, basis__in=_SURE).exclude(language="").order_by()
    counts = Counter(dict(sure.values_list("language").annotate(n=Count("pk"))))
    least = max(KNOWN_LEAST, KNOWN_SHARE * counts.total())
    return tuple(sorted(name for name, n in counts.items() if n >= least))


def _unread(project: Project) -> QuerySet[Sample]:
    is_read = Q(written_in__revision=F("revision"), written_in__method__startswith=f"{VERSION}:")
    return Sample.objects.filter(project=project, revision__isnull=False).exclude(is_read)


def _chunks(samples: QuerySet[Sample]) -> Iterator[list[Any]]:
    """By key, a bounded number at a time: the rows change while the caller works on them."""
    rows, last = samples.order_by("pk").values_list(*_FIELDS), 0
    while chunk := list(rows.filter(pk__gt=last)[:_CHUNK]):
        yield chunk
        last = chunk[-1][0]


def _surely(sample: int, revision: int, _group: int, declared: str, prompt: str, completion: str) -> SampleLanguage:
    found = language_of(completion) or language_of(prompt) or language_of(f"{completion}\n{prompt}")
    basis = Basis.TEXT if found else Basis.DECLARED if declared.strip() else Basis.OPEN
    named = found or declared.strip().lower().replace("_", "-").partition("-")[0]
    return _row(sample, revision, named, basis, _method(()))


def _probably(row: Sequence[Any], known: tuple[str, ...], of_group: str, method: str) -> SampleLanguage:
    sample, revision, _group, _declared, prompt, completion = row
    text = f"{completion}\n{prompt}"
    ways: Iterable[tuple[str, Callable[[], str | None]]] = (
        (Basis.SHORT, lambda: language_among(text, known)),
        (Basis.GROUP, lambda: of_group),
        (Basis.SCRIPT, lambda: language_by_script(text, known)),
    )
    for basis, find in ways:
        if found := find():
            return _row(sample, revision, found, basis, method)
    return _row(sample, revision, "", Basis.OPEN, method)


def _row(sample: int, revision: int, language: str, basis: str, method: str) -> SampleLanguage:
    return SampleLanguage(sample_id=sample, revision_id=revision, language=language[:16], basis=basis, method=method)


def _groups(groups: set[int]) -> dict[int, str]:
    """The language of each group whose sure samples are of one language only."""
    rows = SampleLanguage.objects.filter(sample__group__in=groups, basis__in=_SURE).exclude(language="").order_by()
    found: defaultdict[int, set[str]] = defaultdict(set)
    for group, language in rows.values_list("sample__group", "language").distinct():
        found[group].add(language)
    return {group: next(iter(names)) for group, names in found.items() if len(names) == 1}


def _method(known: tuple[str, ...]) -> str:
    told = hashlib.sha256(",".join(known).encode()).hexdigest()[:16] if known else ""
    return f"{VERSION}:{told}"


def _write(rows: Sequence[SampleLanguage]) -> None:
    SampleLanguage.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["sample"],
        update_fields=["revision", "language", "basis", "method"],
    )


def language_mix_set(*, project: Project, shares: Mapping[str, float], set_by: User) -> dict[str, float]:
    """The mix of languages that is wanted, from now on: shares that sum to 1, or none at all to want nothing.

    It is kept with the wanted shares of the balance, which shows the same. Raises ApplicationError for languages that
    no text is recognised in and for shares that do not sum to 1.
    """
    wanted = {name: round(share, 4) for name, share in shares.items() if share > 0}
    if unknown := sorted(set(wanted) - set(NAMES)):
        raise ApplicationError(_("No language has the code %(code)s. Choose one of the list.") % {"code": unknown[0]})
    if wanted and abs(sum(wanted.values()) - 1) > 0.001:
        raise ApplicationError(_("The shares have to make 100% together. Change one of them, or leave all empty."))
    settings = settings_of(project)
    others = {name: values for name, values in settings.targets.items() if name != LANGUAGE}
    targets = others | ({LANGUAGE: wanted} if wanted else {})
    balance_settings_update(project=project, targets=targets, conditions=settings.conditions, updated_by=set_by)
    return wanted
