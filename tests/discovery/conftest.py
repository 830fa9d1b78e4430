"""A name server on loopback that answers what a test tells it."""

import socketserver
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.asyncresolver import Resolver


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
