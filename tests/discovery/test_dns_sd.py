"""DNS names become servers; silence and failure change nothing, absence does."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import dns.exception
import dns.name
import pytest
from dns.asyncresolver import Resolver

from exporter.config import DnsSdSettings
from exporter.discovery.dns_sd import DnsSource, system_resolver

from .conftest import NameServer

SRV = "_vllm._tcp.example"


def _source(server: NameServer, **section: Any) -> DnsSource:
    return DnsSource(DnsSdSettings.model_validate({"names": [SRV], **section}), server.resolver)


def _urls(source: DnsSource) -> dict[str, list[str]]:
    return {name: [target.url for target in found] for name, found in source.targets.items()}


def test_srv_records_bring_host_and_port(name_server: NameServer) -> None:
    name_server.records[SRV, "SRV"] = [
        "10 50 8001 B.example.",
        "0 5 8000 b.example.",
        "0 5 8000 a.example.",
        "7 9 8000 a.example.",
    ]
    source = _source(name_server)
    source.refresh()
    hosts = ["http://a.example:8000", "http://b.example:8000", "http://b.example:8001"]
    assert _urls(source) == {SRV: hosts}
    assert source.problems == ()


def test_srv_record_of_a_service_not_offered_is_no_server(name_server: NameServer) -> None:
    name_server.records[SRV, "SRV"] = ["0 0 0 ."]
    source = _source(name_server)
    source.refresh()
    assert _urls(source) == {SRV: []}


@pytest.mark.parametrize(
    ("kind", "addresses", "urls"),
    [
        ("A", ["10.0.0.2", "10.0.0.1"], ["https://10.0.0.1:8000", "https://10.0.0.2:8000"]),
        ("AAAA", ["2001:db8::2"], ["https://[2001:db8::2]:8000"]),
    ],
)
def test_addresses_take_the_configured_port_and_scheme(
    name_server: NameServer, kind: str, addresses: list[str], urls: list[str]
) -> None:
    name_server.records["pods.example", kind] = addresses
    source = _source(name_server, names=["pods.example"], type=kind, port=8000, scheme="https")
    source.refresh()
    assert _urls(source) == {"pods.example": urls}


def test_relative_name_goes_through_the_search_list(name_server: NameServer) -> None:
    name_server.records["pods.fleet.example", "A"] = ["10.0.0.1"]

    def resolver() -> Resolver:
        made: Resolver = name_server.resolver()
        made.search = [dns.name.from_text("fleet.example")]
        return made

    source = DnsSource(DnsSdSettings(names=["pods"], type="A", port=80), resolver)
    source.refresh()
    assert _urls(source) == {"pods": ["http://10.0.0.1:80"]}


@pytest.mark.parametrize("fault", ["broken", "silent"])
def test_failing_name_server_leaves_the_last_answer_in_force(
    name_server: NameServer, fault: str
) -> None:
    name_server.records[SRV, "SRV"] = ["0 5 8000 a.example."]
    source = _source(name_server)
    source.refresh()

    getattr(name_server, fault).add(SRV)
    source.refresh()
    assert _urls(source) == {SRV: ["http://a.example:8000"]}
    (problem,) = source.problems
    assert problem.startswith(f"{SRV} cannot be looked up: ")
    assert problem.endswith("; its last answer stays in force")
    source.refresh()
    assert list(source.problems) == [problem]

    getattr(name_server, fault).clear()
    source.refresh()
    assert not source.problems


def test_failing_name_costs_the_others_nothing(name_server: NameServer) -> None:
    name_server.records[SRV, "SRV"] = ["0 5 8000 a.example."]
    name_server.broken.add("gone.example")
    source = _source(name_server, names=["gone.example", SRV])
    source.refresh()
    assert _urls(source) == {"gone.example": [], SRV: ["http://a.example:8000"]}
    assert len(source.problems) == 1


def test_names_are_looked_up_side_by_side() -> None:
    class Together:
        """Answers nobody before everybody has asked."""

        def __init__(self) -> None:
            self.left = 50
            self.asked = asyncio.Event()

        async def resolve(self, *_: object, **__: object) -> None:
            self.left -= 1
            if self.left == 0:
                self.asked.set()
            async with asyncio.timeout(30):
                await self.asked.wait()
            raise dns.exception.Timeout

    together = Together()
    section = DnsSdSettings(names=[f"n{number}.example" for number in range(50)])
    source = DnsSource(section, lambda: together)  # type: ignore[arg-type,return-value]
    source.refresh()
    assert len(source.problems) == 50
    assert "no name server answered in time" in source.problems[0]


def test_name_never_answered_gives_no_servers(name_server: NameServer) -> None:
    name_server.broken.add(SRV)
    source = _source(name_server)
    source.refresh()
    assert _urls(source) == {SRV: []}
    assert source.problems[0].endswith("SERVFAIL; it gives no servers until then")


def test_name_that_is_gone_takes_its_servers_along(name_server: NameServer) -> None:
    name_server.records[SRV, "SRV"] = ["0 5 8000 a.example."]
    source = _source(name_server)
    source.refresh()
    name_server.records.clear()
    source.refresh()
    assert _urls(source) == {SRV: []}
    assert source.problems == (f"DNS has no SRV records of {SRV}; correct dns_sd.names or type",)


def test_name_without_such_records_gives_no_servers(name_server: NameServer) -> None:
    name_server.records[SRV, "A"] = ["10.0.0.1"]
    source = _source(name_server)
    source.refresh()
    assert _urls(source) == {SRV: []}
    assert source.problems == (f"DNS has no SRV records of {SRV}; correct dns_sd.names or type",)


def test_answer_that_names_no_usable_address_is_a_fault(name_server: NameServer) -> None:
    name_server.records[SRV, "SRV"] = ["0 5 8000 a.example.", "0 5 0 b.example."]
    source = _source(name_server)
    source.refresh()
    assert _urls(source) == {SRV: []}
    assert "url: 'http://b.example:0' is no server address" in source.problems[0]


@pytest.mark.parametrize("host", ["10.9.9.9/x.", "user@h.", "h?x=.", "h\\\\.", "h\\000."])
def test_answer_that_leads_to_another_host_or_path_is_a_fault(
    name_server: NameServer, host: str
) -> None:
    name_server.records[SRV, "SRV"] = [f"0 5 8000 {host}"]
    source = _source(name_server)
    source.refresh()
    assert _urls(source) == {SRV: []}
    assert "in its answer is no host; it gives no servers until then" in source.problems[0]


def test_name_that_is_none_is_a_fault(name_server: NameServer) -> None:
    source = _source(name_server, names=["a..example"])
    source.refresh()
    assert source.problems[0].startswith("a..example cannot be looked up: ")
    assert name_server.asked == []


def test_system_resolver_gives_up_within_two_seconds(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 192.0.2.1\nsearch fleet.example\n")
    resolver = system_resolver(str(file))
    assert resolver.nameservers == ["192.0.2.1"]
    assert resolver.lifetime <= 2.0


def test_missing_system_configuration_is_a_fault(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    source = DnsSource(DnsSdSettings(names=["a.example"]), lambda: system_resolver(missing))
    source.refresh()
    assert source.problems[0].startswith("a.example cannot be looked up: ")


def test_dns_is_not_loaded_without_names_to_look_up() -> None:
    code = (
        "import sys\n"
        "from exporter.config import Config\n"
        "from exporter.discovery import Discoverer\n"
        "Discoverer(Config()).refresh(0.0)\n"
        "sys.exit('dns' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
