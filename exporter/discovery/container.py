"""What a Kubernetes pod's specification says about the server in it, as discovery passes it on.

Uninterpreted: `engines/sources/pod.py` knows what it means for an engine. Command line and
environment may hold secrets, so they are kept out of every text form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod. `command` is empty where the image's own entry point runs.

    `env` holds the variables given by value; of those that come from a secret, a field or another
    object nothing is known. `gpus` counts whole GPUs, None where the pod asks for none or for
    slices, or where other pods bring more of them to the same server.
    """

    image: str
    command: tuple[str, ...] = field(default=(), repr=False)
    arguments: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    gpus: int | None = None
