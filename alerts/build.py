"""Rules put together and written: Prometheus rule files, or PrometheusRule resources."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from exporter.base.atomic_write import write_atomically
from exporter.base.errors import ConfigError

from . import cost
from .alerting import engine, exporter, gpu, rollout, slo, upgrades
from .model import Alert, Group, Record, as_dict
from .recording import burn, gpu_names, levels, outliers, workloads
from .values import Values, load

Format = Literal["prometheus", "operator"]
FORMATS: Final[dict[str, Format]] = {"prometheus": "prometheus", "operator": "operator"}
Source = Callable[[Values], tuple[Group, ...]]

# file name -> its sources, in the order in which their series build on each other
FILES: Final[dict[str, tuple[Source, ...]]] = {
    "recording": (
        gpu_names.groups,
        levels.groups,
        cost.groups,
        workloads.groups,
        outliers.groups,
        burn.groups,
    ),
    "alerts": (
        upgrades.groups,
        rollout.groups,
        engine.groups,
        slo.groups,
        gpu.groups,
        exporter.groups,
    ),
}
GENERATED: Final = Path(__file__).with_name("generated")
_NOTE: Final = "# Written by `inferfleet rules` from alerts/values.yaml; change values, not this.\n"


def groups(values: Values) -> dict[str, tuple[Group, ...]]:
    """Return every group by the file it stands in."""
    return {
        name: tuple(group for source in sources for group in source(values))
        for name, sources in FILES.items()
    }


def alerts(values: Values) -> list[Alert]:
    """Return every alert that is switched on, in the order of the files."""
    return [rule for rule in _rules(values) if isinstance(rule, Alert)]


def records(values: Values) -> list[Record]:
    """Return every recording rule, in the order of the files."""
    return [rule for rule in _rules(values) if isinstance(rule, Record)]


def everything(values: Values) -> Values:
    """Return the values with every alert switched on."""
    enabled = {
        name: alert.model_copy(update={"enabled": True}) for name, alert in values.alerts.items()
    }
    return values.model_copy(update={"alerts": enabled})


def files(values: Values, form: Format) -> dict[str, str]:
    """Return the text of every file by its name."""
    return {
        f"inferfleet-{name}.yaml": text(parts, form, f"inferfleet-{name}")
        for name, parts in groups(values).items()
    }


def text(parts: Sequence[Group], form: Format, name: str) -> str:
    """Return groups as one YAML document; `name` is that of the PrometheusRule resource."""
    body: dict[str, Any] = {"groups": [_group(group) for group in parts]}
    if form == "operator":
        body = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name},
            "spec": body,
        }
    return _NOTE + yaml.safe_dump(body, sort_keys=False, width=100, allow_unicode=True)


def write(values_file: Path | None, out: Path, form: Format) -> list[Path]:
    """Write the rules into a folder and return the files; raises `ConfigError`."""
    texts = {out / name: text for name, text in files(load(values_file), form).items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(texts)
    except OSError as error:
        raise ConfigError(f"cannot write rules into {out}: {error.strerror}") from error
    return list(texts)


def _rules(values: Values) -> Iterator[Record | Alert]:
    for parts in groups(values).values():
        for group in parts:
            yield from group.rules


def _group(group: Group) -> dict[str, Any]:
    head = {"name": group.name} | ({"interval": group.interval} if group.interval else {})
    return head | {"rules": [as_dict(rule) for rule in group.rules]}
