"""The store when things go wrong: killed processes, two at once, full disks, damaged pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import StoreError
from fluxfill_nb.store import (
    KINDS,
    Attempt,
    Elsewhere,
    Ended,
    Pending,
    RunStore,
    Stored,
)

SERVICE = "example"
PICTURE = Image.linear_gradient("L").resize((64, 48))
REQUEST = ff.FillRequest(PICTURE, ff.Mask.from_box(PICTURE.size, (10, 10, 50, 40)), "a vase")
REPEATABLE = [REQUEST.replace(seed=seed) for seed in (1, 2)]
REQUESTS = [*REPEATABLE, REQUEST]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def picture_of(task: str) -> bytes:
    """Return what the service makes of a task: each has its own colour."""
    with tempfile.SpooledTemporaryFile() as file:
        colour = tuple((int(task) * step) % 256 for step in (7, 31, 113))
        Image.new("RGB", PICTURE.size, colour).save(file, "PNG")
        file.seek(0)
        return file.read()


def result_of(task: ff.FillTask) -> ff.FillResult:
    return ff.FillResult(task, picture_of(task.id), SERVICE, 1, 2.5, 0.05)


# ------------------------------------------------------------------- any order of events, any crash


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Sending:
    """An attempt as it really is, whatever the store says."""

    attempt: Attempt | None
    writer: int
    which: int
    key: str
    number: int
    permitted: bool
    stage: str = "claimed"
    task: ff.FillTask | None = None
    is_cut: bool = False

    @property
    def is_held(self) -> bool:
        return self.attempt is not None


class Writers(RuleBasedStateMachine):
    """Two writers of one store, who may crash between any two bytes."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.stores = [RunStore(self.folder), RunStore(self.folder)]
        self.sent: list[Sending] = []
        self.posts: Counter[int] = Counter()
        self.tasks = 0
        self.journals: list[str] = []
        self.is_damaged = False

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        self.crash_all()
        self.check()
        shutil.rmtree(self.folder)

    # --------------------------------------------------------------------------------- what is done

    @rule(
        writer=st.integers(0, 1),
        which=st.integers(0, 2),
        reuse=st.sampled_from([None, None, None, True, False]),
        retry=st.sampled_from([set(), set(), {"unconfirmed"}, set(KINDS)]),
    )
    def begin(self, writer: int, which: int, reuse: bool | None, retry: set[Any]) -> None:
        request, store = REQUESTS[which], self.stores[writer]
        shared = request.is_repeatable if reuse is None else reuse
        expected = self.expected(which)
        begun = store.begin(request, service=SERVICE, reuse=reuse, retry=retry)
        if isinstance(begun, Attempt):
            if not self.is_damaged:
                assert not shared or expected in ("free", *retry)
            permitted = not shared or bool(retry)
            self.sent.append(Sending(begun, writer, which, begun.key, begun.number, permitted))
            return
        assert shared
        assert not self.is_damaged or not isinstance(begun, Stored) or expected == "done"
        if isinstance(begun, Pending):
            assert begun.task.request == request
            (sending,) = (one for one in self.sent if one.task == begun.task)
            assert self.is_damaged or sending.stage == "submitted"
            sending.attempt, sending.writer = begun.attempt, writer
        elif not self.is_damaged:
            assert self.name(begun) == expected or self.hides_a_picture(begun)

    def hides_a_picture(self, begun: Any) -> bool:
        """Whether a picture that the journal does not know waits for who else is at the request."""
        same = [one for one in self.sent if isinstance(begun, Elsewhere) and one.key == begun.key]
        return any(one.is_cut for one in same) and any(one.is_held for one in same)

    @rule(data=st.data())
    @precondition(lambda self: any(one.is_held for one in self.sent))
    def go_on(self, data: st.DataObject) -> None:
        """One attempt that somebody holds takes its next step, or its writer crashes in it."""
        held = [one for one in self.sent if one.is_held]
        sending = data.draw(st.sampled_from(held))
        steps = {
            "claimed": ["intend", "not_sent"],
            "intended": ["post", "post", "not_sent"],
            "posted": ["submitted", "submitted", "unconfirmed"],
            "submitted": ["done", "done", "failed", "moderated", "expired", "leave"],
        }
        step = data.draw(st.sampled_from(steps[sending.stage]))
        writes = step not in ("post", "leave")
        share = data.draw(st.none() | st.sampled_from([0, 0.5, 0.99, 1])) if writes else None
        journal = self.stores[sending.writer]._ledger.journal
        if share is not None:
            self.cut(journal, share)
        try:
            self.step(sending, step)
        except Crash:
            self.crash(sending.writer)
        finally:
            vars(journal).pop("_write", None)

    def step(self, sending: Sending, step: str) -> None:
        attempt = sending.attempt
        assert attempt is not None
        if step == "intend":
            try:
                attempt.intend()
            except Crash:
                self.note_crash(sending, "intended")
                raise
            sending.stage = "intended"
        elif step == "post":
            if REQUESTS[sending.which].is_repeatable and self.posts[sending.which]:
                assert sending.permitted, "sent twice, and nobody asked for that"
            self.posts[sending.which] += 1
            self.tasks += 1
            url = f"https://example.org/v1/get_result?id={self.tasks}"
            sending.task = ff.FillTask(str(self.tasks), url, REQUESTS[sending.which])
            sending.stage = "posted"
        elif step == "submitted":
            assert sending.task is not None
            try:
                attempt.submitted(sending.task, 0.05)
            except Crash:
                self.note_crash(sending, "submitted")
                raise
            sending.stage = "submitted"
        elif step == "done":
            assert sending.task is not None
            sending.stage = "done"  # the picture is there before the journal says so
            try:
                result = attempt.done(result_of(sending.task))
            except Crash:
                sending.is_cut = True
                raise
            assert result.raw.tobytes() == result_of(sending.task).raw.tobytes()
            sending.attempt = None
        elif step == "not_sent":
            self.end(sending, "free", attempt.not_sent)
        elif step == "leave":
            sending.attempt = None
        else:
            self.end(sending, step, lambda: attempt.failed(step, "no"))  # type: ignore[arg-type]

    def end(self, sending: Sending, stage: str, tell: Any) -> None:
        try:
            tell()
        except Crash:
            self.note_crash(sending, stage)
            raise
        sending.stage, sending.attempt = stage, None

    def note_crash(self, sending: Sending, stage: str) -> None:
        if self.is_written:
            sending.stage = stage

    @rule(writer=st.integers(0, 1))
    def crash(self, writer: int) -> None:
        """All that the writer has in memory is gone."""
        for sending in self.sent:
            if sending.writer == writer and sending.attempt is not None:
                # Who holds it may be held by a traceback.
                sending.attempt._ledger.release(sending.attempt._record)
                sending.attempt = None
        own = self.stores[writer]._ledger.journal._own
        if own is not None:
            self.journals.append(own[2])
        self.stores[writer] = RunStore(self.folder)

    def crash_all(self) -> None:
        self.crash(0)
        self.crash(1)

    def cut(self, journal: Any, share: float) -> None:
        """Let a writer crash when so much of a line is written."""
        self.is_written = False

        def write(file: int, data: bytes) -> None:
            os.write(file, data[: int(share * len(data))])
            self.is_written = share == 1 and b'"writer"' not in data
            raise Crash

        journal._write = write

    # ------------------------------------------------------------------------------ what must be so

    @invariant()
    def no_picture_is_lost(self) -> None:
        if not hasattr(self, "sent"):
            return
        for store in self.stores:
            found = {result.task.id: result for result in store}
            for sending in self.sent:
                if sending.stage != "done":
                    continue
                assert sending.task is not None
                if sending.task.id not in found:
                    assert sending.is_cut or self.is_damaged
                    continue
                result = found[sending.task.id]
                assert result.raw.tobytes() == result_of(sending.task).raw.tobytes()
                assert result.request == REQUESTS[sending.which]

    def check(self) -> None:
        """After all have ended, each attempt is stored, pending, ended or free."""
        store = RunStore(self.folder)
        pending = {task.id for task in store.pending()}
        if self.is_damaged:
            store.rebuild()
        found = {result.task.id for result in store}
        assert found == {one.task.id for one in self.sent if one.stage == "done" and one.task}
        if self.is_damaged:
            return
        waited_for = {one.task.id for one in self.sent if one.stage == "submitted" and one.task}
        assert pending == waited_for
        for task in store.pending():
            assert task.request in REQUESTS
        for which in range(len(REPEATABLE)):
            key = store.key(REQUESTS[which], SERVICE)
            assert self.name(store.news(key)) == self.expected(which)

    def name(self, begun: Any) -> str:
        if isinstance(begun, Ended):
            return begun.kind
        names = {Stored: "done", Pending: "pending", Elsewhere: "elsewhere", type(None): "free"}
        return names[type(begun)]

    def expected(self, which: int) -> str:
        """What the store should say of a request."""
        key = self.stores[0].key(REQUESTS[which], SERVICE)
        attempts = [one for one in reversed(self.sent) if one.key == key]
        if any(one.stage == "done" for one in attempts):
            return "done"
        ended = "free"
        for one in attempts:
            if one.stage in ("claimed", "intended", "posted") and one.is_held:
                return "elsewhere"
            if one.stage == "submitted":
                return "pending"
            if ended == "free":
                unknown = one.stage in ("intended", "posted")
                ended = "unconfirmed" if unknown else one.stage
                ended = "free" if ended == "claimed" else ended
        return ended


