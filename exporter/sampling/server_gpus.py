"""The GPUs under one server: tied to it by telemetry, part of its identity, and what they draw."""

from ..config import Target
from ..engines.identity import Identity
from ..gpu.attribution import GpuUser, Link
from ..gpu.energy import EnergyUse
from ..gpu.telemetry import Telemetry


class Gpus:
    """Follows which GPUs a server uses. `pid` is its process, where that is on this machine.

    What telemetry once told of a server's GPUs stays a part of its identity until the server
    begins anew: a source that fails must not make a server look like another one.
    """

    def __init__(self, target: Target, telemetry: Telemetry | None) -> None:
        self.pid: int | None = None
        self.link: Link | None = None
        self._target = target
        self._telemetry = telemetry
        self._told: tuple[int, str | None] | None = None
        self._joined: tuple[Identity, tuple[int, str | None], Identity] | None = None

    def begin_anew(self) -> None:
        """Forget what belonged to an earlier life of the server."""
        self.pid = self.link = self._told = self._joined = None

    def join(self, identity: Identity | None) -> Identity | None:
        """Look up the server's GPUs and return its identity with what they tell."""
        self.link = self._telemetry.link(self._user()) if self._telemetry else None
        if self.link:
            declared = self._target.declare.gpu_uuids if self.link.via == "declared" else ()
            self._told = len(declared or self.link.gpus), self.link.model
        if identity is None or self._told is None:
            return identity
        held = self._joined
        if held is None or held[0] is not identity or held[1] != self._told:
            count, model = self._told
            together = identity.with_report("telemetry", gpus=count, gpu_model=model)
            held = self._joined = identity, self._told, together
        return held[2]

    def energy_use(self, identity: Identity | None, start: float, end: float) -> EnergyUse | None:
        """Return what the server's GPUs drew between two times (monotonic seconds).

        None where it is unknown, not the server's alone, or told of some of its GPUs only.
        """
        link = self.link
        if link is None or self._telemetry is None:
            return None
        count = identity.number("gpus") if identity else None
        if count is not None and count != len(link.gpus):
            return None
        return self._telemetry.energy_use(link, start, end)

    def _user(self) -> GpuUser:
        declared = self._target.declare
        namespace, _, name = (declared.pod or "").partition("/")
        return GpuUser(
            target=self._target.label,
            pod=(namespace, name) if name else None,
            pid=self.pid,
            uuids=declared.gpu_uuids,
        )
