"""Who an identity of the provider is here: linked, linked now, made now, or refused."""

from __future__ import annotations

import re

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction

from reviewapp.accounts.models import User
from reviewapp.accounts.oidc_words import Identity, SsoRefused
from reviewapp.audit import services as audit


@transaction.atomic
def identity_user(*, identity: Identity) -> User:
    """The account of this identity, linking or making it where the operator allows that. Raises SsoRefused."""
    _admit(identity)
    link = SocialAccount.objects.filter(provider=identity.issuer, uid=identity.subject).select_related("user").first()
    user = link.user if link else _user_by_email(identity) or _user_made(identity)
    if user is None:
        raise SsoRefused("unknown", _unknown(identity))
    if not user.is_active:
        raise SsoRefused("closed", "This account is closed. Ask your operator to open it again.")
    return user


@transaction.atomic
def identity_link(*, user: User, identity: Identity) -> None:
    """Ties the identity to the person who is signed in. Raises SsoRefused when either has another already."""
    _admit(identity)
    known = SocialAccount.objects.filter(provider=identity.issuer)
    if known.filter(uid=identity.subject).exclude(user=user).exists():
        raise SsoRefused("taken", "This identity belongs to another account here. Ask your operator.")
    if known.filter(user=user).exclude(uid=identity.subject).exists():
        raise SsoRefused("second", "Your account is linked to another identity. Unlink that one first.")
    _, is_new = SocialAccount.objects.get_or_create(
        provider=identity.issuer, uid=identity.subject, defaults={"user": user, "extra_data": {"email": identity.email}}
    )
    if is_new:
        _record_link(user, identity, "person")


@transaction.atomic
def identity_unlink(*, user: User) -> None:
    """Takes the link away. Raises SsoRefused where the person could not sign in any more."""
    if settings.OIDC.is_only_way and user.username not in settings.OIDC.password_accounts:
        raise SsoRefused("only_way", f"{settings.OIDC.name} is the only way to sign in here. The link stays.")
    if not user.has_usable_password():
        raise SsoRefused(
            "no_password", "You have no password here, so the link stays. Ask your operator for one first."
        )
    SocialAccount.objects.filter(user=user, provider=settings.OIDC.issuer).delete()
    audit.record(actor=user, action="identity.unlinked", target_type="user", target_id=user.pk)


def identity_refuse(*, user: User | None, refused: SsoRefused, process: str, identity: Identity | None) -> None:
    """Writes down a sign-in or a link that did not come about."""
    who = {"subject": identity.subject, "email": identity.email} if identity else {}
    action = "identity.refused" if process == "link" else "sign_in.refused"
    data = {"how": "sso", "reason": refused.reason, **who}
    target = str(user.pk) if user else "unknown"
    audit.record(actor=user, action=action, target_type="user", target_id=target, data=data)


def _admit(identity: Identity) -> None:
    """The operator's conditions for everybody."""
    oidc = settings.OIDC
    domain = identity.email.rpartition("@")[2].lower()
    if oidc.email_domains and not (identity.is_email_verified and domain in oidc.email_domains):
        words = f"{identity.email or 'An account without e-mail'} may not sign in here"
        allowed = ", ".join(oidc.email_domains)
        raise SsoRefused("domain", f"{words}: a verified address of {allowed} is needed. Ask your operator.")
    name, _, value = oidc.required_claim.partition("=")
    if name and not _has_claim(identity.claims.get(name), value):
        raise SsoRefused(
            "claim", f"Your identity lacks what this site asks for ({oidc.required_claim}). Ask your operator."
        )


def _has_claim(held: object, value: str) -> bool:
    if not value:
        return bool(held)
    return value in [str(one) for one in held] if isinstance(held, list) else str(held) == value


def _user_by_email(identity: Identity) -> User | None:
    """The one account with this verified address, linked now; only where the operator trusts the provider's."""
    if not (settings.OIDC.trusts_emails and identity.is_email_verified):
        return None
    found = list(User.objects.filter(email__iexact=identity.email)[:2])
    if len(found) != 1 or SocialAccount.objects.filter(user=found[0], provider=identity.issuer).exists():
        return None
    _link(found[0], identity, "email")
    return found[0]


def _user_made(identity: Identity) -> User | None:
    if not settings.OIDC.makes_accounts:
        return None
    # an address that somebody here has already is never given a second account
    if identity.email and User.objects.filter(email__iexact=identity.email).exists():
        return None
    username = _free_username(identity)
    user = User(username=username, display_name=(identity.name or username)[:120])
    user.email = identity.email[:254] if identity.is_email_verified else ""
    user.set_unusable_password()
    user.save()
    audit.record(actor=user, action="account.created", target_type="user", target_id=user.pk, data={"how": "sso"})
    _link(user, identity, "new")
    return user


def _free_username(identity: Identity) -> str:
    wanted = re.sub(r"[^\w.@+-]", "", identity.username or identity.email)[:140] or "person"
    taken = set(User.objects.filter(username__startswith=wanted).values_list("username", flat=True))
    return next(name for n in range(1, len(taken) + 3) if (name := wanted if n == 1 else f"{wanted}-{n}") not in taken)


def _link(user: User, identity: Identity, by: str) -> None:
    extra = {"email": identity.email}
    SocialAccount.objects.create(user=user, provider=identity.issuer, uid=identity.subject, extra_data=extra)
    _record_link(user, identity, by)


def _record_link(user: User, identity: Identity, by: str) -> None:
    data = {"by": by, "issuer": identity.issuer, "subject": identity.subject, "email": identity.email}
    audit.record(actor=user, action="identity.linked", target_type="user", target_id=user.pk, data=data)


def _unknown(identity: Identity) -> str:
    who = identity.email or "this identity"
    if settings.OIDC.is_only_way:
        return f"There is no account for {who} here. Ask your operator to make one."
    return (
        f"There is no account for {who} here. Ask your operator to make one. If you have one already, sign in with your"
        " password and link it under Sign-in and security."
    )
