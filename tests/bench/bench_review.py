"""What a reviewer waits for: `make bench-review`.

``cycle``: CPU of the web process for handing in a review and getting the next sample, through the whole request, and
for the page that follows, by samples in the project and by leases that others hold; and the Python calls of it, which
are the same whatever else the machine is doing. ``load``: clients without think time against the web server. Each on
SQLite and on PostgreSQL; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIZES, LEASES = (1_000, 100_000), (0, 50)
LIMITS = {"sqlite": 12.0, "postgresql": 18.0}  # milliseconds
BLOCKS, CYCLES = 10, 20
CLIENTS, SECONDS = 32, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help="measure in this process, on DATABASE_URL")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"])
    given = parser.parse_args()
    if given.inside:
        show(json.dumps(measure(given.sizes, given.seconds)))
        return
    figures = {name: run_inside(name, given) for name in given.databases}
    for name, parts in figures.items():
        show(table(name, parts))
    show(json.dumps(figures | {"cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}))


def run_inside(database: str, given: argparse.Namespace) -> dict[str, Any]:
    """Measures in a process of its own, with an empty database that ends with it."""
    before = [] if database == "sqlite" else [str(ROOT / "scripts/with-postgres.sh")]
    argv = [*before, sys.executable, str(Path(__file__).resolve()), "--inside", "--seconds", str(given.seconds)]
    argv += ["--sizes", *map(str, given.sizes)]
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        env = {
            **kept,
            "COUNTERSIGN_STATE_DIR": folder,
            "DEBUG": "False",
            "SECRET_KEY": "bench",
            "PYTHONPATH": str(ROOT),
        }
        env |= {"DJANGO_SETTINGS_MODULE": "reviewapp.settings", "LOG_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measure(sizes: list[int], seconds: float) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    return {"database": connection.vendor, "cycle": cycles_of(sizes), "load": load(seconds), "double": double_clicks()}


# ---- one reviewer: CPU of this process


def cycles_of(sizes: list[int]) -> list[dict[str, Any]]:
    """Each size with each number of leases, in turns: what the machine does meanwhile falls on all alike."""
    from django.db import connection

    cases = [_Case(n, leases) for n in sizes for leases in LEASES]
    _analyze(connection)
    for block in range(1 + BLOCKS):
        for case in cases:
            case.work()
            if block == 0:  # warm-up
                case.submits, case.pages = [], []
    return [case.figures() for case in cases]


class _Case:
    """One reviewer in a project of ``n`` samples, of which others hold ``leases``; CPU milliseconds of what they do."""

    def __init__(self, n: int, leases: int) -> None:
        from tests.bench import world

        self.n, self.leases = n, leases
        project, version = world.project_make(f"cycle-{n}-{leases}", samples=n)
        world.leases_hold(project, version, leases)
        self.web = _Web(world.session_make(world.factories.member(project, "annotator")))
        self.page = self.web.ask("post", f"/projects/{project.slug}/reviews/next/")[0].headers["Location"]
        self.submits: list[float] = []
        self.pages: list[float] = []

    def work(self) -> None:
        from tests.bench import world

        for _ in range(CYCLES):
            answer, submit = self.web.ask("post", self.page.replace("/edit/", "/submit/"), world.answers())
            self.page = answer.headers["Location"]
            shown, page = self.web.ask("get", self.page)
            self.submits.append(submit)
            self.pages.append(page)
            if (answer.status_code, shown.status_code) != (302, 200):
                raise RuntimeError(f"answers {answer.status_code} and {shown.status_code}")

    def figures(self) -> dict[str, Any]:
        parts = {"submit": _figures(self.submits), "page": _figures(self.pages)}
        return {"samples": self.n, "leases": self.leases, **parts, "calls": self._calls()}

    def _calls(self) -> int:
        """Python calls for handing in and getting the next: the same whatever else the machine is doing."""
        from tests.bench import world

        profile = cProfile.Profile()
        for _ in range(CYCLES):
            environ = self.web.environ("post", self.page.replace("/edit/", "/submit/"), world.answers())
            answer, _ = profile.runcall(self.web.answer, environ)
            self.page = answer.headers["Location"]
        return round(pstats.Stats(profile).total_calls / CYCLES)  # type: ignore[attr-defined]


class _Web:
    """The application as the web server calls it. Building a request is the browser's work and is not timed."""

    def __init__(self, session: str) -> None:
        from django.test import RequestFactory

        from reviewapp.wsgi import application

        token = "a" * 32  # what the cookie and the header both say
        self.application = application
        self.factory = RequestFactory(headers={"host": "localhost", "x-csrftoken": token})
        self.factory.cookies["sessionid"], self.factory.cookies["csrftoken"] = session, token

    def ask(self, method: str, path: str, data: dict[str, str] | None = None) -> tuple[Any, float]:
        return self.answer(self.environ(method, path, data))

    def environ(self, method: str, path: str, data: dict[str, str] | None = None) -> dict[str, Any]:
        environ: dict[str, Any] = getattr(self.factory, method)(path, data).environ
        return environ

    def answer(self, environ: dict[str, Any]) -> tuple[Any, float]:
        """The answer and the milliseconds of CPU that it took, with its whole body and what follows it."""
        began = time.process_time()
        answer = self.application(environ, lambda status, headers: None)
        for _ in answer:
            pass
        answer.close()
        return answer, (time.process_time() - began) * 1000


