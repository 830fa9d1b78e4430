"""The engine catalogs: which raw names carry which canonical series, as data by version range.

One YAML file an engine, checked against the canonical vocabulary when it is loaded. Nothing but
these files and the engine's own package knows a raw name.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ...base.errors import CatalogError
from ...base.yaml_text import parse_yaml
from ...vocabulary.engine import BY_NAME
from ...vocabulary.verdict import Measure


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


_Catalog = TypeVar("_Catalog", bound=_Model)

Role = Literal["prefill", "decode", "both"]

Versions = Annotated[
    SpecifierSet, BeforeValidator(lambda text: SpecifierSet(text) if text else SpecifierSet())
]

Names = Annotated[frozenset[str], BeforeValidator(lambda text: frozenset(text.split()))]


def version_of(text: str) -> Version | None:
    """Return a version as released packages write it, or None where it is unknown or odd."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


@dataclass(frozen=True, slots=True)
class PageContext:
    """What is known of a server that decides how its page is read; empty or None where unknown.

    `front_end` is `python` or `rust`; `kv_cache_capacity_tokens` is the declared one of one engine,
    `context_parallel` the ranks that a sequence's KV cache is shared out among.
    """

    version: str = ""
    role: str = ""
    front_end: str = ""
    kv_cache_capacity_tokens: float | None = None
    context_parallel: float | None = None


class Elsewhere(_Model):
    """Where a series holds what another server did, in servers of this role.

    Only in these versions and with this front end, where they are given; an unknown version or
    front end counts as theirs.
    """

    role: Role
    versions: Versions | None = None
    front_end: Literal["python", "rust", ""] = ""
    reason: str

    def concerns(self, role: str, context: PageContext) -> bool:
        """Whether series of a role in a server do not hold what it did itself."""
        version = version_of(context.version)
        return (
            role == self.role
            and self.front_end in ("", context.front_end or self.front_end)
            and (
                self.versions is None
                or version is None
                or self.versions.contains(version, prereleases=True)
            )
        )


class Term(_Model):
    """One raw series feeding a canonical family.

    `raw` is the sample name behind the engine's prefix (a histogram's base name); `bare` names
    carry no prefix. `where` keeps series whose labels match these patterns whole; `keep` maps
    canonical labels to raw ones; `label` sets canonical labels. Several series with the same
    canonical labels are combined by `across`. `unit` and `scale` bring values to base units.
    `absent` names values by which an engine says that it does not know. A `complement` is 1 less
    the value. `elsewhere` says in which servers the series holds another server's work.
    """

    raw: str
    bare: bool = False
    versions: Versions | None = None
    where: dict[str, re.Pattern[str]] = {}
    keep: dict[str, str] = {}
    label: dict[str, str] = {}
    across: Literal["sum", "max"] = "sum"
    unit: Literal["blocks", ""] = ""
    scale: float = 1.0
    absent: Literal["zero", "negative", ""] = ""
    complement: bool = False
    elsewhere: Elsewhere | None = None

    def speaks_for(self, version: Version | None) -> bool:
        """Whether the raw name has this meaning in a version; an unknown one has it only if all."""
        if self.versions is None:
            return True
        return version is not None and self.versions.contains(version, prereleases=True)


