"""Watched servers without a network: pages in a test's own words become what screens show."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic

from exporter.base.errors import FetchError
from exporter.config import Config, Declaration, Target
from exporter.engines.plan import Snapshot
from exporter.sampling.endpoint_answers import EndpointAnswers
from exporter.sampling.reading import STALE_AFTER_MISSES, SampleCounts
from exporter.sampling.served_model import ServedModel
from exporter.top.statistics.goodput import Objective, Objectives
from exporter.top.watch import Fleet, FleetWatch

STEP = 2.0
CONFIG = Config(interval=600, window=600)
OBJECTIVES = Objectives(Objective(1.0, 0.99), Objective(0.1, 0.99))


async def nobody(*_: object) -> bytes:
    raise FetchError("connect", "there is no network here")


def served(name: str, declare: Mapping[str, object] | None = None) -> ServedModel:
    """Return a server that has not been sampled."""
    target = Target(
        url="http://10.0.0.1:8000", name=name, declare=Declaration.model_validate(declare or {})
    )
    return ServedModel(target, CONFIG, SampleCounts(), nobody, nobody, None)


def fleet_watch(*servers: ServedModel) -> FleetWatch:
    """Return a watch over servers."""
    fleet = Fleet(lambda: servers, dict, lambda: ())
    return FleetWatch(CONFIG, fleet, lambda _: OBJECTIVES)


def play(watch: FleetWatch, pages: Mapping[ServedModel, Sequence[Snapshot]]) -> None:
    """Sample each server's pages one after another, `STEP` seconds apart and up to now."""
    count = max(map(len, pages.values()))
    start = monotonic() - STEP * count
    for number in range(count):
        for server, snapshots in pages.items():
            if number < len(snapshots):
                page = replace(snapshots[number], time=start + STEP * number)
                asyncio.run(server.update(page, 0.01, 1000, len(page.values)))
                if number == 0:
                    server.identify(EndpointAnswers(), None, None, False, server.identity.resets)
        watch.update()


def fail(server: ServedModel, error: str) -> None:
    """Take that a server does not answer any more."""
    for _ in range(STALE_AFTER_MISSES):
        server.miss("connect", error, 0.1)