def _analyze(connection: Any) -> None:
    """As autovacuum does on its own after a while."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _figures(values: list[float]) -> dict[str, float]:
    kept = sorted(values)
    return {"median": round(statistics.median(kept), 2), "p95": round(kept[int(len(kept) * 0.95)], 2)}


# ---- many reviewers: the web server


def load(seconds: float) -> dict[str, Any]:
    """Clients without think time: claim, look at the page, submit, and so on; two reviewers a sample."""
    from django.db import connection

    from reviewapp.reviews.models import Review
    from tests.bench import serving, world

    overlap = 2
    project, _ = world.project_make("load", samples=4_000, overlap=overlap)
    sessions = [world.session_make(person) for person in world.people_make(project, CLIENTS)]
    _analyze(connection)
    times: list[float] = []
    with serving.served({}) as server:
        browsers = [serving.Browser(server.port, project.slug, session) for session in sessions]
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda browser: _work(browser, end, times), browsers))
    times.sort()
    stored = Review.objects.filter(sample__project=project).count()
    return {
        "clients": CLIENTS,
        "samples": 4_000,
        "overlap": overlap,
        "seconds": seconds,
        "submits_per_second": round(len(times) / seconds, 1),
        "next_p95_seconds": round(times[int(len(times) * 0.95)], 2),
        "errors": sum(len(browser.errors) for browser in browsers),
        "answered": len(times),
        "stored": stored,
        "leases_above_overlap": _above(project.pk),
    }


def _work(browser: Any, end: float, times: list[float]) -> None:
    from tests.bench import world

    page = browser.claim()
    while page and time.monotonic() < end:
        browser.get(page)
        began = time.monotonic()
        page = browser.submit(page, world.answers())
        times.append(time.monotonic() - began)


def _above(project: int) -> int:
    """Samples that more people hold or reviewed than they need."""
    from django.db.models import Count, F

    from reviewapp.core.models import SLOT_TAKEN
    from reviewapp.reviews.models import Assignment

    held = Assignment.objects.filter(SLOT_TAKEN, sample__project=project).order_by()
    counted = held.values("sample", "sample__slots_needed").annotate(n=Count("pk"))
    return counted.filter(n__gt=F("sample__slots_needed")).count()


def double_clicks() -> dict[str, int]:
    """The same form sent twice at the same moment, by eight people: how many were stored twice."""
    from django.db.models import Count

    from reviewapp.reviews.models import Review
    from tests.bench import serving, world

    project, _ = world.project_make("double", samples=40)
    sessions = [world.session_make(person) for person in world.people_make(project, 8)]
    with serving.served({}) as server:
        for session in sessions:
            browsers = [serving.Browser(server.port, project.slug, session) for _ in range(2)]
            page, form, barrier = browsers[0].claim(), world.answers(), threading.Barrier(2)
            with ThreadPoolExecutor(2) as pool:
                sent = [pool.submit(_at_once, browser, barrier, page, form) for browser in browsers]
                [each.result() for each in sent]
    reviews = Review.objects.filter(sample__project=project).order_by()
    twice = reviews.values("assignment").annotate(n=Count("pk")).filter(n__gt=1).count()
    return {"double_clicks": 8, "stored_of_these": reviews.count(), "stored_twice": twice}


def _at_once(browser: Any, barrier: threading.Barrier, page: str, form: dict[str, str]) -> None:
    barrier.wait(timeout=30)
    browser.submit(page, form)


# ---- what is shown


def table(name: str, parts: dict[str, Any]) -> str:
    limit, least = LIMITS[name], min(row["submit"]["median"] for row in parts["cycle"])
    most = max(row["submit"]["median"] for row in parts["cycle"])
    lines = [
        f"{name}: CPU of the web process in milliseconds, median (95th percentile); limit {limit:.0f}",
        f"{'samples':>9} {'leases':>7} {'submit and next':>18} {'its page':>18} {'calls':>8}",
    ]
    for row in parts["cycle"]:
        one, other = row["submit"], row["page"]
        lines.append(
            f"{row['samples']:>9,} {row['leases']:>7} {one['median']:>9.1f} ({one['p95']:.1f})"
            f" {other['median']:>11.1f} ({other['p95']:.1f}) {row['calls']:>8,}"
        )
    lines.append(f"largest to smallest: {most / least:.2f}")
    lines += [f"{key.replace('_', ' ')}: {value}" for key, value in {**parts["load"], **parts["double"]}.items()]
    return "\n".join(lines) + "\n"


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
