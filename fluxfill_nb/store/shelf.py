"""What people ask a store: to find pictures, to list them, to clear away."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from html import escape
from numbers import Real
from pathlib import Path
from typing import Any

from ..errors import InvalidOption
from ..options import FillOptions
from ..result import FillResult
from ..wording import PLAIN_DIV, quoted
from .faults import cannot_write
from .ledger import Ledger
from .record import KINDS, Record

SETTINGS = tuple(name for name in FillOptions.names() if not name.startswith("webhook"))
"""What is kept of a request's settings."""

_SHOWN = 5
_COLUMNS = ("when", "state", "prompt", "guidance", "steps", "seed", "service", "price", "stars")
_ROWS, _LONGEST_CELL = 10, 60
# The states that a summary names after the pictures.
_NAMED = ("at work", "pending", *KINDS)


def done(ledger: Ledger) -> list[Record]:
    """Return the attempts whose pictures are there, in the order of their submission."""
    names = ledger.pictures.names()
    found = (record for record in ledger.all() if record.state == "done")
    return sorted((one for one in found if one.picture in names), key=lambda one: one.when)


def matching(records: Iterable[Record], wanted: dict[str, Any]) -> list[Record]:
    """Return the records that have what is asked for.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such setting, or it never has such a value.
    """
    names = (*SETTINGS, "service")
    for name in wanted:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}."
            raise InvalidOption(f"Pictures cannot be found by {name!r}: {hint}")
    choices = {name: _alternatives(name, value) for name, value in wanted.items()}
    return [
        record
        for record in records
        if all(
            any(_agrees(name, value_of(record, name), one) for one in several)
            for name, several in choices.items()
        )
    ]


def value_of(record: Record, name: str) -> Any:
    """Return a setting as it was used, or the service."""
    if name == "service":
        return record.made_by or record.service
    if name == "seed" and record.seed is not None:
        return record.seed
    value = record.settings.get(name)
    return _default(name) if value is None else value


def row(ledger: Ledger, record: Record) -> dict[str, Any]:
    """Return an attempt as a line of a table."""
    return {
        "when": record.when,
        "state": ledger.state(record),
        **{name: value_of(record, name) for name in SETTINGS},
        "service": value_of(record, "service"),
        "price": record.price,
        "duration": record.duration,
        "stars": stars_of(ledger, record),
        "reason": record.reason,
        "picture": None
        if record.picture is None or record.state != "done"
        else str(ledger.pictures.folder / record.picture),
        "mask": str(ledger.inputs.mask_path(record.mask)) if record.mask else None,
        "key": record.id,
    }


def stars_of(ledger: Ledger, record: Record) -> int:
    """Return the stars of a picture: its own, or those of its request."""
    for key in (record.id, record.request_key):
        if key in ledger.stars:
            return ledger.stars[key][1]
    return 0


@dataclass(frozen=True, eq=False)
class Pruning:
    """What `RunStore.prune` moves away, or would.

    Attributes
    ----------
    results
        The pictures.
    size
        Of their files together, bytes.
    folder
        Where they are moved to.
    is_done
        Whether they are there already.
    """

    results: list[FillResult]
    size: int
    folder: Path
    is_done: bool

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        count = len(self.results)
        if not count:
            return "<Pruning: nothing to move away>"
        what = f"{count} picture{'s' * (count > 1)}, {self.size / 1e6:.1f} MB"
        names = [one.file.path.name for one in self.results[:_SHOWN] if one.file is not None]
        more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
        verb = "moved" if self.is_done else "would move"
        then = (
            "delete that folder to free the space"
            if self.is_done
            else "again with dry_run=False does it; what is gone is paid for anew when asked for"
        )
        return (
            "\n  ".join(
                [f"<Pruning: {verb} {what} to {str(self.folder)!r}; {then}:", *names, *more]
            )
            + ">"
        )


