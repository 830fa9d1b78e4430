"""Options that several commands share, and how their values are read."""

from pathlib import Path
from typing import Annotated

import typer

from ..base.units import parse_duration

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]
Targets = Annotated[
    list[str] | None, typer.Option("--target", "-t", help="Server to watch; may be repeated.")
]
# the names with dots are those of Prometheus' own exporters
LogLevel = Annotated[
    str, typer.Option("--log-level", "--log.level", help="debug, info, warning or error.")
]
LogFormat = Annotated[str, typer.Option("--log.format", help="text, logfmt or json.")]
HttpConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--http-config", help="YAML file with credentials and TLS settings, keys as in `http`."
    ),
]
Headers = Annotated[
    list[str] | None, typer.Option("--header", help="HTTP header; may be repeated.")
]
Prometheus = Annotated[
    str, typer.Option("--prometheus", help="Base URL of a Prometheus-compatible API.")
]
OnlyModel = Annotated[
    str, typer.Option("--model", help="Only this model: a name or label matchers.")
]
Window = Annotated[str, typer.Option("--window", help="Length of the time range, up to its end.")]
Margin = Annotated[
    str,
    typer.Option("--margin", help="Smallest relative change that counts; by default the rules'."),
]
Effect = Annotated[str, typer.Option("--effect", help="Change of speed that is to be found.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
KeepLabels = Annotated[
    list[str] | None,
    typer.Option(
        "--keep-label",
        help="External label that sets clusters apart; may be given several times. By default "
        "those of the rules: cluster.",
    ),
]
QueryTimeout = Annotated[str, typer.Option("--timeout", help="Time limit of one query.")]


def positive_duration(text: str, option: str) -> float:
    """Return a duration in seconds; end the command with a sentence where it is none or 0."""
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    if length <= 0:
        raise typer.BadParameter(
            f"{text!r} is not above 0; write it like 1s or 15m", param_hint=option
        )
    return length