class Alternative(_Model):
    """Terms that together make a family; the first term must be on the page for it to be taken."""

    terms: Annotated[list[Term], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _one_term(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"terms": value}
        return value if isinstance(value, dict) and "terms" in value else {"terms": [value]}


class MeaningChange(_Model):
    """A change of what a number means between releases.

    `series` are the canonical families whose numbers changed, `forbids` the measures of a verdict
    that are made of them and must not be compared across the change. With `roles`, the numbers of
    servers of these roles alone changed.
    """

    name: str
    at: Annotated[Version, BeforeValidator(Version)]
    series: list[str]
    changed: str
    forbids: list[Measure]
    roles: list[Role] = []

    def concerns(self, roles: Collection[str]) -> bool:
        """Whether it changed the numbers of servers of any of these roles; unknown is no role.

        What a server of unknown role says is not forbidden for its role: few vLLM servers tell
        theirs, and work done elsewhere is left out of load cells by the numbers themselves.
        """
        return not self.roles or not set(self.roles).isdisjoint(roles)


class Stages(_Model):
    """The label that names a pipeline's stages, and which of its values make text."""

    label: str
    text: list[str]


class PageLabels(_Model):
    """Labels that are put on by whoever collects, relays or relabels a page.

    `engines` separate the engines of one page, the preferred one first; `dimensions` and `parts`
    never do, and `parts` may have a total beside them; `totals` are values that name one; `copies`
    show a series once more, and so do `found_by` beside an address; `relays` are on pages that hold
    others' pages; `endings` are patterns of what is no part of a label's value.
    """

    engines: list[str]
    dimensions: list[str]
    parts: list[str]
    totals: list[str]
    copies: list[str]
    found_by: list[str]
    relays: list[str]
    endings: dict[str, re.Pattern[str]] = {}


class EngineCatalog(_Model):
    """One engine: how its names look and which of them carry which canonical family.

    `releases` says which releases it was written for; `unmapped` are the base names that the engine
    also has and that carry none. `model` are the labels that name the model, the first one present
    is taken; `engine_index` is the engine's own label of a data-parallel rank. `dimensions` are
    labels that divide a family of one engine beside those that a term names, `custom_labels_on`
    names of which the first one on the page carries all labels that an operator may add to the
    families of requests. `stages` names the engines of a pipeline that make text; a page with one
    of `router_names` is a router's. The label `role` holds a series' part in disaggregated serving,
    in the engine's words, which `roles` translates.
    """

    engine: str
    releases: str
    prefix: re.Pattern[str]
    model: Annotated[list[str], Field(min_length=1)]
    engine_index: str
    dimensions: list[str] = []
    custom_labels_on: list[str] = []
    stages: Stages | None = None
    router_names: Names = frozenset()
    role: str = ""
    roles: dict[str, Role] = {}
    ranks: list[str] = []
    totals: dict[str, str] = {}
    info: list[str] = []
    families: dict[str, list[Alternative]]
    unmapped: Names
    meanings: list[MeaningChange]

    @model_validator(mode="after")
    def _canonical(self) -> "EngineCatalog":
        for name, alternatives in self.families.items():
            family = BY_NAME.get(name)
            if family is None:
                raise ValueError(f"{name} is no canonical family")
            for term in (term for option in alternatives for term in option.terms):
                unknown = (term.keep.keys() | term.label.keys()) - set(family.labels)
                if unknown:
                    raise ValueError(f"{name} has no label {', '.join(sorted(unknown))}")
        for meaning in self.meanings:
            if unknown := set(meaning.series) - BY_NAME.keys():
                raise ValueError(f"{meaning.name}: {', '.join(sorted(unknown))} is no family")
        if repeated := self.unmapped & self._mapped():
            raise ValueError(f"{', '.join(sorted(repeated))} is both mapped and listed as unmapped")
        return self

    def _terms(self) -> Iterator[Term]:
        for alternatives in self.families.values():
            for option in alternatives:
                yield from option.terms

    def _mapped(self) -> frozenset[str]:
        """Return the base names behind the prefix that something is read from."""
        named = [term.raw for term in self._terms() if not term.bare]
        # a term may take a histogram's sum or count alone: the page declares the base name
        bases = (name.removesuffix("_sum").removesuffix("_count") for name in named)
        return frozenset((*self.info, *named, *bases))

    def known_names(self) -> frozenset[str]:
        """Return every base name behind the prefix that this engine is known to have."""
        return self._mapped() | self.unmapped

    def names_with(self, label: str) -> frozenset[str]:
        """Return the raw names of which a term reads a label."""
        return frozenset(
            term.raw for term in self._terms() if label in term.where or label in term.keep.values()
        )

    def dimension_labels(self) -> frozenset[str]:
        """Return the labels that divide families of one engine: those of terms, and the listed."""
        terms = {label for term in self._terms() for label in (*term.where, *term.keep.values())}
        return frozenset((*terms, *self.dimensions, *self.ranks, *self.totals))

    def raw_names(self, family: str) -> tuple[str, ...]:
        """Return the raw sample names that may feed a family; of a histogram, its count."""
        end = "_count" if BY_NAME[family].kind == "histogram" else ""
        options = self.families.get(family, ())
        return tuple(term.raw + end for option in options for term in option.terms)

    def role_of(self, labels: Mapping[str, str], context: PageContext) -> str:
        """Return the part of a series' engine in disaggregated serving, empty where unknown."""
        return self.roles.get(labels.get(self.role, ""), context.role)

    def sample_names(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the raw sample names that become numbers: behind the prefix, and bare."""
        named, bare = set(self.info), set[str]()
        for family, alternatives in self.families.items():
            suffixes = ("_bucket", "_sum", "_count")
            ends = suffixes if BY_NAME[family].kind == "histogram" else ("",)
            for term in (term for option in alternatives for term in option.terms):
                (bare if term.bare else named).update(term.raw + end for end in ends)
        return frozenset(named), frozenset(bare)

    def changes_between(self, old: str, new: str) -> list[MeaningChange]:
        """Return the meaning changes a comparison of two versions crosses, in either direction.

        An unknown version crosses them all: what cannot be excluded is reported.
        """
        before, after = version_of(old), version_of(new)
        if before is None or after is None:
            return [] if old == new else list(self.meanings)
        low, high = sorted((before, after))
        return [meaning for meaning in self.meanings if low < meaning.at <= high]


@cache
def engine_catalog(engine: str) -> EngineCatalog:
    """Return an engine's catalog; raise `CatalogError` naming the file and the fault."""
    return _loaded(f"{engine}.yaml", EngineCatalog)


@cache
def page_labels() -> PageLabels:
    """Return the labels that no engine puts on; raise `CatalogError` as `engine_catalog` does."""
    return _loaded("labels.yaml", PageLabels)


def _loaded(name: str, model: type[_Catalog]) -> _Catalog:
    try:
        data = parse_yaml(files(__name__).joinpath(name).read_text(encoding="utf-8"))
        return model.model_validate(data)
    except (OSError, ValueError) as error:
        raise CatalogError(f"engine catalog {name}: {error}") from error
