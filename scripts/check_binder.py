"""Build what Binder would, without Docker, and drive it in a browser as visitors do.

repo2docker says from `binder/` what it would run, on which Python and on which Jupyter. The same
is run here: in an empty environment with that Jupyter, on a copy of what Git has or would take.
Then `tests/browser/test_binder.py` visits it. All lies in `build/binder`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "binder"
TOOL, HOME, PREFIX = BUILD / "repo2docker", BUILD / "home", BUILD / "environment"
# Binder's base has them from conda-forge; PyPI knows this one by another name.
NAMES = {"jupyterhub-singleuser": "jupyterhub"}


def main() -> None:
    """Build, and visit."""
    build()
    visit()


def build() -> None:
    """Do what repo2docker would, and say how long it took."""
    started = time.monotonic()
    shutil.rmtree(BUILD, ignore_errors=True)
    copy_repository()
    environment(TOOL, ["jupyter-repo2docker"])
    dockerfile = run([TOOL / "bin" / "jupyter-repo2docker", "--no-build", "--debug", HOME])
    base = base_packages(dockerfile)
    print("On Binder's", ", ".join(base), flush=True)
    environment(PREFIX, base)
    for step in steps(dockerfile):
        print(f"$ {step}", flush=True)
        run(["bash", "-c", step], in_binder=True)
    run([PREFIX / "bin" / "python", "-m", "pip", "check"], in_binder=True)
    print(f"Built in {time.monotonic() - started:.0f} s.", flush=True)


def visit() -> None:
    """Drive what was built in a browser; -rP shows how far the ink is behind the hand."""
    command = [
        sys.executable, "-m", "pytest", "-rP", "-p", "no:cacheprovider",
        "tests/browser/test_binder.py",
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, env=os.environ | {"BINDER_BUILD": str(BUILD)}, check=True)


def copy_repository() -> None:
    """Copy what a clone would have."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (HOME / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, HOME / name)


def environment(prefix: Path, packages: list[str]) -> None:
    """Create an environment with these packages."""
    run([sys.executable, "-m", "venv", prefix])
    run([prefix / "bin" / "python", "-m", "pip", "install", "--quiet", *packages])


def base_packages(dockerfile: str) -> list[str]:
    """Return which Jupyter the image would have before anything of ours comes."""
    lock = re.search(r"environment-2epy-2d3-2e(\d+)-2dlinux", dockerfile)
    assert lock is not None, dockerfile
    assert int(lock[1]) == sys.version_info.minor, f"This is to run on Python 3.{lock[1]}."
    (folder,) = TOOL.glob("lib/*/site-packages/repo2docker/buildpacks/conda")
    wanted = re.findall(r"^  - ([\w-]+)==", (folder / "environment.yml").read_text(), re.MULTILINE)
    known = (folder / f"environment.py-3.{lock[1]}-linux-64.lock").read_text()
    versions = dict(re.findall(r"/([\w.-]+)-([\w.]+)-[\w.]+\.conda#", known))
    return [f"{NAMES.get(name, name)}=={versions[name]}" for name in wanted]


def steps(dockerfile: str) -> Iterator[str]:
    """Iterate over the commands that come from `binder/`."""
    yield from re.findall(r"^RUN (.*\bbinder/.*)", dockerfile, re.MULTILINE)


def run(command: list[str | Path], *, in_binder: bool = False) -> str:
    """Run a command; return what it says, or say it and give up."""
    variables = dict(os.environ)
    if in_binder:
        variables = {name: of for name, of in variables.items() if "JUPYTER" not in name} | {
            "HOME": str(HOME), "NB_PYTHON_PREFIX": str(PREFIX), "KERNEL_PYTHON_PREFIX": str(PREFIX),
            "PATH": f"{PREFIX}/bin:{variables['PATH']}", "PYTHONNOUSERSITE": "1",
        }  # fmt: skip
    done = subprocess.run(
        command, cwd=HOME if in_binder else ROOT, env=variables, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\nfailed ({done.returncode}).")
    return done.stdout


if __name__ == "__main__":
    main()
