"""One GET, as text."""

from urllib.request import urlopen


def get(url: str, timeout: float = 10.0) -> str:
    """Return the body of an address; raises `OSError` where there is none."""
    with urlopen(url, timeout=timeout) as response:
        body: bytes = response.read()
    return body.decode()
