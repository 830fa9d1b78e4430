"""What a family of metrics is, and the prefix that every family of the exporter carries."""

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "inferfleet_"

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """One canonical metric family: name, Prometheus type, own labels and meaning."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
