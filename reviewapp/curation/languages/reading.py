"""How many samples of a project are written in which language, before and after curation; the mix that is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from reviewapp.curation.balance.reading import settings_of
from reviewapp.curation.models import SampleLanguage
from reviewapp.projects.models import Project
from reviewapp.samples.models import Sample

LANGUAGE = "language"  # the attribute of balance settings that holds the mix


@dataclass(frozen=True, kw_only=True)
class LanguageCount:
    """``before``: samples that came in; ``after``: those that were not taken out. '' is not known."""

    language: str
    before: int
    after: int


def language_counts(project: Project) -> list[LanguageCount]:
    """The most frequent first, those that are not known last; samples that no scan looked at are in none."""
    stays = Count("pk", filter=~Q(sample__state=Sample.State.REJECTED))
    rows = SampleLanguage.objects.filter(sample__project=project).order_by().values("language")
    counts = [
        LanguageCount(language=row["language"], before=row["n"], after=row["stays"])
        for row in rows.annotate(n=Count("pk"), stays=stays)
    ]
    return sorted(counts, key=lambda one: (not one.language, -one.before, one.language))


def bases_of(project: Project) -> dict[str, int]:
    """How many languages are known in which way."""
    rows = SampleLanguage.objects.filter(sample__project=project).order_by().values_list("basis")
    return dict(rows.annotate(n=Count("pk")))


def samples_unread(project: Project) -> int:
    """Samples whose present text no scan has looked at for its language."""
    known = Q(written_in__revision=F("revision"))
    return Sample.objects.filter(project=project, revision__isnull=False).exclude(known).count()


def language_mix(project: Project) -> dict[str, float]:
    """The shares that a lead wants, by language; empty where nobody set any. They are the balance's for languages."""
    return dict(settings_of(project).targets.get(LANGUAGE, {}))


def samples_written_in(project: Project, language: str) -> QuerySet[SampleLanguage]:
    """Samples of one language ('' for those not known) that were not taken out, with their groups."""
    rows = SampleLanguage.objects.filter(sample__project=project, language=language)
    stays = rows.exclude(sample__state=Sample.State.REJECTED)
    return stays.select_related("sample__group", "sample__project").order_by("sample")
