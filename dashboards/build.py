"""All dashboards as files: `NAME.json` for Grafana to load or to be imported."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts.values import Values
from exporter.base.atomic_write import write_atomically
from exporter.base.errors import ConfigError

from .boards import cache, exporter, gpu, server, slo, upgrade
from .boards.fleet import board as fleet
from .keep_labels import with_keep_labels


def dashboards(values: Values) -> dict[str, dict[str, Any]]:
    """Return every dashboard by its name; `values` are the rules'."""
    boards = {
        "fleet": fleet.build(values.slo),
        "server": server.build(),
        "upgrade": upgrade.build(values.matched),
        "cache": cache.build(),
        "gpu": gpu.build(),
        "slo": slo.build(values.slo),
        "exporter": exporter.build(),
    }
    return {name: with_keep_labels(board, values.keep_labels) for name, board in boards.items()}


def texts(values: Values) -> Mapping[str, str]:
    """Return what each file holds, by its name."""
    return {
        f"{name}.json": json.dumps(dashboard, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, dashboard in dashboards(values).items()
    }


def write(folder: Path, values: Values) -> list[Path]:
    """Write every dashboard into a folder and return the files; raises `ConfigError`."""
    files = {folder / name: content for name, content in texts(values).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(files)
    except OSError as error:
        raise ConfigError(f"cannot write dashboards into {folder}: {error.strerror}") from error
    return list(files)
