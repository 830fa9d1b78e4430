"""The live view as a command: what it watches, and how it is shown or printed."""

import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from alerts.values import Values

from ..base.errors import ConfigError, InferfleetError
from ..config import Config, GpuSettings, LoadCellSettings, expand, load_config, parse_config
from ..publish.figures import Json
from ..sampling.poller import Poller
from .statistics.goodput import Objective, Objectives
from .watch import Fleet, FleetWatch

_INTERVAL: Final = 2.0
ONCE_INTERVAL: Final = 1.0
"""Seconds between two samples of a snapshot, where nothing says otherwise."""
_TICK: Final = 0.2


class TopError(InferfleetError):
    """Nothing can be shown."""


def top_config(
    path: Path | None, urls: Sequence[str], interval: float | None, window: float | None
) -> Config:
    """Return what is watched: the servers of a file, if any, and those of addresses behind them.

    Without a file every 2 s, and load cells count from a server's start. Raises `ConfigError`.
    """
    base = load_config(path) if path else Config(interval=_INTERVAL)
    data: dict[str, Any] = base.model_dump(exclude_unset=True)
    if urls:
        added = dict.fromkeys(expand(url, "the address") for url in urls)
        data["targets"] = [*data.get("targets", []), *added]
    if interval is not None:
        data["interval"] = interval
    if window is not None:
        data["window"] = window
    shortest, length = interval or base.interval, window or base.window
    if length < shortest:
        raise ConfigError(
            f"--window: {length:g} s is shorter than the interval of {shortest:g} s; give more"
        )
    config = parse_config(data, str(path) if path else "the command line")
    if not config.targets and config.discovery == Config().discovery:
        remedy = f"{path} names no server" if path else "give the URL of a server, or --config FILE"
        raise ConfigError(f"nothing to watch: {remedy}")
    if path:
        return config
    local = any(target.is_local for target in config.targets)
    changes = {"load": LoadCellSettings(warm_up=0.0), "gpu": GpuSettings(nvml=local)}
    return config.model_copy(update=changes)


def objectives_of(
    values: Values, first_token: float | None, between: float | None
) -> Callable[[str], Objectives]:
    """Return the objectives of each model: those of the rules, with other thresholds if given."""

    def objectives(model: str) -> Objectives:
        slo = values.slo
        of_model = next((s for s in slo.models if re.fullmatch(s.model, model)), None)
        first = (of_model and of_model.time_to_first_token) or slo.time_to_first_token
        latency = (of_model and of_model.inter_token_latency) or slo.inter_token_latency
        result = Objectives(
            Objective(first.threshold, first.objective),
            Objective(latency.threshold, latency.objective),
        )
        if first_token is not None:
            result = replace(
                result,
                time_to_first_token=replace(result.time_to_first_token, threshold=first_token),
            )
        if between is not None:
            result = replace(
                result, inter_token_latency=replace(result.inter_token_latency, threshold=between)
            )
        return result

    return objectives


def show(config: Config, objectives: Callable[[str], Objectives]) -> None:
    """Show a fleet until the user quits; raises `TopError` where that cannot be."""
    if find_spec("textual") is None:
        raise TopError("the live view needs textual: run pip install 'inferfleet[top]'")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise TopError("the live view needs a terminal: --once prints one snapshot as JSON")
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        raise TopError(
            "TERM names a terminal that cannot place its cursor: --once prints one snapshot"
        )
    from .screens.app import TopApp

    # a line of the log would stand in the middle of the screen
    logging.getLogger().addHandler(logging.NullHandler())
    poller = Poller(config)
    poller.start()
    try:
        TopApp(FleetWatch(config, fleet_of(poller), objectives)).run()
    finally:
        poller.stop()


def snapshot(config: Config, objectives: Callable[[str], Objectives], seconds: float) -> Json:
    """Return the fleet after it was sampled for some seconds from when its servers are known.

    Raises `TopError` where no server answers, first or last.
    """
    poller = Poller(config, patient=False)
    poller.start()
    try:
        watch = FleetWatch(config, fleet_of(poller), objectives)
        _until(lambda: poller.ready(), watch, config.timeout + config.interval)
        # what a page means may depend on the version, which is known from here on
        _until(
            lambda: all(w.reading.identity for w in watch.watches if w.live),
            watch,
            3 * config.timeout,
        )
        _until(lambda: False, watch, seconds)
        document = watch.document()
        if not any(w.live for w in watch.watches):
            raise TopError("; ".join(f"{w.label}: {w.status}" for w in watch.watches) or "nothing")
        return document
    finally:
        poller.stop()


def fleet_of(poller: Poller) -> Fleet:
    """Return what a poller samples."""
    return Fleet(
        servers=lambda: [model for server in poller.servers() for model in server.models],
        gpus=lambda: poller.telemetry.inventory.gpus,
        problems=lambda: [*poller.problems(), *poller.telemetry.problems()],
    )


def _until(condition: Callable[[], bool], watch: FleetWatch, seconds: float) -> None:
    """Take readings until something holds, or some seconds have passed."""
    deadline = monotonic() + seconds
    watch.update()
    while not condition() and (remaining := deadline - monotonic()) > 0:
        sleep(min(_TICK, remaining))
        watch.update()
