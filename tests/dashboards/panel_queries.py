"""A dashboard's queries as Grafana sends them: variables filled in, one request each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

Json = dict[str, Any]

STEP = 30
_NAME = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One query of one panel, and what came back: result type and result."""

    dashboard: str
    panel: str
    kind: str
    ref: str
    expr: str
    instant: bool
    result: list[Json]

    @property
    def name(self) -> str:
        """What the query is called in a test's report."""
        return f"{self.dashboard} / {self.panel} / {self.ref}"


def panels(dashboard: Json) -> Iterator[Json]:
    """Yield every panel that is no row, those in folded rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its variables filled in; an unknown one stays as it is."""
    return _NAME.sub(lambda match: values.get(match[1] or match[2], match[0]), text)


def variable_values(dashboard: Json, selected: Mapping[str, str]) -> dict[str, str]:
    """Return the variables' values: those selected, else everything, else their defaults."""
    values = {}
    for variable in dashboard["templating"]["list"]:
        current = variable.get("current", {}).get("value", "")
        selects_all = current == ["$__all"]
        values[variable["name"]] = variable["allValue"] if selects_all else str(current)
    return {**values, **selected}


def run_query(
    url: str, expr: str, start: float, end: float, instant: bool = False, step: int = STEP
) -> tuple[str, list[Json]]:
    """Return type and result of a query; raises `AssertionError` with the server's words."""
    params: dict[str, str | float] = {"query": expr}
    params |= {"time": end} if instant else {"start": start, "end": end, "step": step}
    path = "query" if instant else "query_range"
    answer = requests.post(f"{url}/api/v1/{path}", data=params, timeout=60).json()
    assert answer["status"] == "success", (expr, answer)
    return answer["data"]["resultType"], answer["data"]["result"]


def run_marks(
    url: str, dashboard: Json, selected: Mapping[str, str], start: float, end: float
) -> list[Json]:
    """Return the series of a dashboard's annotation, which marks upgrades."""
    values = variable_values(dashboard, selected) | {"__range": f"{end - start:.0f}s"}
    expr = interpolated(dashboard["annotations"]["list"][0]["expr"], values)
    return run_query(url, expr, start, end, step=60)[1]


def run_dashboard(
    url: str, name: str, dashboard: Json, selected: Mapping[str, str], start: float, end: float
) -> list[QueryResult]:
    """Return every query of a dashboard with its answer."""
    values = variable_values(dashboard, selected)
    values |= {"__rate_interval": f"{4 * STEP}s", "__range": f"{end - start:.0f}s"}
    results = []
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            expr = interpolated(target["expr"], values)
            instant = bool(target.get("instant"))
            _, result = run_query(url, expr, start, end, instant)
            results.append(
                QueryResult(
                    name, panel["title"], panel["type"], target["refId"], expr, instant, result
                )
            )
    return results
