"""Command line of the generator."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.world.build import world_build, world_write


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.world", description="Write the demo world as files.")
    parser.add_argument("--out", type=Path, required=True, help="folder for samples, held-out prompts and truth")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    try:
        counts = world_write(world_build(options.seed), options.out)
    except OSError as error:
        sys.stderr.write(f"The world could not be written to {options.out}: {error.strerror or error}.\n")
        return 1
    sys.stdout.write("".join(f"{options.out / name}: {count} rows\n" for name, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
