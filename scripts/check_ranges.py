"""Run the tests with the wheel, on the lowest and the newest versions that pyproject.toml allows.

    python scripts/check_ranges.py                     # lowest and newest, on each Python found
    python scripts/check_ranges.py lowest -p here      # the lowest, on this Python
    python scripts/check_ranges.py lowest newest -p 3.12 -p 3.13 -- -k mask

The wheel and the tests lie in a folder of their own under build/ranges: nothing of the checkout
can be imported. Tests in a browser are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "ranges"
PYTHONS = ("3.11", "3.12", "3.13")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# What pyproject.toml does not name stands beside the lowest as it was on that day: what comes out
# later cannot break them. A bound that asks for something younger moves the day.
DAY = "2026-11-20"
RESOLUTIONS = {
    "lowest": ("--resolution", "lowest-direct", "--exclude-newer", DAY),
    "newest": ("--resolution", "highest"),
}
# What the tests read beside the package. What they fetch from PyPI and npm is fetched once.
BESIDE = (
    "tests", "benchmarks", "notebooks", "scripts", "binder", "Makefile",
    "conftest.py", "pyproject.toml", ".cache",
)  # fmt: skip
# They import torch, which is an extra's.
LEFT_OUT = "/*/engines/flux_dev/*"
UV = (sys.executable, "-m", "uv", "--quiet", "--no-progress")


def main() -> int:
    """Check what is asked for; 1 if any tests failed."""
    asked = _arguments()
    wheel = _build()
    failed = []
    for version in asked.python or _found():
        for which in asked.which or RESOLUTIONS:
            started = time.monotonic()
            name = f"{which} versions on Python {version}"
            print(f"== {name}", flush=True)
            if not _tested(wheel, version, which, asked.pytest):
                failed.append(name)
            print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    for name in failed:
        print(f"FAILED: {name}")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("which", nargs="*", metavar="lowest|newest", help="both if none is named")
    parser.add_argument("-p", "--python", action="append", metavar="3.x|here",
                        type=lambda named: HERE if named == "here" else named,
                        help=f"a version of Python; of {', '.join(PYTHONS)} all that are found "
                        "if none is named")  # fmt: skip
    ours, theirs = sys.argv[1:], []
    if "--" in ours:
        at = ours.index("--")
        ours, theirs = ours[:at], ours[at + 1 :]
    asked = parser.parse_args(ours)
    if unknown := set(asked.which) - set(RESOLUTIONS):
        parser.error(f"{', '.join(sorted(unknown))}: say lowest or newest")
    asked.pytest = theirs
    return asked


def _build() -> Path:
    shutil.rmtree(HOME / "wheel", ignore_errors=True)
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", HOME / "wheel", ROOT, quiet=True)
    (wheel,) = (HOME / "wheel").glob("*.whl")
    return wheel


def _found() -> list[str]:
    found = [version for version in PYTHONS if _interpreter(version)]
    for version in sorted(set(PYTHONS) - set(found)):
        print(f"Python {version} is not on this machine: not checked.")
    return found


def _interpreter(version: str) -> str | None:
    """An interpreter of this version that starts: this one, one on the PATH, one of pyenv's."""
    return next((path for path in _interpreters(version) if _answers(path, version)), None)


def _interpreters(version: str) -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True))


def _answers(path: str, version: str) -> bool:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    asked = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return asked.stdout.strip() == version


def _tested(wheel: Path, version: str, which: str, arguments: list[str]) -> bool:
    interpreter = _interpreter(version)
    if interpreter is None:
        print(f"Python {version} is not on this machine.")
        return False
    home = HOME / f"{version}-{which}"
    shutil.rmtree(home, ignore_errors=True)
    (home / "work").mkdir(parents=True)
    # With pip: tests fetch with it what they compare with.
    _run(*UV, "venv", "--seed", "--python", interpreter, home / "venv")
    python = home / "venv" / "bin" / "python"
    _install(python, wheel, which, home / "versions.txt")
    for name in BESIDE:
        _copy(ROOT / name, home / "work" / name)
    done = subprocess.run(
        [
            python, "-m", "pytest", "tests", "--pyargs", "fluxfill_nb", "-m", "not browser",
            "--ignore-glob", LEFT_OUT,
            # Old versions on a new Python may warn of each other; ours are found with the newest.
            *(("-W", "default", "--disable-warnings") if which == "lowest" else ()),
            "--quiet", "--collect-in-virtualenv", "--numprocesses", "auto", "--maxprocesses", "4",
            "--dist", "loadfile", *arguments,
        ],
        cwd=home / "work", env=_environment(home / "venv"), check=False,
    )  # fmt: skip
    return done.returncode == 0


def _install(python: Path, wheel: Path, which: str, lock: Path) -> None:
    """Install the wheel and what pyproject.toml asks for; only wheels, as most people get them."""
    for_it = ("--python", python, "--only-binary", ":all:")
    extras = ("--extra", "lab", "--extra", "dev")
    _run(*UV, "pip", "compile", ROOT / "pyproject.toml", *extras, *RESOLUTIONS[which], *for_it,
         "--no-annotate", "--no-header", "--output-file", lock, quiet=True)  # fmt: skip
    _run(*UV, "pip", "install", *for_it, "--requirements", lock)
    _run(*UV, "pip", "install", *for_it, "--no-deps", wheel)
    direct = {"numpy", "pillow", "pydantic", "httpx", "anyio", "fastapi", "ipywidgets", "ipycanvas",
              "matplotlib", "jupyterlab", "scikit-image", "pandas"}  # fmt: skip
    versions = dict(line.split("==") for line in lock.read_text().splitlines() if "==" in line)
    named = (f"{name} {versions[name]}" for name in sorted(direct & set(versions)))
    print(", ".join(named), flush=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        unwanted = shutil.ignore_patterns("__pycache__", "node_modules", ".ipynb_checkpoints")
        shutil.copytree(source, target, ignore=unwanted)
    elif source.exists():
        shutil.copy(source, target)


def _environment(venv: Path) -> dict[str, str]:
    """What an activated environment would have, and nothing of the one that we are in."""
    ours = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PWD")}
    return ours | {"VIRTUAL_ENV": str(venv), "PATH": f"{venv / 'bin'}{os.pathsep}{ours['PATH']}"}


def _run(*command: str | Path, quiet: bool = False) -> None:
    done = subprocess.run(command, capture_output=quiet, text=True, check=False, cwd=ROOT)
    if done.returncode:
        if quiet:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        sys.exit(f"This failed: {' '.join(map(str, command))}")


if __name__ == "__main__":
    sys.exit(main())
