"""What the exporters of a fleet show, minute by minute: a model that scales with its load, another
whose servers keep their names, GPUs, and all that happens to them in an ordinary month."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .series import Samples, counter, name

DAY: Final = 1440
LOADING: Final = 12
"""Minutes a server takes to load its model."""
IDENTITY: Final = {"engine": "vllm", "gpu_model": "H200", "class": "c1", "config": "k1"}
_REQUESTS: Final = 60
"""Requests a minute of a server by day; a sixth of it by night."""

Value = Callable[[int], float | None]


@dataclass(slots=True)
class Fleet:
    """Series by name over so many `minutes`; an absent sample is None.

    `blind` are the minutes in which an exporter, by instance, is not scraped.
    """

    minutes: int
    series: dict[str, Samples] = field(default_factory=dict)
    blind: dict[str, set[int]] = field(default_factory=dict)

    def add(self, metric: str, value: Value | float, **labels: str) -> None:
        """Add a series by its value in each minute; it is absent while its exporter is blind."""
        missing = self.blind.get(labels.get("instance", ""), set())
        constant = None if callable(value) else value
        samples: Samples = [
            None if minute in missing else value(minute) if callable(value) else constant
            for minute in range(self.minutes)
        ]
        if any(sample is not None for sample in samples):
            self.series[name(metric, labels)] = samples

    def count(self, metric: str, rate: Value, **labels: str) -> None:
        """Add a counter by its growth in each minute."""
        missing = self.blind.get(labels.get("instance", ""), set())
        samples = counter([rate(minute) for minute in range(self.minutes)])
        # what the engine counted meanwhile is in the counter when the exporter is back
        self.series[name(metric, labels)] = [
            None if minute in missing else sample for minute, sample in enumerate(samples)
        ]


@dataclass(slots=True)
class Server:
    """One server: when its pod exists, when it loads and is down, and what is odd about it.

    `faults` overrides what a series shows, by metric and label values: its growth or its value in a
    minute. Its `down` is 1 while the server is.
    """

    target: str
    model: str
    begin: int
    end: int
    gpu: str = ""
    upgraded: int = -DAY
    instance: str = "exporter-0"
    down: set[int] = field(default_factory=set)
    loads: list[int] = field(default_factory=list)
    faults: dict[str, Value] = field(default_factory=dict)

    def release(self, minute: int) -> str:
        """Return the release it runs, from its upgrade on the new one."""
        return "0.26.0" if minute >= self.upgraded else "0.20.2"

    def runs(self, release: str) -> Value:
        """Return 1 while it runs a release."""
        return lambda minute: 1.0 if self.release(minute) == release else None

    def loading(self, minute: int) -> bool:
        """Whether its process has not answered for the first time."""
        return any(begin <= minute < begin + LOADING for begin in (self.begin, *self.loads))

    def up(self, minute: int) -> bool:
        """Whether its page is read."""
        exists = self.begin <= minute < self.end
        killed = self.faults.get("down")
        missing = minute in self.down or bool(killed and killed(minute))
        return exists and not self.loading(minute) and not missing


def requests(minute: int) -> float:
    """Return requests a minute of one server: the day's, or the night's."""
    return _REQUESTS if 8 <= minute % DAY / 60 < 22 else _REQUESTS // 6


def add_server(fleet: Fleet, server: Server) -> None:
    """Add all series of a server."""
    own = {"target": server.target, "instance": server.instance, "job": "inferfleet"}

    def exists(value: Value) -> Value:
        return lambda m: value(m) if server.begin <= m < server.end else None

    def answers(metric: str, value: Value) -> Value:
        shown = server.faults.get(metric, value)
        return lambda m: shown(m) if server.up(m) else None

    def gauge(metric: str, value: Value, **labels: str) -> None:
        fleet.add(f"inferfleet_{metric}", answers(metric, value), **own, **labels)

    def count(metric: str, rate: Value, **labels: str) -> None:
        key = metric + labels.get("status", "")
        fleet.count(f"inferfleet_{metric}", answers(key, rate), **own, **labels)

    fleet.add("inferfleet_target_up", exists(lambda m: float(server.up(m))), **own)
    fleet.add("inferfleet_target_loading", exists(lambda m: float(server.loading(m))), **own)
    releases = {server.release(m) for m in range(server.begin, min(server.end, fleet.minutes))}
    for release in sorted(releases):
        names = IDENTITY | {"model": server.model, "version": release, "release": release}
        gauge("server_info", server.runs(release), **names)
    gauge("server_start_time_seconds", lambda m: float(_started(server, m)))
    gauge("requests_running", lambda _: 8.0, model=server.model)
    gauge("requests_waiting", lambda _: 0.0, model=server.model, reason="capacity")
    gauge("engine_stalled", lambda _: 0.0)
    gauge("engine_no_progress", lambda _: 0.0)
    gauge("page_families", lambda _: 60.0)
    gauge("gpus", lambda _: 1.0, source="page")
    gauge("server_gpu_info", lambda _: 1.0, uuid=server.gpu or f"gpu-{server.target}", source="pod")
    fleet.count(
        "inferfleet_server_restarts_total",
        exists(server.faults.get("server_restarts_total", lambda m: float(m in server.loads))),
        **own,
    )
    count("generation_tokens_total", lambda m: 200 * requests(m), model=server.model)
    count("preemptions_total", lambda _: 0.0, model=server.model)
    count("corrupted_requests_total", lambda _: 0.0, model=server.model)
    count("kv_transfer_failures_total", lambda _: 0.0, connector="nixl")
    count("requests_finished_total", requests, reason="stop")
    count("requests_finished_total", lambda m: float(m % 30 == 0), reason="abort")
    count("http_responses_total", requests, status="2xx")
    # a response in ten thousand fails
    count("http_responses_total", lambda m: float(m % 170 == 0), status="5xx")
    # of a thousand first tokens three are late, and so are as many of the tokens
    for metric, edge, events, seconds in (
        ("time_to_first_token_seconds", "1.0", 1, 0.5),
        ("inter_token_latency_seconds", "0.1", 200, 4.0),
    ):
        count(f"{metric}_sum", _lasting(seconds))
        count(f"{metric}_count", _per_request(events, 0))
        count(f"{metric}_bucket", _per_request(events, 30), le=edge)


def _per_request(events: int, late: int) -> Value:
    """Return so many events a request, of which those of some requests an hour or two are late."""
    return lambda m: events * (requests(m) - (min(late, requests(m)) if m % 160 == 0 else 0))


def _lasting(seconds: float) -> Value:
    """Return the seconds of all requests, at so many a request."""
    return lambda m: seconds * requests(m)


def _started(server: Server, minute: int) -> int:
    loads = [begin for begin in (server.begin, *server.loads) if begin <= minute]
    return 60 * (max(loads, default=server.begin) + LOADING - 1)


def add_gpu(fleet: Fleet, uuid: str, faults: Mapping[str, Value], **own: str) -> None:
    """Add a GPU's series as the exporter reads them from DCGM: with the past in its counts."""
    labels = {"uuid": uuid, "job": "inferfleet", **own}

    def gauge(metric: str, value: float, **more: str) -> None:
        fleet.add(f"inferfleet_{metric}", faults.get(metric, value), **labels, **more)

    gauge("gpu_up", 1.0)
    gauge("gpu_utilization_ratio", 1.0)
    gauge("gpu_row_remap_failed", 0.0)
    gauge("gpu_recovery_action", 0.0)
    # a row waits for the next reset since long ago
    gauge("gpu_row_remap_pending", 1.0 if uuid.endswith("0") else 0.0)
    fleet.add(
        "inferfleet_gpu_ecc_errors_total",
        faults.get("gpu_ecc_errors_total", 2.0),
        kind="uncorrected",
        **labels,
    )
    # last month's code, and one that is the application's own
    fleet.add("inferfleet_gpu_xid_errors_total", 3.0, xid="79", **labels)
    fleet.add(
        "inferfleet_gpu_xid_errors_total",
        lambda m: 1.0 if m > DAY // 2 else None,
        xid="31",
        **labels,
    )
    if "gpu_xid_errors_total" in faults:
        fleet.add(
            "inferfleet_gpu_xid_errors_total", faults["gpu_xid_errors_total"], xid="48", **labels
        )
    throttled = faults.get("gpu_throttled_seconds_total", lambda _: 0.0)
    fleet.count("inferfleet_gpu_throttled_seconds_total", throttled, reason="hw_thermal", **labels)


def add_exporter(fleet: Fleet, instance: str, shards: int, watched: Value) -> None:
    """Add what an exporter says of itself, and whether Prometheus can scrape it."""
    own = {"instance": instance, "job": "inferfleet"}
    missing = fleet.blind.get(instance, set())
    fleet.series[name("up", own)] = [float(m not in missing) for m in range(fleet.minutes)]
    fleet.add("inferfleet_build_info", 1.0, version="1", **own)
    fleet.add("inferfleet_targets", watched, **own)
    fleet.add("inferfleet_discovered_targets", watched, source="kubernetes serving", **own)
    fleet.add("inferfleet_discovery_problems", 0.0, **own)
    fleet.add("inferfleet_config_last_reload_successful", 1.0, **own)
    if shards > 1:
        fleet.add("inferfleet_shards", float(shards), shard=instance[-1], **own)
    # most exporters stand on machines without a driver
    fleet.add("inferfleet_gpu_source_up", 1.0, source="http://dcgm:9400", **own)