class DamagedWriters(Writers):
    """The same, where pages of the journals are lost: the store may refuse more than it must."""

    @rule(which=st.integers(0, 9), first=st.integers(0, 9), count=st.integers(1, 3))
    def damage(self, which: int, first: int, count: int) -> None:
        """A page in the middle of a journal turns into zeros, after everybody has ended."""
        self.crash_all()
        if not self.journals:
            return
        path = self.folder / "journal" / self.journals[which % len(self.journals)]
        lines = path.read_bytes().splitlines(keepends=True)
        first %= len(lines)
        zeros = bytes(sum(map(len, lines[first : first + count])) - 9)
        ends = b"".join(lines[first : first + count])
        lines[first : first + count] = [ends[:4], zeros, ends[-5:]]
        path.write_bytes(b"".join(lines))
        self.is_damaged = True


TestWriters = Writers.TestCase
TestDamagedWriters = DamagedWriters.TestCase
TestWriters.settings = TestDamagedWriters.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


# -------------------------------------------------------------------------------- real processes

# Sends each point and waits for it, as a client does. The service is a file of lines "point task".
WORKER = """
import io, os, random, sys, time
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.store import Attempt, Elsewhere, Ended, Pending, RunStore, Stored

SERVICE = "example"
PICTURE = Image.linear_gradient("L").resize((64, 48))
REQUEST = ff.FillRequest(PICTURE, ff.Mask.from_box(PICTURE.size, (10, 10, 50, 40)), "a vase")


def picture_of(task):
    file = io.BytesIO()
    Image.new("RGB", PICTURE.size, tuple(task.encode()[:3])).save(file, "JPEG")
    return file.getvalue()


def pause():
    time.sleep(random.expovariate(1 / 0.002))


def work(folder, posts, points):
    store = RunStore(folder)
    service = os.open(posts, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    todo = list(range(points))
    random.shuffle(todo)
    told = {}
    while todo:
        point = todo.pop()
        request = REQUEST.replace(seed=point)
        begun = store.begin(request, service=SERVICE)
        if isinstance(begun, Elsewhere):
            pause()
            todo.insert(0, point)
        elif isinstance(begun, Stored):
            told[point] = "stored"
            assert begun.result.raw.size == PICTURE.size
        elif isinstance(begun, Ended):
            told[point] = begun.kind
        elif isinstance(begun, Pending):
            fetch(begun.attempt, begun.task)
            told[point] = "stored"
        else:
            with begun as attempt:
                pause()
                attempt.intend()
                pause()
                name = os.urandom(4).hex()
                task = ff.FillTask(name, "https://example.org/v1/get_result", request)
                os.write(service, f"{point} {task.id}\\n".encode())
                pause()
                attempt.submitted(task)
            fetch(attempt, task)
            told[point] = "stored"
    return told


def fetch(attempt, task):
    pause()
    attempt.done(ff.FillResult(task, picture_of(task.id), SERVICE, task.request.seed, 1.0, 0.05))
"""

