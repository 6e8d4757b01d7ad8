"""The talk with an OpenID Connect provider: where to send a browser, and what its return proves.

django-allauth carries discovery, PKCE, state and the exchange of the code; nonce, signature and clock are checked here,
because allauth leaves them to the transport.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from reviewapp.accounts.oidc_words import Identity, SsoRefused
from reviewapp.accounts.sso_settings import OidcSettings, is_safe_address

SLOT = "oidc"
LEEWAY = 60  # seconds that two clocks may differ
SUBJECT_MAX = 191  # as long as allauth keeps it
ENDPOINTS = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
# Only keys that the provider alone holds; a shared secret or "none" proves nothing.
KEY_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


@dataclass(frozen=True, kw_only=True)
class Started:
    """What was kept when the browser left: why, for whom, where to afterwards."""

    process: str
    to: str
    user_id: int | None
    nonce: str
    verifier: str


def start(request: HttpRequest, *, process: str, to: str = "") -> str:
    """The provider's address to send the browser to; ``process`` is sign_in or link. Raises SsoRefused."""
    adapter = _Adapter(request)
    provider = adapter.get_provider()
    pkce = provider.get_pkce_params()
    nonce = secrets.token_urlsafe(24)
    kept = {"process": process, "to": to, "user_id": request.user.pk, "nonce": nonce}
    client = adapter.get_client(request, provider.app)
    address = adapter.authorize_url
    client.state = statekit.stash_state(request, provider_id=SLOT, state=kept | {"verifier": pkce.pop("code_verifier")})
    return str(client.get_redirect_url(address, adapter.oidc.scopes, {"nonce": nonce, **pkce}))


def has_started(request: HttpRequest) -> bool:
    """Whether this browser ever left for the provider: a stranger's call of the return address has not."""
    return bool(statekit.get_states(request))


def started(request: HttpRequest) -> Started:
    """What belongs to the state that the provider sent back; it works once. Raises SsoRefused."""
    kept = statekit.unstash_state(request, provider_id=SLOT, state_id=request.GET.get("state", ""))
    if kept is None:
        raise SsoRefused("state", "This sign-in was begun in another browser, twice, or too long ago. Begin again.")
    return Started(**kept)


def identity(request: HttpRequest, begun: Started) -> Identity:
    """What the provider's answer proves, every check made. Raises SsoRefused."""
    _refuse_errors(request)
    adapter = _Adapter(request)
    if request.GET.get("iss", adapter.issuer) != adapter.issuer:
        raise SsoRefused("issuer", "The answer came from another provider than the one asked. Begin again.")
    token = _token(adapter, begun.verifier)
    claims = _claims(adapter, token, begun.nonce)
    if "email" not in claims:
        claims = _userinfo(adapter, token, claims["sub"]) | claims
    email = str(claims.get("email") or "")
    # a provider that never says so is believed only where the operator says that its addresses hold
    verified = claims.get("email_verified", settings.OIDC.trusts_emails)
    return Identity(
        issuer=settings.OIDC.issuer,
        subject=claims["sub"],
        email=email,
        is_email_verified=bool(email) and verified in (True, "true"),
        name=str(claims.get("name") or ""),
        username=str(claims.get("preferred_username") or ""),
        claims=claims,
    )


class _Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """allauth's protocol with the one provider of the settings and our own return address."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, SLOT)
        self.oidc: OidcSettings = settings.OIDC

    def get_provider(self) -> Any:
        app = SocialApp(
            provider="openid_connect",
            provider_id=SLOT,
            name=self.oidc.name[:40],
            client_id=self.oidc.client_id,
            secret=self.oidc.client_secret,
            settings={"server_url": self.oidc.discovery_url, "oauth_pkce_enabled": True},
        )
        return OpenIDConnectProvider(request=self.request, app=app)

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return request.build_absolute_uri(reverse("accounts:sso_callback"))

    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            self._openid_config = _checked(_fetched(self.oidc.discovery_url, "discovery"), self.oidc)
        return self._openid_config

    @property
    def issuer(self) -> str:
        return str(self.openid_config["issuer"])


def _checked(config: dict[str, Any], oidc: OidcSettings) -> dict[str, Any]:
    missing = [name for name in ENDPOINTS if not isinstance(config.get(name), str)]
    if missing:
        raise _down("discovery", f"its description lacks {', '.join(missing)}")
    if config["issuer"].rstrip("/") != oidc.issuer.rstrip("/"):
        raise _down("issuer", "it calls itself by another name than OIDC_ISSUER")
    if not all(is_safe_address(config[name]) for name in ENDPOINTS):
        raise _down("discovery", "it names addresses without https")
    return config


def _fetched(url: str, reason: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an address of the provider. Raises SsoRefused when it does not answer as it should."""
    with _answering(reason), get_adapter().get_requests_session() as session:
        response = session.get(url, headers=headers)
        response.raise_for_status()
        found = response.json()
    if not isinstance(found, dict):
        raise _down(reason, "its answer cannot be read")
    return found


