"""Bodies that a server compressed unasked."""

import zlib
from typing import Final

from .problem import ExchangeError, broken_off

_ANY: Final = zlib.MAX_WBITS | 32
"""zlib's word for: tell gzip and deflate apart by their first bytes."""


def decoded(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return a body without its content encoding, at most `max_bytes` of it.

    Raises `ExchangeError` where it is larger, broken, or encoded as nobody asked for.
    """
    kind = encoding.lower()
    if kind in ("", "identity"):
        return body
    if kind not in ("gzip", "x-gzip", "deflate"):
        raise broken_off(f"it is encoded as {encoding!r}, which was not asked for")
    decompressor = zlib.decompressobj(_ANY)
    try:
        plain = decompressor.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise broken_off(f"it is not {kind} as it says") from error
    if len(plain) > max_bytes:
        raise ExchangeError("too_large", f"sent more than {max_bytes} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise broken_off(f"its {kind} body does not end where it says")
    return plain
