"""What the operator says about single sign-on and the second factor, read from the environment. No Django here."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from reviewapp import environment as env

DISCOVERY = "/.well-known/openid-configuration"
EVERYBODY, OPERATOR = "everybody", "operator"
# The roles of a project, by name: this module is read before any model exists.
ROLES = ("annotator", "reviewer", "lead", "engineer", "observer", "admin")


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """One OpenID Connect provider; an empty ``issuer`` means there is none."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    email_domains: tuple[str, ...] = ()
    required_claim: str = ""  # "name" or "name=value"
    trusts_emails: bool = False
    makes_accounts: bool = False
    is_only_way: bool = False
    password_accounts: tuple[str, ...] = ()  # who may still use a password where single sign-on is the only way
    proves_second_factor: bool = False

    @property
    def is_on(self) -> bool:
        return bool(self.issuer)

    @property
    def discovery_url(self) -> str:
        return self.issuer.rstrip("/") + DISCOVERY


def oidc_read() -> OidcSettings:
    """Raises env.SettingError with what to write when the settings do not fit together."""
    issuer = env.text("OIDC_ISSUER").removesuffix(DISCOVERY)
    read = OidcSettings(
        issuer=issuer,
        client_id=env.text("OIDC_CLIENT_ID"),
        client_secret=env.text("OIDC_CLIENT_SECRET"),
        name=env.text("OIDC_NAME", "single sign-on"),
        scopes=tuple(env.words("OIDC_SCOPES", "openid,profile,email")),
        email_domains=tuple(domain.lower().lstrip("@") for domain in env.words("OIDC_EMAIL_DOMAINS")),
        required_claim=env.text("OIDC_REQUIRED_CLAIM"),
        trusts_emails=env.flag("OIDC_TRUST_EMAILS", False),
        makes_accounts=env.flag("OIDC_MAKE_ACCOUNTS", False),
        is_only_way=env.flag("OIDC_ONLY", False),
        password_accounts=tuple(env.words("OIDC_ONLY_EXCEPT")),
        proves_second_factor=env.flag("OIDC_SECOND_FACTOR", False),
    )
    _check(read)
    return read


def second_factor_read() -> tuple[str, ...]:
    """Who must have a second factor: "everybody", or "operator" and roles."""
    who = tuple(env.words("SECOND_FACTOR_FOR"))
    known = (EVERYBODY, OPERATOR, *ROLES)
    unknown = [name for name in who if name not in known]
    if unknown:
        raise env.SettingError(f"Unexpected value SECOND_FACTOR_FOR={','.join(who)}: use some of {', '.join(known)}.")
    return who


def is_safe_address(url: str) -> bool:
    """https, or this machine itself."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"})


def _check(read: OidcSettings) -> None:
    if not read.is_on:
        if read.is_only_way:
            raise env.SettingError("OIDC_ONLY=True needs a provider: set OIDC_ISSUER, or nobody could sign in.")
        return
    if not is_safe_address(read.issuer):
        raise env.SettingError(f"OIDC_ISSUER={read.issuer} cannot be used: write an https:// address.")
    if len(read.issuer) > 200:
        raise env.SettingError("OIDC_ISSUER is longer than 200 characters.")
    if not read.client_id or not read.client_secret:
        raise env.SettingError("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET (or OIDC_CLIENT_SECRET_FILE).")
    if "openid" not in read.scopes:
        raise env.SettingError("OIDC_SCOPES must name openid; usual is openid,profile,email.")
