"""From Ctrl+Enter to the next sample painted, in headless chromium: `python tests/bench/bench_paint.py`.

A reviewer scores and accepts samples of a 1,300-word dialogue by keyboard, with and without the next page fetched
ahead; the time runs from the key to the first frame after the next sample's heading stands in the page. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WARM_UP, SAMPLES = 5, 60
THINK_MS = 900  # a fast reviewer still looks at the sample this long
TURN = "[{who}] and since the last visit the ankles swell by the evening, number {n}, the tablets make me dizzy at noon"
# Keeps the moment of the key across a navigation, and notices the frame after another heading is there.
WATCH = """(() => {
  const now = () => performance.timeOrigin + performance.now();
  addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !event.ctrlKey) return;
    sessionStorage.began = String(now());
    sessionStorage.heading = document.querySelector('h1').textContent;
  }, true);
  const look = () => {
    const heading = document.querySelector('h1')?.textContent;
    const isThere = heading && sessionStorage.began && heading !== sessionStorage.heading;
    if (isThere && document.querySelector('[data-criterion]')) {
      const began = Number(sessionStorage.began);
      delete sessionStorage.began;
      requestAnimationFrame(() => setTimeout(() => {
        const took = JSON.parse(sessionStorage.took || '[]');
        sessionStorage.took = JSON.stringify([...took, now() - began]);
      }, 0));
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help="measure in this process")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    given = parser.parse_args()
    if given.inside:
        show(json.dumps(measure(given.samples)))
        return
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        env = {**kept, "COUNTERSIGN_STATE_DIR": folder, "DEBUG": "False", "SECRET_KEY": "bench", "LOG_LEVEL": "ERROR"}
        env |= {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "reviewapp.settings", "OMP_NUM_THREADS": "1"}
        argv = [sys.executable, str(Path(__file__).resolve()), "--inside", "--samples", str(given.samples)]
        done = subprocess.run(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    show(table(figures))
    show(json.dumps(figures))


def measure(samples: int) -> dict[str, Any]:
    import django

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright runs an event loop in this thread
    django.setup()
    from django.core.management import call_command
    from playwright.sync_api import sync_playwright

    from tests.bench import serving
    from tests.chromium import CHROMIUM, FLAGS

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    people = {name: prepared(name, samples) for name in ("with", "without")}
    with serving.served({}) as server, sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        base = f"http://localhost:{server.port}"
        times = {name: review(chromium, base, name, session, samples) for name, session in people.items()}
        chromium.close()
    figures = {name: figures_of(values) for name, values in times.items()}
    return figures | {"words": 1_300, "cores": os.cpu_count(), "load_1_min": round(os.getloadavg()[0], 1)}


def prepared(slug: str, samples: int) -> str:
    """A project of long dialogues, and the session of somebody who reviews it."""
    from django.db import connection

    from tests.bench import world

    project, _version = world.project_make(slug, samples=samples + WARM_UP + 2)
    turns = [TURN.format(who="doctor" if n % 2 else "patient", n=n) for n in range(62)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE samples_revision SET prompt = %s", ["\n".join(turns)])
    return world.session_make(world.factories.member(project, "annotator"))


def review(chromium: Any, base: str, slug: str, session: str, samples: int) -> list[float]:
    """Milliseconds of each turn."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": session, "url": base}])
    context.add_init_script(WATCH)
    page = context.new_page()
    if slug == "without":
        page.route("**/next/prefetch/", lambda route: route.abort())
    page.goto(f"{base}/projects/{slug}/reviews/")
    page.get_by_role("button", name="Start reviewing").click()
    for done in range(samples + WARM_UP):
        page.wait_for_timeout(THINK_MS)
        for key in ("0", "ArrowDown", "4"):
            page.keyboard.press(key)
        page.get_by_text("2 of 2 scored").wait_for()
        page.keyboard.press("Control+Enter")
        page.wait_for_function(f"() => JSON.parse(sessionStorage.took || '[]').length === {done + 1}")
    times: list[float] = page.evaluate("JSON.parse(sessionStorage.took)")
    context.close()
    return times[WARM_UP:]


def figures_of(values: list[float]) -> dict[str, float]:
    kept = sorted(values)
    p95 = kept[min(len(kept) - 1, int(len(kept) * 0.95))]
    return {"n": len(kept), "median_ms": round(statistics.median(kept), 1), "p95_ms": round(p95, 1)}


def table(figures: dict[str, Any]) -> str:
    rows = ["", "| next page | n | median | p95 |", "|---|---|---|---|"]
    for name, words in (("with", "fetched ahead"), ("without", "loaded when asked for")):
        part = figures[name]
        rows.append(f"| {words} | {part['n']} | {part['median_ms']} ms | {part['p95_ms']} ms |")
    return "\n".join(rows) + "\n"


def show(words: str) -> None:
    sys.stdout.write(words + "\n")


if __name__ == "__main__":
    main()
