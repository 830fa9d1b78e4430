"""How a layout of a GPU exporter's page becomes readings: worked out once, applied every scrape.

Every series goes to a GPU, or to a part of a divided one, by its UUID and instance labels, never
by index. Several copies of a series of one GPU (a pod came or went; one row for each pod that
shares it) are one measurement: the largest is taken and nothing is added up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..exposition import Layout
from .blanks import told
from .catalog import Catalog, Term
from .reading import GpuReading, Key, Pod

_NOTHING = frozenset({"", "n/a", "na", "[n/a]", "none"})
_MOST_RATIO = 1.01
"""A ratio above it was told in another unit than its name says; up to it is rounding."""

Copies = list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to a value: copies of raw series, each a page index and those to add to it."""

    scale: float
    bit: int | None
    zero_is_nothing: bool
    ratio: bool
    copies: Copies = field(default_factory=list)

    def value(self, values: Sequence[float]) -> float | None:
        """Return the value in base units, None where the page does not tell it."""
        found: float | None = None
        for indices in self.copies:
            raw = 0.0
            for i in indices:
                if not told(values[i]):
                    break
                raw += values[i]
            else:
                one = raw * self.scale if self.bit is None else float(int(raw) >> self.bit & 1)
                if found is None or one > found:
                    found = one
        if found is None or (self.zero_is_nothing and found == 0):
            return None
        return None if self.ratio and found > _MOST_RATIO else found


@dataclass(slots=True)
class Device:
    """One GPU or instance as a layout's labels describe it.

    `keys` holds by rank the ways to each value; the first by which the page tells one is taken.
    `divided` are the series that say by a 1 that the GPU is divided, parts told or not.
    """

    uuid: str
    model: str = ""
    host: str = ""
    index: str = ""
    driver: str = ""
    profile: str = ""
    pods: dict[tuple[str, str], str] = field(default_factory=dict)
    shared: bool = False
    divided: list[int] = field(default_factory=list)
    keys: dict[Key, dict[int, Option]] = field(default_factory=dict)

    def reading(self, catalog: Catalog, values: Sequence[float], time: float) -> GpuReading:
        """Return what a page of the layout tells of this GPU."""
        found: dict[Key, float] = {}
        for key, options in self.keys.items():
            for rank in sorted(options):
                value = options[rank].value(values)
                if value is not None:
                    found[key] = value
                    break
        return GpuReading(
            uuid=self.uuid,
            model=self.model,
            source=catalog.source,
            time=time,
            values=found,
            host=self.host,
            index=self.index,
            driver=self.driver,
            mig_profile=self.profile,
            pods=tuple(Pod(space, name, box) for (space, name), box in sorted(self.pods.items())),
            shared=self.shared or any(values[i] == 1 for i in self.divided),
        )


Names = Mapping[str, str]
"""Sample names as the page writes them, to the raw names of the catalog."""


def make(layout: Layout, catalog: Catalog, names: Names) -> list[Device]:
    """Return the GPUs and instances a layout describes in one catalog's words, by UUID."""
    return _Maker(layout, catalog, names).devices()


