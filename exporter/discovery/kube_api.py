"""The part of the Kubernetes API that discovery needs: list and watch pods, over HTTP.

Plain HTTP: the client libraries that were measured (lightkube, kr8s) cost 9 to 21 MB of memory
more than the HTTP client that is here anyway, and none bounds a whole exchange. Protocol:
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode

from ..base.errors import ConfigError, FetchError, KubernetesApiError
from ..base.untrusted import json_document, one_line
from ..config import KubernetesSdSettings
from ..fetch import ClientTls, ExchangeError, HttpClient, HttpResponse

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's own token, and the certificate authority of the API server."""

PAGE_SIZE: Final = 200
"""Pods of one page: no more than that is ever decoded together."""
MAX_PAGES: Final = 1000
HTTP_GONE: Final = 410

Pod = dict[str, Any]

_LIST_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 15.0
_MAX_BYTES: Final = 64 << 20
_MAX_EVENT_BYTES: Final = 8 << 20
_MAX_VALUES: Final = 2_000_000
_LONGEST_RETRY_AFTER: Final = 300.0

_REMEDIES: Final = {
    401: ": it does not know the token; correct kubernetes.http.bearer_token_file",
    403: ": the account may not do that; let it get, list and watch pods",
    404: ": there is no such thing; correct kubernetes.api_server or namespaces",
}


