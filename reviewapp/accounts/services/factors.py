"""The second factor: a code of an authenticator app (TOTP, RFC 6238), or one of the recovery codes."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from reviewapp.accounts.models import User, WrongCode
from reviewapp.accounts.selectors import factor_is_required, has_factor
from reviewapp.audit import services as audit
from reviewapp.core.exceptions import ApplicationError

TOTP, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES
PAUSE = timedelta(hours=1)


class CodeRefused(ApplicationError):
    """A code that does not hold, or too many of them."""


def factor_begin() -> str:
    """A fresh secret in base32, to be kept in the session until a code proves that the app has it."""
    return str(totp.generate_totp_secret())


def factor_address(*, user: User, secret: str) -> str:
    """What an authenticator app reads from the QR code."""
    label = f"{settings.MFA_TOTP_ISSUER}:{user.username}"
    return f"otpauth://totp/{quote(label)}?secret={secret}&issuer={quote(settings.MFA_TOTP_ISSUER)}"


def factor_confirm(*, user: User, secret: str, code: str) -> list[str]:
    """Sets the factor up and returns the recovery codes, which are shown this once. Raises CodeRefused."""
    _refuse_a_pause(user)
    step = _step_of(secret, code, after=0)
    if step is None:
        _count_wrong(user, "set-up")
        raise CodeRefused(gettext("This code does not fit. Wait for the next one and check the clock of your phone."))
    with transaction.atomic():
        _locked(user)
        if has_factor(user=user):
            raise CodeRefused(gettext("A second factor is set up already. Remove it first to use another app."))
        made = totp.TOTP.activate(user, secret).instance
        made.data["last_step"] = step
        made.save(update_fields=["data"])
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        audit.record(actor=user, action="second_factor.set_up", target_type="user", target_id=user.pk)
    return codes


def code_check(*, user: User, code: str) -> str:
    """Uses a code up and says what it was: "app" or "recovery". Raises CodeRefused, also after too many wrong ones."""
    _refuse_a_pause(user)
    with transaction.atomic():
        _locked(user)
        kind = _used(user, code)
        if kind:
            WrongCode.objects.filter(user=user).delete()
    if not kind:
        _count_wrong(user, "sign-in")
        raise CodeRefused(
            gettext("This code does not fit, or was used before. Wait for the next one, or use a recovery code.")
        )
    if kind == "recovery":
        audit.record(actor=user, action="second_factor.recovery_used", target_type="user", target_id=user.pk)
    return kind


def recovery_renew(*, user: User, code: str) -> list[str]:
    """New recovery codes; the old ones end. Needs a code. Raises CodeRefused."""
    code_check(user=user, code=code)
    with transaction.atomic():
        Authenticator.objects.filter(user=user, type=RECOVERY).delete()
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        audit.record(actor=user, action="second_factor.codes_renewed", target_type="user", target_id=user.pk)
    return codes


def factor_remove(*, user: User, code: str) -> None:
    """Takes one's own factor away. Needs a code. Raises CodeRefused."""
    if factor_is_required(user=user):
        raise CodeRefused(gettext("Your operator asks for a second factor. To change phones, ask for a reset."))
    code_check(user=user, code=code)
    with transaction.atomic():
        _delete(user)
        audit.record(actor=user, action="second_factor.removed", target_type="user", target_id=user.pk)


def factor_reset(*, user: User, reset_by: str, reason: str) -> bool:
    """The operator's way for who lost phone and codes; False when there was no factor. Ends nobody's session."""
    with transaction.atomic():
        found = _delete(user)
        data = {"by": reset_by, "reason": reason, "had_factor": found}
        audit.record(actor=None, action="second_factor.reset", target_type="user", target_id=user.pk, data=data)
    return found


def _delete(user: User) -> bool:
    WrongCode.objects.filter(user=user).delete()
    n, _ = Authenticator.objects.filter(user=user, type__in=[TOTP, RECOVERY]).delete()
    return bool(n)


def _locked(user: User) -> None:
    """One code at a time: two requests with the same code must not both pass."""
    User.objects.select_for_update().get(pk=user.pk)


def _used(user: User, code: str) -> str:
    """Marks the code as used: "app", "recovery", or "" when it does not hold."""
    known = {one.type: one for one in Authenticator.objects.filter(user=user, type__in=[TOTP, RECOVERY])}
    if TOTP not in known:
        return ""
    app = known[TOTP]
    step = _step_of(decrypt(app.data["secret"]), code, after=app.data.get("last_step", 0))
    if step is not None:
        app.data["last_step"] = step
        app.last_used_at = timezone.now()
        app.save(update_fields=["data", "last_used_at"])
        return "app"
    return "recovery" if RECOVERY in known and RecoveryCodes(known[RECOVERY]).validate_code(code) else ""


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    """The time step this code belongs to, if it is near now and later than ``after``: a code works once."""
    for step in totp.yield_hotp_counters_from_time():
        expected = totp.format_hotp_value(totp.hotp_value(secret, step))
        if step > after and totp.compare_user_code(actual=code, expected=expected):
            return int(step)
    return None


def _refuse_a_pause(user: User) -> None:
    since = timezone.now() - PAUSE
    if WrongCode.objects.filter(user=user, at__gt=since).count() >= settings.AXES_FAILURE_LIMIT:
        raise CodeRefused(
            gettext("Too many wrong codes. Wait an hour, or ask your operator. If it was not you, say so at once.")
        )


def _count_wrong(user: User, where: str) -> None:
    with transaction.atomic():
        WrongCode.objects.create(user=user)
        data = {"how": "code", "reason": where}
        audit.record(actor=None, action="sign_in.refused", target_type="user", target_id=user.pk, data=data)
