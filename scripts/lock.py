"""Write `binder/requirements.txt`: every package that Binder installs, at one version.

Resolved by uv from pyproject.toml with its extra `lab` and `binder/requirements.in`, for Linux and
the Python that `binder/runtime.txt` names. What is there already keeps its version, if it may.
Arguments go to uv: `--upgrade` takes the newest of all, `--upgrade-package voila` of that one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import uv

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "binder" / "requirements.txt"
HEADER = "# Made by `make lock` from pyproject.toml; not to be changed by hand.\n"


def main() -> None:
    """Resolve, and write."""
    version = (LOCK.parent / "runtime.txt").read_text().strip().removeprefix("python-")
    subprocess.run(
        [
            uv.find_uv_bin(), "pip", "compile", "pyproject.toml", "binder/requirements.in",
            "--extra=lab", "--python-platform=linux", f"--python-version={version}",
            "--quiet", "--no-header", "--output-file", LOCK, *sys.argv[1:],
        ],
        cwd=ROOT, check=True,
    )  # fmt: skip
    # As uv left it where it wrote nothing (--help).
    resolved = LOCK.read_text().removeprefix(HEADER)
    pins = sum("==" in line for line in resolved.splitlines())
    LOCK.write_text(HEADER + resolved)
    print(f"{LOCK.relative_to(ROOT)}: {pins} packages for Python {version}")


if __name__ == "__main__":
    main()
