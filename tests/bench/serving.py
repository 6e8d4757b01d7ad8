"""A web server of real processes, and clients that speak HTTP to it. No Django here: it runs in the server."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
_TOKEN = "a" * 32  # what the cookie and the header both say


class Server:
    """Gunicorn as `make up` starts it, in a process group of its own."""

    def __init__(self, env: Mapping[str, str], *, workers: int = 2) -> None:
        self.env, self.workers = {**os.environ, **env}, workers
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "reviewapp.wsgi:application", "--bind", f"127.0.0.1:{self.port}",
             "--workers", str(self.workers), "--worker-class", "gthread", "--threads", "8", "--timeout", "60",
             "--graceful-timeout", "2", "--preload", "--log-level", "error", "--no-control-socket"],
            cwd=ROOT, env=self.env, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        raise RuntimeError("the web server did not start")

    def kill(self) -> None:
        """Ends every process of it at once, without a chance to finish anything."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=10)
            self.process = None


@contextlib.contextmanager
def served(env: Mapping[str, str], *, workers: int = 2) -> Iterator[Server]:
    server = Server(env, workers=workers)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Browser:
    """One signed-in person. ``errors`` are answers that are neither a page nor a redirect, and broken connections."""

    port: int
    slug: str
    session: str
    errors: list[str] = field(default_factory=list)
    _connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def claim(self) -> str:
        """The path of the page of the next sample; '' when the queue has none."""
        return self._page_after(self.post(f"/projects/{self.slug}/reviews/next/", {}))

    def submit(self, page: str, form: Mapping[str, str]) -> str:
        """Hands a review in; the path of the following page, '' when there is none."""
        return self._page_after(self.post(page.replace("/edit/", "/submit/"), form))

    def post(self, path: str, form: Mapping[str, str]) -> tuple[int, str]:
        return self._ask("POST", path, urlencode(form))

    def get(self, path: str) -> tuple[int, str]:
        return self._ask("GET", path, None)

    def _page_after(self, answer: tuple[int, str]) -> str:
        status, location = answer
        if status != 302:
            self.errors.append(f"answer {status}")
        return location if location.endswith("/edit/") else ""

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={_TOKEN}",
            "X-CSRFToken": _TOKEN,
            "Host": "localhost",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        return answer.status, answer.getheader("Location") or ""
