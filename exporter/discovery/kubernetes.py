"""Servers from the Kubernetes API: pods listed once, then watched, and listed again at intervals.

A watch that ends or breaks goes on from the last version received. A version the API server has
forgotten (410) costs a new list. While the API cannot be reached the last answer stays in force and
the next attempt waits longer each time: whether a server still runs shows when it is scraped.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ..base.errors import KubernetesApiError
from ..base.validation import validation_message
from ..config import KubernetesSdSettings, Target
from .pods import pod_targets

# Imported where it is used: outside Kubernetes it should cost no memory.
if TYPE_CHECKING:
    from .kube_api import KubernetesApi

log = logging.getLogger(__name__)

_WATCH_SECONDS: Final = 300
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_FIRST_ANSWER_SECONDS: Final = 10.0
_LAST_ANSWER_SECONDS: Final = 5.0
_GONE: Final = 410
_LAST_GOOD: Final = "its last answer stays in force"
_NO_SERVERS: Final = "it gives no servers until then"


class _NamespacePods:
    """The pods of one namespace, or of all (`namespace` empty), as the API last reported them.

    `version` is what a watch goes on from, `fault` why the API cannot be reached now; `attempted`
    is set once the first attempt is over.
    """

    def __init__(self, section: KubernetesSdSettings, api: KubernetesApi, namespace: str) -> None:
        self.place = f"kubernetes {namespace or 'all namespaces'}"
        self.path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self.version = ""
        self.fault = ""
        self.attempted = Event()
        self._section = section
        self._api = api
        self._lock = Lock()
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._faults_by_pod: dict[str, str] = {}

    def list_all(self) -> None:
        """List all pods; what is known stays as it is where that fails."""
        targets, faults, newest = dict[str, tuple[Target, ...]](), dict[str, str](), ""
        for pods, version in self._api.list_pods(self.path, self._section.selector):
            for pod in pods:
                self._update(pod, targets, faults)
            newest = version
        with self._lock:
            self._targets, self._faults_by_pod, self.version = targets, faults, newest
        self.fault = ""

    def watch(self, seconds: int) -> None:
        """Apply the watch's events until the server ends it."""
        events = self._api.watch(self.path, self._section.selector, self.version, seconds)
        self.fault = ""
        for kind, pod in events:
            self._apply(kind, pod)

    def targets_and_faults(self) -> tuple[tuple[Target, ...], list[str]]:
        """Return the servers in order of their names, and what is wrong now."""
        with self._lock:
            targets = [target for of_pod in self._targets.values() for target in of_pod]
            faults = sorted(self._faults_by_pod.values())
        fault = self.fault
        if fault:
            faults.insert(0, f"{fault}; {_LAST_GOOD if targets else _NO_SERVERS}")
        return tuple(sorted(targets, key=lambda target: target.label)), faults

    def _apply(self, kind: str, pod: Mapping[str, Any]) -> None:
        with self._lock:
            if kind == "DELETED":
                self._targets.pop(_uid(pod), None)
                self._faults_by_pod.pop(_uid(pod), None)
            elif kind in ("ADDED", "MODIFIED"):
                self._update(pod, self._targets, self._faults_by_pod)
        self.version = pod["metadata"]["resourceVersion"]

    def _update(
        self,
        pod: Mapping[str, Any],
        targets: dict[str, tuple[Target, ...]],
        faults: dict[str, str],
    ) -> None:
        """Replace what is known of a pod.

        A pod that cannot be read costs only itself, and stays as it last was readable.
        """
        uid = _uid(pod)
        faults.pop(uid, None)
        try:
            current = pod_targets(pod, self._section)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = validation_message(error) if isinstance(error, ValidationError) else str(error)
            meta = pod["metadata"]
            current = self._targets.get(uid, ())
            consequence = (
                "its last good form stays in force" if current else "it is not watched until then"
            )
            faults[uid] = f"pod {meta.get('namespace')}/{meta.get('name')}: {reason}; {consequence}"
        if current:
            targets[uid] = current
        else:
            targets.pop(uid, None)


def _list_and_watch(
    pods: _NamespacePods, refresh: float, stop: Event, pause: Callable[[float], object]
) -> None:
    """List and watch until `stop` is set; `pause` waits some seconds, or for that."""
    due, failures = 0.0, 0
    while not stop.is_set():
        started = monotonic()
        try:
            if not pods.version or started >= due:
                pods.list_all()
                due = monotonic() + refresh
            pods.attempted.set()
            pods.watch(max(1, min(_WATCH_SECONDS, int(due - monotonic()))))
            # a watch that ends at once, as some proxies have it, must not become a flood
            failures, wait = 0, 0.0 if monotonic() - started > _FIRST_PAUSE else _FIRST_PAUSE
        except KubernetesApiError as error:
            pods.fault = str(error) if error.status != _GONE else ""
            failures = 1 if monotonic() - started > _LONGEST_PAUSE else failures + 1
            wait = max(error.retry_after, min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE))
            if error.status:
                # refused, not broken: the version is gone, or watching is not allowed at all
                due = 0.0
        except Exception as error:
            log.exception("following %s failed", pods.place)
            pods.fault, wait, due = f"following the pods failed: {error!r}", _LONGEST_PAUSE, 0.0
        pods.attempted.set()
        if wait:
            pause(wait * random.uniform(0.5, 1.0))


class KubernetesSource:
    """Watches the pods of one `kubernetes` section, each namespace in a thread of its own.

    `account` is where the service account's files are; `pause` waits between attempts. Raises
    `ConfigError` where there is no API server to ask.
    """

    def __init__(
        self,
        section: KubernetesSdSettings,
        account: Path | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        from .kube_api import ACCOUNT, KubernetesApi

        self.section = section
        self._stop = Event()
        self._pause = pause or self._stop.wait
        self._api = KubernetesApi(section, account or ACCOUNT)
        self._pods = [
            _NamespacePods(section, self._api, name) for name in section.namespaces or [""]
        ]
        self._threads: list[Thread] = []
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._problems: tuple[str, ...] = ()

    @property
    def targets(self) -> Mapping[str, tuple[Target, ...]]:
        """The servers by namespace, sorted by name within each."""
        return self._targets

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the API and with single pods now."""
        return self._problems

    def refresh(self) -> None:
        """Publish the state of the watches; the first call starts them and waits for an answer."""
        if not self._threads:
            self._start()
        states = [(pods.place, *pods.targets_and_faults()) for pods in self._pods]
        self._targets = {place: targets for place, targets, _ in states}
        self._problems = tuple(fault for _, _, faults in states for fault in faults)

    def _start(self) -> None:
        for pods in self._pods:
            arguments = (pods, self.section.refresh, self._stop, self._pause)
            thread = Thread(target=_list_and_watch, args=arguments, name=pods.place, daemon=True)
            thread.start()
            self._threads.append(thread)
        deadline = monotonic() + _FIRST_ANSWER_SECONDS
        for pods in self._pods:
            pods.attempted.wait(max(0.0, deadline - monotonic()))

    def close(self) -> None:
        """Stop watching; threads that hang in a request are abandoned after five seconds in all."""
        self._stop.set()
        self._api.close()
        deadline = monotonic() + _LAST_ANSWER_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))


def _uid(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"].get("uid"))
