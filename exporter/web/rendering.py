"""Pages rendered in a thread, once for all who ask at about the same time, and kept compressed.

A page of 25 MB is never in memory whole: its blocks are compressed as they are written, and
decompressed as they are sent to a client that takes no compression. Blocks are small and zlib lets
other threads run while it works, so that rendering holds up no sample for long.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..base.event_loop import in_thread

SHARED_SECONDS: Final = 1.0

_BLOCK_BYTES: Final = 65_536
# Many clients that take no compression must not keep the loop from a probe.
_SLICE_BYTES: Final = 16_384
# A page of 25 MB must not cost a second of CPU.
_LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Page:
    """A page in gzip's format, in blocks; `length` is that of the page itself in bytes."""

    compressed: tuple[bytes, ...]
    length: int

    @property
    def compressed_length(self) -> int:
        """Bytes of the compressed page."""
        return sum(map(len, self.compressed))

    def __iter__(self) -> Iterator[bytes]:
        """Yield the page itself in blocks."""
        decompressor = zlib.decompressobj(_GZIP)
        for block in self.compressed:
            while block:
                yield decompressor.decompress(block, _SLICE_BYTES)
                block = decompressor.unconsumed_tail
        yield decompressor.flush()


def compress(blocks: Iterable[bytes]) -> Page:
    """Return the page that the blocks are."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    compressed, pending, length = list[bytes](), bytearray(), 0
    for block in blocks:
        length += len(block)
        pending += compressor.compress(block)
        if len(pending) >= _BLOCK_BYTES:
            compressed.append(bytes(pending))
            pending.clear()
    return Page((*compressed, bytes(pending + compressor.flush())), length)


class SharedPage:
    """A page that is rendered by one thread at a time, and serves whoever asks meanwhile.

    It also serves whoever asks within `SHARED_SECONDS` of its end, so that no number of clients
    keeps the exporter busy with nothing but pages. Belongs to one event loop.
    """

    def __init__(self, render: Callable[[], Iterable[bytes]]) -> None:
        self._render = render
        self._rendering: asyncio.Task[Page] | None = None

    async def page(self) -> Page:
        """Return the page; raises what the rendering raises, `OSError` where there is no thread."""
        if self._rendering is None:
            self._rendering = asyncio.create_task(
                in_thread(lambda: compress(self._render()), "rendering")
            )
            self._rendering.add_done_callback(self._end)
        # who leaves must not end it for the others
        return await asyncio.shield(self._rendering)

    def drop(self) -> None:
        """Serve this rendering to nobody else."""
        self._rendering = None

    def _end(self, rendering: asyncio.Task[Page]) -> None:
        if rendering.cancelled() or rendering.exception():
            self._expire(rendering)
        else:
            asyncio.get_running_loop().call_later(SHARED_SECONDS, self._expire, rendering)

    def _expire(self, rendering: asyncio.Task[Page]) -> None:
        if self._rendering is rendering:
            self._rendering = None
