"""What a server is: version, model, limits, layout, GPUs; each with the source it came from.

Sources report apart and are believed in the order of `TRUST`. Two fingerprints follow: the class,
equal for servers that can be compared at all, and the configuration, equal for servers set up
alike. Secrets and paths never get this far: the sources drop them.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final
from weakref import WeakValueDictionary

from ..base.errors import FetchError
from ..base.untrusted import finite
from ..config import Declaration
from ..discovery.container import Container
from .catalog import PageContext
from .engine import Engine
from .registry import ENGINES
from .sources import command_line, declared, models, pod
from .sources.facts import TRUST, Fact, Source, SourceReport, Value, model_name, parsed
from .sources.scope import on_cpu, reports_on_model, without_gpus

__all__ = ["Fact", "Identity", "Source", "endpoints", "identify"]

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
    "front_end",
)
"""What must be equal for two servers to be comparable. Neither engine nor version is in it."""

_log = logging.getLogger(__name__)


def endpoints(engine: str) -> tuple[tuple[str, ...], ...]:
    """Return the paths that `identify` asks; of several together the next where one fails."""
    return ((models.PATH,), *ENGINES[engine].endpoints)


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known about a server. An unknown fact is not there.

    `facts` may hold: version, rust_frontend (its version), front_end (python, rust), model,
    max_num_seqs, max_num_batched_tokens and kv_cache_capacity_tokens (of one engine, that is, of
    one data-parallel rank), max_model_len, tensor_parallel, pipeline_parallel, data_parallel,
    data_parallel_local (ranks behind this port), expert_parallel (ranks that share the experts),
    context_parallel (ranks that share a sequence, those of prefill times those of decode),
    quantization, dtype, kv_cache_dtype, runner, prefix_caching, speculation, role, gpus, gpu_model,
    device (cpu, where that is said).

    `release` is what is compared: the declared one, else the version, else empty. `server_class`
    and `config` are 8 hex digits; `config` is empty where no setting is known. `conflicts` are
    sentences, one for every fact that two sources report differently; `reports` holds a fact as
    every source reports it, the most trusted first.
    """

    engine: str
    facts: Mapping[str, Fact]
    settings: Mapping[str, str]
    release: str
    server_class: str
    config: str
    conflicts: tuple[str, ...]
    sources: frozenset[Source]
    reports: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    def disputed(self, key: str) -> bool:
        """Whether two sources report a fact differently."""
        return len({_comparable(key, fact.value) for fact in self.reports.get(key, ())}) > 1

    def number(self, key: str) -> float | None:
        """Return a fact that is a number, None where unknown."""
        fact = self.facts.get(key)
        return finite(fact.value) if fact else None

    def text(self, key: str) -> str:
        """Return a fact as text, empty where unknown."""
        fact = self.facts.get(key)
        return "" if fact is None else _text(fact.value)

    def source(self, key: str) -> str:
        """Return where a fact was read, empty where unknown."""
        fact = self.facts.get(key)
        return fact.source if fact else ""

    def page_context(self) -> PageContext:
        """Return what decides how the server's page is read."""
        return PageContext(
            self.text("version"),
            self.text("role"),
            self.text("front_end"),
            self.number("kv_cache_capacity_tokens"),
            self.number("context_parallel"),
        )

    def with_report(self, source: Source, **values: Value | None) -> "Identity":
        """Return this identity with what another source reports; None is what it does not know."""
        known = {key: value for key, value in values.items() if value is not None}
        report = SourceReport(source, known)
        facts, conflicts = _believe(self.facts, [report])
        return replace(
            self,
            facts=facts,
            reports=_by_fact(self.reports, [report]),
            server_class=_class(facts),
            conflicts=(*self.conflicts, *conflicts),
            sources=self.sources | {source} if known else self.sources,
        )


def identify(
    engine: str,
    get: Get,
    page_settings: Mapping[str, str] | None = None,
    command_line: Sequence[str] | None = None,
    declared: Declaration | None = None,
    served_model: str | None = None,
    container: Container | None = None,
    one_of_models: bool = False,
    one_of_engines: bool = False,
) -> Identity:
    """Ask a server and everything else that is known about it what it is.

    `page_settings` are the labels in which its metrics page carries configuration, `command_line`
    the server's own, `served_model` the model label of its metrics page, `container` its pod's
    specification, whose command line is used where the process itself cannot be seen. On a page
    of several models (`one_of_models`) only sources that name this one are believed. None is for
    the GPUs of all where engines of several servers make up the model (`one_of_engines`), or where
    one says that the server runs on a CPU. An endpoint that fails or answers with anything
    unexpected is a source less, never an error. Costs three requests, four at most.
    """
    declared = declared or Declaration()
    line = command_line or (pod.command_line(container) if container else None)
    kind = ENGINES[engine]
    reports = _reports(kind, get, page_settings, line, declared, served_model)
    if container:
        reports = _by_trust([*reports, pod.read(kind, container)])
    if one_of_models:
        reports = reports_on_model(reports, model_name(served_model))
    if one_of_models or one_of_engines or on_cpu(reports):
        reports = without_gpus(reports, declared.gpus)
    facts, conflicts = _believe({}, reports)
    settings = _shared_settings(reports)
    version = facts.get("version")
    return Identity(
        engine=engine,
        facts=facts,
        settings=settings,
        release=declared.release or (_text(version.value) if version else ""),
        server_class=_class(facts),
        config=_digest(settings) if settings else "",
        conflicts=tuple(conflicts),
        sources=frozenset(report.source for report in reports if report.values or report.settings),
        reports=_by_fact({}, reports),
    )


