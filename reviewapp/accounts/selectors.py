"""What is known of a person's ways to sign in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from reviewapp.accounts.models import User
from reviewapp.accounts.sso_settings import EVERYBODY, OPERATOR


def has_factor(*, user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def factor_is_required(*, user: User) -> bool:
    """Whether the operator asks this person for a second factor. At most one query, none where nobody is asked."""
    who = settings.SECOND_FACTOR_FOR
    if not who or EVERYBODY in who:
        return bool(who)
    if OPERATOR in who and user.is_superuser:
        return True
    return user.memberships.filter(role__in=who).exists()


def recovery_codes_left(*, user: User) -> int:
    """How many recovery codes are unused; the codes themselves are not read."""
    from allauth.mfa import app_settings

    found = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return app_settings.RECOVERY_CODE_COUNT - int(found.data["used_mask"]).bit_count() if found else 0


def linked_email(*, user: User) -> str | None:
    """The address of the linked identity ("" when it has none), or None when nothing is linked."""
    link = SocialAccount.objects.filter(user=user, provider=settings.OIDC.issuer).first()
    return str(link.extra_data.get("email", "")) if link else None
