"""How a layout of a GPU exporter's page becomes readings: worked out once, applied every scrape.

Every series goes to a GPU, or to a part of a divided one, by its identity and instance labels,
never by index. Several copies of a series of one GPU (a pod came or went; one row for each pod that
shares it) are one measurement: the largest is taken and nothing is added up.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from ...exposition import Layout
from ..catalog import GpuCatalog, GpuTerm
from ..reading import GpuReading, Key, Pod
from .blanks import is_valid
from .identity import Labels, label, page_identities

_MOST_RATIO = 1.01
"""A ratio above it was given in another unit than its name says; up to it is rounding."""
_EXPORTER = re.compile(r"(dcgm|gpu|metrics)-exporter")
"""Pods that report GPUs and use none: behind a Prometheus, `pod` may be theirs on every series."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to a value: the copies of a raw series, by page index, and of those to add to it."""

    scale: float
    bit: int | None
    zero_is_nothing: bool
    ratio: bool
    parts: dict[str, list[int]]

    def value(self, values: Sequence[float]) -> float | None:
        """Return the value in base units, None where the page does not have it."""
        total = 0.0
        for copies in self.parts.values():
            known = (self._flag_or_value(values[i]) for i in copies if is_valid(values[i]))
            part = max(known, default=None)
            if part is None:
                return None
            total += part
        value = total * self.scale
        if not isfinite(value) or (self.zero_is_nothing and value == 0):
            return None
        if self.ratio and value > _MOST_RATIO:
            return None
        return min(value, 1.0) if self.ratio else value

    def _flag_or_value(self, raw: float) -> float:
        return raw if self.bit is None else float(int(raw) >> self.bit & 1)


@dataclass(slots=True)
class Device:
    """One GPU or instance as a layout's labels describe it.

    `keys` holds by rank the ways to each value; the first that has one on the page is taken.
    `divided` are the series that say by a 1 that the GPU is divided, whether its parts
    are on the page or not.
    """

    uuid: str
    model: str = ""
    host: str = ""
    index: str = ""
    driver: str = ""
    profile: str = ""
    pods: dict[tuple[str, str], str] = field(default_factory=dict)
    jobs: set[str] = field(default_factory=set)
    shared: bool = False
    divided: list[int] = field(default_factory=list)
    keys: dict[Key, dict[int, Option]] = field(default_factory=dict)

    def reading(self, catalog: GpuCatalog, values: Sequence[float], time: float) -> GpuReading:
        """Return the reading of this GPU from a page of the layout."""
        known: dict[Key, float] = {}
        for key, options in self.keys.items():
            for option in options.values():
                value = option.value(values)
                if value is not None:
                    known[key] = value
                    break
        return GpuReading(
            uuid=self.uuid,
            model=self.model,
            source=catalog.source,
            time=time,
            values=known,
            host=self.host,
            index=self.index,
            driver=self.driver,
            mig_profile=self.profile,
            pods=tuple(Pod(space, name, box) for (space, name), box in sorted(self.pods.items())),
            shared=self.shared or any(values[i] == 1 for i in self.divided),
        )


Names = Mapping[str, str]
"""Sample names as the page writes them, to the raw names of the catalog."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A series that names a GPU: its page index, raw name and labels; the GPU and part named."""

    i: int
    raw: str
    labels: Labels
    gpu: str
    part: str


def make(layout: Layout, catalog: GpuCatalog, names: Names) -> tuple[list[Device], tuple[str, ...]]:
    """Return the GPUs and instances a layout describes in one catalog's words, by UUID.

    Beside them a sentence for each group of devices that is left out.
    """
    maker = _Maker(layout, catalog, names)
    return maker.devices(), maker.problems