@contextlib.contextmanager
def _answering(reason: str) -> Iterator[None]:
    import requests  # half a tenth of a second that only a sign-in needs

    try:
        yield
    except requests.RequestException as error:
        raise _down(reason, f"it did not answer ({type(error).__name__})") from error
    except (OAuth2Error, KeyError) as error:
        raise _down(reason, "it did not accept this server's question; client id or secret may be wrong") from error


def _down(reason: str, what: str) -> SsoRefused:
    message = f"Signing in with {settings.OIDC.name} does not work now: {what}. Try again, then tell your operator."
    return SsoRefused(reason, message, is_outage=True)


def _refuse_errors(request: HttpRequest) -> None:
    error = request.GET.get("error", "")
    if error == "access_denied":
        raise SsoRefused("cancelled", "The sign-in was stopped at the provider, or you may not use Countersign there.")
    if error or not request.GET.get("code"):
        raise SsoRefused(
            "provider", f"The provider refused the sign-in ({error[:60] or 'no code'}). Tell your operator."
        )


def _token(adapter: _Adapter, verifier: str) -> dict[str, Any]:
    client = adapter.get_client(adapter.request, adapter.get_provider().app)
    with _answering("token"):
        token = client.get_access_token(adapter.request.GET["code"], pkce_code_verifier=verifier)
    if not isinstance(token, dict) or not isinstance(token.get("id_token"), str):
        raise _down("token", "its answer names nobody (no id_token)")
    return dict(token)


def _claims(adapter: _Adapter, token: dict[str, Any], nonce: str) -> dict[str, Any]:
    claims = _decoded(adapter, token["id_token"])
    if not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
        raise SsoRefused("nonce", "The provider's answer belongs to another sign-in. Begin again.")
    if not 0 < len(claims["sub"]) <= SUBJECT_MAX:
        raise SsoRefused("claim", "The provider's answer names nobody that can be kept (sub). Tell your operator.")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else adapter.oidc.client_id) != adapter.oidc.client_id:
        raise SsoRefused("audience", "The provider's answer was made for another application. Tell your operator.")
    return claims


def _decoded(adapter: _Adapter, id_token: str) -> dict[str, Any]:
    try:
        key, algorithm = _key(adapter, id_token)
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=key,
            algorithms=[algorithm],
            audience=adapter.oidc.client_id,
            issuer=adapter.issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        text = "The provider's answer is too old or from the future: two clocks differ. Tell your operator."
        raise SsoRefused("clock", text) from error
    except jwt.MissingRequiredClaimError as error:
        raise SsoRefused("claim", f"The provider's answer lacks {error.claim}. Tell your operator.") from error
    except jwt.PyJWTError as error:
        text = "The provider's answer is not signed as it should be, or is meant for others. Tell your operator."
        raise SsoRefused("signature", text) from error
    return claims


def _key(adapter: _Adapter, id_token: str) -> tuple[Any, str]:
    """The provider's public key for this token, and the algorithm to hold it to. Raises PyJWTError."""
    header = jwt.get_unverified_header(id_token)
    algorithm = str(header.get("alg", ""))
    keys = _fetched(adapter.openid_config["jwks_uri"], "keys").get("keys")
    fitting = [
        key
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict) and key.get("kty") == KEY_KINDS.get(algorithm[:2]) and key.get("use", "sig") == "sig"
    ]
    named = [key for key in fitting if key.get("kid") == header.get("kid")] if "kid" in header else fitting
    if len(named) != 1:
        raise jwt.InvalidKeyError("no key of the provider fits the token")
    try:
        return jwt.PyJWK(named[0], algorithm=algorithm).key, algorithm
    except (KeyError, TypeError, ValueError) as error:
        raise jwt.InvalidKeyError("a key of the provider cannot be read") from error


def _userinfo(adapter: _Adapter, token: dict[str, Any], subject: str) -> dict[str, Any]:
    """More claims where the ID token has no e-mail and the provider tells them elsewhere; none otherwise."""
    address = adapter.openid_config.get("userinfo_endpoint")
    if not isinstance(address, str) or not is_safe_address(address):
        return {}
    found = _fetched(address, "userinfo", {"Authorization": f"Bearer {token['access_token']}"})
    return found if found.get("sub") == subject else {}
