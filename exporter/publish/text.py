"""How names, labels and headers are spelled in Prometheus text format 0.0.4."""

from ..engines.plan import Labels
from ..vocabulary.family import PREFIX, Family


def header(family: Family) -> str:
    """Return a family's HELP and TYPE lines."""
    name = PREFIX + family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"


def labels_text(labels: Labels) -> str:
    """Return labels in their braces, nothing where there are none."""
    return "{" + pairs(labels) + "}" if labels else ""


def pairs(labels: Labels) -> str:
    """Return labels without braces, their values escaped."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels)


def escaped(value: str) -> str:
    """Return a label's value as it stands between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
