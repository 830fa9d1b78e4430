"""All dashboards as files: `NAME.json` for Grafana to load or to be imported."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from exporter.base.atomic_write import write_atomically
from exporter.base.errors import ConfigError

from .boards import cache, exporter, fleet, gpu, server, slo, upgrade
from .keep_labels import CLUSTER, with_keep_labels

_BUILDERS: Final = {
    "fleet": fleet.build,
    "server": server.build,
    "upgrade": upgrade.build,
    "cache": cache.build,
    "gpu": gpu.build,
    "slo": slo.build,
    "exporter": exporter.build,
}


def dashboards(keep_labels: Sequence[str] = (CLUSTER,)) -> dict[str, dict[str, Any]]:
    """Return every dashboard by its name; `keep_labels` are the rules' external labels."""
    return {name: with_keep_labels(build(), keep_labels) for name, build in _BUILDERS.items()}


def texts(keep_labels: Sequence[str] = (CLUSTER,)) -> Mapping[str, str]:
    """Return what each file holds, by its name."""
    return {
        f"{name}.json": json.dumps(dashboard, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, dashboard in dashboards(keep_labels).items()
    }


def write(folder: Path, keep_labels: Sequence[str] = (CLUSTER,)) -> list[Path]:
    """Write every dashboard into a folder and return the files; raises `ConfigError`."""
    files = {folder / name: content for name, content in texts(keep_labels).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(files)
    except OSError as error:
        raise ConfigError(f"cannot write dashboards into {folder}: {error.strerror}") from error
    return list(files)
