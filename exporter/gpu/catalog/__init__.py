"""The catalogs of GPU exporters: which raw names carry which canonical family, as data.

One YAML file an exporter, checked against the canonical vocabulary when it is loaded. A raw name
has one unit, so the name on the page chooses the unit and no exporter version is needed.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...base.errors import CatalogError
from ...base.yaml_text import parse_yaml
from ...vocabulary.gpu import BY_NAME
from ..reading import GpuExporter

PAGES: Final[tuple[GpuExporter, ...]] = get_args(GpuExporter)

Names = list[str]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GpuTerm(_Model):
    """One raw series that can carry a canonical family; `plus` names others to add to it.

    `where` keeps series whose labels match these patterns whole; `keep` maps canonical labels to
    raw ones; `label` sets canonical labels. `scale` brings the value to base units. `bits` names
    the values of a canonical label by the bit that holds each, from bit 0 on. `absent` says that
    0 stands for no value; `typed` that the name is a counter only where the page says so.
    """

    raw: str
    plus: Names = []
    where: dict[str, re.Pattern[str]] = {}
    keep: dict[str, str] = {}
    label: dict[str, str] = {}
    scale: Annotated[float, Field(gt=0)] = 1.0
    bits: dict[str, Names] = {}
    absent: Literal["zero", ""] = ""
    typed: Literal["counter", ""] = ""

    def labels(self) -> set[str]:
        """Return the canonical labels this term gives a value."""
        return self.keep.keys() | self.label.keys() | self.bits.keys()


class IdentityLabels(_Model):
    """The raw labels that say which GPU, MIG instance or partition a series belongs to.

    Of several the first that is there and not empty counts. The prefixes are those the driver puts
    before a UUID, where the exporter may have dropped them. `bus` is an address on the host, `job`
    the job of a batch system. `whole` matches label values by which a series says that its GPU is
    not divided.
    """

    uuid: Names
    model: Names = []
    host: Names = []
    index: Names = []
    bus: Names = []
    job: Names = []
    driver: Names = []
    instance: Names = []
    instance_uuid: Names = []
    profile: Names = []
    whole: dict[str, re.Pattern[str]] = {}
    uuid_prefix: str = ""
    instance_prefix: str = ""


class GpuCatalog(_Model):
    """One GPU exporter: how its pages look and which raw names carry which canonical family.

    `title` is its name as people write it, `known_by` what its series are called. `info` names
    series that carry identity and no number, `divided` those that are 1 where the GPU is divided.
    `pods` says whether the exporter knows workloads, `reserved` the namespaces of those that hold a
    GPU for others. Series with a label of `skip` are parts of a GPU and no GPU. Families of
    `instance` are measured for each part of a divided GPU, those of `undivided` only while it is
    whole, all others for the GPU as such; `board_instance` names the part whose rows speak for the
    GPU.
    """

    source: GpuExporter
    title: str
    prefix: str
    known_by: str
    identity: IdentityLabels
    info: Names = []
    divided: Names = []
    pods: bool
    reserved: frozenset[str] = frozenset()
    skip: Names = []
    instance: frozenset[str]
    undivided: frozenset[str]
    board_instance: str = ""
    families: dict[str, Annotated[list[GpuTerm], Field(min_length=1)]]
    left_out: dict[str, str]

    @model_validator(mode="after")
    def _canonical(self) -> "GpuCatalog":
        for name in [*self.families, *self.instance, *self.undivided]:
            if name not in BY_NAME:
                raise ValueError(f"{name} is no canonical GPU family")
        for name, term in self.terms():
            if term.labels() != set(BY_NAME[name].labels):
                raise ValueError(f"{name} has the labels {BY_NAME[name].labels}, not {term.raw}'s")
        used = {raw for _, term in self.terms() for raw in (term.raw, *term.plus)}
        if odd := used & self.left_out.keys():
            raise ValueError(f"{', '.join(sorted(odd))} is both read and left out")
        return self

    def terms(self) -> Iterator[tuple[str, GpuTerm]]:
        """Yield each canonical family with each of its terms, the preferred term first."""
        for name, terms in self.families.items():
            for term in terms:
                yield name, term

    def raw_names(self) -> frozenset[str]:
        """Return the raw names, without prefix, that are read."""
        used = (raw for _, term in self.terms() for raw in (term.raw, *term.plus))
        return frozenset((*self.info, *self.divided, *used))


@cache
def gpu_catalog(source: str) -> GpuCatalog:
    """Return a GPU exporter's catalog; raise `CatalogError` naming the file and the fault."""
    name = f"{source}.yaml"
    try:
        data = parse_yaml(files(__name__).joinpath(name).read_text(encoding="utf-8"))
        return GpuCatalog.model_validate(data)
    except (OSError, ValueError) as error:
        raise CatalogError(f"GPU catalog {name}: {error}") from error