# Starts workers, kills them, and at last lets one finish; prints what that one was told.
KILLER = (
    WORKER
    + """
import json, signal

folder, posts, points, rounds, together = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
for _ in range(rounds):
    pids = []
    for _ in range(together):
        pid = os.fork()
        if pid == 0:
            random.seed()
            status = 1
            try:
                work(folder, posts, points)
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    for pid in pids:
        time.sleep(random.uniform(0, 0.08))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
print(json.dumps(work(folder, posts, points)))
"""
)


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, where nothing but the script runs."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@needs_fork
@pytest.mark.parametrize("together", [1, 3])
def test_killed_at_any_moment_nothing_is_sent_twice_and_nothing_lost(
    tmp_path: Path, together: int
) -> None:
    points = 40
    ended = run(KILLER, tmp_path / "runs", tmp_path / "posts", points, 30, together)
    assert ended.returncode == 0, ended.stderr
    told = {int(point): what for point, what in json.loads(ended.stdout).items()}
    posts = [line.split() for line in (tmp_path / "posts").read_text().splitlines()]
    sent = Counter(int(point) for point, _ in posts)
    assert max(sent.values()) == 1, "sent twice"
    assert len(list((tmp_path / "runs" / "journal").glob("*.jsonl"))) > 3, "some were killed"
    assert set(told) == set(range(points))
    assert set(told.values()) <= {"stored", "unconfirmed"}
    # What was stored was sent; what was not is reported, whether or not it had got through.
    assert {point for point, what in told.items() if what == "stored"} <= set(sent)
    store = RunStore(tmp_path / "runs")
    assert {result.request.seed for result in store if result.request} == {
        point for point, what in told.items() if what == "stored"
    }
    assert {entry.settings["seed"] for entry in store.unconfirmed()} == {
        point for point, what in told.items() if what == "unconfirmed"
    }
    assert store.pending() == []
    tasks = {task: int(point) for point, task in posts}
    for result in store:
        assert tasks[result.task.id] == result.seed


