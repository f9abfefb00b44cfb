"""The journal: what was done, one line each; a file for each writer, which nobody else writes."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .process import Process

VERSION = 1

# Room that is kept for what must be written once money is spent, bytes: freed when a disk is full.
_SPARE = 1 << 16
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Ends what could not be written whole, so that nobody takes it for a line.
_SPOILT = "~"


class Line(NamedTuple):
    """One line, and who wrote it (None: that line is damaged) in which file."""

    event: dict[str, Any]
    writer: Process | None
    file: str


class Journal:
    """All writers' files in a folder, and this process's own.

    Parameters
    ----------
    folder
        Where they are. Made when the first line is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._moment = 0.0
        self._own: tuple[int, int, str] | None = None  # process, file, name
        self._spoilt = False
        self._read: dict[str, int] = {}
        self._writers: dict[str, Process | None] = {}
        self._damaged: dict[str, int] = {}
        self._torn: set[str] = set()

    @property
    def name(self) -> str:
        """The own file's name; it is there afterwards."""
        with self._lock:
            return self._open()[1]

    # -------------------------------------------------------------------------------------- writing

    def append(
        self, event: str, *, durable: bool = False, reserved: bool = False, **values: Any
    ) -> Line:
        """Write a line.

        Parameters
        ----------
        event
            What happened.
        durable
            It survives a power failure: it is on the disk when this returns.
        reserved
            It may take the room that `reserve` has kept.
        **values
            What else to write, as JSON has it.

        Raises
        ------
        OSError
            It is not written.
        """
        with self._lock:
            # What is written later is later, however coarse the clock.
            self._moment = max(round(time.time(), 6), round(self._moment + 1e-6, 6))
            content = {"t": self._moment, "event": event, **values}
            data = json.dumps(content, separators=(",", ":")).encode() + b"\n"
            file, name = self._open()
            try:
                self._write(file, data)
            except OSError as error:
                if not reserved or error.errno not in _FULL or not self._free_spare():
                    raise
                self._write(file, data)
            if durable:
                os.fsync(file)
        return Line(content, Process.this(), name)

    def reserve(self) -> None:
        """Keep a little room for what must be written later, come what may.

        Raises
        ------
        OSError
            There is none.
        """
        spare = self._folder / ".spare"
        with suppress(FileNotFoundError):
            if spare.stat().st_size >= _SPARE:
                return
        with spare.open("wb") as file:
            file.write(b"\n" * _SPARE)
            os.fsync(file.fileno())

    def _free_spare(self) -> bool:
        try:
            (self._folder / ".spare").unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def _write(self, file: int, data: bytes) -> None:
        if self._spoilt:
            data = f"{_SPOILT}\n".encode() + data
        written = 0
        try:
            while written < len(data):
                written += os.write(file, data[written:])
        except OSError:
            self._spoilt |= written > 0
            raise
        self._spoilt = False

    def _open(self) -> tuple[int, str]:
        """The own file; after a fork, another one."""
        if self._own is None or self._own[0] != os.getpid():
            me = Process.this()
            host = re.sub(r"[^A-Za-z0-9]+", "-", me.machine.split()[0]).strip("-")[:40]
            name = f"{host}-{me.pid}-{secrets.token_hex(3)}.jsonl"
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_WRONLY | getattr(os, "O_BINARY", 0)
            file = os.open(self._folder / name, flags, 0o666)
            self._spoilt = False
            header = {"event": "writer", "version": VERSION, **me.dump()}
            try:
                self._write(file, json.dumps(header).encode() + b"\n")
            except OSError:
                os.close(file)
                (self._folder / name).unlink()
                raise
            self._own = me.pid, file, name
        return self._own[1], self._own[2]

    def __del__(self) -> None:
        if self._own is not None and self._own[0] == os.getpid():
            os.close(self._own[1])

    # -------------------------------------------------------------------------------------- reading

    def news(self) -> Iterator[Line]:
        """Yield what others have written since the last call; at first, all.

        Raises
        ------
        OSError
            The folder cannot be read.
        """
        own = self._own[2] if self._own is not None and self._own[0] == os.getpid() else None
        try:
            names = sorted(os.listdir(self._folder))  # noqa: PTH208 (twice as fast)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            if name.endswith(".jsonl") and (name != own or name not in self._read):
                yield from self._news_of(name)

    def is_whole(self, name: str) -> bool:
        """Whether a writer's file is there, and has said all that it was told."""
        return name in self._read and name not in self._damaged

    @property
    def problems(self) -> list[str]:
        """What could not be read, for people."""
        found = [
            f"journal/{name}: {count} damaged line{'s' * (count > 1)}, passed over"
            for name, count in self._damaged.items()
        ]
        for name in sorted(self._torn):
            writer = self._writers.get(name)
            if writer is None or not writer.is_living(0.0):
                found.append(f"journal/{name}: the last line is cut off, passed over")
        return found

    def _news_of(self, name: str) -> Iterator[Line]:
        # Opened each time: only then do network file systems ask whether there is more.
        offset = self._read.get(name, 0)
        try:
            with (self._folder / name).open("rb", buffering=0) as file:
                if offset and os.fstat(file.fileno()).st_size == offset:
                    return
                file.seek(offset)
                data = file.readall()
        except OSError:
            self._damaged.setdefault(name, 1)
            return
        whole = data.rfind(b"\n") + 1
        self._read[name] = offset + whole
        (self._torn.add if whole < len(data) else self._torn.discard)(name)
        for line in data[:whole].decode(errors="replace").split("\n")[:-1]:
            if line.endswith(_SPOILT):
                continue  # whoever wrote it knows that it is not there
            try:
                event = json.loads(line)
                event["event"]
            except (ValueError, LookupError, TypeError, RecursionError):
                self._damaged[name] = self._damaged.get(name, 0) + 1
                continue
            if event["event"] == "writer":
                self._writers[name] = Process.read(event)
            yield Line(event, self._writers.get(name), name)
