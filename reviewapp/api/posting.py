"""One request to an address outside: pinned to a checked IP, bounded in time, never redirected."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from reviewapp.api.addresses import host_address, url_parts
from reviewapp.core.exceptions import ApplicationError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The status, or None with what went wrong. Only 2xx is success; a redirect is not followed."""

    code: int | None
    error: str = ""

    @property
    def is_ok(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


class _Pinned(http.client.HTTPConnection):
    """Connects to ``address``, whatever the name of the host says by now."""

    def __init__(self, host: str, port: int, *, address: str, is_secure: bool, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self.address = address
        self.is_secure = is_secure
        self.is_cut = False
        if is_secure:
            self.default_port = http.client.HTTPS_PORT  # what the Host header leaves out

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        if not self.is_secure:
            self.sock = plain
            return
        try:
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except (OSError, ValueError):
            plain.close()
            raise

    def cut(self) -> None:
        """Ends the exchange from another thread: what waits on the socket gets an error."""
        self.is_cut = True
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Sends the body and reads the status, nothing else; WEBHOOK_TIMEOUT_SECONDS to connect and as many to answer."""
    seconds = settings.WEBHOOK_TIMEOUT_SECONDS
    try:
        parts = url_parts(url)
        is_secure = parts.scheme == "https"
        host, port = str(parts.hostname), parts.port or (443 if is_secure else 80)
        connection = _Pinned(
            host, port, address=host_address(host, port), is_secure=is_secure, timeout=seconds
        )  # fmt: skip
    except ApplicationError as refusal:
        return Answer(code=None, error=refusal.message)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
    except (OSError, ValueError) as error:
        return Answer(code=None, error=f"No connection: {error}"[:300])
    return _exchange(connection, path, body, headers, seconds)


def _exchange(connection: _Pinned, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
    # a timeout counts from byte to byte; the watch ends an answer that drips
    watch = threading.Timer(seconds, connection.cut)
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", path, body, dict(headers))
        code = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = connection.is_cut or isinstance(error, TimeoutError)
        return _late(seconds) if late else Answer(code=None, error=f"No proper answer: {error}"[:300])
    finally:
        watch.cancel()
        connection.close()
    if connection.is_cut:  # half an answer may look like a whole one
        return _late(seconds)
    if 300 <= code < 400:
        return Answer(code=code, error="It redirects. Enter the address where it leads to.")
    return Answer(code=code, error="" if code < 300 else f"It answered {code}.")


def _late(seconds: float) -> Answer:
    return Answer(code=None, error=f"No whole answer within {seconds} seconds.")
