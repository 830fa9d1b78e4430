"""Servers from DNS: SRV records bring host and port, A and AAAA records need the configured port.

A name that does not exist, or has no such records, means no servers. A name server that fails or
does not answer leaves the last good answer in force.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from ..base.untrusted import one_line
from ..base.validation import validation_message
from ..config import DnsSdSettings, Target

# Imported where it is used: without DNS discovery it should cost no memory.
if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]")
_TRY_SECONDS: Final = 1.0
_LIFETIME_SECONDS: Final = 2.0
_MAX_LOOKUPS: Final = 100


def system_resolver(filename: str = "/etc/resolv.conf") -> Resolver:
    """Return a resolver set up as the system's, which gives up on a name after two seconds."""
    from dns.asyncresolver import Resolver

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
        """Look every name up again, all at once; blocks for two seconds where one is silent."""
        answers = asyncio.run(self._answers())
        self._targets = {name: targets for name, (targets, _) in answers.items()}
        self._problems = tuple(problem for _, problem in answers.values() if problem)

    async def _answers(self) -> dict[str, tuple[tuple[Target, ...], str]]:
        """Return the servers of every name, and what is wrong with it."""
        lookups = asyncio.Semaphore(_MAX_LOOKUPS)

        async def answer(name: str) -> tuple[tuple[Target, ...], str]:
            async with lookups:
                return await self._answer(name)

        names = list(dict.fromkeys(self._section.names))
        return dict(zip(names, await asyncio.gather(*map(answer, names)), strict=True))

    async def _answer(self, name: str) -> tuple[tuple[Target, ...], str]:
        from dns.exception import DNSException
        from dns.resolver import NXDOMAIN, NoAnswer

        kind = self._section.type
        try:
            return await self._look_up(name), ""
        except (NXDOMAIN, NoAnswer):
            return (), f"DNS has no {kind} records of {name}; correct dns_sd.names or type"
        except (DNSException, ValueError, OSError) as error:
            last = self._targets.get(name, ())
            consequence = (
                "its last answer stays in force" if last else "it gives no servers until then"
            )
            return last, f"{name} cannot be looked up: {_reason(error)}; {consequence}"

    async def _look_up(self, name: str) -> tuple[Target, ...]:
        """Return the servers a name stands for; raise `DNSException` or `ValueError`."""
        section = self._section
        answer = await self._resolver().resolve(name, section.type, search=True)
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
        if odd := next((host for host, _ in hosts if not _HOST.fullmatch(host)), None):
            raise ValueError(f"{odd!r} in its answer is no host")
        return tuple(
            Target(url=f"{section.scheme}://{host}:{port}") for host, port in sorted(hosts)
        )


def _reason(error: Exception) -> str:
    from dns.exception import Timeout

    if isinstance(error, Timeout):
        # The error's own text holds milliseconds, which would be a new sentence at every refresh.
        return "no name server answered in time"
    if isinstance(error, ValidationError):
        return validation_message(error)
    return one_line(str(error))