class _Maker:
    def __init__(self, layout: Layout, catalog: GpuCatalog, names: Names) -> None:
        self._catalog, self._layout = catalog, layout
        self._terms: dict[str, list[tuple[str, GpuTerm]]] = {}
        for family, term in catalog.terms():
            for raw in (term.raw, *term.plus):
                self._terms.setdefault(raw, []).append((family, term))
        self.problems: tuple[str, ...] = ()
        self._rows = list(self._named(names))
        self._exported = any("exported_pod" in row.labels for row in self._rows)
        self._devices: dict[tuple[str, str], Device] = {}
        self._own: dict[tuple[str, str], set[str]] = {}
        self._without_pod = set[int]()

    def _named(self, names: Names) -> Iterator[_Row]:
        """Yield the series that name a GPU; others belong to no known one."""
        described = [
            (i, names[series.name], series.labels)
            for i, series in enumerate(self._layout.series)
            if series.name in names
            and not any(series.labels.get(part) for part in self._catalog.skip)
        ]
        identities = page_identities([labels for _, _, labels in described], self._catalog.identity)
        self.problems = identities.problems
        for (i, raw, labels), (gpu, part) in zip(described, identities.gpus, strict=True):
            if gpu:
                yield _Row(i, raw, labels, gpu, part)

    def devices(self) -> list[Device]:
        """Return the GPUs and their instances, by UUID."""
        for row in self._rows:
            self._identify(row)
        divided = {gpu for gpu, part in self._devices if part}
        for row in self._rows:
            for family, term in self._terms.get(row.raw, ()):
                if not (row.gpu in divided and family in self._catalog.undivided):
                    self._add(row, family, term)
        for (gpu, part), device in self._devices.items():
            board = self._devices[gpu, ""]
            device.uuid = self._uuid(gpu, part)
            device.model, device.host = device.model or board.model, device.host or board.host
            device.index, device.driver = device.index or board.index, device.driver or board.driver
            device.shared = device.shared or len(device.pods) > 1 or len(device.jobs) > 1
            device.keys = {key: dict(sorted(ways.items())) for key, ways in device.keys.items()}
            if len(device.pods) > 1:
                self._prefer_device_series(device)
        for gpu in divided:
            # each part has a workload of its own; the board they share belongs to none alone
            board = self._devices[gpu, ""]
            board.pods, board.shared = {}, True
        return sorted(self._devices.values(), key=lambda device: device.uuid)

    def _prefer_device_series(self, device: Device) -> None:
        """Drop the copies of a series that are a pod's part where the GPU has one of its own."""
        for options in device.keys.values():
            for option in options.values():
                for raw, copies in option.parts.items():
                    option.parts[raw] = [i for i in copies if i in self._without_pod] or copies

    def _uuid(self, gpu: str, part: str) -> str:
        """Return an instance's own UUID where the page has one, else the GPU's and its number."""
        identity = self._catalog.identity
        own = self._own.get((gpu, part), set())
        if len(own) == 1:
            return _prefixed(next(iter(own)), identity.instance_prefix)
        full = _prefixed(gpu, identity.uuid_prefix)
        return f"{full}/{part}" if part else full

    def _identify(self, row: _Row) -> None:
        """Take from a series' labels what they say about its GPU or instance."""
        identity, labels = self._catalog.identity, row.labels
        board = self._devices.setdefault((row.gpu, ""), Device(row.gpu))
        device = self._devices.setdefault((row.gpu, row.part), Device(row.gpu))
        for described in (device, board):
            described.model = described.model or label(labels, identity.model)
            described.host = described.host or label(labels, identity.host)
            described.index = described.index or label(labels, identity.index)
            described.driver = described.driver or label(labels, identity.driver)
        if row.part:
            device.profile = device.profile or label(labels, identity.profile)
            if own := label(labels, identity.instance_uuid):
                self._own.setdefault((row.gpu, row.part), set()).add(own)
        if row.raw in self._catalog.divided:
            board.divided.append(row.i)
        if job := label(labels, identity.job):
            device.jobs.add(job)
        if self._catalog.pods:
            self._pod(device, row)

    def _pod(self, device: Device, row: _Row) -> None:
        """Note the workload a series names.

        Where a Prometheus renamed the exporter's labels, `pod` is the exporter's own pod on every
        row, idle GPUs included. The longer names are those of an old dcgm-exporter.
        """
        spelled = "exported_" if self._exported else ""
        name, space, box = (
            label(row.labels, (spelled + now, once))
            for now, once in (
                ("pod", "pod_name"),
                ("namespace", "pod_namespace"),
                ("container", "container_name"),
            )
        )
        device.shared = device.shared or space in self._catalog.reserved
        if name and space not in self._catalog.reserved and not _EXPORTER.search(name):
            device.pods[space, name] = max(box, device.pods.get((space, name), ""))
        else:
            self._without_pod.add(row.i)

    def _add(self, row: _Row, family: str, term: GpuTerm) -> None:
        """Add a series to the ways to a value of its GPU or instance, if it is one of them."""
        catalog, labels, part = self._catalog, row.labels, row.part
        if part and family not in catalog.instance:
            if catalog.board_instance not in ("", part):
                return
            part = ""
        if term.typed and self._layout.type_of(self._layout.series[row.i].name) != term.typed:
            return
        if not all(rule.fullmatch(labels.get(k, "")) for k, rule in term.where.items()):
            return
        labels_by_name = {canonical: labels.get(raw, "") for canonical, raw in term.keep.items()}
        # a page lists its series in any order: the catalog's order is the preference
        rank = catalog.families[family].index(term)
        for more, bit in _bits(term):
            key = family, tuple(sorted((labels_by_name | term.label | more).items()))
            options = self._devices[row.gpu, part].keys.setdefault(key, {})
            if rank not in options:
                parts: dict[str, list[int]] = {name: [] for name in (term.raw, *term.plus)}
                ratio = family.endswith("_ratio")
                options[rank] = Option(term.scale, bit, term.absent == "zero", ratio, parts)
            options[rank].parts[row.raw].append(row.i)


def _bits(term: GpuTerm) -> Iterable[tuple[dict[str, str], int | None]]:
    if not term.bits:
        return [({}, None)]
    return [({k: name}, bit) for k, names in term.bits.items() for bit, name in enumerate(names)]


def _prefixed(uuid: str, prefix: str) -> str:
    """Return a UUID spelled as the driver does, for exporters that drop its prefix."""
    plain = uuid[len(prefix) :] if uuid.lower().startswith(prefix.lower()) else uuid
    return prefix + plain
