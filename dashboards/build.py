"""All dashboards as files: `NAME.json` for Grafana to load or to be imported."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .boards import cache, exporter, fleet, gpu, server, slo, upgrade

_BUILDERS: Final = {
    "fleet": fleet.build,
    "server": server.build,
    "upgrade": upgrade.build,
    "cache": cache.build,
    "gpu": gpu.build,
    "slo": slo.build,
    "exporter": exporter.build,
}


def dashboards() -> dict[str, dict[str, Any]]:
    """Return every dashboard by its name."""
    return {name: build() for name, build in _BUILDERS.items()}


def texts() -> Mapping[str, str]:
    """Return what each file holds, by its name."""
    return {
        f"{name}.json": json.dumps(dashboard, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name, dashboard in dashboards().items()
    }


def write(folder: Path) -> list[Path]:
    """Write every dashboard into a folder, made where it is not there; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in texts().items():
        paths.append(folder / name)
        paths[-1].write_text(content, encoding="utf-8")
    return paths