@needs_fork
def test_two_processes_share_a_sweep(tmp_path: Path) -> None:
    script = WORKER + textwrap.dedent(
        """
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                random.seed()
                status = 1
                try:
                    told = work(sys.argv[1], sys.argv[2], 60)
                    status = 0 if set(told.values()) == {"stored"} and len(told) == 60 else 2
                finally:
                    os._exit(status)
            pids.append(pid)
        print([os.WEXITSTATUS(os.waitpid(pid, 0)[1]) for pid in pids])
        """
    )
    ended = run(script, tmp_path / "runs", tmp_path / "posts")
    assert ended.stdout.strip() == "[0, 0]", ended.stderr
    posts = (tmp_path / "posts").read_text().splitlines()
    assert len(posts) == len({line.split()[0] for line in posts}) == 60
    store = RunStore(tmp_path / "runs")
    assert len(store) == 60
    assert len(list((tmp_path / "runs" / "journal").glob("*.jsonl"))) == 2, "both had a part in it"
    assert store.problems == []


@needs_fork
def test_a_fork_of_a_process_writes_its_own_journal(tmp_path: Path) -> None:
    script = WORKER + textwrap.dedent(
        """
        store = RunStore(sys.argv[1])
        mine = store.begin(REQUEST.replace(seed=1), service=SERVICE)
        mine.intend()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                seen = store.begin(REQUEST.replace(seed=1), service=SERVICE)
                own = store.begin(REQUEST.replace(seed=2), service=SERVICE)
                own.intend()
                status = 0 if isinstance(seen, Elsewhere) else 2
            finally:
                os._exit(status)
        print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
        print(store.begin(REQUEST.replace(seed=2), service=SERVICE).kind)
        mine.submitted(ff.FillTask("a", "https://example.org/a"))
        print(len(store.pending()))
        """
    )
    ended = run(script, tmp_path)
    assert ended.stdout.split() == ["0", "unconfirmed", "1"], ended.stderr
    assert len(list((tmp_path / "journal").glob("*.jsonl"))) == 2
    assert RunStore(tmp_path).problems == []


# ------------------------------------------------------------------------------------ full disks

FULL = (
    WORKER
    + """
import resource
from pathlib import Path

def allow(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

folder = Path(sys.argv[1])
store = RunStore(folder)
request = REQUEST.replace(seed=1)
task = ff.FillTask("4f2a", "https://example.org/v1/get_result", request)
result = ff.FillResult(task, picture_of("4f2a"), SERVICE, 1, 1.0, 0.05)

def refused(do):
    try:
        do()
    except ff.errors.StoreError as error:
        print(error)
        return error
    raise AssertionError("nobody noticed")
"""
)


def limited(script: str, folder: Path) -> list[str]:
    """Run a script that may limit itself; return the lines that it prints."""
    pytest.importorskip("resource", reason="needs resource limits, as POSIX has them")
    ended = run(FULL + textwrap.dedent(script), folder)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.parametrize("room", [0, 1, 60])
