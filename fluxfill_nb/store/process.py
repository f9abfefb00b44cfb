"""Who writes: a process, and whether it is still alive."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

LEFT_ALONE = 120.0
"""After how long, s, what another machine has begun counts as given up."""

_ZOMBIE = ("Z", "X")


@dataclass(frozen=True)
class Process:
    """A process, told apart from a later one that has its number.

    Attributes
    ----------
    machine
        The machine it runs on, since it was started; of a container, that.
    pid
        Its number there.
    started
        When it was started, in whatever unit the machine has; empty if that is not known.
    """

    machine: str
    pid: int
    started: str

    @classmethod
    def this(cls) -> Process:
        """Return the process that asks."""
        return _this(os.getpid())

    @classmethod
    def read(cls, data: Any) -> Process | None:
        """Return what `dump` gave; None if it is something else."""
        try:
            return cls(str(data["machine"]), int(data["pid"]), str(data["started"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def dump(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def is_living(self, since: float) -> bool:
        """Whether it is alive; of another machine, only how long ago it was seen can tell.

        Parameters
        ----------
        since
            When it was seen last, s since 1970.
        """
        here = Process.this()
        if self.machine == here.machine:
            started = _started(self.pid)
            if started is not None:
                return started == self.started
        return time.time() - since < LEFT_ALONE


@lru_cache(maxsize=1)
def _this(pid: int) -> Process:
    return Process(_machine(), pid, _started(pid) or "")


def _machine() -> str:
    name = platform.node() or "unknown"
    try:  # a container may share its name, a machine that was started anew has it still
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{name} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return name


def _started(pid: int) -> str | None:
    """When a process was started; empty if there is no such process, None if nobody can tell."""
    if Path("/proc/self/stat").exists():
        try:
            # The name in brackets may hold anything.
            fields = (
                Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            )
        except OSError:
            return ""
        return "" if fields[0] in _ZOMBIE else fields[19]
    try:
        import psutil  # type: ignore[import-untyped]  # comes with Jupyter's kernel
    except ImportError:
        return None
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""
