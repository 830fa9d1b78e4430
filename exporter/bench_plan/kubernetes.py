"""The plan as Kubernetes Jobs, one a run, to be released one after the other. Pure.

The server is a sidecar that the warm-up waits for; record and load begin together, after it. So no
container needs a word from another.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import yaml

from .. import __version__
from ..base.untrusted import one_line
from ..engines.registry import ENGINES
from .plan import FOLDER, Plan
from .runs import SIDES
from .text import shell_line

_NAME: Final = "inferfleet-bench"
_IMAGE: Final = f"ghcr.io/inferfleet/inferfleet:{__version__}"
_USER: Final = 10190
_START_SECONDS, _PROBE_SECONDS = 1800, 10

_Object = dict[str, Any]


def jobs(plan: Plan, images: Mapping[str, str], starts: Mapping[str, str], gpus: int) -> str:
    """Return the manifest: a volume claim, a suspended Job for each run and one that compares.

    `images` and `starts` are each side's image and the command that starts its server, `gpus` what
    a server takes. The client is that of the baseline's image, for both sides.
    """
    port = plan.request.port
    plan = replace(plan, request=replace(plan.request, base_url=f"http://127.0.0.1:{port}"))
    runs = [
        _job(name, _run(plan, name, images, starts, side, gpus, port))
        for name, side in zip(plan.names, plan.order, strict=True)
    ]
    compare = _ours("compare", plan.compare()[1:])
    documents = [_claim(), *runs, _job("compare", _pod([], [compare]))]
    return _head(plan) + yaml.safe_dump_all(documents, sort_keys=False, width=1000)


def _head(plan: Plan) -> str:
    lines = (
        f"Compares two set-ups of {one_line(plan.traffic.model)} under its fleet's load.",
        "One Job a run, all suspended: they are released one after the other, since runs beside",
        "each other would share what they measure. Add what your servers need (weights, secrets,",
        "node selectors), apply this file, then:",
        "",
        f"  for run in {' '.join(plan.names)} compare; do",
        f'    kubectl patch job {_NAME}-$run -p \'{{"spec":{{"suspend":false}}}}\' &&',
        f"    kubectl wait job {_NAME}-$run --for=condition=complete --timeout={_deadline(plan)}s",
        "    [ $? -eq 0 ] || break",
        "  done",
        f"  kubectl logs job/{_NAME}-compare",
    )
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _deadline(plan: Plan) -> int:
    return _START_SECONDS + plan.longest_seconds


def _claim() -> _Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": _NAME},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def _job(name: str, pod: _Object) -> _Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{_NAME}-{name}"},
        "spec": {"suspend": True, "backoffLimit": 0, "template": {"spec": pod}},
    }


def _pod(before: list[_Object], containers: list[_Object]) -> _Object:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"fsGroup": _USER, "seccompProfile": {"type": "RuntimeDefault"}},
        **({"initContainers": before} if before else {}),
        "containers": containers,
        "volumes": [
            {"name": "runs", "persistentVolumeClaim": {"claimName": _NAME}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}},
        ],
    }


def _run(
    plan: Plan,
    name: str,
    images: Mapping[str, str],
    starts: Mapping[str, str],
    side: str,
    gpus: int,
    port: int,
) -> _Object:
    probe = {"path": ENGINES[plan.traffic.engine].health_path, "port": port}
    server = {
        "name": "server",
        "image": images[side],
        "command": ["sh", "-c", starts[side]],
        "restartPolicy": "Always",
        "startupProbe": {
            "httpGet": probe,
            "periodSeconds": _PROBE_SECONDS,
            "timeoutSeconds": 5,
            "failureThreshold": _START_SECONDS // _PROBE_SECONDS,
        },
        "resources": {"limits": {"nvidia.com/gpu": gpus}},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    warm_up = _client("warm-up", images, [shell_line(plan.warm_up(point)) for point in plan.points])
    load = _client(
        "load",
        images,
        [shell_line(plan.measured(point, plan.result(name, point))) for point in plan.points],
    )
    record = _ours("record", plan.record(name)[1:])
    pod = _pod([server, warm_up], [record, load])
    return {**pod, "activeDeadlineSeconds": _deadline(plan)}


def _client(name: str, images: Mapping[str, str], lines: list[str]) -> _Object:
    return {
        "name": name,
        "image": images[SIDES[0]],
        "workingDir": "/",
        "command": ["sh", "-c", "\n".join(["set -eu", *lines])],
        "volumeMounts": [_runs()],
    }


def _ours(name: str, arguments: tuple[str, ...]) -> _Object:
    return {
        "name": name,
        "image": _IMAGE,
        "workingDir": "/",
        "args": list(arguments),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [_runs()],
    }


def _runs() -> _Object:
    return {"name": "runs", "mountPath": f"/{FOLDER}"}
