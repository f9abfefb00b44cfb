"""The command line: ``python -m fluxfill_nb fill``, ``runs``, ``serve`` and ``webhook``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from . import errors, provenance
from .mask import Mask
from .options import FillFields, FillOptions
from .request import FillRequest
from .version import __version__

_SECRET_VARIABLE = "FLUXFILL_WEBHOOK_SECRET"
# How often new calls are looked for, s.
_LOOK = 0.2
# Where `fill` keeps what it makes, and `runs` looks for it.
_STORE = "runs"
_LONGEST_PROMPT = 40
# The states of what costs something.
_PAID = ("done", "pending", "expired")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0, 1 if the service said no, 2 for wrong input."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A pipe may know fewer characters than prompts have.
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except errors.InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (errors.FluxFillError, ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fluxfill_nb", description="Inpaint pictures with FLUX.1 Fill."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fill(commands)
    _add_runs(commands)
    _add_serve(commands)
    _add_webhook(commands)
    return parser


def _add_fill(commands: Any) -> None:
    fill = commands.add_parser(
        "fill",
        help="fill the masked part of a picture",
        description="Fill what MASK marks in PICTURE. Without a key (BFL_API_KEY) the local engine "
        "does it, which copies patches of the picture and is no FLUX.",
    )
    fill.add_argument("picture", metavar="PICTURE", type=Path)
    fill.add_argument(
        "mask", metavar="MASK", help="a picture, white where to fill; or 'alpha': PICTURE's own"
    )
    fill.add_argument("prompt", metavar="PROMPT", nargs="?", default="", help="what belongs there")
    fill.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help=".png, .jpg or .webp"
    )
    fill.add_argument("--service", help="'hosted', 'local' or an address (default: see above)")
    fill.add_argument(
        "--feather", type=float, metavar="PX", help="how far the fill fades in from the rim"
    )
    fill.add_argument(
        "--store",
        metavar="FOLDER",
        default=_STORE,
        help="what is there is not paid for again; '' keeps nothing (default: %(default)s)",
    )
    fill.add_argument("--raw", action="store_true", help="save what the service made, not blended")
    settings = fill.add_argument_group("settings")
    for name, field in FillFields.model_fields.items():
        if name != "prompt":
            settings.add_argument(
                f"--{name.replace('_', '-')}",
                metavar="VALUE",
                default=argparse.SUPPRESS,
                help=_help(name, field.description or ""),
            )
    fill.set_defaults(run=_fill)


def _help(name: str, description: str) -> str:
    # What is not given is None; nobody can type it.
    rule = FillOptions.rule(name).removesuffix(", or None")
    return f"{description} It is {rule}.".replace("%", "%%")


def _fill(options: argparse.Namespace) -> None:
    from .services import connect

    # All that could keep the picture from being saved is checked before it is paid for.
    if options.output.suffix.lower() not in provenance.FORMATS:
        raise errors.InvalidImage(
            f"{options.output.name!r} must end with {', '.join(provenance.FORMATS)}."
        )
    if not options.output.absolute().parent.is_dir():
        raise errors.InvalidImage(f"There is no folder {str(options.output.parent)!r}.")
    if options.feather is not None and not options.feather >= 0:
        raise errors.InvalidOption(f"feather is {options.feather} px: it must be 0 or above.")
    given = {name: value for name, value in vars(options).items() if name in FillOptions.names()}
    mask = None if options.mask == "alpha" else Mask(Path(options.mask))
    request = FillRequest(options.picture, mask, **given)
    began = datetime.now(UTC)
    with connect(options.service, store=options.store or None) as client:
        print(f"{client.service}: filling {_share(request)} …", flush=True)
        result = client.fill(request)
        result.save(options.output, feather=options.feather, raw=options.raw)
    facts = [] if result.seed is None else [f"seed {result.seed}"]
    if result.task.submitted < began:
        facts.append(f"kept from {_when(result.task.submitted)}, not paid for again")
    else:
        facts += [] if result.duration is None else [f"{result.duration:.1f} s"]
        facts += [f"${result.price:.2f}"] if result.price else []
    print(f"{options.output} ({', '.join(facts)})" if facts else options.output)


def _share(request: FillRequest) -> str:
    """Say in a few words what is filled."""
    width, height = request.image.size
    return f"{request.mask.coverage:.1%} of {width} x {height} px".replace("%", " %")


def _add_runs(commands: Any) -> None:
    runs = commands.add_parser(
        "runs",
        help="list what was sent, and what came of it",
        description="List what a store holds, the latest last.",
    )
    runs.add_argument("folder", metavar="FOLDER", nargs="?", default=_STORE, type=Path)
    runs.add_argument("--prompt", help="only those whose prompt has this in it")
    runs.add_argument("--last", type=int, metavar="N", help="only the last N")
    runs.set_defaults(run=_runs)


def _runs(options: argparse.Namespace) -> None:
    from .store import RunStore

    if not options.folder.is_dir():
        raise errors.InvalidOption(f"There is no folder {str(options.folder)!r}.")
    if options.last is not None and options.last < 1:
        raise errors.InvalidOption(f"--last is {options.last}: it must be 1 or more.")
    store = RunStore(options.folder)
    wanted = (options.prompt or "").lower()
    rows = [row for row in store.table() if wanted in (row["prompt"] or "").lower()]
    for row in rows[-(options.last or 0) :]:
        print(_line(row))
    spent = sum(row["price"] or 0.0 for row in rows if row["state"] in _PAID)
    print(f"{store}, {len(rows):,} with {options.prompt!r}, ${spent:.2f}" if wanted else store)
    for problem in store.problems:
        print(f"problem: {problem}", file=sys.stderr)


def _line(row: dict[str, Any]) -> str:
    prompt = " ".join((row["prompt"] or "").split())
    if len(prompt) > _LONGEST_PROMPT:
        prompt = prompt[: _LONGEST_PROMPT - 1] + "…"
    stars = " " + "*" * row["stars"] if row["stars"] else ""
    seed = "" if row["seed"] is None else f"seed {row['seed']}, "
    settings = f"{seed}guidance {row['guidance']:g}, steps {row['steps']}"
    what = row["picture"] or row["reason"] or ""
    return f"{_when(row['when'])}  {row['state']:<11}  {prompt!r} ({settings}){stars}  {what}"


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve the hosted service's contract with a local engine",
        description="Serve the contract of FLUX.1 Fill [pro] with an engine of your own. /health "
        "says whether fills are taken on, /metrics what is done, for Prometheus.",
    )
    serve.add_argument(
        "--host", default="127.0.0.1", help="default: %(default)s, this machine only"
    )
    serve.add_argument("--port", type=int, default=8000, help="default: %(default)s; 0: a free one")
    serve.add_argument(
        "--key", metavar="NAME=KEY", action="append", default=[],
        help="a key that may submit, and whose it is; may be repeated. Others on this machine can "
        "see it: better use --keys",
    )  # fmt: skip
    serve.add_argument(
        "--keys", metavar="FILE", type=Path,
        help='TOML: lines NAME = "KEY", or tables [NAME] with key, max_active and credits',
    )  # fmt: skip
    serve.add_argument(
        "--max-active", type=int, default=24, metavar="N",
        help="how many fills of each key may wait or run (default: %(default)s); those that wait "
        "take turns, key by key",
    )  # fmt: skip
    serve.add_argument(
        "--credits", type=float, metavar="N",
        help="what each key can spend, at 5 a picture (default: fills cost nothing)",
    )  # fmt: skip
    serve.add_argument(
        "--grace", type=float, default=30.0, metavar="S",
        help="after SIGTERM, how long fills may take to end and to be fetched, s "
        "(default: %(default)g)",
    )  # fmt: skip
    engine = serve.add_argument_group("engine")
    engine.add_argument("--engine", default="patches", help="patches (default) or flux_dev")
    engine.add_argument("--weights", metavar="DIR", help="FLUX.1 Fill [dev]'s, for flux_dev")
    engine.add_argument("--device", help="where flux_dev runs, such as cuda or cpu")
    engine.add_argument("--dtype", help="flux_dev's numbers, such as bfloat16")
    engine.add_argument(
        "--workers", type=int, metavar="N",
        help="how many fills run at once (default: as many as suit engine, machine or cluster)",
    )  # fmt: skip
    where = engine.add_mutually_exclusive_group()
    where.add_argument(
        "--processes", action="store_true", help="run fills in processes instead of threads"
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="run fills on a Dask cluster; its scheduler's address, such as tcp://10.0.0.5:8786",
    )  # fmt: skip
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> None:
    from .server import command

    command.run(options)


def _add_webhook(commands: Any) -> None:
    webhook = commands.add_parser(
        "webhook",
        help="receive the calls that say a task has ended",
        description="Receive a service's calls, and print a line for each task that has ended: its "
        "id and what is said to have become of it. Requests need this address as --webhook-url.",
    )
    webhook.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    webhook.add_argument("--port", type=int, default=8001, help="default: %(default)s; 0: free")
    webhook.add_argument(
        "--secret",
        help="what calls must prove to know (default: the environment variable "
        f"{_SECRET_VARIABLE}); the service gets it as webhook_secret",
    )
    webhook.set_defaults(run=_webhook)


def _webhook(options: argparse.Namespace) -> None:
    from .client import Receiver

    secret = options.secret or os.environ.get(_SECRET_VARIABLE) or None
    with Receiver(secret, host=options.host, port=options.port) as receiver:
        if receiver.secret is not None and secret is None:
            made_up = receiver.secret.get_secret_value()
            print(f"Reachable from other machines, so a secret is needed: {made_up}")
        print(f"Receiving calls on {receiver.url} ; stop with Ctrl-C.", flush=True)
        shown: set[str] = set()
        while True:
            calls = receiver.calls
            for call in calls:
                if call.task_id not in shown:
                    print(f"{call.task_id}  {call.status}  {call.error}".rstrip(), flush=True)
            shown = {call.task_id for call in calls}
            time.sleep(_LOOK)


if __name__ == "__main__":
    sys.exit(main())