def test_an_intent_that_cannot_be_written_is_not_sent(tmp_path: Path, room: int) -> None:
    script = f"""
        with store.begin(request, service=SERVICE) as attempt:
            (journal,) = folder.glob("journal/*.jsonl")
            store._ledger.inputs.save(request)
            store._ledger.journal.reserve()
            allow(journal.stat().st_size + {room})
            refused(attempt.intend)
        allow(resource.RLIM_INFINITY)
        assert store.pending() == [] and store.unconfirmed() == []
        again = store.begin(request, service=SERVICE)
        again.intend()
        again.submitted(task)
        again.done(result)
        """
    (told,) = limited(script, tmp_path)
    assert told == (
        f"The store {str(tmp_path)!r} cannot be written (File too large). Nothing was sent. Make "
        "room or choose another folder, RunStore('…'), or go without, store=None."
    )
    store = RunStore(tmp_path)
    assert [result.task.id for result in store] == ["4f2a"]
    assert store.problems == []
    assert isinstance(store.begin(REPEATABLE[0], service=SERVICE), Stored)


def test_what_nobody_could_write_down_was_not_sent_either(tmp_path: Path) -> None:
    """The process ends while the disk is full: the next one may send the request."""
    script = """
        attempt = store.begin(request, service=SERVICE)
        (journal,) = folder.glob("journal/*.jsonl")
        store._ledger.inputs.save(request)
        store._ledger.journal.reserve()
        allow(journal.stat().st_size + 60)
        refused(attempt.intend)
        refused(attempt.intend)
        """
    limited(script, tmp_path)
    attempt = RunStore(tmp_path).begin(REPEATABLE[0], service=SERVICE)
    assert isinstance(attempt, Attempt)
    attempt.intend()
    assert attempt.number == 2


def test_a_picture_that_cannot_be_written_is_in_the_error(tmp_path: Path) -> None:
    script = """
        attempt = store.begin(request, service=SERVICE)
        attempt.intend()
        attempt.submitted(task)
        allow(200)
        error = refused(lambda: attempt.done(result))
        assert error.result is result
        assert [one.id for one in store.pending()] == ["4f2a"]
        allow(resource.RLIM_INFINITY)
        assert sorted(folder.glob("pictures/*")) == []
        """
    (told,) = limited(script, tmp_path)
    assert told.startswith("The picture of task 4f2a is here, but the store ")
    assert "error.result" in told
    store = RunStore(tmp_path)
    (task,) = store.pending()
    attempt = store.attempt_of(task)
    assert attempt is not None
    assert (
        attempt.done(result_of(ff.FillTask("7", "https://example.org/7"))).request
        == (REPEATABLE[0])
    )
    assert store.pending() == []


def test_on_a_full_disk_the_id_is_kept_and_the_picture_not_lost(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        def fill():
            with (folder / "filler").open("ab", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass

        request = request.replace(output_format="png")
        attempt = store.begin(request, service=SERVICE)
        attempt.intend()
        fill()
        attempt.submitted(task)
        assert [one.id for one in RunStore(folder).pending()] == ["4f2a"], "from the disk"
        big = io.BytesIO()
        Image.effect_noise((640, 480), 90).save(big, "PNG")
        paid = ff.FillResult(task, big.getvalue(), SERVICE, 1, 1.0, 0.05)
        error = refused(lambda: attempt.done(paid))
        assert error.result is paid
        refused(lambda: store.begin(request.replace(seed=2), service=SERVICE).intend())
        (folder / "filler").unlink()
        attempt.done(paid)
        assert len(RunStore(folder)) == 1
        with (folder / "filler").open("wb") as file:
            file.write(bytes(4 * 1024 * 1024 - 900_000))
        refused(lambda: store.begin(request.replace(seed=3), service=SERVICE).intend())
        print(sorted(os.listdir(folder / "pictures")))
        """
    )
    inside = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", inside, str(tmp_path)]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a small file system of its own: Linux with user namespaces")
    ended = subprocess.run(
        [*command, sys.executable, "-c", FULL + script, str(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    paid, unsent, roomless, names = ended.stdout.splitlines()
    assert "(No space left on device). It is in error.result" in paid
    assert "(No space left on device). Nothing was sent." in unsent
    assert "MB left, and the picture may take 1.1 MB. Nothing was sent: make room." in roomless
    assert names.count(".png") == 1
    assert ".part" not in names


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = RunStore(tmp_path / "file" / "runs")
    assert list(store) == []
    with pytest.raises(StoreError, match=r"Nothing was sent.*RunStore\('…'\).*store=None"):
        store.begin(REQUEST, service=SERVICE)
    with pytest.raises(StoreError, match="store=None"):
        store.star("4f2a", 1)
