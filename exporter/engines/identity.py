"""What a server is: version, model, limits, layout, GPUs; each with the source it came from.

Sources are asked apart and believed in the order of `TRUST`. Two fingerprints follow: the class,
equal for servers that can be compared at all, and the configuration, equal for servers set up
alike. Secrets and paths never get this far: the sources drop them.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from ..config import Declaration
from ..discovery.workload import Workload
from ..errors import FetchError
from .sources import (
    cache_config,
    command_line,
    declared,
    loads,
    models,
    pod,
    sglang_info,
    version,
    vllm_info,
)
from .sources.facts import TRUST, Fact, Finding, Source, Value, model_name, parsed

__all__ = ["Fact", "Identity", "Source", "identify"]

Get = Callable[[str], bytes]
"""Returns the body of a path of the server, or raises `FetchError`."""

CLASS: Final = (
    "model",
    "gpu_model",
    "tensor_parallel",
    "pipeline_parallel",
    "data_parallel",
    "expert_parallel",
    "quantization",
    "kv_cache_dtype",
    "role",
    "speculation",
)
"""What must be equal for two servers to be comparable. Neither engine nor version is in it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known about a server. An unknown fact is not there.

    `facts` may hold: version, rust_frontend, model, max_num_seqs and max_num_batched_tokens (of
    one engine, that is, of one data-parallel rank), max_model_len, tensor_parallel,
    pipeline_parallel, data_parallel, data_parallel_local (ranks behind this port),
    expert_parallel (ranks that share the experts), quantization, dtype, kv_cache_dtype, runner,
    prefix_caching, speculation, role, gpus, gpu_model.

    `release` is what is compared: the declared one, else the version, else empty. `server_class`
    and `config` are 8 hex digits; `config` is empty where no setting is known. `conflicts` are
    sentences, one for every fact that two sources tell differently; `claims` is every source's word
    on a fact, the most trusted first.
    """

    engine: str
    facts: Mapping[str, Fact]
    settings: Mapping[str, str]
    release: str
    server_class: str
    config: str
    conflicts: tuple[str, ...]
    sources: frozenset[Source]
    claims: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    def disputed(self, key: str) -> bool:
        """Whether two sources tell a fact differently."""
        return len({_comparable(key, fact.value) for fact in self.claims.get(key, ())}) > 1

    def number(self, key: str) -> float | None:
        """Return a fact that is a number, None where unknown."""
        fact = self.facts.get(key)
        if fact is None or isinstance(fact.value, (bool, str)):
            return None
        return float(fact.value)

    def text(self, key: str) -> str:
        """Return a fact as text, empty where unknown."""
        fact = self.facts.get(key)
        return "" if fact is None else _text(fact.value)

    def source(self, key: str) -> str:
        """Return where a fact was read, empty where unknown."""
        fact = self.facts.get(key)
        return fact.source if fact else ""

    def joined(self, source: Source, **found: Value | None) -> "Identity":
        """Return this identity with what another source tells; what it does not know is None."""
        known = {key: value for key, value in found.items() if value is not None}
        finding = Finding(source, known)
        facts, conflicts = _believe(self.facts, [finding])
        return replace(
            self,
            facts=facts,
            claims=_claims(self.claims, [finding]),
            server_class=_class(facts),
            conflicts=(*self.conflicts, *conflicts),
            sources=self.sources | {source} if known else self.sources,
        )


def identify(
    engine: str,
    get: Get,
    cache_config: Mapping[str, str] | None = None,
    command_line: Sequence[str] | None = None,
    declared: Declaration | None = None,
    served_model: str | None = None,
    workload: Workload | None = None,
) -> Identity:
    """Ask a server and everything else that is known about it what it is.

    `cache_config` are the labels of vLLM's `cache_config_info`, `command_line` the server's own,
    `served_model` the model label of its metrics page, `workload` the pod it runs in, whose command
    line speaks where the process itself cannot be seen. An endpoint that fails or answers with
    anything unexpected is a source less, never an error. Costs three requests, four at most.
    """
    declared = declared or Declaration()
    line = command_line or (pod.line(workload) if workload else None)
    findings = _findings(engine, get, cache_config, line, declared, served_model)
    if workload:
        findings = _by_trust([*findings, pod.read(workload)])
    facts, conflicts = _believe({}, findings)
    settings = dict[str, str]()
    for finding in findings:
        settings = {**finding.settings, **settings}
    version = facts.get("version")
    return Identity(
        engine=engine,
        facts=facts,
        settings=settings,
        release=declared.release or (_text(version.value) if version else ""),
        server_class=_class(facts),
        config=_digest(settings) if settings else "",
        conflicts=tuple(conflicts),
        sources=frozenset(one.source for one in findings if one.claims or one.settings),
        claims=_claims({}, findings),
    )


def _findings(
    engine: str,
    get: Get,
    labels: Mapping[str, str] | None,
    line: Sequence[str] | None,
    declaration: Declaration,
    served_model: str | None,
) -> list[Finding]:
    """Return what every source says, the most trusted first."""
    served = model_name(served_model)
    found = [
        Finding("metrics", {"model": served} if served else {}),
        models.read(_ask(get, models.PATH), served_model),
        declared.read(declaration),
    ]
    if engine == "sglang":
        info = _ask(get, sglang_info.PATH) or _ask(get, sglang_info.OLD_PATH)
        found += [*sglang_info.read(info), loads.read(_ask(get, loads.PATH))]
    else:
        found += [
            version.read(_ask(get, version.PATH)),
            vllm_info.read(_ask(get, vllm_info.PATH)),
            cache_config.read(labels or {}),
        ]
    if line:
        found.append(command_line.read(engine, line))
    return _by_trust(found)


def _by_trust(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: TRUST.index(finding.source))


def _ask(get: Get, path: str) -> object:
    """Return the decoded answer of an endpoint, None where there is none."""
    try:
        body = get(path)
    except FetchError as error:
        _log.debug("%s tells nothing about the server: %s", path, error.reason)
        return None
    answer = parsed(body.decode("utf-8", errors="replace"))
    if not isinstance(answer, dict):
        _log.debug("%s tells nothing about the server: its answer is no JSON object", path)
    return answer


def _believe(
    known: Mapping[str, Fact], findings: Iterable[Finding]
) -> tuple[dict[str, Fact], list[str]]:
    """Add findings to known facts; return the facts believed and a sentence for each conflict."""
    facts, conflicts = dict(known), list[str]()
    for finding in findings:
        for key, value in finding.claims.items():
            fact, held = Fact(value, finding.source), facts.get(key)
            if held is None:
                facts[key] = fact
                continue
            facts[key], lost = sorted((held, fact), key=lambda one: TRUST.index(one.source))
            if _comparable(key, held.value) != _comparable(key, value):
                conflicts.append(_conflict(key, facts[key], lost))
    return facts, conflicts


def _claims(
    known: Mapping[str, tuple[Fact, ...]], findings: Iterable[Finding]
) -> dict[str, tuple[Fact, ...]]:
    """Add findings to what every source claims."""
    claims = dict(known)
    for finding in findings:
        for key, value in finding.claims.items():
            told = (*claims.get(key, ()), Fact(value, finding.source))
            claims[key] = tuple(sorted(told, key=lambda one: TRUST.index(one.source)))
    return claims


def _conflict(key: str, believed: Fact, other: Fact) -> str:
    mend = ": correct the declaration" if other.source == "declared" else ""
    return (
        f"{key} is {_text(believed.value)} by {believed.source} but {_text(other.value)} by "
        f"{other.source}; {believed.source} is believed{mend}"
    )


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _class(facts: Mapping[str, Fact]) -> str:
    """Return the fingerprint of what must be equal to compare; unknown is a value of its own."""
    return _digest({key: _comparable(key, facts[key].value) for key in CLASS if key in facts})


def _comparable(key: str, value: Value) -> str:
    """Return a value as text without what differs between ways to write the same thing."""
    text = _text(value).casefold()
    if key == "model":
        # One server loads org/name from the hub, another the same from a folder.
        return text.rpartition("/")[2]
    return text.removeprefix("nvidia ") if key == "gpu_model" else text


def _digest(values: Mapping[str, str]) -> str:
    written = json.dumps(sorted(values.items()), separators=(",", ":"))
    return sha256(written.encode()).hexdigest()[:8]
