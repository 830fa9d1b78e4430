"""One GPU as one source reports it: the only shape in which telemetry leaves a source.

Values are in base units under canonical names (`vocabulary/gpu.py`); a value a source does not
know is missing, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

GpuExporter = Literal["dcgm", "amd", "nvidia_gpu_exporter"]
"""What publishes a metrics page of GPUs, the most trusted first."""
GpuSource = Literal["nvml", GpuExporter]
"""What reports a GPU, the most trusted first."""
Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class Pod:
    """The Kubernetes workload a source ties a GPU to; parts it does not report are empty."""

    namespace: str
    name: str
    container: str = ""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU, or one MIG instance of it, at `time` (monotonic seconds).

    `values` maps a canonical family and its own labels (sorted pairs, without `uuid`) to a value.
    `pids` are the processes with a context on the GPU, `pods` the workloads it is given to;
    `shared` is true where more than one workload uses it, so that its energy is nobody's alone.
    """

    uuid: str
    model: str
    source: GpuSource
    time: float
    values: Mapping[Key, float]
    host: str = ""
    index: str = ""
    driver: str = ""
    mig_profile: str = ""
    pids: tuple[int, ...] = ()
    pods: tuple[Pod, ...] = field(default=())
    shared: bool = False

    def value(self, family: str, **labels: str) -> float | None:
        """Return one value, None where the source does not report it."""
        return self.values.get((family, tuple(sorted(labels.items()))))
