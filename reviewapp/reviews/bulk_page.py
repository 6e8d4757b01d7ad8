"""The form of a bulk act: from the ticks of the list to what the service is asked."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.http import QueryDict

from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project
from reviewapp.reviews.bulk import ACTS, Act
from reviewapp.reviews.services import Chosen
from reviewapp.samples.models import MOST_SAMPLES, BulkAct
from reviewapp.samples.selectors import FILTERS, samples_matching

ALL, TICKED = "all", "ticked"


@dataclass(frozen=True)
class BulkAsked:
    """What somebody wants done, before or after they confirmed it."""

    name: str
    act: Act
    chosen: Chosen
    filters: dict[str, str]  # of the list, to go back to
    given: str
    key: UUID

    @property
    def ids(self) -> str:
        return "" if self.chosen.ids is None else ",".join(str(pk) for pk in self.chosen.ids)


def act_named(name: str) -> Act:
    if name not in ACTS:
        raise ApplicationError("Choose what to do with these samples.")
    return ACTS[name]


def bulk_asked(project: Project, data: QueryDict, *, is_confirmed: bool) -> BulkAsked:
    """Raises ApplicationError where nothing or too much is chosen, or the form is not what this page sends.

    Before it is confirmed, the number is counted here; afterwards it is the one that was confirmed, and the service
    counts again.
    """
    name = data.get("act", "")
    act = act_named(name)
    filters = filters_of(data)
    ids = None if data.get("scope") == ALL else _ids(data)
    try:
        key = UUID(data.get("idempotency_key", "")) if is_confirmed else uuid4()
        n = int(data.get("n", "")) if is_confirmed else _count(project, ids, filters)
    except ValueError as error:
        raise ApplicationError("This page is out of date. Start again from the list.") from error
    if not n:
        raise ApplicationError("Tick the samples first, or choose all that match.")
    if n > MOST_SAMPLES:
        raise ApplicationError(
            f"These are {n:,} samples, and one act takes {MOST_SAMPLES:,} at most. Filter further, for example by "
            "import or group, and do it in parts."
        )
    return BulkAsked(name, act, Chosen(n=n, ids=ids, filters=filters), filters, data.get("given", ""), key)


def filters_of(data: QueryDict) -> dict[str, str]:
    """The filters of the list that are set."""
    return {name: data.get(name, "")[:200].replace("\0", "") for name in (*FILTERS, "q") if data.get(name)}


def list_query(filters: dict[str, str]) -> str:
    """The query string that shows the list as it was."""
    query = QueryDict(mutable=True)
    query.update(filters or {"view": "all"})
    return query.urlencode()


def values_in_words(act: BulkAct) -> str:
    """What was given with an act: "first", "urgent, cardiology", a reason; '' for nothing."""
    values = act.values
    if "priority" in values:
        return {1: "first", 0: "normal", -1: "last"}[values["priority"]]
    if "tags" in values:
        return ", ".join(values["tags"])
    if "expertise" in values:
        return values["expertise"].replace(",", ", ") or "none"
    return str(values.get("reason", ""))


def _ids(data: QueryDict) -> list[int]:
    """Ticks of the list, or the ids that were confirmed, parted by commas."""
    given = [*data.getlist("sample"), *data.get("ids", "").split(",")]
    return sorted({int(value) for value in given if value.isdecimal() and len(value) < 19})


def _count(project: Project, ids: list[int] | None, filters: dict[str, str]) -> int:
    if ids is not None:
        return project.samples.filter(pk__in=ids[: MOST_SAMPLES + 1]).count()
    return samples_matching(project, filters).count()