class _Maker:
    def __init__(self, layout: Layout, catalog: Catalog, names: Names) -> None:
        self._catalog, self._layout = catalog, layout
        self._terms: dict[str, list[tuple[str, Term]]] = {}
        for family, term in catalog.terms():
            self._terms.setdefault(term.raw, []).append((family, term))
        self._rows: list[tuple[int, str, Names]] = []
        for i, series in enumerate(layout.series):
            raw = names.get(series.name)
            if raw is not None and not any(series.labels.get(part) for part in catalog.skip):
                self._rows.append((i, raw, series.labels))
        self._found: dict[tuple[str, str], Device] = {}
        self._identified: dict[tuple[str, str], set[str]] = {}
        self._exported = any("exported_pod" in labels for _, _, labels in self._rows)
        self._by_row = {(raw, frozenset(labels.items())): i for i, raw, labels in self._rows}

    def devices(self) -> list[Device]:
        """Return the GPUs and instances by UUID; series that name no GPU are nobody's."""
        uuid = self._catalog.identity.uuid
        rows = [(i, raw, labels, _of(labels, uuid)) for i, raw, labels in self._rows]
        rows = [row for row in rows if row[3]]
        for _, _, labels, gpu in rows:
            self._identify(labels, gpu)
        divided = {gpu for gpu, part in self._found if part}
        for i, raw, labels, gpu in rows:
            if raw in self._catalog.divided:
                self._device(gpu, "").divided.append(i)
            for family, term in self._terms.get(raw, ()):
                self._add(i, labels, gpu, gpu in divided, family, term)
        for gpu in divided:
            # its parts are whose they are; the board they share is nobody's alone
            board = self._device(gpu, "")
            board.pods, board.shared = {}, True
        for (gpu, part), device in self._found.items():
            device.uuid = self._uuid(gpu, part)
            device.shared = device.shared or len(device.pods) > 1
            if part and not device.model:
                device.model = self._found[gpu, ""].model
        return sorted(self._found.values(), key=lambda device: device.uuid)

    def _uuid(self, gpu: str, part: str) -> str:
        """Return an instance's own UUID where the page tells one, else the GPU's and its number."""
        prefix = self._catalog.identity.uuid_prefix
        if part:
            own = self._identified.get((gpu, part), set())
            if len(own) == 1:
                return own.pop()
        full = gpu if gpu.startswith(prefix) else prefix + gpu
        return f"{full}/{part}" if part else full

    def _part(self, labels: Names) -> str:
        identity = self._catalog.identity
        part = _of(labels, identity.instance)
        whole = any(rule.fullmatch(labels.get(k, "")) for k, rule in identity.whole.items())
        return "" if whole else part

    def _device(self, gpu: str, part: str) -> Device:
        device = self._found.get((gpu, part))
        if device is None:
            device = self._found[gpu, part] = Device(uuid=gpu)
        return device

    def _identify(self, labels: Names, gpu: str) -> None:
        """Take from a series' labels what they say about its GPU or instance."""
        identity, part = self._catalog.identity, self._part(labels)
        for device in (self._device(gpu, part), self._device(gpu, "")):
            device.model = device.model or _of(labels, identity.model)
            device.host = device.host or _of(labels, identity.host)
            device.index = device.index or _of(labels, identity.index)
            device.driver = device.driver or _of(labels, identity.driver)
        device = self._device(gpu, part)
        if part:
            device.profile = device.profile or _of(labels, identity.profile)
            if own := _of(labels, identity.instance_uuid):
                self._identified.setdefault((gpu, part), set()).add(own)
        if self._catalog.pods:
            self._pod(device, labels)

    def _pod(self, device: Device, labels: Names) -> None:
        """Note the workload a series names.

        Where a Prometheus renamed the exporter's labels, `pod` is the exporter's own pod on every
        row, idle GPUs included.
        """
        spelled = "exported_" if self._exported else ""
        name, space, box = (
            labels.get(spelled + key, "") for key in ("pod", "namespace", "container")
        )
        if name:
            device.pods[space, name] = max(box, device.pods.get((space, name), ""))

    def _add(self, i: int, labels: Names, gpu: str, divided: bool, family: str, term: Term) -> None:
        """Add a series to the ways to its GPU's values, if it is one of them."""
        catalog, part = self._catalog, self._part(labels)
        if divided and family in catalog.undivided:
            return
        if part and family not in catalog.instance:
            if catalog.board_instance not in ("", part):
                return
            part = ""
        if term.typed and self._layout.type_of(self._layout.series[i].name) != term.typed:
            return
        if not all(rule.fullmatch(labels.get(k, "")) for k, rule in term.where.items()):
            return
        same = frozenset(labels.items())
        others = [self._by_row.get((raw, same)) for raw in term.plus]
        indices = (i, *(other for other in others if other is not None))
        if len(indices) <= len(others):
            return
        kept = {ours: labels.get(theirs, "") for ours, theirs in term.keep.items()}
        for more, bit in _bits(term):
            key = family, tuple(sorted((kept | term.label | more).items()))
            options = self._device(gpu, part).keys.setdefault(key, {})
            rank = self._catalog.families[family].index(term)
            if rank not in options:
                ratio = family.endswith("_ratio")
                options[rank] = Option(term.scale, bit, term.absent == "zero", ratio)
            options[rank].copies.append(indices)


def _bits(term: Term) -> Iterable[tuple[dict[str, str], int | None]]:
    if not term.bits:
        return [({}, None)]
    return [({k: name}, bit) for k, names in term.bits.items() for bit, name in enumerate(names)]


def _of(labels: Names, spellings: Iterable[str]) -> str:
    """Return the first label of several that says something."""
    values = (labels.get(name, "") for name in spellings)
    return next((value for value in values if value.lower() not in _NOTHING), "")
