"""One row a page: what it holds, when there is none, and that it stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import ResolverMatch

from reviewapp.accounts.models import User
from reviewapp.audit.models import RecordView, Target
from reviewapp.audit.services import view_record
from reviewapp.core.exceptions import ImmutableError
from tests import factories

Kind = RecordView.Kind


@pytest.fixture
def ana(db: None) -> User:
    return factories.user("ana")


def request_of(person: User, **headers: str) -> Any:
    request: Any = RequestFactory(headers=headers).get("/projects/letters/samples/7/")
    request.user = person
    request.resolver_match = ResolverMatch(view_record, (), {}, "sample_detail", namespaces=["samples"])
    return request


def test_a_page_is_one_row_and_one_insert(ana: User) -> None:
    request = request_of(ana)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        view_record(request=request, project="letters", target=Target.SAMPLE, shown=7)

    assert [query["sql"].split()[0] for query in queries] == ["INSERT"]
    row = RecordView.objects.get()
    assert (row.person, row.person_name, row.project_slug) == (ana, "Ana", "letters")
    assert (row.kind, row.page) == (Kind.PAGE, "samples:sample_detail")
    assert (row.target_type, row.target_id, row.target_ids, row.count) == (Target.SAMPLE, 7, "", 1)
    assert row.client == ""


def test_a_list_is_one_row_with_its_ids_and_their_number(ana: User) -> None:
    view_record(request=request_of(ana), project="letters", target=Target.SAMPLE, shown=[4, 17, 9])
    view_record(
        request=request_of(ana), project="letters", target=Target.SAMPLE, shown=range(1, 1001), kind=Kind.SEARCH
    )

    search, plain = RecordView.objects.all()
    assert (plain.kind, plain.target_ids, plain.target_id, plain.count) == (Kind.LIST, ",4,17,9,", None, 3)
    assert (search.kind, search.count) == (Kind.SEARCH, 1000)
    assert search.target_ids.strip(",").split(",") == [str(i) for i in range(1, RecordView.IDS_KEPT + 1)]


def test_an_empty_list_shows_nothing(ana: User) -> None:
    view_record(request=request_of(ana), project="letters", target=Target.SAMPLE, shown=[])

    assert not RecordView.objects.exists()


@pytest.mark.parametrize("header", ["Purpose", "Sec-Purpose"])
def test_what_is_fetched_ahead_says_so(ana: User, header: str) -> None:
    request = request_of(ana, **{header: "prefetch"})
    view_record(request=request, project="letters", target=Target.SAMPLE, shown=7)

    assert RecordView.objects.get().kind == Kind.PREFETCH


def test_a_token_stands_for_its_person_and_a_download_for_its_contents(ana: User) -> None:
    owner = factories.user("ben")
    view_record(
        request=request_of(ana),
        project="letters",
        target=Target.VERSION,
        shown=3,
        kind=Kind.API,
        count=500,
        person=owner,
    )

    row = RecordView.objects.get()
    assert (row.person, row.kind, row.count) == (owner, Kind.API, 500)


@pytest.mark.parametrize(
    ("wanted", "proxy", "kept"),
    [
        ("", False, ""),
        ("request-id", False, "r-1"),
        ("address", False, "127.0.0.1"),  # nobody may choose an address by a header
        ("address", True, "10.0.0.9"),  # the last one is the proxy's own
    ],
)
def test_the_client_is_kept_where_the_operator_wants_it(
    ana: User, settings: Any, wanted: str, proxy: bool, kept: str
) -> None:
    settings.VIEW_LOG_CLIENT, settings.BEHIND_PROXY = wanted, proxy
    request = request_of(ana, **{"X-Request-ID": "r-1", "X-Forwarded-For": "6.6.6.6, 10.0.0.9"})
    view_record(request=request, project="letters", target=Target.SAMPLE, shown=7)

    assert RecordView.objects.get().client == kept


def test_a_row_is_never_changed_or_removed(ana: User) -> None:
    view_record(request=request_of(ana), project="letters", target=Target.SAMPLE, shown=7)
    row = RecordView.objects.get()

    for act in (row.save, row.delete, RecordView.objects.all().delete, lambda: RecordView.objects.update(count=2)):
        with pytest.raises(ImmutableError):
            act()
