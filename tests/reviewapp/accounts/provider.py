"""A small OpenID Connect provider with its own key on a real socket: discovery, keys, authorize, token, userinfo."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "countersign", "a secret of client and provider"


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider(ThreadingHTTPServer):
    """``claims`` is who signs in; the other fields make it misbehave in one way each."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key, self.foreign_key = _new_key(), _new_key()
        self.well_behaved()

    def well_behaved(self) -> None:
        self.claims: dict[str, Any] = {"sub": "s-1", "email": "ana@example.org", "email_verified": True, "name": "Ana"}
        self.token_claims: dict[str, Any] = {}  # put over what the token says: iss, aud, nonce, exp ...; None removes
        self.discovery: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.signing_key: Any = self.key
        self.published: Any = None  # in the place of the right keys
        self.algorithm = "RS256"
        self.failing: set[str] = set()  # paths that answer 500
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= self.claims | self.token_claims
        held = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(held, self.signing_key, algorithm=self.algorithm, headers={"kid": "k1"})


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *args: Any) -> None:
        """Quiet: the tests say what went wrong."""

    def do_GET(self) -> None:
        self._answer({key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer({key: values[0] for key, values in parse_qs(body).items()})

    def _answer(self, given: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(path)
        if path in self.server.failing:
            return self._send(500, {"error": "server_error"})
        answers = {
            "/.well-known/openid-configuration": self._discovery,
            "/keys": self._keys,
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": lambda given: self._send(200, self.server.userinfo),
        }
        answers[path](given)

    def _discovery(self, given: dict[str, str]) -> None:
        url = self.server.url
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        found = {"issuer": url, "userinfo_endpoint": f"{url}/userinfo", **{k: f"{url}/{v}" for k, v in places.items()}}
        self._send(200, found | self.server.discovery)

    def _keys(self, given: dict[str, str]) -> None:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.server.key.public_key()))
        keys = [public | {"kid": "k1", "use": "sig", "alg": "RS256"}]
        self._send(200, {"keys": keys if self.server.published is None else self.server.published})

    def _authorize(self, given: dict[str, str]) -> None:
        code = secrets.token_urlsafe(8)
        self.server.codes[code] = given
        self.send_response(302)
        self.send_header("Location", f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}")
        self.end_headers()

    def _token(self, given: dict[str, str]) -> None:
        asked = self.server.codes.pop(given.get("code", ""), None)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        is_ours = given.get("client_id") == CLIENT and given.get("client_secret") == SECRET
        if not asked or not is_ours or asked["code_challenge"] != challenge:
            return self._send(400, {"error": "invalid_grant"})
        token = {"access_token": "at", "token_type": "Bearer", "id_token": self.server.id_token(asked["nonce"])}
        self._send(200, token)

    def _send(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
