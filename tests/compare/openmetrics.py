"""A simulated fleet as it would have been scraped, as OpenMetrics text."""

import numpy as np

from exporter.compare.fleet.windows import Fleet, Lookups, ServerKey

EVERY = 60.0
DECODE_CELLS = (
    "seconds",
    "gpu_seconds",
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "context_token_seconds",
)
"""The quantities that decoding is compared by."""
SCRAPED = {"instance": "exporter:10190", "job": "inferfleet"}


def openmetrics(fleet: Fleet, quantities: tuple[str, ...], every: float = EVERY) -> str:
    """Return the fleet's cells, identity and lookups as scraped so often, in seconds.

    A counter grows evenly within each window, so that its increase over a window is the window's.
    """
    lines = list[str]()
    windows = fleet.windows
    begin, end = float(windows.time.min()), float(windows.time.max()) + windows.width
    times = np.arange(begin, end + 1, every)
    for quantity in quantities:
        name = f"inferfleet_load_{quantity}"
        lines.append(f"# TYPE {name} counter")
        values = windows.column(quantity)
        for i, server in enumerate(windows.servers):
            for batch in np.unique(windows.batch[windows.server == i]):
                rows = (windows.server == i) & (windows.batch == batch)
                labels = _labels(server, batch=f"{batch:g}")
                lines += _counter(
                    name, labels, windows.time[rows], values[rows], windows.width, times
                )
    if fleet.lookups:
        lines += _of_lookups(fleet.lookups, windows.servers, windows.width, times)
    lines += _identity(fleet, times)
    return "\n".join(lines) + "\n# EOF\n"


def _labels(server: ServerKey, **more: str) -> str:
    labels = {**server.labels, **SCRAPED, **more}
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def _target(server: ServerKey, **more: str) -> str:
    labels = {**dict(server.external_labels), "target": server.target, **SCRAPED, **more}
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items() if value) + "}"


def _counter(
    name: str, labels: str, at: np.ndarray, grown: np.ndarray, width: float, times: np.ndarray
) -> list[str]:
    order = np.argsort(at)
    edges = np.stack([at[order], at[order] + width], axis=1).ravel()
    sums = np.cumsum(grown[order])
    heights = np.stack([sums - grown[order], sums], axis=1).ravel()
    scrapes = times[(times >= at.min()) & (times <= at.max() + width)]
    values = np.interp(scrapes, edges, heights)
    return [
        f"{name}_total{labels} {value:.9g} {moment:.0f}"
        for moment, value in zip(scrapes, values, strict=True)
    ]


def _of_lookups(
    lookups: Lookups, servers: tuple[ServerKey, ...], width: float, times: np.ndarray
) -> list[str]:
    lines = list[str]()
    for suffix, values in (("queried", lookups.queried), ("hit", lookups.hit)):
        name = f"inferfleet_prefix_cache_{suffix}_tokens"
        lines.append(f"# TYPE {name} counter")
        for key in sorted({server.target_key for server in servers}):
            rows = np.array([servers[i].target_key == key for i in lookups.server])
            labels = _target(servers[int(lookups.server[rows][0])], cache="local")
            order = np.argsort(lookups.time[rows])
            lines += _counter(
                name, labels, lookups.time[rows][order], values[rows][order], width, times
            )
    return lines


def _identity(fleet: Fleet, times: np.ndarray) -> list[str]:
    windows = fleet.windows
    lines = ["# TYPE inferfleet_server_info gauge"]
    gauges: dict[str, list[str]] = {}
    for i, (server, facts) in enumerate(zip(windows.servers, fleet.facts, strict=True)):
        starts = windows.time[windows.server == i]
        if not len(starts):
            continue
        scrapes = times[(times >= starts.min()) & (times <= starts.max() + windows.width)]
        info = {name: value for name, value in facts.labels.items() if value}
        labels = _target(server, **info)
        lines += [f"inferfleet_server_info{labels} 1 {moment:.0f}" for moment in scrapes]
        values = {**facts.limits, "server_start_time_seconds": facts.starts[0]}
        for name, value in values.items():
            gauges.setdefault(name, []).extend(
                f"inferfleet_{name}{_target(server)} {value:.9g} {moment:.0f}" for moment in scrapes
            )
        if server.machine:
            pod = {"namespace": "ns", "pod": server.target, "node": server.machine}
            where = _target(server, **pod, workload=facts.labels.get("workload", ""))
            gauges.setdefault("server_pod_info", []).extend(
                f"inferfleet_server_pod_info{where} 1 {moment:.0f}" for moment in scrapes
            )
    for name, samples in gauges.items():
        lines += [f"# TYPE inferfleet_{name} gauge", *samples]
    return lines
