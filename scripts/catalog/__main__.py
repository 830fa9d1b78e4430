"""Write what every release of the engines takes and shows: `exporter/preflight/catalog/`.

Downloads each release's package once into `.catalog/` and reads its syntax trees; nothing of it is
run. `--only` reads the releases of one engine.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import yaml

from .arguments import arguments
from .environment import environment
from .metrics import labels, metrics
from .packages import CACHE, sources
from .ranges import ranges
from .requires import requires

OUT: Final = Path("exporter/preflight/catalog")
_RELEASES: Final = Path(__file__).parent / "releases.yaml"
_MIN_REMAINING_SHARE: Final = 0.8
_SECTIONS: Final = {
    "metrics": metrics,
    "labels": labels,
    "arguments": arguments,
    "environment": environment,
}


def release_facts(engine: str, release: str) -> dict[str, dict[str, dict[str, object]]]:
    """Return every section's facts of one release."""
    texts = sources(engine, release)
    return {name: read(texts, engine) for name, read in _SECTIONS.items()} | {
        "requires": requires(engine, release)
    }


def main() -> None:
    """Write the catalogs."""
    parser = argparse.ArgumentParser(prog="python -m scripts.catalog", description=__doc__)
    releases_of = yaml.safe_load(_RELEASES.read_text("utf-8"))
    parser.add_argument("--only", choices=sorted(releases_of))
    only = parser.parse_args().only
    CACHE.mkdir(exist_ok=True)
    for engine, releases in releases_of.items():
        if only not in (None, engine):
            continue
        with ProcessPoolExecutor(2) as pool:
            facts = list(pool.map(release_facts, [engine] * len(releases), releases))
        catalog: dict[str, object] = {"engine": engine, "releases": releases}
        for section in (*_SECTIONS, "requires"):
            _check_sizes(
                section, {r: len(f[section]) for r, f in zip(releases, facts, strict=True)}
            )
            catalog[section] = ranges(releases, [each[section] for each in facts])
        (OUT / f"{engine}.json").write_text(_written(catalog), "utf-8")


def _check_sizes(section: str, sizes: dict[str, int]) -> None:
    """End where a release has far less than the one before: its files were not found."""
    for (old, before), (new, after) in pairwise(sizes.items()):
        if after < before * _MIN_REMAINING_SHARE:
            sys.exit(
                f"{section}: {before} in {old} and {after} in {new}: see where {new} defines them, "
                "and correct scripts/catalog"
            )


def _written(catalog: dict[str, object]) -> str:
    """Return JSON with a line a name, so that a change of one is a line of the diff."""
    lines = ["{"]
    for section, content in catalog.items():
        if isinstance(content, dict):
            rows = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in content.items()]
            lines.append(f" {json.dumps(section)}: {{\n" + ",\n".join(rows) + "\n },")
        else:
            lines.append(f" {json.dumps(section)}: {json.dumps(content)},")
    return "\n".join(lines).removesuffix(",") + "\n}\n"


if __name__ == "__main__":
    main()
