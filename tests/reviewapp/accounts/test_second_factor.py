"""The second factor: setting up, signing in, steps of time, recovery codes, pauses, who must have one."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.management import CommandError, call_command
from django.test import Client

from reviewapp.accounts import services
from reviewapp.accounts.models import User
from reviewapp.accounts.services.factors import CodeRefused
from reviewapp.accounts.sso_settings import ROLES, second_factor_read
from reviewapp.audit.models import AuditEvent
from reviewapp.core.exceptions import ApplicationError
from reviewapp.environment import SettingError
from reviewapp.projects.models import Membership
from tests import factories

ClientFor = Callable[[User], Client]
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238, appendix B
START = 1_111_111_109


class Clock:
    """The time that the second factor reads; it stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return float(self.now)

    def wait(self, steps: int) -> None:
        self.now += 30 * steps


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(totp, "time", made)
    return made


@pytest.fixture
def ana(db: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a slow one is not tested here
    user = factories.user("ana")
    user.set_password("correct horse battery")
    user.save()
    return user


def code(clock: Clock, steps: int = 0, secret: str = SECRET) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, clock.now // 30 + steps))


def set_up(user: User, clock: Clock) -> list[str]:
    """The recovery codes; the step that proved the app is used up, so the clock goes on by one."""
    codes = services.factor_confirm(user=user, secret=SECRET, code=code(clock))
    clock.wait(1)
    return codes


def password(client: Client, to: str = "") -> Any:
    given = {"username": "ana", "password": "correct horse battery", "next": to}
    return client.post("/accounts/sign-in/", given)


def type_code(client: Client, text: str) -> Any:
    return client.post("/accounts/sign-in/code/", {"code": text})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def words(response: Any) -> str:
    return html.unescape(response.content.decode())


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


@pytest.mark.parametrize(
    ("at", "expected"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")],
)
def test_codes_are_those_of_the_standard(clock: Clock, at: int, expected: str) -> None:
    clock.now = at

    assert code(clock) == expected


def test_password_then_code_leads_in(ana: User, clock: Clock, client: Client) -> None:
    set_up(ana, clock)

    first = password(client, "/projects/new/")
    assert first["Location"] == "/accounts/sign-in/code/"
    assert not is_signed_in(client)
    assert client.get("/")["Location"].startswith("/accounts/sign-in/")

    second = type_code(client, code(clock))
    assert second["Location"] == "/projects/new/"
    assert is_signed_in(client)
    assert AuditEvent.objects.latest("seq").data == {"how": "password", "second_factor": "app"}


@pytest.mark.parametrize(("steps", "holds"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_before_and_after_is_near_enough(
    ana: User, clock: Clock, client: Client, steps: int, holds: bool
) -> None:
    set_up(ana, clock)
    clock.wait(5)
    password(client)

    type_code(client, code(clock, steps))

    assert is_signed_in(client) is holds


def test_a_code_works_once_and_so_do_older_ones(ana: User, clock: Clock) -> None:
    set_up(ana, clock)
    assert services.code_check(user=ana, code=code(clock)) == "app"

    for steps in (0, -1):
        with pytest.raises(CodeRefused, match="used before"):
            services.code_check(user=ana, code=code(clock, steps))
    clock.wait(1)
    assert services.code_check(user=ana, code=code(clock)) == "app"


def test_the_code_of_the_set_up_does_not_sign_in(ana: User, clock: Clock, client: Client) -> None:
    services.factor_confirm(user=ana, secret=SECRET, code=code(clock))
    password(client)

    assert type_code(client, code(clock)).status_code == 422


def test_a_recovery_code_works_once(ana: User, clock: Clock, client: Client) -> None:
    codes = set_up(ana, clock)
    assert len(set(codes)) == 10
    password(client)
    assert type_code(client, f"{codes[3][:4]} {codes[3][4:]}").status_code == 302
    assert "second_factor.recovery_used" in actions()

    again = Client()
    password(again)
    assert "used before" in words(type_code(again, codes[3]))
    assert type_code(again, codes[4]).status_code == 302
    assert "8 recovery codes left" in words(again.get("/accounts/security/"))


def test_new_recovery_codes_end_the_old_ones(ana: User, clock: Clock) -> None:
    old = set_up(ana, clock)

    new = services.recovery_renew(user=ana, code=code(clock))

    assert not set(old) & set(new)
    with pytest.raises(CodeRefused):
        services.code_check(user=ana, code=old[0])
    assert services.code_check(user=ana, code=new[0]) == "recovery"


def test_too_many_wrong_codes_pause_even_the_right_one(ana: User, clock: Clock, client: Client, settings: Any) -> None:
    codes = set_up(ana, clock)
    settings.AXES_FAILURE_LIMIT = 3
    password(client)
    for _ in range(3):
        assert "does not fit" in words(type_code(client, "000000"))

    for right in (code(clock), codes[0]):
        assert "Too many wrong codes. Wait an hour" in words(type_code(client, right))
    assert not is_signed_in(client)
    assert actions().count("sign_in.refused") == 3

    ana.wrong_codes.update(at=ana.wrong_codes.earliest("at").at.replace(year=2020))
    assert type_code(client, code(clock)).status_code == 302
    assert not ana.wrong_codes.exists()


def test_the_code_page_needs_a_password_first(ana: User, clock: Clock, client: Client) -> None:
    set_up(ana, clock)

    assert type_code(client, code(clock))["Location"] == "/accounts/sign-in/"
    assert not is_signed_in(client)


def test_a_password_waits_ten_minutes_for_its_code(ana: User, clock: Clock, client: Client) -> None:
    set_up(ana, clock)
    password(client)
    session = client.session
    session["waits_for_code"] = session["waits_for_code"] | {"at": 0}
    session.save()

    assert type_code(client, code(clock))["Location"] == "/accounts/sign-in/"


def test_an_account_closed_meanwhile_gets_no_further(ana: User, clock: Clock, client: Client) -> None:
    set_up(ana, clock)
    password(client)
    User.objects.filter(pk=ana.pk).update(is_active=False)

    assert type_code(client, code(clock))["Location"] == "/accounts/sign-in/"


def test_setting_up_in_the_browser(ana: User, clock: Clock, client_for: ClientFor) -> None:
    client = client_for(ana)
    assert client.get("/accounts/security/set-up/")["Location"] == "/accounts/security/"
    client.post("/accounts/security/begin/")
    page = words(client.get("/accounts/security/set-up/"))
    found = re.search(r"data-secret>([A-Z2-7 ]+)<", page)
    assert found
    secret = found[1].replace(" ", "")
    assert "<svg" in page

    wrong = client.post("/accounts/security/confirm/", {"code": "000000"})
    assert wrong.status_code == 422
    assert not Authenticator.objects.exists()

    right = client.post("/accounts/security/confirm/", {"code": code(clock, secret=secret)})
    assert len(re.findall(r"<li><code>\d{4} \d{4}</code>", words(right))) == 10
    assert "recovery codes left" in words(client.get("/accounts/security/"))
    assert not re.search(r"\d{4} \d{4}</code>", words(client.get("/accounts/security/")))
    assert actions() == ["sign_in.refused", "second_factor.set_up"]


def test_what_is_kept_is_sealed(ana: User, clock: Clock, settings: Any) -> None:
    set_up(ana, clock)
    assert not [one for one in Authenticator.objects.all() if SECRET in str(one.data)]

    settings.SECRET_KEY = "another key of the server, long enough for everything"
    with pytest.raises(ApplicationError, match="Ask your operator to reset it"):
        services.code_check(user=ana, code=code(clock))


def test_a_factor_is_removed_with_a_code_only(ana: User, clock: Clock, client_for: ClientFor) -> None:
    set_up(ana, clock)
    client = client_for(ana)

    assert client.post("/accounts/security/remove/", {"code": "000000"}).status_code == 422
    assert Authenticator.objects.count() == 2

    client.post("/accounts/security/remove/", {"code": code(clock)})
    assert not Authenticator.objects.exists()
    assert actions()[-1] == "second_factor.removed"


def test_what_is_required_cannot_be_removed(ana: User, clock: Clock, settings: Any) -> None:
    set_up(ana, clock)
    settings.SECOND_FACTOR_FOR = ("everybody",)

    with pytest.raises(CodeRefused, match="operator asks"):
        services.factor_remove(user=ana, code=code(clock))


def test_a_second_set_up_replaces_nothing(ana: User, clock: Clock) -> None:
    set_up(ana, clock)

    with pytest.raises(CodeRefused, match="already"):
        services.factor_confirm(user=ana, secret=SECRET, code=code(clock))


@pytest.mark.parametrize(
    ("who", "username", "is_asked"),
    [
        ((), "lead", False),
        (("everybody",), "annotator", True),
        (("lead", "operator"), "lead", True),
        (("lead", "operator"), "reviewer", False),
        (("lead", "operator"), "root", True),
    ],
)
def test_who_must_have_one_sets_it_up_before_anything_else(
    people: Any, settings: Any, client_for: ClientFor, who: tuple[str, ...], username: str, is_asked: bool
) -> None:
    factories.user("root", is_superuser=True)
    settings.SECOND_FACTOR_FOR = who
    client = client_for(User.objects.get(username=username))

    response = client.get("/projects/new/")

    assert (response.status_code == 302) is is_asked
    if is_asked:
        assert response["Location"] == "/accounts/security/"
        assert "Nothing else opens until it is set up" in words(client.get("/accounts/security/"))
        assert client.post("/accounts/keys/reset/")["Location"] == "/accounts/security/"
        assert client.post("/accounts/sign-out/").status_code == 302


def test_everything_opens_once_it_is_set_up(
    ana: User, clock: Clock, settings: Any, client: Client, django_assert_num_queries: Any
) -> None:
    settings.SECOND_FACTOR_FOR = ("everybody",)
    password(client)
    assert client.get("/projects/new/")["Location"] == "/accounts/security/"
    client.post("/accounts/security/begin/")
    secret = client.session["second_factor_secret"]

    client.post("/accounts/security/confirm/", {"code": code(clock, secret=secret)})

    with django_assert_num_queries(2):  # session and person: a proven factor costs no query
        assert client.get("/projects/new/").status_code == 200


def test_a_session_older_than_the_factor_signs_in_again(
    ana: User, clock: Clock, settings: Any, client_for: ClientFor
) -> None:
    client = client_for(ana)
    set_up(ana, clock)
    settings.SECOND_FACTOR_FOR = ("everybody",)

    assert client.get("/projects/new/")["Location"] == "/accounts/sign-in/"
    assert not is_signed_in(client)


def test_the_operator_resets_a_factor_and_it_is_written_down(ana: User, clock: Clock, client: Client) -> None:
    set_up(ana, clock)

    call_command("second_factor_reset", "ana", reason="Phone lost, seen in person.")

    password(client)
    assert is_signed_in(client)
    event = AuditEvent.objects.get(action="second_factor.reset")
    assert event.data["reason"] == "Phone lost, seen in person."
    assert event.data["had_factor"] is True
    with pytest.raises(CommandError, match="no second factor"):
        call_command("second_factor_reset", "ana", reason="Again.")
    with pytest.raises(CommandError, match="no account"):
        call_command("second_factor_reset", "nobody", reason="Again.")


def test_roles_of_the_setting_are_those_of_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(ROLES) == set(Membership.Role.values)

    monkeypatch.setenv("SECOND_FACTOR_FOR", "lead,operator")
    assert second_factor_read() == ("lead", "operator")
    monkeypatch.setenv("SECOND_FACTOR_FOR", "leads")
    with pytest.raises(SettingError, match="SECOND_FACTOR_FOR=leads"):
        second_factor_read()
