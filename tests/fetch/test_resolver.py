"""Names: looked up beside the loop, kept, shared; a silent one costs its own callers only."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from exporter.fetch.problem import ExchangeError
from exporter.fetch.resolver import Address, Resolver, system_addresses
from tests.loop import run
from tests.waiting import until

FIRST: Address = (socket.AF_INET, ("192.0.2.1", 80))
SECOND: Address = (socket.AF_INET, ("192.0.2.2", 80))


class Names:
    """Answers look-ups from `records`; a name in `silent` waits for the end of the test."""

    def __init__(self, **records: Address | OSError) -> None:
        self.records: dict[str, Address | OSError] = records
        self.lookups = Counter[str]()
        self.silent: set[str] = set()
        self.ended = threading.Event()

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.lookups[host] += 1
        if host in self.silent:
            self.ended.wait(30)
        record = self.records.get(host, socket.gaierror(socket.EAI_NONAME, "Name not known"))
        if isinstance(record, OSError):
            raise record
        return [record]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_literal_address_is_not_looked_up() -> None:
    names = Names()
    resolver = Resolver(names)
    assert run(resolver.addresses("192.0.2.1", 80)) == [FIRST]
    assert run(resolver.addresses("::1", 80)) == [(socket.AF_INET6, ("::1", 80, 0, 0))]
    assert not names.lookups


def test_the_systems_resolver_knows_this_machine() -> None:
    assert (socket.AF_INET, ("127.0.0.1", 80)) in system_addresses("localhost", 80)
    with pytest.raises(OSError, match="is no host name"):
        system_addresses("a..b", 80)


def test_all_who_wait_share_one_look_up() -> None:
    async def together() -> list[Sequence[Address]]:
        return await asyncio.gather(*(resolver.addresses("a", 80) for _ in range(5)))

    names = Names(a=FIRST)
    resolver = Resolver(names)
    assert run(together()) == [[FIRST]] * 5
    assert names.lookups["a"] == 1


def test_a_name_is_kept_and_goes_on_while_it_is_looked_up_again() -> None:
    names, clock = Names(a=FIRST), Clock()
    resolver = Resolver(names)
    with patch("exporter.fetch.resolver.monotonic", clock):
        for _ in range(3):
            assert run(resolver.addresses("a", 80)) == [FIRST]
        assert names.lookups["a"] == 1
        names.records["a"] = SECOND
        names.silent.add("a")
        clock.now += 60
        assert run(resolver.addresses("a", 80)) == [FIRST]
        names.ended.set()
        until(lambda: run(resolver.addresses("a", 80)) == [SECOND])
        assert names.lookups["a"] == 2


def test_addresses_that_led_nowhere_are_looked_up_again_at_once() -> None:
    async def renewed() -> None:
        resolver.renew("a", 80)

    names = Names(a=FIRST)
    resolver = Resolver(names)
    run(resolver.addresses("a", 80))
    names.records["a"] = SECOND
    run(renewed())
    until(lambda: run(resolver.addresses("a", 80)) == [SECOND])


def test_a_name_server_that_fails_leaves_the_last_addresses_and_one_that_denies_does_not() -> None:
    names, clock = Names(a=FIRST), Clock()
    resolver = Resolver(names)
    with patch("exporter.fetch.resolver.monotonic", clock):
        run(resolver.addresses("a", 80))
        names.records["a"] = socket.gaierror(socket.EAI_AGAIN, "Try again")
        clock.now += 60
        run(resolver.addresses("a", 80))
        until(lambda: names.lookups["a"] == 2)
        assert run(resolver.addresses("a", 80)) == [FIRST]
        del names.records["a"]
        clock.now += 60
        run(resolver.addresses("a", 80))

        def denied() -> bool:
            try:
                run(resolver.addresses("a", 80))
            except ExchangeError as error:
                return error.problem == "cannot be reached: name not known"
            return False

        until(denied)


def test_names_that_are_silent_cost_others_nothing() -> None:
    async def both() -> Sequence[Address]:
        silent = [asyncio.create_task(resolver.addresses(name, 80)) for name in names.silent]
        await asyncio.sleep(0)
        good = await asyncio.wait_for(resolver.addresses("good", 80), 10)
        for task in silent:
            task.cancel()
        return good

    names = Names(good=FIRST)
    names.silent = {f"silent{number}" for number in range(20)}
    resolver = Resolver(names)
    assert run(both()) == [FIRST]
    names.ended.set()


def test_names_that_failed_leave_threads_for_others() -> None:
    async def answered(name: str) -> Sequence[Address]:
        return await asyncio.wait_for(resolver.addresses(name, 80), 10)

    names = Names(good=FIRST)
    resolver = Resolver(names, max_threads=4)
    bad = [f"bad{number}" for number in range(6)]
    for name in bad:
        with pytest.raises(ExchangeError):
            run(answered(name))
    names.silent = set(bad)

    async def begin() -> list[asyncio.Task[Sequence[Address]]]:
        return [asyncio.create_task(resolver.addresses(name, 80)) for name in bad]

    async def cancel(tasks: list[asyncio.Task[Sequence[Address]]]) -> None:
        for task in tasks:
            task.cancel()

    tasks = run(begin())
    until(lambda: sum(names.lookups[name] for name in bad) == len(bad) + 2)
    run(cancel(tasks))
    assert run(answered("good")) == [FIRST]
    names.ended.set()


def test_a_thread_that_cannot_be_had_is_a_failed_look_up() -> None:
    resolver = Resolver(Names(a=FIRST))
    with (
        patch("exporter.base.event_loop.Thread.start", side_effect=RuntimeError("can't start")),
        pytest.raises(ExchangeError, match="can't start"),
    ):
        run(resolver.addresses("a", 80))
    assert run(resolver.addresses("a", 80)) == [FIRST]
