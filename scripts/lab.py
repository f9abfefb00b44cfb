"""Fill the sample photograph once, then open JupyterLab on the first notebook.

Arguments are handed on to JupyterLab.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from sample import HERE, fill_sample

NOTEBOOK = HERE / "notebooks" / "01_first_fill.ipynb"
SAMPLE = HERE / "out" / "first_fill.jpg"


def main() -> None:
    """Show that it works, then become JupyterLab."""
    seconds = fill_sample(SAMPLE)
    print(f"Filled the sample photograph in {seconds:.1f} s with the local engine 'patches'.")
    print(f"Before | mask | after: {SAMPLE}")
    print("Opening JupyterLab; if no browser appears, open the address that it prints below.")
    print("Ctrl+C ends it.")
    sys.stdout.flush()
    _ask_no_questions()
    # -y: where it asks whether to end, a second Ctrl+C makes Python abort.
    command = [
        sys.executable, "-m", "jupyterlab", "-y", f"--ServerApp.root_dir={NOTEBOOK.parent}",
        f"--LabApp.default_url=/lab/tree/{NOTEBOOK.name}",
    ]  # fmt: skip
    if not _has_display():
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    os.execv(sys.executable, command + sys.argv[1:])


def _ask_no_questions() -> None:
    """Keep JupyterLab of this environment from asking newcomers whether they want its news."""
    overrides = Path(sys.prefix, "share", "jupyter", "lab", "settings", "overrides.json")
    if not overrides.exists():
        overrides.parent.mkdir(parents=True, exist_ok=True)
        notifications = {"fetchNews": "false", "checkForUpdates": False}
        overrides.write_text(
            json.dumps({"@jupyterlab/apputils-extension:notification": notifications})
        )


def _has_display() -> bool:
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    main()
