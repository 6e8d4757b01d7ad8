"""Queries that every click asks. Django writes their SQL once: that takes longer than the database takes to answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, wraps
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

# What stands for a value of its type while the SQL is written; nothing else in a query is so large, or so long ago.
_STAND_INS: dict[type, Callable[[int], Any]] = {
    int: lambda n: 2**62 + n,
    UUID: lambda n: UUID(int=2**127 + n),
    datetime: lambda n: datetime(1000, 1, 1 + n, tzinfo=UTC),
}


def written(make: Callable[..., QuerySet[M]]) -> Callable[..., list[M]]:
    """Of a function that makes a query: one that answers it, with SQL that was written at the first call.

    Positional arguments are values (ids, keys, times) that stand in the SQL and do not decide its form. What does is
    given by keyword and must be hashable; every form is written once. Only columns of the query's own table, and
    annotations, come back: ``select_related`` has no effect.
    """

    @lru_cache(maxsize=1_000)
    def sql_of(_vendor: str, kinds: tuple[type, ...], forms: frozenset[tuple[str, Any]]) -> tuple[Any, str, list[Any]]:
        places = [_STAND_INS[kind](n) for n, kind in enumerate(kinds)]
        query = make(*places, **dict(forms))
        sql, parameters = query.query.sql_with_params()
        known = [_as_parameter(place) for place in places]
        return query.model, sql, [(_place_of(one, known), one) for one in parameters]

    @wraps(make)
    def ask(*values: Any, **forms: Any) -> list[M]:
        model, sql, parameters = sql_of(connection.vendor, tuple(map(type, values)), frozenset(forms.items()))
        given = [_as_parameter(value) for value in values]
        return list(model._default_manager.raw(sql, [one if n is None else given[n] for n, one in parameters]))

    return ask


def _as_parameter(value: Any) -> Any:
    """As the database takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


def _place_of(parameter: Any, known: list[Any]) -> int | None:
    """Which value a parameter stands for; None where it is a part of the query."""
    return next((n for n, one in enumerate(known) if type(one) is type(parameter) and one == parameter), None)