class _Settings(dict[str, str]):
    """Settings by name, hundreds of them."""


_alike: WeakValueDictionary[str, _Settings] = WeakValueDictionary()


def _shared_settings(reports: Iterable[SourceReport]) -> Mapping[str, str]:
    """Return what reports say of the configuration, one object for all servers set up alike."""
    settings = _Settings()
    for report in reports:
        settings = _Settings({**report.settings, **settings})
    known = _alike.setdefault(_digest(settings), settings)
    return known if known == settings else settings


def _reports(
    engine: Engine,
    get: Get,
    page_settings: Mapping[str, str] | None,
    line: Sequence[str] | None,
    declaration: Declaration,
    served_model: str | None,
) -> list[SourceReport]:
    """Return what every source reports, the most trusted first."""

    def ask(path: str) -> object:
        return _answer(get, path)

    served = model_name(served_model)
    reports = [
        SourceReport("metrics", {"model": served} if served else {}),
        models.read(ask(models.PATH), served_model),
        declared.read(declaration),
        *engine.endpoint_reports(ask),
    ]
    if page_report := engine.page_report(page_settings or {}):
        reports.append(page_report)
    if line:
        reports.append(command_line.read(engine, line))
    return _by_trust(reports)


def _by_trust(reports: Iterable[SourceReport]) -> list[SourceReport]:
    return sorted(reports, key=lambda report: TRUST.index(report.source))


def _answer(get: Get, path: str) -> object:
    """Return the decoded answer of an endpoint, None where there is none."""
    try:
        body = get(path)
    except FetchError as error:
        _log.debug("%s says nothing about the server: %s", path, error.reason)
        return None
    answer = parsed(body.decode("utf-8", errors="replace"))
    if not isinstance(answer, dict):
        _log.debug("%s says nothing about the server: its answer is no JSON object", path)
    return answer


def _believe(
    known: Mapping[str, Fact], reports: Iterable[SourceReport]
) -> tuple[dict[str, Fact], list[str]]:
    """Add reports to known facts; return the facts believed and a sentence for each conflict.

    The more trusted source wins whichever comes first: telemetry reports after the others, and must
    not be outvoted by a declaration for being late.
    """
    facts, conflicts = dict(known), list[str]()
    for report in reports:
        for key, value in report.values.items():
            fact, known_fact = Fact(value, report.source), facts.get(key)
            if known_fact is None:
                facts[key] = fact
                continue
            facts[key], other = sorted((known_fact, fact), key=_trust)
            if _comparable(key, known_fact.value) != _comparable(key, value):
                conflicts.append(_conflict(key, facts[key], other))
    return facts, conflicts


def _by_fact(
    known: Mapping[str, tuple[Fact, ...]], reports: Iterable[SourceReport]
) -> dict[str, tuple[Fact, ...]]:
    """Add reports to what every source reports of a fact."""
    by_fact = dict(known)
    for report in reports:
        for key, value in report.values.items():
            facts = (*by_fact.get(key, ()), Fact(value, report.source))
            by_fact[key] = tuple(sorted(facts, key=_trust))
    return by_fact


def _trust(fact: Fact) -> int:
    return TRUST.index(fact.source)


def _conflict(key: str, believed: Fact, other: Fact) -> str:
    remedy = ": correct the declaration" if other.source == "declared" else ""
    return (
        f"{key} is {_text(believed.value)} by {believed.source} but {_text(other.value)} by "
        f"{other.source}; {believed.source} is believed{remedy}"
    )


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _class(facts: Mapping[str, Fact]) -> str:
    """Return the fingerprint of what must be equal to compare; unknown is a value of its own.

    Not of the front end: it is Python's unless it says otherwise.
    """
    values = {key: _comparable(key, facts[key].value) for key in CLASS if key in facts}
    if values.get("front_end") == "python":
        del values["front_end"]
    return _digest(values)


def _comparable(key: str, value: Value) -> str:
    """Return a value as text without what differs between ways to write the same thing."""
    text = _text(value).casefold()
    if key == "model":
        # One server loads org/name from the hub, another the same from a folder.
        return text.rpartition("/")[2]
    return text.removeprefix("nvidia ") if key == "gpu_model" else text


def _digest(values: Mapping[str, str]) -> str:
    canonical = json.dumps(sorted(values.items()), separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:8]
