"""Servers, names and sources that hang, drip or fail hold up no other server."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic
from unittest.mock import patch

from exporter.config import (
    Config,
    Target,
)
from tests.fakes import FakeServer, page
from tests.sampling.polled import polling, quick, targets
from tests.waiting import until


@contextmanager
def crowd(script: Callable[[socket.socket, Event], None], clients: int) -> Iterator[str]:
    """Play a script for each of many clients at once; yield the address."""
    ended, threads = Event(), list[Thread]()

    def play(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            script(connection, ended)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(Thread(target=play, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0), backlog=2 * clients) as listener:
        threads.append(Thread(target=accept))
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def test_hung_servers_hold_up_no_healthy_one() -> None:
    with FakeServer(metrics=(200, page(1))) as good, FakeServer() as hung:
        hung.answers["/metrics"] = hung.hold
        urls = [hung.url] * 4 + [good.url]
        config = quick(targets(*urls))
        with polling(config) as poller:
            healthy = poller.servers()[-1]
            until(lambda: all(s.reading.misses for s in poller.servers()[:-1]))
            before = healthy.counts.scrapes
            until(lambda: healthy.counts.scrapes >= before + 5)
            assert healthy.reading.snapshot is not None
            assert all(s.reading.reason == "timeout" for s in poller.servers()[:-1])


DRIP = b"x: y\r\n"


def drip(connection: socket.socket, ended: Event) -> None:
    """Send headers without end to whoever connects."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ended.wait(0.05):
        connection.sendall(DRIP)


def test_dripping_servers_hold_up_no_healthy_one() -> None:
    with (
        FakeServer(metrics=(200, page(1))) as good,
        crowd(drip, 40) as url,
        polling(quick(targets(*[url] * 40, good.url))) as poller,
    ):
        *bad, healthy = sorted(poller.servers(), key=lambda s: s.target.url == good.url)
        until(lambda: all(s.counts.failures["timeout"] for s in bad))
        before = healthy.counts.scrapes
        until(lambda: healthy.counts.scrapes >= before + 10)
        assert not healthy.counts.failures


def test_names_that_nobody_resolves_hold_up_no_healthy_one() -> None:
    released = Event()

    def silent(host: str, port: int, **_: object) -> list[object]:
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    names = [f"http://s{number}.example" for number in range(80)]
    with (
        FakeServer(metrics=(200, page(1))) as good,
        patch("exporter.fetch.resolver.socket.getaddrinfo", silent),
    ):
        with polling(quick(targets(*names, good.url))) as poller:
            *bad, healthy = sorted(poller.servers(), key=lambda s: s.target.url == good.url)
            until(lambda: all(s.counts.failures["timeout"] for s in bad))
            assert not healthy.counts.failures
            start = monotonic()
        assert monotonic() - start < 3
        released.set()


def test_servers_whose_identity_hangs_do_not_keep_a_new_one_from_being_identified() -> None:
    with (
        FakeServer(metrics=(200, page(1))) as hung,
        FakeServer(metrics=(200, page(1)), version=(200, b'{"version":"0.26.0"}')) as good,
    ):
        hung.answers["/v1/models"] = hung.hold
        config = quick(targets(*[hung.url] * 60)).model_copy(update={"timeout": 2.0})
        with polling(config) as poller:
            until(lambda: hung.hits.get("/v1/models", 0) > 10)
            new = Target(url=good.url, name="new")
            poller.reload(config.model_copy(update={"targets": [*config.targets, new]}))
            (server,) = (s for s in poller.servers() if s.target.name == "new")
            until(lambda: server.reading.identity)
            assert len(hung.hits) < 60


def test_a_shortage_of_threads_ends_no_sampling() -> None:
    with (
        FakeServer(metrics=(200, page(1))) as fake,
        polling(quick(targets(fake.url, "http://name.example"))) as poller,
    ):
        first, second = poller.servers()
        with patch("exporter.base.event_loop.Thread.start", side_effect=RuntimeError("no thread")):
            until(lambda: second.reading.reason == "connect")
            before = first.counts.scrapes
            until(lambda: first.counts.scrapes >= before + 3)
        assert poller.healthy()


def test_the_end_does_not_wait_for_servers() -> None:
    with FakeServer(metrics=(200, page(1))) as hung:
        hung.answers["/metrics"] = hung.hold
        config = quick(targets(*[hung.url] * 20)).model_copy(update={"timeout": 60.0})
        with polling(config) as poller:
            until(lambda: hung.hits.get("/metrics", 0) >= 20)
            start = monotonic()
        assert monotonic() - start < 3
        assert all(server.closed for server in poller.servers())


def test_a_loop_that_ended_is_not_healthy() -> None:
    with FakeServer(metrics=(200, page(1))) as fake, polling(quick(targets(fake.url))) as poller:
        assert poller.healthy()
        with patch.object(poller._schedule, "overdue", return_value=60.0):
            assert not poller.healthy()
        poller._loop.run(poller._close_all())
        poller._loop.stop()
        assert not poller.healthy()


def test_samples_do_not_pile_up() -> None:
    with FakeServer() as hung:
        hung.answers["/metrics"] = hung.hold
        config = Config(targets=targets(hung.url), interval=0.2, timeout=5.0, window=60.0)
        with polling(config) as poller:
            server = poller.servers()[0]
            until(lambda: server.counts.skipped >= 3)
            assert server.counts.scrapes == 1
            hung.released.set()
