"""Addresses of HTTP servers, as people and other tools write them."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from ..base.validation import OneLine, StrictModel

_PATH: Final = re.compile(r"/(?!/)[^\s\\#]*")


def server_url(text: str) -> str:
    """Return the base address in a text: with its scheme, without `/metrics` at its end.

    Raises `ValueError` with a sentence that holds the text and an example.
    """
    url = text if "//" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{text!r} is no server address; write it like http://host:8000") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "credentials do not belong in a url; use the http section of a configuration "
            "(record: --http-config)"
        )
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"{url!r} has no usable port; use one from 1 to 65535") from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or any(map(str.isspace, url))
    ):
        raise ValueError(f"{url!r} is no server address; write it like http://host:8000")
    if "?" in url or "#" in url:
        raise ValueError(f"{url!r} is more than an address: leave out ? and # and what follows")
    return url.rstrip("/").removesuffix("/metrics").rstrip("/")


def url_path(text: str) -> str:
    """Return the path of a page on a server; raise `ValueError` where it is none."""
    if not _PATH.fullmatch(text):
        raise ValueError(f"{text!r} is no path of a page; write it like /metrics")
    return text


class ServerAddress(StrictModel):
    """Base of what is at an HTTP address; a text alone stands for the address."""

    url: OneLine

    @field_validator("url")
    @classmethod
    def _normalize_url(cls, url: str) -> str:
        return server_url(url)

    @model_validator(mode="before")
    @classmethod
    def _expand_url(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value
