"""Tokens of the API: made, counted, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from reviewapp.api.models import ApiToken
from reviewapp.audit import services as audit
from reviewapp.core.bearer import secret_hash, secret_make
from reviewapp.core.exceptions import ApplicationError
from reviewapp.projects.models import Project

if TYPE_CHECKING:
    from reviewapp.accounts.models import User

PREFIX = "cs_"
MAX_DAYS = 366


@transaction.atomic
def token_create(*, project: Project, owner: User, name: str, scopes: Sequence[str], days: int) -> tuple[ApiToken, str]:
    """Makes a token that ends after ``days``; returns it with its secret, which is shown once and never stored."""
    if not name.strip():
        raise ApplicationError(_("Name the program that will use this token."))
    unknown = sorted(set(scopes) - set(ApiToken.Scope.values))
    if unknown or not scopes:
        raise ApplicationError(
            _("Choose at least one scope of %(scopes)s.") % {"scopes": ", ".join(ApiToken.Scope.values)}
        )
    if not 1 <= days <= MAX_DAYS:
        raise ApplicationError(_("A token holds for 1 to %(max_days)s days.") % {"max_days": MAX_DAYS})
    secret = secret_make(PREFIX)
    token = ApiToken.objects.create(
        project=project,
        owner=owner,
        name=name.strip(),
        token_hash=secret_hash(secret),
        scopes=sorted(set(scopes)),
        expires_at=timezone.now() + timedelta(days=days),
    )
    _record(owner, "api_token.create", token)
    return token, secret


@transaction.atomic
def token_revoke(*, token: ApiToken, revoked_by: User) -> None:
    """Ends a token at once; what was done with it stays."""
    if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        raise ApplicationError(_("This token was already revoked."))
    _record(revoked_by, "api_token.revoke", token)


def token_use(*, token: ApiToken) -> int:
    """Counts one request; returns 0, or the seconds to wait when this minute's requests are used up."""
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0)
    if _counted(token, minute, now):
        return 0
    # another minute has begun: whoever comes first starts its count, and the others count on
    begun = ApiToken.objects.filter(pk=token.pk).exclude(minute_at=minute)
    if begun.update(minute_at=minute, minute_used=1, last_used_at=now) or _counted(token, minute, now):
        return 0
    return 60 - now.second


def _counted(token: ApiToken, minute: datetime, now: datetime) -> bool:
    row = ApiToken.objects.filter(pk=token.pk, minute_at=minute, minute_used__lt=settings.API_REQUESTS_PER_MINUTE)
    return row.update(minute_used=F("minute_used") + 1, last_used_at=now) == 1


def _record(actor: User, action: str, token: ApiToken) -> None:
    audit.record(
        actor=actor,
        action=action,
        project=token.project.slug,
        target_type="api_token",
        target_id=token.pk,
        data={"name": token.name, "owner": str(token.owner), "scopes": token.scopes},
    )
