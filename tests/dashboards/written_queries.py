"""The queries in the files of deploy/, in the documents and in the runbooks."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def selectors(text: str) -> Iterator[tuple[str, str]]:
    """Yield the selectors of the exporter's series in a text: name and matchers."""
    for match in re.finditer(r"((?<![\w:])(?:\w+:)?inferfleet_[\w:]*)(?:\{([^}]*)\})?", text):
        yield match[1], re.sub(r"\{\{.*?\}\}", "", match[2] or "")


def by_place() -> dict[str, str]:
    """Return the queries by file and number."""
    queries = dict[str, str]()
    for path in sorted((ROOT / "deploy" / "kubernetes").rglob("*.yaml")):
        if not {"monitoring", "grafana-operator"} & set(path.parts):
            text = path.read_text(encoding="utf-8")
            for i, query in enumerate(_queries(list(yaml.safe_load_all(text)))):
                queries[f"{path.name} {i}"] = query
    for path in (*(ROOT / "docs").glob("*.md"), *(ROOT / "alerts" / "runbooks").glob("*.md")):
        blocks = re.findall(r"```promql\n(.*?)\n```", path.read_text(encoding="utf-8"), re.S)
        queries |= {f"{path.name} {i}": block for i, block in enumerate(blocks)}
    return queries


def _queries(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(query := part.get("query"), str):
            yield query
        for inner in part.values():
            yield from _queries(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _queries(inner)
