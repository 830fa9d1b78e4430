"""A name server and a Kubernetes API on loopback that answer what a test tells them."""

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.asyncresolver import Resolver

from exporter.config import KubernetesSdSettings, Target
from exporter.discovery.kubernetes import KubernetesSource

from .fake_kube import FakeKube, Pauses, pod


class NameServer(socketserver.UDPServer):
    """Answers from `records`, keyed by name and type; a name with no entry does not exist.

    `silent` names get no answer at all, `broken` ones SERVFAIL. `asked` lists the questions.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Question)
        self.records: dict[tuple[str, str], list[str]] = {}
        self.silent: set[str] = set()
        self.broken: set[str] = set()
        self.asked: list[str] = []

    def resolver(self) -> Resolver:
        """Return a resolver that asks this server only and gives up soon where it is silent."""
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.server_address[1]
        resolver.lifetime = 0.05 if self.silent else 5.0
        return resolver

    def answer(self, wire: bytes) -> bytes | None:
        """Return the answer to a question on the wire."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(name)
        if name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.records:
            texts = self.records[name, kind]
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
        elif name not in {known for known, _ in self.records}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire()


class _Question(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, connection = self.request
        assert isinstance(self.server, NameServer)
        if answer := self.server.answer(wire):
            connection.sendto(answer, self.client_address)


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    """A running name server."""
    with NameServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def kube() -> Iterator[FakeKube]:
    """A running API server with two pods."""
    with FakeKube().running() as server:
        server.put(pod(), pod("b", "10.0.0.2"))
        yield server


class Followed:
    """A source that follows the fake API server, and the pauses it makes."""

    def __init__(self, kube: FakeKube, account: Path | None = None, **section: Any) -> None:
        self.pauses = Pauses()
        self.source = KubernetesSource(
            KubernetesSdSettings.model_validate(
                {"selector": "app=vllm", "api_server": kube.url, **section}
            ),
            account,
            self.pauses,
        )
        self.source.refresh()

    def names(self) -> list[str]:
        self.source.refresh()
        return [target.label for found in self.source.targets.values() for target in found]

    def targets(self) -> list[Target]:
        self.source.refresh()
        return [target for targets in self.source.targets.values() for target in targets]

    def problems(self) -> tuple[str, ...]:
        self.source.refresh()
        return self.source.problems


@pytest.fixture
def followed(kube: FakeKube) -> Iterator[Followed]:
    """A source whose watch is open."""
    made = Followed(kube)
    assert kube.opened.acquire(timeout=20)
    yield made
    made.pauses.end()
    made.source.close()