def prune(
    ledger: Ledger,
    keep: Callable[[FillResult], bool] | None,
    before: datetime | None,
    unstarred: bool,
    dry_run: bool,
) -> Pruning:
    """Move pictures away; see `RunStore.prune`."""
    if keep is None and before is None and not unstarred:
        raise InvalidOption(
            "Say what may go: prune(unstarred=True), prune(before=datetime(…)), or "
            "prune(keep=function of a result)."
        )
    if before is not None:
        if not isinstance(before, datetime):
            raise InvalidOption(
                f"before is {before!r}: give a datetime, such as datetime(2026, 1, 31)."
            )
        # Not of a class of its own, as pandas has one, which knows no local time.
        before = datetime.combine(before.date(), before.timetz()).astimezone()
    chosen = [
        (record, result)
        for record in done(ledger)
        if (before is None or record.when < before)
        and not (unstarred and stars_of(ledger, record))
        and not (keep is not None and keep(result := ledger.result_of(record)))
        and (result := ledger.result_of(record))
    ]
    folder = ledger.folder / "removed"
    paths = [ledger.pictures.folder / str(record.picture) for record, _ in chosen]
    pruning = Pruning(
        [result for _, result in chosen], sum(path.stat().st_size for path in paths), folder,
        is_done=not dry_run,
    )  # fmt: skip
    if not dry_run:
        try:
            for (record, _), path in zip(chosen, paths, strict=True):
                folder.mkdir(exist_ok=True)
                path.replace(folder / path.name)
                for thumb in (ledger.folder / "thumbs").glob(f"{path.stem}*"):
                    thumb.unlink(missing_ok=True)
                ledger.tell(record, "removed")
        except OSError as error:
            raise cannot_write(ledger.folder, error) from error
    return pruning


def rebuild(ledger: Ledger) -> int:
    """Take in every picture that the journal does not know; return how many."""
    known = {record.picture for record in ledger.all() if record.state == "done"}
    names = (name for name in ledger.pictures.names() if not name.startswith("."))
    return sum(ledger.adopt_file(name) for name in sorted(names) if name not in known)


def problems(ledger: Ledger) -> list[str]:
    """Return what is damaged or missing, for people."""
    found = [*ledger.journal.problems, *ledger.problems]
    names = ledger.pictures.names()
    inputs: dict[tuple[str, str], None] = {}
    for record in ledger.all():
        if record.state == "done" and record.picture not in names:
            found.append(f"pictures/{record.picture}: gone; it would be paid for anew")
        if record.state in ("done", "pending") and record.image:
            inputs[record.image, record.mask] = None
    for image, mask in inputs:
        found += [
            f"{name}: gone; what was made of it cannot be blended over the original"
            for name in ledger.inputs.missing(image, mask)
        ]
    return list(dict.fromkeys(found))


def summary(ledger: Ledger) -> str:
    """Return in a few words what a store holds."""
    counts: dict[str, int] = {}
    spent = 0.0
    for record in ledger.all():
        state = ledger.state(record)
        counts[state] = counts.get(state, 0) + 1
        if state in ("done", "pending", "expired") or record.removed:
            spent += record.price or 0.0
    done = counts.get("done", 0)
    parts = [f"{done:,} picture{'s' * (done != 1)}"]
    parts += [f"{counts[state]} {state}" for state in _NAMED if counts.get(state)]
    if spent:
        parts.append(f"${spent:.2f}")
    return ", ".join(parts)


def as_html(ledger: Ledger, rows: list[dict[str, Any]]) -> str:
    """Return the summary, and the last rows of the table."""
    lines = [f"<p><b>{escape(str(ledger.folder))}</b>: {escape(summary(ledger))}</p>"]
    if rows:
        left = "style='text-align:left'"
        head = "".join(f"<th {left}>{name}</th>" for name in _COLUMNS)
        body = "".join(
            f"<tr>{''.join(f'<td {left}>{_cell(row[name])}</td>' for name in _COLUMNS)}</tr>"
            for row in rows[: -_ROWS - 1 : -1]
        )
        lines.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    if len(rows) > _ROWS:
        lines.append(f"<p>The last {_ROWS} of {len(rows):,}; .table() has all.</p>")
    return f"{PLAIN_DIV}{''.join(lines)}</div>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…")


def _alternatives(name: str, wanted: Any) -> list[Any]:
    """What is looked for, each as records hold it."""
    several = isinstance(wanted, Iterable) and not isinstance(wanted, str)
    return [_checked(name, one) for one in (wanted if several else [wanted])]


def _checked(name: str, wanted: Any) -> Any:
    kind = type(_default(name))
    if kind is str:
        fits = isinstance(wanted, str)
    elif kind is bool:
        fits = wanted in (True, False)
    else:
        if isinstance(wanted, str):
            with suppress(ValueError):
                wanted = float(wanted)
        fits = isinstance(wanted, Real) and not isinstance(wanted, bool)
    if not fits and wanted is not None:
        rule = "text" if name == "service" else FillOptions.rule(name)
        raise InvalidOption(f"{name} is {quoted(wanted)}: look for {rule}, or a list of these.")
    return wanted


def _default(name: str) -> Any:
    return "" if name == "service" else FillOptions.model_fields[name].default


def _agrees(name: str, value: Any, wanted: Any) -> bool:
    if wanted is None:
        return bool(value == _default(name))
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted.casefold() in value.casefold()
    if isinstance(value, float):
        return math.isclose(value, wanted, abs_tol=1e-9)
    return bool(value == wanted)  # whole numbers, and large seeds lie close together
