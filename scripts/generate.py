"""Writes what is generated: docs/metrics.md from the vocabulary, docs/support.md from recordings,
docs/gpu-sources.md from the GPU catalogs, and the dashboards.

`make generate` runs it; the pages are committed, and checked for drift before a change lands.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from alerts import build, reference
from alerts import values as alert_values
from dashboards.build import write as write_dashboards
from deploy import build as deploy
from exporter.compare.assess.effects import MEASURES as COMPARED
from exporter.compare.assess.result import Report
from exporter.derive.figures import FIGURES
from exporter.engines.catalog import engine_catalog
from exporter.engines.registry import ENGINES
from exporter.gpu.catalog import PAGES, GpuTerm, gpu_catalog
from exporter.publish.families import SECTIONS
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.snapshots import snapshots
from exporter.top import detail
from exporter.vocabulary.engine import BUCKETS, FAMILIES
from exporter.vocabulary.family import PREFIX, Family
from exporter.vocabulary.gpu import FAMILIES as GPU_FAMILIES

ROOT = Path(__file__).parent.parent
_NOTE = "<!-- Written by scripts/generate.py: change the source and run `make generate`. -->\n\n"


def metrics() -> str:
    """Return the reference of every published family."""
    parts = ["# Metrics\n\n", _NOTE]
    for section in SECTIONS:
        text = section.text.format(measures=", ".join(COMPARED))
        parts.append(
            f"## {section.title}\n\n{text}\n\n"
            "| name | type | labels | meaning |\n|---|---|---|---|\n"
        )
        parts += [_row(family) for family in section.families]
        parts.append("\n")
    parts += [_json_figures(), _meanings()]
    return "".join(parts).rstrip() + "\n"


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    lean = family.kind == "histogram" and family.name not in BUCKETS
    switch = " Its buckets are shown where `publish.buckets` lists it." if lean else ""
    return f"| `{PREFIX}{family.name}` | {family.kind} | {labels} | {family.help}{switch} |\n"


def _json_figures() -> str:
    parts = [
        "## Figures in the JSON\n\n`/api/v1/fleet` and `inferfleet probe --json` give each "
        "server's figures by these keys, null where unknown. Those with a gauge have it under the "
        "same name with the prefix `inferfleet_`; the others follow from the engine's own "
        "series.\n\n"
        "| key | unit | gauge | meaning |\n|---|---|---|---|\n"
    ]
    for figure in FIGURES:
        gauge = "yes" if figure.family else ""
        parts.append(
            f"| `{figure.name}` | {figure.unit} | {gauge} | {figure.title}: {figure.meaning} |\n"
        )
    return "".join([*parts, "\n"])


def _meanings() -> str:
    parts = [
        "## Meaning changes\n\nA number may keep its name and change its meaning. A comparison of "
        "two releases with a change between them leaves out what the change forbids.\n\n"
        "| engine | from | change | series | what changed | forbids comparing |\n"
        "|---|---|---|---|---|---|\n"
    ]
    for engine in ENGINES:
        for change in sorted(engine_catalog(engine).meanings, key=lambda meaning: meaning.at):
            series = ", ".join(f"`{PREFIX}{name}`" for name in change.series)
            forbids = ", ".join(change.forbids) or "no measure"
            if change.roles:
                forbids += f" (role {', '.join(change.roles)})"
            parts.append(
                f"| {engine} | {change.at} | {change.name} | {series} | {change.changed} "
                f"| {forbids} |\n"
            )
    return "".join(parts)


def support() -> str:
    """Return which canonical family each recorded server gives, and from which raw name."""
    paths = {
        **bundled_recordings(),
        **{p.name: p for p in sorted((ROOT / "tests" / "recordings").glob("*.tar.xz"))},
    }
    columns = {}
    for name, path in sorted(paths.items()):
        recording = load_recording(path)
        columns[name.removesuffix(".tar.xz").removesuffix("-cpu")] = _families(recording)
    parts = [
        "# What each engine and release gives\n\n",
        _NOTE,
        "Read off real servers: the recordings in the repository. A number is the count of "
        "samples on the server's last page, a blank means the engine did not report it there "
        "(many series appear on first use or only with a feature switched on).\n\n",
        "| series | " + " | ".join(columns) + " |\n",
        "|---|" + "---|" * len(columns) + "\n",
    ]
    for family in FAMILIES:
        cells = [str(counts.get(family.name, "")) for counts in columns.values()]
        parts.append(f"| `{family.name}` | " + " | ".join(cells) + " |\n")
    parts.append("\n" + _by_catalog())
    return "".join(parts)


def _families(recording: Recording) -> Counter[str]:
    """Return by family the count of samples on a recording's last page that was answered."""
    *_, last = snapshots(recording)
    return Counter(sample.family for sample in last.plan.samples)


