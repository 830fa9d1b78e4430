"""Servers from DNS: SRV records bring host and port, A and AAAA records need the configured port.

A name that does not exist, or has no such records, means no servers. A name server that fails or
does not answer leaves the last good answer in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from ..base.validation import validation_message
from ..config import DnsSdSettings, Target

# Imported where it is used: without DNS discovery it should cost no memory.
if TYPE_CHECKING:
    from dns.resolver import Resolver

_TRY_SECONDS: Final = 1.0
_LIFETIME_SECONDS: Final = 2.0


def system_resolver(filename: str = "/etc/resolv.conf") -> Resolver:
    """Return a resolver set up as the system's, which gives up on a name after two seconds."""
    from dns.resolver import Resolver

    resolver = Resolver(filename)
    resolver.timeout, resolver.lifetime = _TRY_SECONDS, _LIFETIME_SECONDS
    return resolver


class DnsSource:
    """Looks up the names of one `dns_sd` section; relative names go through the search list.

    `resolver` is called for every look-up, since the system's name servers may change.
    """

    def __init__(
        self, section: DnsSdSettings, resolver: Callable[[], Resolver] = system_resolver
    ) -> None:
        self._section = section
        self._resolver = resolver
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._problems: tuple[str, ...] = ()

    @property
    def targets(self) -> Mapping[str, tuple[Target, ...]]:
        """The servers by DNS name, sorted by address within each."""
        return self._targets

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the names now."""
        return self._problems

    def refresh(self) -> None:
        """Look every name up again; blocks for up to two seconds a name."""
        from dns.exception import DNSException
        from dns.resolver import NXDOMAIN, NoAnswer

        kind = self._section.type
        targets = dict[str, tuple[Target, ...]]()
        problems = list[str]()
        for name in self._section.names:
            try:
                targets[name] = self._look_up(name)
            except (NXDOMAIN, NoAnswer):
                targets[name] = ()
                problems.append(
                    f"DNS has no {kind} records of {name}; correct dns_sd.names or type"
                )
            except (DNSException, ValidationError) as error:
                last = targets[name] = self._targets.get(name, ())
                consequence = (
                    "its last answer stays in force" if last else "it gives no servers until then"
                )
                problems.append(f"{name} cannot be looked up: {_reason(error)}; {consequence}")
        self._targets, self._problems = targets, tuple(problems)

    def _look_up(self, name: str) -> tuple[Target, ...]:
        """Return the servers a name stands for; raise `DNSException` or `ValidationError`."""
        section = self._section
        answer = self._resolver().resolve(name, section.type, search=True)
        if section.type == "SRV":
            # Some name servers change the case of names from answer to answer.
            hosts = {
                (record.target.to_text(omit_final_dot=True).lower(), record.port)
                for record in answer
            }
            # The root as target says that the service is not offered (RFC 2782).
            hosts = {(host, port) for host, port in hosts if host != "."}
        elif section.type == "AAAA":
            hosts = {(f"[{record.address}]", section.port) for record in answer}
        else:
            hosts = {(record.address, section.port) for record in answer}
        return tuple(
            Target(url=f"{section.scheme}://{host}:{port}") for host, port in sorted(hosts)
        )


def _reason(error: Exception) -> str:
    from dns.exception import Timeout

    if isinstance(error, Timeout):
        # The error's own text holds milliseconds, which would be a new sentence at every refresh.
        return "no name server answered in time"
    return validation_message(error) if isinstance(error, ValidationError) else str(error)
