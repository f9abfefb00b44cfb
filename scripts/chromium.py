"""Print the path of a Chromium that starts, and install one first if there is none.

Looked at, in this order: the environment variable CHROMIUM, browsers on the PATH, Playwright's own.
Installed from, in this order: Playwright, then the system's packages (apt, as root or with sudo).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Without them Chromium looks up hosts of its vendor at every start.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def main() -> int:
    """Print the path; 1 if there is none and none could be installed."""
    path = find()
    for install in (_from_playwright, _from_apt):
        if path is None:
            print(f"No Chromium here; installing one ({install.__doc__})", file=sys.stderr)
            install()
            path = find()
    if path is None:
        print("Chromium could not be installed. Install it by hand and set CHROMIUM to its path.",
              file=sys.stderr)  # fmt: skip
        return 1
    print(path)
    return 0


def find() -> str | None:
    """Return the first browser that starts."""
    return next(filter(_starts, _candidates()), None)


def _candidates() -> Iterator[str]:
    if chosen := os.environ.get("CHROMIUM"):
        yield chosen
    yield from filter(None, map(shutil.which, NAMES))
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    if Path(own).exists():
        yield own


def _starts(path: str) -> bool:
    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(executable_path=path, args=ARGUMENTS).close()
        except Error:
            return False
    return True


def _from_playwright() -> None:
    """Playwright's download"""
    playwright = [sys.executable, "-m", "playwright"]
    if _quiet([*playwright, "install", "chromium"]) and find() is None:
        _quiet([*playwright, "install-deps", "chromium"])


def _from_apt() -> None:
    """Debian's package"""
    if shutil.which("apt-get"):
        root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
        _quiet([*root, "apt-get", "update"])
        _quiet([*root, "apt-get", "install", "--yes", "--no-install-recommends", "chromium"])


def _quiet(command: list[str]) -> bool:
    """Run a command, its output on our error stream only if it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
    except FileNotFoundError:
        return False
    if done.returncode:
        print("\n".join((done.stdout + done.stderr).splitlines()[-3:]), file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
