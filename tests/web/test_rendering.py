"""Pages written once for all who ask together."""

import asyncio
import gzip
from collections.abc import Iterable, Iterator
from threading import Event

import pytest

from exporter.web.rendering import SharedPage, compress
from tests.loop import run
from tests.waiting import until

DEADLINE = 10.0


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [b""],
        [b"a"],
        [b"a", b"", b"b" * 300_000],
        [bytes(range(256)) * 4000] * 3,
        [b"%d" % i for i in range(70_000)],
    ],
)
def test_a_page_is_what_its_blocks_are(blocks: list[bytes]) -> None:
    page = compress(iter(blocks))
    whole = b"".join(blocks)
    assert b"".join(page) == whole
    assert gzip.decompress(b"".join(page.compressed)) == whole
    assert (page.length, page.compressed_length) == (len(whole), len(b"".join(page.compressed)))
    assert all(len(block) <= 16_384 for block in page)


class Renderer:
    """Renders when it is let, and counts how often."""

    def __init__(self) -> None:
        self.begun, self.leave = 0, Event()

    def __call__(self) -> Iterator[bytes]:
        self.begun += 1
        assert self.leave.wait(DEADLINE)
        yield b"%d" % self.begun


def test_all_who_ask_while_it_is_written_share_it() -> None:
    renderer = Renderer()
    shared = SharedPage(renderer)

    async def ask() -> list[bytes]:
        asking = [asyncio.create_task(shared.page()) for _ in range(50)]
        await asyncio.sleep(0)
        asking[0].cancel()
        renderer.leave.set()
        return [b"".join(await task) for task in asking[1:]]

    assert run(ask()) == [b"1"] * 49
    assert renderer.begun == 1


def test_it_is_written_anew_once_it_is_old_or_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer()
    renderer.leave.set()
    monkeypatch.setattr("exporter.web.rendering.SHARED_SECONDS", 1000.0)
    shared = SharedPage(renderer)
    assert [b"".join(run(shared.page())) for _ in range(3)] == [b"1"] * 3
    monkeypatch.setattr("exporter.web.rendering.SHARED_SECONDS", 0.0)
    shared.drop()
    assert b"".join(run(shared.page())) == b"2"
    until(lambda: b"".join(run(shared.page())) > b"2")


def test_a_page_that_failed_is_tried_again() -> None:
    faults = [ValueError("no")]

    def render() -> Iterable[bytes]:
        if faults:
            raise faults.pop()
        return [b"a"]

    shared = SharedPage(render)
    with pytest.raises(ValueError, match="no"):
        run(shared.page())
    assert b"".join(run(shared.page())) == b"a"