def _by_catalog() -> str:
    titles = [engine.title for engine in ENGINES.values()]
    releases = [f"{ENGINES[name].title} {engine_catalog(name).releases}" for name in ENGINES]
    parts = [
        "## Raw names by engine\n\nThe first alternative on the page is taken; `+` adds names up. "
        f"{', '.join(releases)}.\n\n"
        f"| series | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}\n"
    ]
    for family in FAMILIES:
        cells = []
        for engine in ENGINES:
            options = [
                " + ".join(dict.fromkeys(f"`{term.raw}`" for term in option.terms))
                for option in engine_catalog(engine).families.get(family.name, ())
            ]
            cells.append(", else ".join(dict.fromkeys(options)))
        parts.append(f"| `{family.name}` | {' | '.join(cells)} |\n")
    return "".join(parts)


def _gpu_columns() -> dict[str, Mapping[str, str]]:
    """Return by source the raw names of each canonical family that it reports."""
    catalogs = [gpu_catalog(source) for source in PAGES]
    return {
        catalog.title: {family: _gpu_names(terms) for family, terms in catalog.families.items()}
        for catalog in catalogs
    }


def _gpu_names(terms: list[GpuTerm]) -> str:
    """Return a family's raw names: by label value, the preferred one first."""
    by_label: dict[str, list[str]] = {}
    for term in terms:
        names = " + ".join(f"`{name}`" for name in (term.raw, *term.plus))
        by_label.setdefault(", ".join(term.label.values()), []).append(names)
    return "; ".join(
        (f"{label}: " if label else "") + ", else ".join(names) for label, names in by_label.items()
    )


def gpu_sources() -> str:
    """Return which source of GPU telemetry reports which canonical family, and its raw name."""
    columns = _gpu_columns()
    parts = [
        "# Where GPU telemetry comes from\n\n",
        _NOTE,
        "The first name on the page with a value is taken. A name has one unit, so dcgm-exporter's "
        "names up to 4.8 and those of 4.9 are read side by side and come to the same numbers. "
        "Blank: the source does not report it.\n\n",
        "| series | " + " | ".join(columns) + " |\n",
        "|---|" + "---|" * len(columns) + "\n",
    ]
    for family in GPU_FAMILIES:
        cells = [names.get(family.name, "") for names in columns.values()]
        parts.append(f"| `{family.name}` | " + " | ".join(cells) + " |\n")
    parts.append("\n## Left out\n\n| source | name | why |\n|---|---|---|\n")
    for source in PAGES:
        for name, why in gpu_catalog(source).left_out.items():
            parts.append(f"| {source} | `{name}` | {why} |\n")
    return "".join(parts)


def schema() -> str:
    """Return the JSON schema of what `inferfleet compare --json` prints."""
    return json.dumps(Report.model_json_schema(), indent=2) + "\n"


def live_schema() -> str:
    """Return the JSON schema of a server's `detail` in what `inferfleet top --once` prints."""
    return json.dumps(detail.schema(), indent=2) + "\n"


def main() -> None:
    """Write every generated page."""
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "metrics.md").write_text(metrics(), encoding="utf-8")
    (docs / "support.md").write_text(support(), encoding="utf-8")
    (docs / "compare.schema.json").write_text(schema(), encoding="utf-8")
    (docs / "top.schema.json").write_text(live_schema(), encoding="utf-8")
    (docs / "alerts.md").write_text(reference.page(alert_values.load()), encoding="utf-8")
    build.write(None, build.GENERATED, "prometheus")
    (docs / "gpu-sources.md").write_text(gpu_sources(), encoding="utf-8")
    write_dashboards(ROOT / "dashboards" / "generated", alert_values.load())
    deploy.write()


if __name__ == "__main__":
    main()
