"""A month in which nothing is wrong: load that comes and goes, rollouts, gaps, a reboot."""

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.vocabulary.verdict import VERDICTS

from .fleet import DAY, IDENTITY, Fleet, Server, Value, add_exporter, add_gpu, add_server

UPGRADE: Final = {
    **{name: IDENTITY[name] for name in ("engine", "gpu_model", "class")},
    "model": "code",
    "release": "0.26.0",
    "baseline": "0.20.2",
}
"""The labels of the upgrade that is judged."""
_SMALL, _LARGE = 2, 10
_GAP = 12


def quiet(
    days: int,
    faults: Mapping[str, dict[str, Value]] | None = None,
    ends: Mapping[str, int] | None = None,
    first: int = 0,
) -> Fleet:
    """Return a fleet over some days from the `first` on; `faults` by target or GPU, see `Server`.

    `ends` says by instance in which minute an exporter dies.

    Each day `chat` scales from ten servers to two by night, and back. In each day's morning
    telemetry has a gap. Once a week, on the first day first, `code` is rolled server by server to a
    release that changes nothing, the exporters are restarted, and a node reboots.
    """
    faults = faults or {}
    fleet = Fleet(days * DAY)
    weekly = [day for day in range(days) if (first + day) % 7 == 0]
    fleet.blind = {
        "exporter-0": _minutes((day * DAY + 300, _GAP) for day in range(days)),
        "exporter-1": _minutes((day * DAY + 420, 2) for day in weekly),
    }
    for instance, end in (ends or {}).items():
        fleet.blind[instance] |= set(range(end, fleet.minutes))
    servers = [Server(f"serving/chat-{i}", "chat", -DAY, 10**9) for i in range(_SMALL)]
    # pods of a Deployment: another name each day, on the same GPUs
    servers += [
        Server(
            f"serving/chat-{day}-{i}",
            "chat",
            day * DAY + 7 * 60 + 5 * i,
            day * DAY + 22 * 60 + i,
            gpu=f"gpu-slot-{i}",
        )
        for day in range(days)
        for i in range(_LARGE - _SMALL)
    ]
    for i in range(4):
        rolls = [day * DAY + 600 + 30 * i for day in weekly]
        reboots = [day * DAY + 900 for day in weekly] if i == 3 else []
        servers.append(
            Server(
                f"serving/code-{i}",
                "code",
                -DAY,
                10**9,
                upgraded=rolls[0] if rolls else -DAY,
                instance="exporter-1",
                # the machine is away, then the pod starts anew and loads
                down=_minutes((begin, 4) for begin in reboots),
                loads=rolls + [begin + 4 for begin in reboots],
                faults=faults.get(f"serving/code-{i}", {}),
            )
        )
    instances = {f"gpu-slot-{i}": "exporter-0" for i in range(_LARGE - _SMALL)}
    for server in servers:
        add_server(fleet, server)
        if not server.gpu:
            instances[f"gpu-{server.target}"] = server.instance
    for uuid, instance in instances.items():
        add_gpu(fleet, uuid, faults.get(uuid, {}), instance=instance)
    for instance in ("exporter-0", "exporter-1"):
        counts = [0.0] * fleet.minutes
        for server in servers:
            if server.instance == instance:
                for minute in range(max(server.begin, 0), min(server.end, fleet.minutes)):
                    counts[minute] += 1.0
        add_exporter(fleet, instance, 2, counts.__getitem__)

    # a judge that runs every quarter of an hour, and finds nothing in what is upgraded
    def judged(m: int) -> float:
        return m // 15 * 900.0

    fleet.add("inferfleet_judge_last_success_timestamp_seconds", judged)
    fleet.add("inferfleet_upgrade_judged_timestamp_seconds", judged, **UPGRADE)
    for verdict in VERDICTS:
        value = float(verdict == "equivalent")
        fleet.add("inferfleet_upgrade_verdict", value, **UPGRADE, measure="decode", verdict=verdict)
    return fleet


def _minutes(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {m for begin, size in spans for m in range(begin, begin + size)}
