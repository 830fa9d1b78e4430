"""The part of the Kubernetes API that discovery needs: list and watch pods, over HTTP.

Plain HTTP: the client libraries that were measured (lightkube, kr8s) cost 9 to 21 MB of memory
more than the HTTP library that is here anyway. Protocol:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ProtocolError

from .. import __version__
from ..base.errors import ConfigError, CredentialsError, KubernetesApiError
from ..config import KubernetesSdSettings
from ..fetch import authorization_header, root_cause, tls_context

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's own token, and the certificate authority of the API server."""

PAGE_SIZE: Final = 200
"""Pods of one page: no more than that is ever decoded together."""

_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=30.0)
_GRACE_SECONDS: Final = 15.0
_CHUNK: Final = 1 << 16
_MAX_EVENT_BYTES: Final = 8 << 20
_KEEPALIVE: Final = [
    *urllib3.connection.HTTPConnection.default_socket_options,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, option), value)
        for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
        if hasattr(socket, option)
    ),
]
"""A watch may be silent for minutes: only these show that the other side is gone."""

_REMEDIES: Final = {
    401: ": it does not know the token; correct kubernetes.http.bearer_token_file",
    403: ": the account may not do that; let it get, list and watch pods",
    404: ": there is no such thing; correct kubernetes.api_server or namespaces",
}


class KubernetesApi:
    """One API server. Requests raise `KubernetesApiError`, an unusable address `ConfigError`."""

    def __init__(self, section: KubernetesSdSettings, account: Path = ACCOUNT) -> None:
        http = section.http
        inside = not section.api_server
        self._url = section.api_server.rstrip("/") or _in_cluster()
        token = http.bearer_token_file or (account / "token" if inside else None)
        self._http = http.model_copy(update={"bearer_token_file": token})
        self._pools = urllib3.PoolManager(
            maxsize=max(1, len(section.namespaces)),
            retries=False,
            ssl_context=tls_context(http, account / "ca.crt" if inside else None),
            socket_options=_KEEPALIVE,
        )
        self._watches: set[urllib3.BaseHTTPResponse] = set()
        self._lock = Lock()
        self._closed = False

    def list_pods(self, path: str, selector: str) -> Iterator[tuple[list[dict[str, Any]], str]]:
        """Yield a list's pages: its items, and the version of the whole list to watch from."""
        parameters = {"limit": str(PAGE_SIZE), **_label_selector(selector)}
        while True:
            with closing(self._get(path, parameters, _TIMEOUT)) as response:
                try:
                    answer = json.loads(response.read())
                    meta, items = answer["metadata"], answer.get("items") or []
                    version, continue_token = meta["resourceVersion"], meta.get("continue")
                except HTTPError as error:
                    raise KubernetesApiError(0, f"{self._url} broke off its list") from error
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise KubernetesApiError(
                        0, f"{self._url}{path} sent no list of pods"
                    ) from error
            yield items, version
            if not continue_token:
                return
            parameters["continue"] = continue_token

    def watch(
        self, path: str, selector: str, version: str, seconds: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Open a watch and return what happens after a version, as kind and object.

        It ends after some seconds, where the server ends it, or with `close`. One that breaks off
        raises where it is iterated.
        """
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            **_label_selector(selector),
        }
        timeout = urllib3.Timeout(connect=5.0, read=seconds + _GRACE_SECONDS)
        return self._events(path, self._get(path, parameters, timeout))

    def _events(
        self, path: str, response: urllib3.BaseHTTPResponse
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        with closing(response):
            with self._lock:
                if self._closed:
                    return
                self._watches.add(response)
            try:
                for line in _lines(response):
                    yield self._event(path, line)
            except (HTTPError, OSError) as error:
                raise KubernetesApiError(0, f"{self._url} broke off the watch") from error
            finally:
                with self._lock:
                    self._watches.discard(response)

    def _event(self, path: str, line: bytes) -> tuple[str, dict[str, Any]]:
        try:
            event = json.loads(line)
            kind, pod = event["type"], event["object"]
            if kind == "ERROR":
                raise self._api_error(path, int(pod.get("code") or 0), pod)
            if not isinstance(pod["metadata"]["resourceVersion"], str):
                raise ValueError("a version is text")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KubernetesApiError(
                0, f"{self._url}{path} sent something that is no event"
            ) from error
        return kind, pod

    def close(self) -> None:
        """End every watch, now and from now on; a thread that waits on one goes on at once."""
        with self._lock:
            self._closed = True
            for response in self._watches:
                # one that has just ended by itself has nothing left to shut
                with suppress(ValueError, OSError, RuntimeError):
                    response.shutdown()

    def _get(
        self, path: str, parameters: Mapping[str, str], timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        try:
            response = self._pools.request(
                "GET",
                f"{self._url}{path}?{urlencode(parameters)}",
                headers=self._headers(),
                preload_content=False,
                redirect=False,
                timeout=timeout,
            )
        except HTTPError as error:
            raise KubernetesApiError(
                0, f"{self._url} cannot be reached: {root_cause(error)}"
            ) from error
        if response.status == 200:
            return response
        with closing(response):
            try:
                status = json.loads(response.read(_CHUNK))
            except (HTTPError, ValueError):
                status = None
            retry_after = response.headers.get("Retry-After", "")
            raise self._api_error(path, response.status, status, retry_after)

    def _headers(self) -> dict[str, str]:
        """Return the request's headers; the token is read again, since Kubernetes renews it."""
        headers = {"Accept": "application/json", "User-Agent": f"inferfleet/{__version__}"}
        try:
            authorization = authorization_header(self._http)
        except CredentialsError as error:
            raise KubernetesApiError(0, str(error)) from error
        return {**headers, "Authorization": authorization} if authorization else headers

    def _api_error(
        self, path: str, code: int, status: object, retry_after: str = ""
    ) -> KubernetesApiError:
        """Return the error for an HTTP status code; `status` is the API's Status object, if any."""
        reason = status.get("message") if isinstance(status, dict) else None
        remedy = _REMEDIES.get(code, "")
        message = f"{self._url}{path} answered {code}{remedy}"
        if reason and not remedy:
            message += f": {' '.join(str(reason).split())[:200]}"
        return KubernetesApiError(
            code, message, float(retry_after) if retry_after.isdigit() else 0.0
        )


def _in_cluster() -> str:
    """Return the API server's address as Kubernetes gives it to every pod."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}") for name in ("HOST", "PORT"))
    if not host or not port:
        raise ConfigError(
            "discovery.kubernetes: this is no pod, so there is no API server to ask; "
            "give its address in api_server"
        )
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _label_selector(selector: str) -> dict[str, str]:
    return {"labelSelector": selector} if selector else {}


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield whole lines as they come; what follows the last line break is no event yet."""
    pending = b""
    while chunk := response.read1(_CHUNK, decode_content=True):
        *lines, pending = (pending + chunk).split(b"\n")
        yield from filter(None, lines)
        if len(pending) > _MAX_EVENT_BYTES:
            raise ProtocolError("an event is longer than any object may be")