class KubernetesApi:
    """One API server. Requests raise `KubernetesApiError`, an unusable address `ConfigError`.

    May be used from several threads; every request has a deadline for the whole of it.
    """

    def __init__(self, section: KubernetesSdSettings, account: Path = ACCOUNT) -> None:
        http = section.http
        self._url = section.api_server.rstrip("/") or _in_cluster()
        if not section.api_server:
            own = {"bearer_token_file": account / "token", "ca_file": account / "ca.crt"}
            settings = {key: value for key in own if (value := getattr(http, key))}
            http = http.model_copy(update=own | settings)
        self._http, self._tls = http, ClientTls(http)
        self._exchanges: set[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = set()
        self._lock = Lock()
        self._closed = False

    def list_pods(self, path: str, selector: str) -> Iterator[tuple[list[Pod], str]]:
        """Yield a list's pages: its items, and the version of the whole list to watch from."""
        parameters = {"limit": str(PAGE_SIZE), **_label_selector(selector)}
        tokens = set[str]()
        while True:
            items, version, token = self._page(path, parameters)
            yield items, version
            if not token:
                return
            if token in tokens or len(tokens) >= MAX_PAGES:
                raise KubernetesApiError(0, f"{self._url}{path} sends a list that does not end")
            tokens.add(token)
            parameters["continue"] = token

    def watch(
        self,
        path: str,
        selector: str,
        version: str,
        seconds: int,
        apply: Callable[[str, Pod], None],
        opened: Callable[[], None],
    ) -> None:
        """Call `opened` when a watch is, and `apply` with what happens after a version.

        It ends after some seconds, where the server ends it, or with `close`.
        """
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
            **_label_selector(selector),
        }
        pending = bytearray()
        faults = list[Exception]()

        def receive(part: bytes) -> None:
            if not part:
                opened()
            *lines, rest = (bytes(pending) + part).split(b"\n") if b"\n" in part else (part,)
            if lines:
                pending.clear()
            pending.extend(rest)
            if len(pending) > _MAX_EVENT_BYTES:
                raise ExchangeError("too_large", "sent an event longer than any object may be")
            try:
                for line in filter(None, lines):
                    apply(*self._event(path, line))
            except Exception as error:
                # raised again below: here it would end in the log of the event loop
                faults.append(error)
                raise ExchangeError("protocol", "is not followed further") from error

        try:
            self._get(path, parameters, seconds + _GRACE_SECONDS, receive)
        except KubernetesApiError:
            if faults:
                raise faults[0] from None
            if not self._closed:
                raise

    def close(self) -> None:
        """End every exchange, now and from now on; a thread that waits on one goes on at once."""
        with self._lock:
            self._closed = True
            for loop, task in self._exchanges:
                loop.call_soon_threadsafe(task.cancel)

    def _page(self, path: str, parameters: Mapping[str, str]) -> tuple[list[Pod], str, str]:
        """Return a page of a list: items, version, and the token of the next page, empty at last.

        Its version may be gone before all pages are read: that is told like any other failure.
        """
        try:
            body = self._get(path, parameters, _LIST_SECONDS).body
        except KubernetesApiError as error:
            if error.status != HTTP_GONE:
                raise
            raise KubernetesApiError(0, f"{self._url}{path} lost its list between pages") from error
        try:
            answer: Any = _document(body)
            meta, items = answer["metadata"], answer.get("items") or []
            version, token = meta["resourceVersion"], meta.get("continue") or ""
            metas = [item["metadata"] for item in items]
            if not all(isinstance(text, str) for text in (version, token)):
                raise ValueError("versions and tokens are text")
            if not all(isinstance(part, dict) for part in (*items, *metas)):
                raise ValueError("pods are mappings")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KubernetesApiError(0, f"{self._url}{path} sent no list of pods") from error
        return list(items), version, token

    def _event(self, path: str, line: bytes) -> tuple[str, Pod]:
        try:
            event: Any = _document(line)
            kind, pod = event["type"], event["object"]
            if kind == "ERROR":
                raise self._api_error(path, int(pod.get("code") or 0), pod.get("message"))
            if not isinstance(pod["metadata"]["resourceVersion"], str):
                raise ValueError("a version is text")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KubernetesApiError(
                0, f"{self._url}{path} sent something that is no event"
            ) from error
        return kind, pod

    def _get(
        self,
        path: str,
        parameters: Mapping[str, str],
        seconds: float,
        sink: Callable[[bytes], None] | None = None,
    ) -> HttpResponse:
        url = f"{self._url}{path}?{urlencode(parameters)}"
        try:
            response = asyncio.run(self._exchange(url, seconds, sink))
        except asyncio.CancelledError:
            raise KubernetesApiError(0, f"{self._url} is not asked any more") from None
        except FetchError as error:
            broken = sink and error.reason == "protocol"
            fault = "broke off the watch" if broken else str(error).removeprefix(f"{url} ")
            own = fault if fault == str(error) else f"{self._url} {fault}"
            raise KubernetesApiError(0, own) from error
        if response.status == 200:
            return response
        try:
            status: Any = _document(response.body)
            message = status.get("message")
        except (ValueError, AttributeError):
            message = None
        raise self._api_error(path, response.status, message, response.retry_after)

    async def _exchange(
        self, url: str, seconds: float, sink: Callable[[bytes], None] | None
    ) -> HttpResponse:
        task = asyncio.current_task()
        assert task
        exchange = asyncio.get_running_loop(), task
        client = HttpClient(
            self._http, _MAX_BYTES, self._tls, headers={"Accept": "application/json"}
        )
        with self._lock:
            if self._closed:
                raise asyncio.CancelledError
            self._exchanges.add(exchange)
        try:
            return await client.get_any(url, seconds, sink)
        finally:
            client.close()
            with self._lock:
                self._exchanges.discard(exchange)

    def _api_error(
        self, path: str, code: int, reason: object, retry_after: float = 0.0
    ) -> KubernetesApiError:
        """Return the error for an HTTP status code; `reason` is what the API says, if anything."""
        remedy = _REMEDIES.get(code, "")
        message = f"{self._url}{path} answered {code}{remedy}"
        if reason and not remedy:
            message += f": {one_line(' '.join(str(reason).split()))}"
        return KubernetesApiError(code, message, min(retry_after, _LONGEST_RETRY_AFTER))


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


def _document(body: bytes) -> object:
    """Return a JSON document; halves of characters in it become question marks."""
    document = json_document(body, _MAX_VALUES)
    if b"\\ud" in body.lower():
        text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        return json_document(text, _MAX_VALUES)
    return document
