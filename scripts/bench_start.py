"""Times the first and the second `make demo` of a clean clone with empty caches: `make bench-start`.

"First page" is the first answer that is a page; "ready" is when the demo project is loaded and the sign-ins are shown.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 1800


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)  # noqa: S603, S607
        env = environment(Path(folder))
        first = start_once(clone, env)
        second = start_once(clone, env)
    figures = {"first": first, "second": second, "cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}
    show("start    first page    ready    stopped (seconds)")
    for name, row in (("first", first), ("second", second)):
        show(f"{name:<6} {row['page']:>12.1f} {row['ready']:>8.1f} {row['stop']:>10.1f}")
    show(json.dumps(figures))


def environment(folder: Path) -> dict[str, str]:
    """This shell's, with caches and home in an empty folder."""
    ours = ("COUNTERSIGN_", "DATABASE_URL", "REDIS_URL", "DEBUG", "MAKE", "MFLAGS", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    caches = {"UV_CACHE_DIR": "uv", "PIP_CACHE_DIR": "pip", "XDG_CACHE_HOME": "cache"}
    return kept | {name: str(folder / sub) for name, sub in caches.items()}


def start_once(clone: Path, env: dict[str, str]) -> dict[str, float]:
    port = free_port()
    began = time.monotonic()
    make = subprocess.Popen(  # noqa: S603
        ["make", "demo", f"PORT={port}"],  # noqa: S607
        cwd=clone,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        os.set_blocking(make.stdout.fileno(), False)  # type: ignore[union-attr]
        page, ready = watch(make, port, began)
    finally:
        asked = time.monotonic()
        with contextlib.suppress(ProcessLookupError):  # it ended by itself, which watch() has reported
            os.killpg(make.pid, signal.SIGINT)
        make.communicate(timeout=120)
    return {"page": round(page, 1), "ready": round(ready, 1), "stop": round(time.monotonic() - asked, 1)}


def watch(make: subprocess.Popen[str], port: int, began: float) -> tuple[float, float]:
    """Seconds to the first page and to the line that says it is ready."""
    page, text = 0.0, ""
    while time.monotonic() - began < LIMIT_SECONDS:
        if make.poll() is not None:
            sys.exit(f"make demo ended too early:\n{text}")
        if not page and answers(port):
            page = time.monotonic() - began
        with contextlib.suppress(BlockingIOError, TypeError):
            text += make.stdout.read() or ""  # type: ignore[union-attr]
        if "Countersign is ready" in text:
            return page or time.monotonic() - began, time.monotonic() - began
        time.sleep(0.05)
    sys.exit(f"make demo was not ready after {LIMIT_SECONDS} s:\n{text}")


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)  # the socket listens before anybody answers
    try:
        connection.request("GET", "/accounts/sign-in/", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as one:
        return int(one.getsockname()[1])


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
