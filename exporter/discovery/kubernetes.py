"""Servers from the Kubernetes API: pods listed once, then watched, and listed again at intervals.

A watch that ends or breaks goes on from the last version received. A version the API server has
forgotten (410) costs a new list. While the API cannot be reached the last answer stays in force and
the next attempt waits longer each time: whether a server still runs shows when it is scraped.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, Final

from pydantic import ValidationError

from ..base.errors import KubernetesApiError
from ..base.untrusted import one_line
from ..base.validation import validation_message
from ..config import KubernetesSdSettings, Target
from .kube_api import ACCOUNT, HTTP_GONE, KubernetesApi
from .pods import pod_targets

log = logging.getLogger(__name__)

_WATCH_SECONDS: Final = 300
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_FIRST_ANSWER_SECONDS: Final = 10.0
_FIRST_ANSWER_TICK: Final = 0.05
_LAST_ANSWER_SECONDS: Final = 1.0
_LAST_GOOD: Final = "its last answer stays in force"
_NO_SERVERS: Final = "it gives no servers until then"


@dataclass(frozen=True, slots=True)
class _PodServer:
    """A server in a pod; `pod` is when that was created, and its uid."""

    pod: tuple[str, str]
    target: Target


class _NamespacePods:
    """The pods of one namespace, or of all (`namespace` empty), as the API last reported them.

    `version` is what a watch goes on from, `fault` why the API cannot be reached now; `attempted`
    is set once the first attempt is over.
    """

    def __init__(self, section: KubernetesSdSettings, api: KubernetesApi, namespace: str) -> None:
        self.place = f"kubernetes {namespace or 'all namespaces'}"
        self.path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self.version = ""
        self.fault = f"{self.place} has not been listed yet"
        self.attempted = Event()
        self._section = section
        self._api = api
        self._lock = Lock()
        self._servers: dict[str, tuple[_PodServer, ...]] = {}
        self._faults_by_pod: dict[str, str] = {}

    def list_all(self) -> None:
        """List all pods; what is known stays as it is where that fails."""
        servers, faults, newest = dict[str, tuple[_PodServer, ...]](), dict[str, str](), ""
        for pods, version in self._api.list_pods(self.path, self._section.selector):
            for pod in pods:
                self._update(pod, servers, faults)
            newest = version
        with self._lock:
            self._servers, self._faults_by_pod, self.version = servers, faults, newest
        self.fault = ""

    def watch(self, seconds: int) -> None:
        """Apply the watch's events until the server ends it."""
        self._api.watch(
            self.path, self._section.selector, self.version, seconds, self._apply, self._opened
        )

    def servers_and_faults(self) -> tuple[list[_PodServer], list[str]]:
        """Return the servers in order of their names, and what is wrong now."""
        with self._lock:
            servers = [server for of_pod in self._servers.values() for server in of_pod]
            faults = sorted(self._faults_by_pod.values())
        fault = self.fault
        if fault:
            faults.insert(0, f"{fault}; {_LAST_GOOD if servers else _NO_SERVERS}")
        return sorted(servers, key=lambda server: server.target.label), faults

    def _opened(self) -> None:
        self.fault = ""

    def _apply(self, kind: str, pod: Mapping[str, Any]) -> None:
        with self._lock:
            if kind == "DELETED":
                self._servers.pop(_uid(pod), None)
                self._faults_by_pod.pop(_uid(pod), None)
            elif kind in ("ADDED", "MODIFIED"):
                self._update(pod, self._servers, self._faults_by_pod)
        self.version = pod["metadata"]["resourceVersion"]

    def _update(
        self,
        pod: Mapping[str, Any],
        servers: dict[str, tuple[_PodServer, ...]],
        faults: dict[str, str],
    ) -> None:
        """Replace what is known of a pod.

        A pod that cannot be read costs only itself, and stays as it last was readable.
        """
        uid = _uid(pod)
        faults.pop(uid, None)
        try:
            created = str(pod["metadata"].get("creationTimestamp") or "unknown")
            current = tuple(
                _PodServer((created, uid), target) for target in pod_targets(pod, self._section)
            )
        except Exception as error:
            meta = pod["metadata"]
            current = self._servers.get(uid, ())
            consequence = (
                "its last good form stays in force" if current else "it is not watched until then"
            )
            place = one_line(f"{meta.get('namespace')}/{meta.get('name')}")
            faults[uid] = f"pod {place}: {_reason(error)}; {consequence}"
        if current:
            servers[uid] = current
        else:
            servers.pop(uid, None)


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
            pods.fault = str(error) if error.status != HTTP_GONE else ""
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
        """Publish the state of the watches; the first call starts them and waits for answers.

        It publishes each namespace that answers meanwhile.
        """
        if not self._threads:
            self._start()
            deadline = monotonic() + _FIRST_ANSWER_SECONDS
            while monotonic() < deadline and not self._stop.is_set():
                if all(pods.attempted.is_set() for pods in self._pods):
                    break
                self._publish()
                self._stop.wait(_FIRST_ANSWER_TICK)
        self._publish()

    def _publish(self) -> None:
        states = [(pods.place, *pods.servers_and_faults()) for pods in self._pods]
        owners = dict[str, tuple[str, str]]()
        for _, servers, _ in states:
            for server in servers:
                label = server.target.label
                owners[label] = min(owners.get(label, server.pod), server.pod)
        targets, problems = dict[str, tuple[Target, ...]](), list[str]()
        for place, servers, faults in states:
            own, foreign = list[Target](), list[Target]()
            for server in servers:
                is_owner = owners[server.target.label] == server.pod
                (own if is_owner else foreign).append(server.target)
            targets[place] = tuple(own)
            problems += faults
            problems += [
                f"pod {target.declare.pod}: an older pod is called {target.label!r} "
                "already, so it is not watched; correct inferfleet/name"
                for target in foreign
            ]
        self._targets, self._problems = targets, tuple(problems)

    def _start(self) -> None:
        for pods in self._pods:
            arguments = (pods, self.section.refresh, self._stop, self._pause)
            thread = Thread(target=_list_and_watch, args=arguments, name=pods.place, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop watching; threads that do not end are abandoned after a second in all."""
        self._stop.set()
        self._api.close()
        deadline = monotonic() + _LAST_ANSWER_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))


def _uid(pod: Mapping[str, Any]) -> str:
    meta = pod["metadata"]
    return str(meta.get("uid") or f"{meta.get('namespace')}/{meta.get('name')}")


def _reason(error: Exception) -> str:
    """Return why a pod cannot be read; what is no `ValueError` is a description of odd shape."""
    if isinstance(error, ValidationError):
        return validation_message(error)
    if isinstance(error, ValueError):
        return one_line(str(error))
    return one_line(f"its description is not that of a pod ({type(error).__name__}: {error})")
