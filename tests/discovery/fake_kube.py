"""A Kubernetes API server on loopback: lists and watches pods, and fails as a test tells it."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import parse_qs, urlsplit

Pod = dict[str, Any]
Refusal = tuple[int, dict[str, str]]

SERVE = ["vllm", "serve", "meta-llama/Llama-3.1-8B-Instruct", "--max-num-seqs", "128"]


def pod(name: str = "a", ip: str = "10.0.0.1", *, namespace: str = "inference", **more: Any) -> Pod:
    """Return a pod with one vLLM server that is up; `more` replaces parts of it by dotted name."""
    made: Pod = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "labels": {"app": "vllm", "pod-template-hash": "7d9c5b8f4"},
            "annotations": {},
        },
        "spec": {
            "containers": [
                {
                    "name": "vllm",
                    "image": "vllm/vllm-openai:v0.20.2",
                    "command": list(SERVE),
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "env": [],
                    "resources": {"limits": {"nvidia.com/gpu": "2"}},
                }
            ]
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "containerStatuses": [{"name": "vllm", "restartCount": 0, "started": True}],
        },
    }
    for place, value in more.items():
        *steps, last = place.split("__")
        inner: Any = made
        for step in steps:
            inner = inner[int(step) if step.isdigit() else step]
        inner[last] = value
    return made


class FakeKube:
    """Holds `pods` and tells every watch what `put` and `remove` do to them.

    `refuse` maps "list" or "watch" to a status and headers; `forget` makes every earlier version
    gone; `drop` breaks every watch off in the middle of a line; `end` ends them in good order.
    `raw` is what a list or a watch is answered instead; where there are `drips` they follow without
    end, which may be no bytes at all.
    `asked` lists the requests, `opened` counts watches; `waiting` yields when one is open.
    """

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.version = 100
        self.oldest = 0
        self.refuse: dict[str, Refusal] = {}
        self.raw: dict[str, bytes] = {}
        self.drips: bytes | None = None
        self.ended = threading.Event()
        self.token: str | None = None
        self.asked: list[dict[str, str]] = []
        self.opened = threading.Semaphore(0)
        self.lists = 0
        self._watches: list[queue.SimpleQueue[bytes | None]] = []
        self._history: list[tuple[int, bytes]] = []
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, *pods: Pod) -> None:
        """Add pods, or replace those of the same name."""
        for one in pods:
            known = one["metadata"]["uid"] in self.pods
            self._tell("MODIFIED" if known else "ADDED", one)
            self.pods[one["metadata"]["uid"]] = one

    def remove(self, one: Pod) -> None:
        """Delete a pod."""
        del self.pods[one["metadata"]["uid"]]
        self._tell("DELETED", one)

    def bookmark(self) -> None:
        """Tell every watch a version and nothing else."""
        self._tell("BOOKMARK", {"kind": "Pod", "metadata": {}})

    def send(self, raw: bytes) -> None:
        """Send raw bytes to every watch."""
        with self._lock:
            for watch in self._watches:
                watch.put(raw)

    def forget(self) -> None:
        """Make every version before the next change gone."""
        self.version += 1
        self.oldest = self.version

    def drop(self) -> None:
        """Break every watch off in the middle of an event."""
        self.send(b'{"type": "ADDED", "obj')
        self.end(b"")

    def end(self, last: bytes | None = None) -> None:
        """End every watch; with `last`, without the end a chunked answer must have."""
        with self._lock:
            for watch in self._watches:
                if last is not None:
                    watch.put(b"\0")
                watch.put(None)
            self._watches.clear()

    def _tell(self, kind: str, one: Pod) -> None:
        with self._lock:
            self.version += 1
            one["metadata"]["resourceVersion"] = str(self.version)
            line = json.dumps({"type": kind, "object": one}).encode() + b"\n"
            self._history.append((self.version, line))
            for watch in self._watches:
                watch.put(line)

    def _list(self, asked: dict[str, str]) -> dict[str, Any]:
        with self._lock:
            self.lists += 1
            begin, limit = int(asked.get("continue", "0")), int(asked["limit"])
            pods = list(self.pods.values())
            more = str(begin + limit) if begin + limit < len(pods) else ""
            meta = {"resourceVersion": str(self.version), "continue": more}
            return {"kind": "PodList", "metadata": meta, "items": pods[begin : begin + limit]}

    def _open(self, version: int) -> "queue.SimpleQueue[bytes | None]":
        with self._lock:
            watch = queue.SimpleQueue[bytes | None]()
            if version < self.oldest:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                watch.put(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
                watch.put(None)
                return watch
            for at, line in self._history:
                if at > version:
                    watch.put(line)
            self._watches.append(watch)
            return watch

    def _refusal(self, kind: str, authorization: str | None) -> Refusal | None:
        if self.token and authorization != f"Bearer {self.token}":
            return 401, {}
        return self.refuse.get(kind)

    def _write_raw(self, file: BufferedIOBase, raw: bytes) -> None:
        with suppress(OSError):
            file.write(raw)
            while self.drips is not None and not self.ended.wait(0.01):
                file.write(self.drips)

    def _handler(fake) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
                fake.asked.append({"path": parts.path, **asked})
                kind = "watch" if "watch" in asked else "list"
                if kind in fake.raw:
                    self._send_raw(fake.raw[kind])
                elif refused := fake._refusal(kind, self.headers["Authorization"]):
                    self._answer(refused[0], {"message": "not today"}, refused[1])
                elif kind == "watch":
                    self._watch(int(asked["resourceVersion"]))
                else:
                    self._answer(200, fake._list(asked), {})

            def _answer(self, status: int, told: object, headers: dict[str, str]) -> None:
                body = json.dumps(told).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def _send_raw(self, raw: bytes) -> None:
                self.close_connection = True
                fake.opened.release()
                fake._write_raw(self.wfile, raw)

            def _watch(self, version: int) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.flush()
                watch = fake._open(version)
                fake.opened.release()
                with suppress(OSError):
                    while (line := watch.get()) is not None:
                        if line == b"\0":
                            self.close_connection = True
                            return
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler

    @contextmanager
    def running(self) -> Iterator["FakeKube"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            # an answer in good order would leave its connection, and a thread that serves it
            self.end(b"")
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class Pauses:
    """Stands in for waiting between attempts: each pause lasts until the test lets it end."""

    def __init__(self) -> None:
        self.begun = queue.SimpleQueue[float]()
        self._go_on = threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:
        self.begun.put(seconds)
        assert self._go_on.acquire(timeout=30)

    def next(self) -> float:
        """Return how long the next pause would be, once it has begun, and end it."""
        seconds = self.begun.get(timeout=20)
        self.go_on()
        return seconds

    def go_on(self) -> None:
        """End one pause."""
        self._go_on.release()

    def end(self) -> None:
        """End every pause from now on."""
        self._go_on.release(1000)
