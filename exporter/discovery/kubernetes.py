"""Servers from the Kubernetes API: pods listed once, then watched; listed anew now and then.

A watch that ends or breaks goes on from the last version seen. A version the API server has
forgotten (410) costs a new list. While the API cannot be asked the last answer stays in force and
the next attempt waits longer each time: the servers themselves tell whether they are still there.
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

from ..config import KubernetesSdSettings, Target
from ..errors import ApiError
from ..validation import validation_message
from .pods import servers

# Imported where it is used: outside Kubernetes nobody should pay for it in memory.
if TYPE_CHECKING:
    from .kube_api import Api

log = logging.getLogger(__name__)

_WATCH_SECONDS: Final = 300
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_FIRST_ANSWER_SECONDS: Final = 10.0
_LAST_ANSWER_SECONDS: Final = 5.0
_GONE: Final = 410
_KEPT: Final = "its last answer stays in force"
_NONE: Final = "it gives no servers until then"


class _Pods:
    """The pods of one namespace, or of all (`namespace` empty), as the API told them last.

    `version` is what a watch goes on from, `fault` why the API cannot be asked now; `tried` is set
    once the first attempt is over.
    """

    def __init__(self, section: KubernetesSdSettings, api: Api, namespace: str) -> None:
        self.place = f"kubernetes {namespace or 'all namespaces'}"
        self.path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self.version = ""
        self.fault = ""
        self.tried = Event()
        self._section = section
        self._api = api
        self._lock = Lock()
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._wrong: dict[str, str] = {}

    def list_all(self) -> None:
        """Ask for all pods; what is known stays untouched where that fails."""
        targets, wrong, newest = dict[str, tuple[Target, ...]](), dict[str, str](), ""
        for pods, version in self._api.pages(self.path, self._section.selector):
            for pod in pods:
                self._take(pod, targets, wrong)
            newest = version
        with self._lock:
            self._targets, self._wrong, self.version = targets, wrong, newest
        self.fault = ""

    def watch(self, seconds: int) -> None:
        """Take what happens until the server ends the watch."""
        events = self._api.events(self.path, self._section.selector, self.version, seconds)
        self.fault = ""
        for kind, pod in events:
            self._happened(kind, pod)

    def found(self) -> tuple[tuple[Target, ...], list[str]]:
        """Return the servers in order of their names, and what is wrong now."""
        with self._lock:
            targets = [target for found in self._targets.values() for target in found]
            wrong = sorted(self._wrong.values())
        fault = self.fault
        if fault:
            wrong.insert(0, f"{fault}; {_KEPT if targets else _NONE}")
        return tuple(sorted(targets, key=lambda target: target.label)), wrong

    def _happened(self, kind: str, pod: Mapping[str, Any]) -> None:
        with self._lock:
            if kind == "DELETED":
                self._targets.pop(_uid(pod), None)
                self._wrong.pop(_uid(pod), None)
            elif kind in ("ADDED", "MODIFIED"):
                self._take(pod, self._targets, self._wrong)
        self.version = pod["metadata"]["resourceVersion"]

    def _take(
        self,
        pod: Mapping[str, Any],
        targets: dict[str, tuple[Target, ...]],
        wrong: dict[str, str],
    ) -> None:
        """Put a pod's servers where they belong.

        A pod that cannot be read costs only itself, and stays what it was where it was read before.
        """
        uid = _uid(pod)
        wrong.pop(uid, None)
        try:
            found = servers(pod, self._section)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = validation_message(error) if isinstance(error, ValidationError) else str(error)
            meta = pod["metadata"]
            found = self._targets.get(uid, ())
            then = "its last good form stays in force" if found else "it is not watched until then"
            wrong[uid] = f"pod {meta.get('namespace')}/{meta.get('name')}: {reason}; {then}"
        if found:
            targets[uid] = found
        else:
            targets.pop(uid, None)


def _follow(pods: _Pods, refresh: float, ended: Event, pause: Callable[[float], object]) -> None:
    """List and watch until it is ended; `pause` waits for some seconds or for the end."""
    due, failures = 0.0, 0
    while not ended.is_set():
        begun = monotonic()
        try:
            if not pods.version or begun >= due:
                pods.list_all()
                due = monotonic() + refresh
            pods.tried.set()
            pods.watch(max(1, min(_WATCH_SECONDS, int(due - monotonic()))))
            # a watch that ends at once, as some proxies have it, must not become a flood
            failures, wait = 0, 0.0 if monotonic() - begun > _FIRST_PAUSE else _FIRST_PAUSE
        except ApiError as error:
            pods.fault = str(error) if error.status != _GONE else ""
            failures = 1 if monotonic() - begun > _LONGEST_PAUSE else failures + 1
            wait = max(error.after, min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE))
            if error.status:
                # refused, not broken: the version is gone, or watching is not allowed at all
                due = 0.0
        except Exception as error:
            log.exception("following %s failed", pods.place)
            pods.fault, wait, due = f"following the pods failed: {error!r}", _LONGEST_PAUSE, 0.0
        pods.tried.set()
        if wait:
            pause(wait * random.uniform(0.5, 1.0))


class KubernetesSource:
    """Follows the pods of one `kubernetes` section, each namespace in a thread of its own.

    `account` is where the service account's files are; `pause` waits between attempts. Raises
    `ConfigError` where there is no API server to ask.
    """

    def __init__(
        self,
        section: KubernetesSdSettings,
        account: Path | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        from .kube_api import ACCOUNT, Api

        self.section = section
        self._ended = Event()
        self._pause = pause or self._ended.wait
        self._api = Api(section, account or ACCOUNT)
        self._pods = [_Pods(section, self._api, name) for name in section.namespaces or [""]]
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

    def read(self) -> None:
        """Take what has happened; the first time begin to follow, and wait for the first answer."""
        if not self._threads:
            self._begin()
        found = [(pods.place, *pods.found()) for pods in self._pods]
        self._targets = {place: targets for place, targets, _ in found}
        self._problems = tuple(fault for _, _, wrong in found for fault in wrong)

    def _begin(self) -> None:
        for pods in self._pods:
            following = (pods, self.section.refresh, self._ended, self._pause)
            thread = Thread(target=_follow, args=following, name=pods.place, daemon=True)
            thread.start()
            self._threads.append(thread)
        latest = monotonic() + _FIRST_ANSWER_SECONDS
        for pods in self._pods:
            pods.tried.wait(max(0.0, latest - monotonic()))

    def close(self) -> None:
        """Stop following; an API that hangs is left behind after a while, however many wait."""
        self._ended.set()
        self._api.close()
        latest = monotonic() + _LAST_ANSWER_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, latest - monotonic()))


def _uid(pod: Mapping[str, Any]) -> str:
    return str(pod["metadata"].get("uid"))
