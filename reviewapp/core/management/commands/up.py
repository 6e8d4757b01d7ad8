"""``manage.py up``: everything that Countersign needs on one machine, under one supervisor.

Queue server (unless ``REDIS_URL`` names one), web server, workers and clock; Ctrl-C stops them all. With
``COUNTERSIGN_DEMO=True`` it loads the demo project as well.
"""

from __future__ import annotations

import errno
import http.client
import os
import shutil
import socket
import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from reviewapp.core import embedded_redis, queues
from reviewapp.core.exceptions import ApplicationError
from reviewapp.core.processes import ending
from reviewapp.core.supervisor import (
    TERM_TWICE_THEN_KILL,
    Child,
    Program,
    StopRequested,
    Supervisor,
    SupervisorError,
    hold_lock,
)

MANAGE = str(settings.BASE_DIR / "manage.py")
FREE_MB_NEEDED = 500
START_SECONDS = 120.0
DEMO_SECONDS = 3600.0
DEMO_MARK = "is_demo"  # only a state directory with this file is ever emptied by --reset


class Command(BaseCommand):
    requires_system_checks = ()  # they would load every page before anything is started
    help = "Starts web server, workers, clock and queue server; Ctrl-C stops them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
        parser.add_argument("--web-workers", type=int, default=2, help="web processes (default: 2)")
        parser.add_argument("--workers", type=int, default=1, help="workers for the default queue (default: 1)")
        parser.add_argument("--training-workers", type=int, default=1, help="workers for training (default: 1)")
        parser.add_argument("--reset", action="store_true", help="remove the demo's data and end")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["reset"]:
                self.say(state_reset(settings.STATE_DIR))
            else:
                self.run(options)
        except ApplicationError as error:
            self.refuse(error.message)
        except KeyboardInterrupt:
            self.refuse("Stopped before everything was started; the next start goes on from here.")

    def refuse(self, message: str) -> NoReturn:
        self.stderr.write(message)
        raise SystemExit(1)

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def run(self, options: dict[str, Any]) -> None:
        state_dir: Path = settings.STATE_DIR
        check_disk(state_dir)
        with (
            hold_lock(state_dir / "up.lock", says=f"port {options['port']}"),
            listen(options["host"], options["port"]) as listener,
        ):
            self.prepare(state_dir)
            supervisor = Supervisor(self.say)
            with supervisor.signals():
                try:
                    self.start(supervisor, listener, options)
                    supervisor.run()
                except StopRequested:
                    self.say("Stopping ...")
                finally:
                    supervisor.stop()
            self.say("Stopped. Everything is saved.")

    def prepare(self, state_dir: Path) -> None:
        """Database and static files, before anything serves."""
        if settings.DEMO and not any(state_dir.glob("*.sqlite3")):
            (state_dir / DEMO_MARK).touch()
        try:
            self.migrate()
        except OperationalError as error:
            raise SupervisorError(
                f"The database cannot be prepared: {str(error).strip()}. "
                "Check DATABASE_URL, that its server runs, and that the disk has room."
            ) from error
        if not settings.DEBUG:
            self.say("Collecting static files ...")
            call_command("collectstatic", interactive=False, verbosity=0)
        connections.close_all()

    def migrate(self) -> None:
        pending = MigrationExecutor(connection)
        plan = pending.migration_plan(pending.loader.graph.leaf_nodes())
        if plan:
            self.say(f"Preparing the database ({len(plan)} steps) ...")
            call_command("migrate", interactive=False, verbosity=0)

    def start(self, supervisor: Supervisor, listener: socket.socket, options: dict[str, Any]) -> None:
        env = {"REDIS_URL": self.start_queue_server(supervisor)}
        supervisor.add(web_program(listener, options["web_workers"], env))
        demo = supervisor.add(demo_program(env)) if settings.DEMO else None
        for queue, count in (("default", options["workers"]), ("training", options["training_workers"])):
            for number in range(1, count + 1):
                supervisor.add(worker_program(queue, number, env))
        supervisor.add(Program(name="clock", argv=manage("clock"), env=env))
        wanted = options["workers"] + options["training_workers"]
        supervisor.wait_until(partial(web_answers, listener), what="the web server", seconds=START_SECONDS)
        supervisor.wait_until(partial(workers_live, wanted), what="the workers", seconds=START_SECONDS)
        if demo is not None:
            wait_for_demo(supervisor, demo)
        self.say(f"\nCountersign is ready: {address_of(listener)}\nCtrl-C stops it.\n")

    def start_queue_server(self, supervisor: Supervisor) -> str:
        """Starts the embedded server, or finds the one that REDIS_URL names. Returns its URL."""
        url = os.environ.get("REDIS_URL", "")
        if url:
            if not embedded_redis.is_ready(url):
                raise SupervisorError("The server that REDIS_URL names does not answer. Start it, or unset REDIS_URL.")
            return url
        url = embedded_redis.default_url(settings.STATE_DIR)
        embedded_redis.stop_orphan(url)
        argv = embedded_redis.command(settings.STATE_DIR)
        supervisor.add(Program(name="queue", argv=argv, hushed=embedded_redis.HUSHED))
        supervisor.wait_until(partial(embedded_redis.is_ready, url), what="the queue server", seconds=START_SECONDS)
        return url


