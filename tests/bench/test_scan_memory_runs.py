"""The bench of a scan's memory reaches into the job to see its parts: it must follow when the job changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("bench_scan_memory.py")


@pytest.mark.slow
def test_it_names_each_part_of_a_scan() -> None:
    command = [sys.executable, str(BENCH), "--comparing", "--only", "scan", "--samples", "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (row,) = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert row["scan"]["by_check"]["near_duplicates"] > 0
    assert {"texts alone", "near_duplicates", "off_topic", "open"} <= set(row["scan"]["phases"])
