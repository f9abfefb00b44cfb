"""Many small fills by several programs at once; prints README's table.

``python -m fluxfill_nb serve`` in a process of its own; clients in others, each with a key and a
store of its own. A line and an exit status tell of what is missed: a task that was lost, memory
that grows, polls that wait. The number of fills may be given: ``python benchmarks/soak.py 100``.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
from PIL import Image

import fluxfill_nb as ff

FILLS = 2000
CLIENTS = 4
SIZE = (24, 24)
BOX = (11, 11, 13, 13)
LOOK_S = 0.1
# What may be kept of each task that has ended; the server keeps 1000 of them.
GROWTH_MB = 5.0
P99_S = 0.25


def main() -> None:
    """Print the table; end with an error if something is missed."""
    fills = int(sys.argv[1]) if len(sys.argv) > 1 else FILLS
    each = fills // CLIENTS
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (process, url, keys):
        memory, stop = [], threading.Event()
        watch = threading.Thread(target=watched, args=(process.pid, memory, stop))
        started = time.perf_counter()
        clients = [
            subprocess.Popen(
                [sys.executable, __file__, "client", url, key, folder, name, str(number * each),
                 str(each)],
                stdout=subprocess.PIPE, text=True,
            )
            for number, (name, key) in enumerate(keys.items())
        ]  # fmt: skip
        watch.start()
        told = [json.loads(client.communicate()[0]) for client in clients]
        seconds = time.perf_counter() - started
        stop.set()
        watch.join()
        ended = re.findall(
            r'fluxfill_fills_total\{key="([^"]*)",status="([^"]*)"\} (\S+)',
            httpx.get(url + "/metrics").text,
        )
        process.send_signal(signal.SIGTERM)
        status = process.wait()
    received = sum(one["received"] for one in told)
    polls = sorted(second for one in told for second in one["polls"])
    late = [size for done, size in memory if done >= fills / 2]
    share = max(1, len(late) // 4)
    halfway, at_last = statistics.median(late[:share]), statistics.median(late[-share:])
    growth = (at_last - halfway) / 1e6
    p99 = polls[int(0.99 * len(polls))]
    print(f"| {fills} fills of {SIZE[0]} x {SIZE[1]} px, {CLIENTS} clients | measured | target |")
    print("| --- | --- | --- |")
    print(f"| pictures in the clients' stores | {received} | {fills} |")
    print(f"| tasks on the server, all `Ready` | {ready(ended)} | {fills} |")
    print(f"| fills a second | {fills / seconds:.1f} | |")
    print(
        f"| the server's memory, at the end over halfway | {at_last / 1e6:.0f} MB, "
        f"{growth:+.1f} MB | at most +{GROWTH_MB:g} MB |"
    )
    half, slowest = statistics.median(polls), polls[-1]
    print(
        f"| {len(polls)} polls: median, 99 %, slowest | {half * 1e3:.1f} ms, {p99 * 1e3:.0f} ms, "
        f"{slowest * 1e3:.0f} ms | 99 % within {P99_S * 1e3:.0f} ms |"
    )
    missed = [
        what
        for what, is_met in {
            "a fill was lost": received == ready(ended) == each * CLIENTS,
            "memory grows": growth <= GROWTH_MB,
            "polls wait": p99 <= P99_S,
            "the server did not end in peace": status == 0,
        }.items()
        if not is_met
    ]
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def ready(ended: list[tuple[str, str, str]]) -> int:
    """Return how many tasks were ready; -1 if one ended in another way."""
    if any(status != "Ready" for _, status, _ in ended):
        return -1
    return int(sum(float(number) for *_, number in ended))


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, dict[str, str]]]:
    """Run the server; give its process, its address and the keys by name."""
    keys = {f"client-{number}": secrets.token_urlsafe(16) for number in range(CLIENTS)}
    file = folder / "keys.toml"
    file.touch(mode=0o600)
    file.write_text("".join(f'{name} = "{key}"\n' for name, key in keys.items()))
    process = subprocess.Popen(
        [sys.executable, "-m", "fluxfill_nb", "serve", "--port", "0", "--keys", str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = None
        while found is None:
            found = re.search(r" on (http://\S+)", process.stdout.readline())
        yield process, found[1], keys
    finally:
        process.kill()
        process.wait()


def watched(pid: int, memory: list[tuple[float, int]], stop: threading.Event) -> None:
    """Write down how many fills have ended, and the server's memory, bytes, until it is over."""
    server = psutil.Process(pid)
    url = next(
        f"http://127.0.0.1:{connection.laddr.port}"
        for connection in server.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    )
    with httpx.Client(base_url=url) as http:
        over = False
        while not over:
            over = stop.wait(LOOK_S)
            counts = re.findall(r"fluxfill_fills_total\{.*\} (\S+)", http.get("/metrics").text)
            memory.append((sum(map(float, counts)), server.memory_info().rss))


# -------------------------------------------------------------------------------------- a client


class Timed(httpx.AsyncHTTPTransport):
    """Writes down how long polls wait for their answers, s."""

    def __init__(self) -> None:
        super().__init__()
        self.polls: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        started = time.perf_counter()
        response = await super().handle_async_request(request)
        if request.url.path.endswith("/get_result"):
            self.polls.append(time.perf_counter() - started)
        return response


def client(url: str, key: str, folder: str, name: str, first: str, count: str) -> None:
    """Fill with seeds of one's own; print what came of it."""
    image = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    request = ff.FillRequest(image, ff.Mask.from_box(SIZE, BOX), steps=15)
    seeds = range(int(first), int(first) + int(count))
    transport, store = Timed(), ff.RunStore(Path(folder) / name)
    with ff.FluxFill(key, base_url=url, store=store, transport=transport) as filling:
        filling.sweep(ff.Sweep(request, seed=seeds))
    rows = [row for row in store.table() if row["picture"]]
    received = len({row["seed"] for row in rows} & set(seeds))
    print(json.dumps({"received": received, "polls": transport.polls}))


if __name__ == "__main__":
    client(*sys.argv[2:]) if sys.argv[1:2] == ["client"] else main()
