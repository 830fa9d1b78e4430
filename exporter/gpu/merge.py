"""Readings of all sources become one reading a GPU.

A GPU may be reported by more than one source: NVML's values are taken before DCGM's, and so on, for
NVML reads the driver itself and the others' pages are renewed more slowly. Each value is taken by
itself, since DCGM also has some that NVML does not; pods, processes and sharing are put together.
Pure arithmetic.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, get_args

from .reading import GpuReading, GpuSource

_TRUST: Final[tuple[GpuSource, ...]] = get_args(GpuSource)


def merged(
    readings: Iterable[GpuReading],
) -> tuple[dict[str, GpuReading], tuple[str, ...]]:
    """Return one reading for each UUID, in order of the UUIDs, and a sentence for each left out.

    Readings without a UUID are left out, and those of a UUID that exporters of one kind report from
    several hosts: it is no identity there. Kinds differ in how they call a host.
    """
    by_uuid: dict[str, list[GpuReading]] = {}
    for reading in readings:
        if reading.uuid:
            by_uuid.setdefault(reading.uuid, []).append(reading)
    problems, gpus = list[str](), dict[str, GpuReading]()
    for uuid in sorted(by_uuid):
        hosts = {reading.source: reading.host for reading in by_uuid[uuid] if reading.host}
        other = next((r for r in by_uuid[uuid] if r.host and r.host != hosts[r.source]), None)
        if other is None:
            gpus[uuid] = _merged_reading(by_uuid[uuid])
        else:
            problems.append(
                f"GPU {uuid} is reported from {other.host} and from {hosts[other.source]}, so it "
                "is left out: the UUID is no identity, or one page is listed under two names"
            )
    return gpus, tuple(problems)


def _merged_reading(readings: list[GpuReading]) -> GpuReading:
    if len(readings) == 1:
        return readings[0]
    first, *others = sorted(readings, key=lambda reading: _TRUST.index(reading.source))
    for other in others:
        first = replace(
            first,
            values={**other.values, **first.values},
            host=first.host or other.host,
            index=first.index or other.index,
            driver=first.driver or other.driver,
            mig_profile=first.mig_profile or other.mig_profile,
            pids=first.pids or other.pids,
            pods=tuple(dict.fromkeys((*first.pods, *other.pods))),
            shared=first.shared or other.shared,
        )
    return first
