"""Commands that write files: dashboards and rules."""

from pathlib import Path
from typing import Annotated

import typer

from ..base.errors import InferfleetError
from .process import fail


def dashboards(
    out: Annotated[Path, typer.Option(help="Folder to write the dashboards into.")],
    values: Annotated[
        Path | None,
        typer.Option(
            help="The rules' YAML file of values, for its labels, objectives and margins."
        ),
    ] = None,
) -> None:
    """Write the Grafana dashboards as JSON files."""
    from alerts.values import load
    from dashboards.build import write

    try:
        paths = write(out, load(values))
    except InferfleetError as error:
        fail(error)
    for path in paths:
        typer.echo(path)


def rules(
    out: Annotated[Path, typer.Option(help="Folder to write the rules into.")],
    values: Annotated[
        Path | None, typer.Option(help="YAML file of values that differ from the shipped ones.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="prometheus (rule files) or operator (PrometheusRule).")
    ] = "prometheus",
) -> None:
    """Write recording rules and alerts for Prometheus."""
    from alerts.build import FORMATS, write

    layout = FORMATS.get(format_)
    if layout is None:
        names = " or ".join(FORMATS)
        raise typer.BadParameter(f"{format_!r} is no format; use {names}", param_hint="--format")
    try:
        for path in write(values, out, layout):
            typer.echo(path)
    except InferfleetError as error:
        fail(error)
