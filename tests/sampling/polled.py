"""A poller of some servers, running."""

from collections.abc import Iterator
from contextlib import contextmanager

from exporter.config import (
    Config,
    DiscoverySettings,
    Target,
)
from exporter.sampling.poller import Poller


def quick(listed: list[Target], discovery: DiscoverySettings | None = None) -> Config:
    return Config(
        targets=listed,
        discovery=discovery or DiscoverySettings(),
        interval=0.2,
        timeout=0.5,
        window=60.0,
    )


@contextmanager
def polling(config: Config) -> Iterator[Poller]:
    poller = Poller(config)
    poller.start()
    try:
        yield poller
    finally:
        poller.stop()


def targets(*urls: str) -> list[Target]:
    return [Target(url=url, name=f"s{i}") for i, url in enumerate(urls)]
