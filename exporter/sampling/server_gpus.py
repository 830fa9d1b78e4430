"""The GPUs under one server: tied to it by telemetry, a part of its identity, and their energy."""

from ..config import Target
from ..engines.identity import Identity
from ..gpu.attribution import GpuUser, Link, RayPage
from ..gpu.energy import EnergyUse
from ..gpu.telemetry import Telemetry
from ..procfs.port_holder import PortHolder

_GpuReport = tuple[int, str | None]
"""How many GPUs telemetry ties to the server, and their model."""


class ServerGpus:
    """Follows which GPUs a server uses.

    `process` holds the server's port, where that is on this machine; `ray_page` is what its page
    says of Ray workers, `ray_backend` whether it leaves its workers to Ray. `problem` says why no
    GPU is tied to it, half a sentence.

    What telemetry once said of a server's GPUs stays a part of its identity until the server
    restarts: a source that fails must not make a server look like another one.
    """

    def __init__(self, target: Target, telemetry: Telemetry | None, patient: bool = True) -> None:
        self.process: PortHolder | None = None
        self.ray_page: RayPage | None = None
        self.ray_backend = False
        self.link: Link | None = None
        self.problem = ""
        self._target = target
        self._telemetry = telemetry
        self._patient = patient
        self._report: _GpuReport | None = None
        self._joined: tuple[Identity, _GpuReport, Identity] | None = None

    def reset(self) -> None:
        """Forget what belonged to the process before a restart."""
        self.process = self.link = self._report = self._joined = None
        self.problem = ""

    def identity_with_gpus(self, identity: Identity | None) -> Identity | None:
        """Look up the server's GPUs and return its identity with their number and model.

        None, where `patient`, until each source of telemetry has answered or failed once: without
        the GPU's model it would be of another class.
        """
        if self._telemetry:
            link = self._telemetry.link(self._user())
            self.link, self.problem = (link, "") if isinstance(link, Link) else (None, link.reason)
        if self.link:
            declared = self._target.declare.gpu_uuids if self.link.via == "declared" else ()
            self._report = len(declared or self.link.gpus), self.link.model
        if self._patient and self._telemetry and not self._telemetry.answered:
            return None
        if identity is None or self._report is None:
            return identity
        joined = self._joined
        # one object from sample to sample while nothing changes: its hashes are worked out once
        if joined is None or joined[0] is not identity or joined[1] != self._report:
            count, model = self._report
            with_gpus = identity.with_report("telemetry", gpus=count, gpu_model=model)
            joined = self._joined = identity, self._report, with_gpus
        return joined[2]

    def energy_use(self, identity: Identity | None, start: float, end: float) -> EnergyUse | None:
        """Return what the server's GPUs used between two times (monotonic seconds).

        None where it is unknown, not the server's alone, or known of some of its GPUs only.
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
            process=self.process,
            ray=self.ray_page or (RayPage(engines=1) if self.ray_backend else None),
            uuids=declared.gpu_uuids,
        )
