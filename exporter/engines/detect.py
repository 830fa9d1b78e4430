"""Which engine a page comes from, recognised by the names on it."""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from ..base.errors import NoEngineError
from ..base.untrusted import one_line
from ..exposition import Layout
from .catalog import EngineCatalog, engine_catalog
from .registry import ENGINES

_LONGEST_NAME: Final = 256
_ENDINGS = ("_bucket", "_sum", "_count", "_created", "_total", "_info", "_gcount", "_gsum")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A page's engine, the prefix its names carry there, and remarks on them for people."""

    catalog: EngineCatalog
    prefix: str
    notes: tuple[str, ...]
    unknown_names: tuple[str, ...]

    @property
    def pushed(self) -> bool:
        """Whether an agent of Ray serves the page, to which the engines report now and then."""
        return self.prefix.startswith("ray_")

    def strip(self, name: str) -> str | None:
        """Return a sample name as the catalog knows it, None where it is not this engine's."""
        if name.startswith(self.prefix):
            return name[len(self.prefix) :]
        return name if name in _catalog_names(self.catalog.engine)[1] else None


@cache
def _catalog_names(engine: str) -> tuple[frozenset[str], frozenset[str]]:
    return engine_catalog(engine).sample_names()


def is_in_catalog(name: str) -> bool:
    """Whether a sample name, as pages write it, is one that some catalog turns into numbers."""
    # names that change with every page must not fill the memory of those known
    return len(name) <= _LONGEST_NAME and _is_in_catalog(name)


@lru_cache(maxsize=8192)
def _is_in_catalog(name: str) -> bool:
    for engine in ENGINES:
        named, bare = _catalog_names(engine)
        match = engine_catalog(engine).prefix.match(name)
        if name in bare or (match and name[match.end() :] in named):
            return True
    return False


def detect(layout: Layout) -> Namespace:
    """Return the namespace of a page's names, or raise `NoEngineError` where none is known.

    The engine and prefix with the most names in their catalog are taken, so that a page which
    carries one engine twice (say, with colons and with underscores) is read once.
    """
    votes = Counter[tuple[str, str]]()
    for engine in ENGINES:
        catalog, named = engine_catalog(engine), _catalog_names(engine)[0]
        for name in layout.names:
            match = catalog.prefix.match(name)
            if match and name[match.end() :] in named:
                votes[engine, match[0]] += 1
    if not votes:
        raise NoEngineError(0, _refusal(layout.names))
    (engine, prefix), _ = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
    others = sorted({other for _, other in votes} - {prefix})
    notes = tuple(f"names under {other!r} are left out: {prefix!r} is read" for other in others)
    catalog = engine_catalog(engine)
    _refuse_router(layout, catalog, prefix)
    return Namespace(catalog, prefix, notes, _unknown(layout.names, catalog, prefix))


def _refuse_router(layout: Layout, catalog: EngineCatalog, prefix: str) -> None:
    """Raise `NoEngineError` for the page of a router, which names its metrics as engines do.

    Its requests are those that the engines show as well: added up, everything would count twice.
    """
    names = [prefix + name for name in catalog.router_names if prefix + name in layout.names]
    servers = sorted(
        {series.labels["server"] for series in layout.series if series.labels.get("server")}
    )
    families = ("prompt_tokens_total", "generation_tokens_total")
    counters = {prefix + name for family in families for name in catalog.raw_names(family)}
    if servers and not counters & layout.names:
        names.append(f"a label server ({servers[0]}) and no counter of tokens")
    if not catalog.router_names or not names:
        return
    listed = f" ({', '.join(servers[:5])})" if servers else ""
    raise NoEngineError(
        0,
        f"the page is a router's, not an engine's: it carries {names[0]}. Scrape the servers "
        f"behind it{listed}",
    )


def _refusal(names: Set[str]) -> str:
    """Return why a page is no engine's, and what to do about it as its names suggest."""
    titles = " or ".join(engine.title for engine in ENGINES.values())
    missing = f"the page carries no {titles} metrics"
    near = sorted(name for name in names if any(engine in name.lower() for engine in ENGINES))
    if near:
        return (
            f"{missing} under a known prefix, yet names such as {one_line(near[0])}: if an engine "
            "is behind them, scrape its own /metrics, or undo the relabelling of metric names"
        )
    if any(name.startswith("ray_") for name in names):
        return (
            f"{missing}: it is the page of a Ray node to which no engine reports. Scrape the nodes "
            "that run the engine's replicas, some 20 s after they began, and let the engine "
            "report to Ray (log_engine_metrics in the LLMConfig of Ray Serve)"
        )
    hints = "; ".join(f"{engine.title}: {engine.metrics_hint}" for engine in ENGINES.values())
    return f"{missing}: is this the server's own /metrics, and are its metrics on ({hints})?"


def _unknown(names: Set[str], catalog: EngineCatalog, prefix: str) -> tuple[str, ...]:
    """Return the engine's names that its catalog does not know."""
    known = catalog.known_names()
    unknown = set[str]()
    for name in names:
        raw = name.removeprefix(prefix)
        if raw == name or raw in known:
            continue
        bases = {raw.removesuffix(ending) for ending in _ENDINGS}
        if not bases & known and not {f"{base}_total" for base in bases} & known:
            unknown.add(name)
    return tuple(sorted(unknown))
