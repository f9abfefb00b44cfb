"""Run benchmarks, and put their tables into the README: all of them, or those named.

The README keeps a table between ``<!-- benchmarks/NAME.py -->`` and ``<!-- end -->``. Ends with an
error if a benchmark does: then it missed a target, which it tells.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PLACE = r"(<!-- benchmarks/{name}\.py -->\n).*?(<!-- end -->)"


def main(names: list[str]) -> None:
    text = README.read_text("utf-8")
    known = re.findall(r"<!-- benchmarks/(\w+)\.py -->", text)
    if unknown := set(names) - set(known):
        sys.exit(f"The README has no table of {', '.join(unknown)}; it has {', '.join(known)}.")
    missed = []
    for name in names or known:
        run = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / f"{name}.py"],
            stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        print(run.stdout, flush=True)
        if run.returncode:
            missed.append(name)
        if run.stdout.startswith("|"):
            put(name, run.stdout)
    if missed:
        sys.exit(f"Not all is as it should be in: {', '.join(missed)}.")


def put(name: str, table: str) -> None:
    place = re.compile(PLACE.format(name=name), re.DOTALL)
    text = README.read_text("utf-8")
    README.write_text(place.sub(lambda found: found[1] + table + found[2], text), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
