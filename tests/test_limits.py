"""What the client keeps to: places, moments to poll, who may see a key; and what it tells of."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import logging
import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tenacity import wait_fixed, wait_random

import fluxfill_nb as ff
from fluxfill_nb.client import courier, keys, retries
from fluxfill_nb.client.places import Place, Places
from fluxfill_nb.client.schedule import Schedule
from fluxfill_nb.errors import InvalidOption, MissingKey, TooManyTasks

KEY = "bfl-0123456789-secret"


class Counting:
    """A service that has so many places a key, and pictures that take so long, s."""

    def __init__(self, picture, places, seconds):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        self.picture = buffer.getvalue()
        self.places = places
        self.seconds = seconds
        self.ends: dict[str, float] = {}
        self.most = 0
        self.refusals = 0
        self.polls: list[dict[str, object]] = []
        self._names = itertools.count()

    @property
    def active(self):
        now = time.monotonic()
        return sum(end > now for end in self.ends.values())

    async def __call__(self, scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        status, body = self._answer(scope)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope):
        if scope["path"] == "/sample":
            return 200, self.picture
        status, answer = self._submit() if scope["method"] == "POST" else self._poll(scope)
        return status, json.dumps(answer).encode()

    def _submit(self):
        if self.active >= self.places:
            self.refusals += 1
            return 429, {"detail": "Too many active tasks"}
        name = f"t{next(self._names)}"
        self.ends[name] = time.monotonic() + self.seconds
        self.most = max(self.most, self.active)
        return 200, {"id": name, "polling_url": f"/v1/get_result?id={name}"}

    def _poll(self, scope):
        name = scope["query_string"].decode().removeprefix("id=")
        if self.polls:
            return 200, self.polls.pop(0)
        if time.monotonic() < self.ends[name]:
            return 200, {"id": name, "status": "Pending"}
        return 200, {"id": name, "status": "Ready", "result": {"sample": f"{self.url}/sample"}}


@pytest.fixture
def counting(picture, serve):
    def start(places=24, seconds=0.05):
        service = Counting(picture, places, seconds)
        service.url = serve(service)
        return service

    return start


@pytest.fixture(scope="module")
def request_(picture, mask):
    return ff.FillRequest(picture, mask, "a vase", seed=7, steps=15)


@pytest.fixture
def _no_pauses(monkeypatch):
    """Pauses between attempts grow to 8 s: too long for a test."""
    monkeypatch.setattr(retries, "_backoff", wait_random(0.01, 0.03))


# --------------------------------------------------------------------------------------- places


async def crowd(places, capacity, fills, peak, active=None):
    """Many fills at once against a service with ``capacity()`` places; returns its refusals."""
    active = set() if active is None else active
    refusals = 0

    async def one():
        nonlocal refusals
        while True:
            place = await places.take()
            peak.append(places.taken)
            await asyncio.sleep(0)
            if len(active) < capacity():
                break
            place.leave()
            places.refused()
            refusals += 1
            await asyncio.sleep(0)
        active.add(place)
        places.accepted()
        await asyncio.sleep(0.001)
        active.discard(place)
        place.leave()

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(fills))), 60)
    return refusals


@given(limit=st.integers(1, 24), capacity=st.integers(1, 30), fills=st.integers(1, 60))
def test_never_more_places_than_the_limit_and_everybody_gets_one(limit, capacity, fills):
    places, peak = Places(limit), []
    asyncio.run(crowd(places, lambda: capacity, fills, peak))
    assert max(peak) <= limit
    assert max(peak) >= min(limit, fills)
    assert places.taken == 0
    assert 1 <= places.level <= limit


@given(st.lists(st.sampled_from(["take", "leave", "refused", "accepted"]), max_size=80))
def test_a_place_is_given_out_only_below_the_level(steps):
    async def main():
        places, held = Places(4), []
        for step in steps:
            if step == "take" and len(held) < places.level:
                held.append(await asyncio.wait_for(places.take(), 1))
            elif step == "take":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(places.take(), 0.001)
            elif step == "leave" and held:
                held.pop().leave()
            elif step in ("refused", "accepted"):
                getattr(places, step)()
            assert places.taken == len(held)
            assert 1 <= places.level <= 4

    asyncio.run(main())


@pytest.mark.parametrize("capacity", [1, 2, 5, 11])
def test_finds_the_level_that_the_service_takes(capacity):
    places, fills = Places(24), 300
    refusals = asyncio.run(crowd(places, lambda: capacity, fills, []))
    assert capacity <= places.level <= capacity + 1
    # The first burst, and then one try for each round.
    assert refusals <= 24 + fills / capacity + 5


def test_recovers_when_the_service_takes_more_again():
    places, active = Places(24), set()

    async def main():
        await crowd(places, lambda: 2, 60, [], active)
        assert places.level <= 3
        return await crowd(places, lambda: 24, 600, [], active)

    assert asyncio.run(main()) == 0
    assert places.level == 24


def test_threads_and_event_loops_share_the_places_of_a_key():
    peak, refusals = [], []
    service = f"shared-{time.monotonic_ns()}"
    start_together = threading.Barrier(6)

    def thread(_):
        places = Places.of(service, KEY, 4)
        start_together.wait(10)
        refusals.append(asyncio.run(crowd(places, lambda: 99, 40, peak)))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(thread, range(6)))
    assert max(peak) == 4
    assert refusals == [0] * 6
    assert Places.of(service, KEY, 4).taken == 0


def test_a_waiter_that_is_stopped_takes_nothing_and_holds_up_nobody():
    async def main():
        places = Places(1)
        first = await places.take()
        stopped = asyncio.create_task(places.take())
        waiting = asyncio.create_task(places.take())
        await asyncio.sleep(0.01)
        stopped.cancel()
        first.leave()
        second = await asyncio.wait_for(waiting, 1)
        assert isinstance(second, Place)
        assert places.taken == 1
        assert stopped.cancelled()

    asyncio.run(main())


def test_a_waiter_of_a_closed_loop_holds_up_nobody():
    places = Places(1)

    async def leaves_a_waiter():
        place = await places.take()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(places.take(), 0.01)
        return place

    place = asyncio.run(leaves_a_waiter())
    place.leave()
    asyncio.run(asyncio.wait_for(places.take(), 1))


def test_other_services_and_other_keys_have_places_of_their_own():
    one = Places.of("a-service", KEY, 2)
    assert Places.of("a-service", KEY, 2) is one
    assert Places.of("a-service", KEY + "2", 2) is not one
    assert Places.of("another-service", KEY, 2) is not one
    # A larger client makes more of them, a smaller one no fewer.
    assert Places.of("a-service", KEY, 5).level == 5
    assert Places.of("a-service", KEY, 1).level == 5


def test_clients_in_several_threads_never_exceed_the_keys_places(counting, request_):
    service = counting(places=24, seconds=0.03)

    def thread(number):
        if number % 2:
            with ff.FluxFill(KEY, base_url=service.url, max_active=4) as client:
                return [client.fill(request_).seed for _ in range(6)]

        async def main():
            async with ff.AsyncFluxFill(KEY, base_url=service.url, max_active=4) as client:
                return await asyncio.gather(*(client.fill(request_) for _ in range(6)))

        return [result.seed for result in asyncio.run(main())]

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(thread, range(6))) == [[7] * 6] * 6
    assert service.most <= 4
    assert service.refusals == 0


@pytest.mark.usefixtures("_no_pauses")
def test_a_client_settles_on_what_the_service_takes(counting, request_):
    service = counting(places=3, seconds=0.05)

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=service.url) as client:
            await asyncio.gather(*(client.fill(request_) for _ in range(24)))
            first_burst, service.refusals = service.refusals, 0
            await asyncio.gather(*(client.fill(request_) for _ in range(24)))
            return first_burst

    first_burst = asyncio.run(main())
    assert service.most == 3
    assert 21 <= first_burst <= 21 + 24
    assert service.refusals <= 16


def test_a_refusal_says_how_many_were_active(counting, request_, monkeypatch):
    monkeypatch.setattr(retries, "_backoff", wait_fixed(60))  # so that it is not tried again
    service = counting(places=2, seconds=60)

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=service.url, timeout=0.5) as client:
            for _ in range(2):
                await client.submit(request_)
            with pytest.raises(TooManyTasks, match=r"Too many active tasks.*2 of this process's"):
                await client.submit(request_)

    asyncio.run(main())


def test_tasks_that_nobody_waits_for_give_their_places_back(counting, request_, monkeypatch):
    monkeypatch.setattr(courier, "_LEFT_ALONE", 0.5)  # 15 s
    service = counting(seconds=0.1)

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=service.url, max_active=1) as client:
            tasks = [await client.submit(request_)]
            began = time.monotonic()
            tasks.append(await client.submit(request_))
            assert 0.4 < time.monotonic() - began < 2
            # A task that is waited for has ended by then, whoever has its place.
            assert [(await client.wait(task)).task for task in tasks] == tasks
            assert client.unfinished == ()

    asyncio.run(main())


def test_a_place_is_kept_while_its_task_is_waited_for(counting, request_, monkeypatch):
    monkeypatch.setattr(courier, "_LEFT_ALONE", 0.1)  # 15 s
    service = counting(seconds=0.6)

    async def main():
        async with ff.AsyncFluxFill(KEY, base_url=service.url, max_active=1) as client:
            await asyncio.gather(client.fill(request_), client.fill(request_))

    asyncio.run(main())
    assert service.most == 1


# ------------------------------------------------------------------------------------- schedule


def look(schedule, duration):
    """Wait for one fill; returns how late it is seen, s, and after how many polls."""
    unready = 0.0
    for polls, moment in enumerate(schedule.moments(), 1):
        if moment >= duration:
            schedule.learn(moment, unready=unready)
            return moment - duration, polls
        unready = moment
    raise AssertionError("The moments ended.")


def simulate(schedule, durations):
    """Fills one after the other; returns mean lag as a share of the mean duration, and polls."""
    lags, polls = zip(*(look(schedule, duration) for duration in durations), strict=True)
    return sum(lags) / sum(durations), sum(polls) / len(polls)


@pytest.mark.parametrize("spread", ["uniform", "normal"])
def test_learns_to_poll_half_as_often_with_little_lag(spread):
    dice = random.Random(1)

    def duration():
        if spread == "uniform":
            return 4.5 * dice.uniform(0.85, 1.15)
        return max(1.0, dice.gauss(4.5, 0.15 * 4.5))

    schedule, durations = Schedule(), [duration() for _ in range(2000)]
    simulate(schedule, durations[:20])
    lag, polls = simulate(schedule, durations)
    fixed = sum(math.ceil(duration / 0.5) for duration in durations) / len(durations)
    assert lag <= 0.05
    assert polls <= fixed / 2


@pytest.mark.parametrize(("before", "after"), [(4.5, 1.5), (4.5, 0.5), (4.5, 12), (1, 30)])
def test_adapts_when_the_service_becomes_faster_or_slower(before, after):
    dice = random.Random(2)

    def durations(mean, count):
        return [mean * dice.uniform(0.85, 1.15) for _ in range(count)]

    schedule = Schedule()
    simulate(schedule, durations(before, 50))
    _, polls = simulate(schedule, durations(after, 20))
    assert polls < 45
    lag, polls = simulate(schedule, durations(after, 100))
    assert lag < 0.1
    assert polls < 10


@pytest.mark.parametrize("now", [0.3, 1.0, 5.0, 30.0, 300.0])
@pytest.mark.parametrize(
    "before", [[60.0] * 16, [60.0] * 3, [60.0, 5.0, 5.0], [600.0] * 16, [60.0]]
)
def test_what_was_learnt_in_a_busy_hour_makes_no_later_fill_wait_long(before, now):
    dice = random.Random(1)
    schedule = Schedule(before)
    durations = [now * dice.uniform(0.85, 1.15) for _ in range(24)]
    lags = [look(schedule, duration)[0] for duration in durations]
    assert all(lag <= max(3.0, duration / 2) for lag, duration in zip(lags, durations, strict=True))
    # A sweep later, nothing is left of that hour.
    assert sum(lags[16:]) / 8 <= max(0.1, 0.08 * now)


def test_a_few_quick_fills_are_enough_to_look_in_time():
    schedule = Schedule([60.0] * 16)
    assert all(look(schedule, 5.0)[0] < 2.5 for _ in range(5))
    assert look(schedule, 5.0)[0] < 0.5


def test_little_is_known_at_first_and_looked_for_often():
    assert Schedule().typical is None
    assert Schedule([4.0, 5.0]).typical is None
    assert Schedule([4.0, 5.0, 6.0]).typical == 5.0
    lag, polls = simulate(Schedule(), [4.5, 4.5])
    assert lag < 0.2
    assert polls < 20


@given(
    st.lists(st.floats(0, 1e4), max_size=100)
    | st.lists(st.sampled_from([0.0, 4.5, 1e-9]), max_size=20)
    | st.just([4.5] * 64)
)
def test_moments_rise_for_ever_and_in_bounded_steps(durations):
    moments = list(itertools.islice(Schedule(durations).moments(), 500))
    assert len(moments) == 500
    assert 0 < moments[0] <= 3
    steps = [after - before for before, after in itertools.pairwise(moments)]
    assert min(steps) > 0.04
    # A picture is never looked for much later than it took.
    assert all(step <= max(3, 0.5 * moment) for step, moment in zip(steps, moments, strict=False))


def test_one_schedule_serves_many_threads():
    schedule = Schedule()

    def thread(number):
        for duration in range(500):
            schedule.learn(1 + duration % 7 + number, unready=1 + duration % 7 + number)
            next(schedule.moments())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(thread, range(4)))
    assert 1 <= schedule.typical <= 11


# ----------------------------------------------------------------------------------------- keys


@pytest.fixture(autouse=True)
def _nobody_logged_in(monkeypatch):
    monkeypatch.setattr(keys, "_typed", None)


def test_a_typed_key_wins_and_is_never_shown(monkeypatch, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("BFL_API_KEY", "from-the-environment")
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"  {KEY} \n")
    assert ff.login() is None
    assert keys.hosted_key().get_secret_value() == KEY
    assert keys.key_for(httpx.URL("https://api.bfl.ai"), None, required=True) == keys.hosted_key()
    assert KEY not in f"{keys.hosted_key()!r} {keys.hosted_key()} {vars(keys)}"
    with ff.connect() as client:
        assert repr(client) == "<FluxFill: api.bfl.ai, $0.05 a fill>"
    assert capfd.readouterr() == ("", "")
    assert KEY not in caplog.text


@pytest.mark.parametrize("typed", ["", "  ", "\n"])
def test_a_blank_key_is_refused_and_changes_nothing(monkeypatch, typed):
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed)
    monkeypatch.setenv("BFL_API_KEY", KEY)
    with pytest.raises(InvalidOption, match="No key was typed"):
        ff.login()
    assert keys.hosted_key().get_secret_value() == KEY


@pytest.mark.parametrize("wrong", ["“secret-key”", "secret\nkey", "secret key", "secret\x00key"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(monkeypatch, wrong):
    with pytest.raises(InvalidOption, match="API key has") as caught:
        ff.AsyncFluxFill(wrong)
    assert "secret" not in str(caught.value)
    monkeypatch.setattr("getpass.getpass", lambda prompt: wrong)
    with pytest.raises(InvalidOption, match="API key has") as caught:
        ff.login()
    assert "secret" not in str(caught.value)
    assert keys.hosted_key() is None


HOSTED = "https://api.bfl.ai"


@pytest.mark.parametrize(
    ("base", "given_", "environment", "key"),
    [
        (HOSTED, None, KEY, KEY),
        (HOSTED, "mine", KEY, "mine"),
        (HOSTED, " mine\n", None, "mine"),
        ("https://api.eu.bfl.ai", None, f" {KEY} ", KEY),
        ("http://127.0.0.1:8000", None, KEY, ""),
        ("http://127.0.0.1:8000", "mine", KEY, "mine"),
        ("http://api.bfl.ai", None, KEY, ""),
        ("https://evilbfl.ai", None, KEY, ""),
        ("https://bfl.ai.evil.org", None, KEY, ""),
    ],
)
def test_which_key_is_used(monkeypatch, base, given_, environment, key):
    if environment is not None:
        monkeypatch.setenv("BFL_API_KEY", environment)
    chosen = keys.key_for(httpx.URL(base), given_, required=True)
    assert chosen.get_secret_value() == key


@pytest.mark.parametrize("blank", [None, "", " "])
def test_the_hosted_service_needs_a_key(blank):
    with pytest.raises(MissingKey, match="BFL_API_KEY"):
        ff.AsyncFluxFill(blank)
    assert keys.key_for(httpx.URL(HOSTED), blank, required=False).get_secret_value() == ""


@pytest.mark.parametrize(
    ("url", "base", "may"),
    [
        ("https://api.bfl.ai/v1/x", HOSTED, True),
        ("https://api.eu2.bfl.ai/v1/x", HOSTED, True),
        ("HTTPS://API.US.BFL.AI/v1", HOSTED, True),
        ("https://bfl.ai/", HOSTED, True),
        ("https://api.bfl.ai:443/", HOSTED, True),
        ("https://api.bfl.ai@evil.org/", HOSTED, False),
        ("https://user:word@api.bfl.ai/", HOSTED, True),
        ("http://api.bfl.ai/", HOSTED, False),
        ("http://bfl.ai/", HOSTED, False),
        ("https://bfl.ai.evil.org/", HOSTED, False),
        ("https://evilbfl.ai/", HOSTED, False),
        ("https://evil.org/bfl.ai", HOSTED, False),
        ("https://evil.org/?https://api.bfl.ai", HOSTED, False),
        ("https://evil.org#.bfl.ai", HOSTED, False),
        ("https://evil.org\\.bfl.ai/", HOSTED, False),
        ("ftp://api.bfl.ai/", HOSTED, False),
        ("https://xn--bfl-6na.ai/", HOSTED, False),
        ("http://127.0.0.1:8000/a", "http://127.0.0.1:8000", True),
        ("http://127.0.0.1:8001/a", "http://127.0.0.1:8000", False),
        ("https://127.0.0.1:8000/a", "http://127.0.0.1:8000", False),
        ("http://localhost:8000/a", "http://127.0.0.1:8000", False),
        ("http://a.org:80/", "http://a.org", True),
        ("http://A.org/", "http://a.ORG", True),
        ("https://sub.a.org/", "https://a.org", False),
        ("https://api.bfl.ai/", "https://a.org", False),
    ],
)
def test_who_may_see_the_key(url, base, may):
    assert keys.may_see(httpx.URL(url), httpx.URL(base)) is may


# ------------------------------------------------------------------------------------- progress


def encoded(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_progress_and_previews_reach_the_callback(counting, request_):
    service, told = counting(seconds=0.01), []
    preview = encoded(Image.new("RGB", (12, 8), "red"))
    huge = encoded(Image.new("1", (9000, 9000)))
    words = [
        {"status": "Pending"},
        {"status": "Generating", "progress": 0.25, "preview": preview},
        {"status": "Generating", "progress": 0.5, "preview": {"image": preview}},
        {"status": "Odd", "progress": "much", "preview": "no picture"},
        {"status": "Odd", "progress": float("nan"), "preview": ["x"]},
        {"status": "Odd", "progress": True, "preview": {"image": huge}},
    ]
    service.polls = [dict(word) for word in words]

    async def main():
        async with ff.AsyncFluxFill(base_url=service.url) as client:
            return await client.fill(request_, on_progress=told.append)

    result = asyncio.run(main())
    assert [one.status for one in told] == [word["status"] for word in words] + ["Ready"]
    assert [one.fraction for one in told] == [None, 0.25, 0.5, None, None, None, None]
    sizes = [one.preview and one.preview.size for one in told]
    assert sizes == [None, (12, 8), (12, 8), None, None, None, None]
    assert all(one.task == result.task for one in told)
    elapsed = [one.elapsed for one in told]
    assert elapsed == sorted(elapsed)
    assert 0 < elapsed[0] <= elapsed[-1] <= result.duration


def test_a_local_server_tells_how_far_it_is(picture, mask):
    def engine(image, mask, options, progress):
        for step in range(10):
            progress(step / 10)
            time.sleep(0.05)
        return image

    fractions = []
    with ff.LocalServer(engine) as server, ff.FluxFill(base_url=server.url) as client:
        client.fill(picture, mask, on_progress=lambda state: fractions.append(state.fraction))
    known = [fraction for fraction in fractions if fraction is not None]
    assert len(set(known)) > 1
    assert known == sorted(known)
    assert 0 <= known[0] <= known[-1] <= 1


def test_a_callback_that_fails_loses_nothing(counting, request_, caplog):
    service, told = counting(seconds=0.2), []

    def fails(state):
        told.append(state)
        raise RuntimeError("of the user's own making")

    with ff.FluxFill(base_url=service.url) as client:
        assert client.fill(request_, on_progress=fails).seed == 7
        assert client.unfinished == ()
    assert len(told) > 1
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failures) == len(told)
    assert {record.task for record in failures} == {told[0].task.id}
