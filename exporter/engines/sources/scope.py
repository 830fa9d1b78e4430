"""What a source's report is worth where its server is one of several on a page, or has no GPU."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from .facts import Source, SourceReport

_OF_PAGE: Final[tuple[Source, ...]] = ("metrics", "cache_config_info", "declared")
"""Sources that are read apart for each model of a page."""

_GPUS: Final = ("gpus", "data_parallel_local")
"""Facts about all that is behind a port, which a source knows of one engine alone."""


def reports_on_model(reports: Iterable[SourceReport], model: str | None) -> list[SourceReport]:
    """Return the reports that speak of a model: its own, and those that name it.

    Whoever serves a page of several models answers for one of them, or for itself.
    """
    return [
        report
        for report in reports
        if report.source in _OF_PAGE or (model and report.values.get("model") == model)
    ]


def on_cpu(reports: Iterable[SourceReport]) -> bool:
    """Whether a source says that the server runs on a CPU, which its other options do not tell."""
    return any(report.values.get("device") == "cpu" for report in reports)


def without_gpus(reports: Iterable[SourceReport], declared: int | None) -> list[SourceReport]:
    """Return reports without the number of GPUs, which each source knows for one engine.

    `declared` is the number that an operator declared, which is of all of them.
    """
    reports_on_server = []
    for report in reports:
        values = {name: value for name, value in report.values.items() if name not in _GPUS}
        if declared and report.source == "declared":
            values["gpus"] = declared
        reports_on_server.append(replace(report, values=values))
    return reports_on_server