def check_disk(state_dir: Path) -> None:
    """Raises SupervisorError where the state directory cannot be written or has no room."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SupervisorError(
            f"{state_dir} cannot be made ({error.strerror}). Set COUNTERSIGN_STATE_DIR to a folder you may write."
        ) from error
    if not os.access(state_dir, os.W_OK):
        raise SupervisorError(f"{state_dir} cannot be written. Set COUNTERSIGN_STATE_DIR to a folder you may write.")
    free_mb = shutil.disk_usage(state_dir).free // 1024**2
    if free_mb < FREE_MB_NEEDED:
        raise SupervisorError(
            f"{FREE_MB_NEEDED} MB of disk are needed and {free_mb} MB are free in {state_dir}. "
            "Make room, or set COUNTERSIGN_STATE_DIR to another disk."
        )


def listen(host: str, port: int) -> socket.socket:
    """The socket that the web server will use. It stays open while a killed web server starts again."""
    try:
        return socket.create_server((host, port), backlog=512)
    except PermissionError as error:
        raise SupervisorError(f"This account may not use port {port}. Choose one above 1023: PORT=8010.") from error
    except socket.gaierror as error:
        raise SupervisorError(f"{host} is not an address of this machine.") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise SupervisorError(f"{host}:{port} cannot be listened on: {error.strerror}.") from error
        raise SupervisorError(
            f"Port {port} on {host} is in use by another program. "
            f"Stop that program, or choose another port: make demo PORT={port + 10}"
        ) from error


def manage(*words: str) -> list[str]:
    return [sys.executable, MANAGE, *words]


def web_program(listener: socket.socket, processes: int, env: dict[str, str]) -> Program:
    argv = [sys.executable, "-m", "gunicorn", "reviewapp.wsgi:application", "--bind", f"fd://{listener.fileno()}"]
    argv += ["--workers", str(processes), "--worker-class", "gthread", "--threads", "8", "--timeout", "60"]
    argv += ["--graceful-timeout", "8", "--preload", "--log-level", "warning", "--chdir", str(settings.BASE_DIR)]
    argv += ["--no-control-socket"]  # it would be made in the account's home folder
    return Program(name="web", argv=argv, env=env, pass_fds=(listener.fileno(),))


def worker_program(queue: str, number: int, env: dict[str, str]) -> Program:
    name = queue if number == 1 else f"{queue}-{number}"
    return Program(name=name, argv=manage("worker", queue), env=env, stop_signals=TERM_TWICE_THEN_KILL)


def web_answers(listener: socket.socket) -> bool:
    """True when the web server answers a request (any page; a redirect to the sign-in counts)."""
    host, port = listener.getsockname()[:2]
    request = http.client.HTTPConnection("127.0.0.1" if host == "0.0.0.0" else host, port, timeout=2)  # noqa: S104
    try:
        request.request("GET", "/", headers={"Host": "localhost"})
        return request.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        request.close()


def workers_live(wanted: int) -> bool:
    return queues.queue_health().alive() >= wanted


def demo_program(env: dict[str, str]) -> Program:
    """Loads the demo project (at once where it is there already) and shows its sign-ins."""
    if "demo_load" not in get_commands():
        raise SupervisorError("This copy of Countersign has no demo project. Unset COUNTERSIGN_DEMO.")
    return Program(name="demo", argv=manage("demo_load"), env=env, is_once=True)


def wait_for_demo(supervisor: Supervisor, demo: Child) -> None:
    supervisor.wait_until(lambda: not demo.is_running, what="the demo project", seconds=DEMO_SECONDS)
    if demo.exit_code != 0:
        raise SupervisorError(f"The demo project could not be loaded: demo_load {ending(demo.exit_code)}.")


def address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0"} else host  # noqa: S104 - compared, not bound
    return f"http://{shown}:{port}/"


def state_reset(state_dir: Path) -> str:
    """Removes a demo's state; refuses any other state directory, and one that is in use."""
    with hold_lock(state_dir / "up.lock", says="reset"):
        if {path.name for path in state_dir.iterdir()} <= {"secret_key", "up.lock"}:  # made by this very command
            return f"There is nothing in {state_dir}. `make demo` starts afresh."
        if not (state_dir / DEMO_MARK).exists():
            raise SupervisorError(f"{state_dir} was not made by the demo, so nothing was removed.")
        shutil.rmtree(state_dir)
    return f"Removed {state_dir}. `make demo` starts afresh."
