"""Bytes of large answers that may be in memory at a time, over all servers together."""

from typing import Final, Protocol

FREE_BYTES: Final = 2**20
"""Up to this size an answer counts nothing: as large as those of a sound server."""

LARGE_ANSWERS: Final = 4
"""As many of the largest size fit into the budget of a client and its clones."""


class Holder(Protocol):
    """What holds bytes, and can be made to drop them."""

    def discard(self) -> None:
        """Drop the bytes; whoever waits for them learns why."""


class ByteBudget:
    """Bounds what large answers hold together: the largest goes first, so that others stay.

    Used on one event loop.
    """

    def __init__(self, most: int, free: int = FREE_BYTES) -> None:
        self._most, self._free = most, free
        self._sizes: dict[Holder, int] = {}

    @property
    def sentence(self) -> str:
        """Why an answer was dropped, as it goes on from what it is."""
        return (
            f"is the largest of large answers that together are more than {self._most} bytes: "
            "serve smaller pages, or raise limits.page"
        )

    def hold(self, holder: Holder, size: int) -> None:
        """Take that a holder has this many bytes now."""
        if size <= self._free:
            self.release(holder)
            return
        self._sizes[holder] = size
        while sum(self._sizes.values()) > self._most:
            largest = max(self._sizes, key=self._sizes.__getitem__)
            del self._sizes[largest]
            largest.discard()

    def release(self, holder: Holder) -> None:
        """Take that a holder has none any more."""
        self._sizes.pop(holder, None)
