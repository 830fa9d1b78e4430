"""The command line: sub-commands only, no logic."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from . import __version__
from .config import Config, load, parse, seconds
from .errors import InferfleetError

app = typer.Typer(
    name="inferfleet",
    help="Throughput per GPU, batch occupancy and prefix-cache hit rate of vLLM and SGLang fleets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="Configuration file.")]
Targets = Annotated[
    list[str] | None, typer.Option("--target", "-t", help="Server to watch; may be repeated.")
]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def _fail(error: InferfleetError) -> NoReturn:
    typer.echo(f"inferfleet: {error}", err=True)
    raise typer.Exit(2)


def _log(level: str) -> None:
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise typer.BadParameter(f"{level!r} is no log level; use debug, info, warning or error")
    logging.basicConfig(
        level=number, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("urllib3").setLevel(max(number, logging.ERROR))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inferfleet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watch fleets of vLLM and SGLang servers."""


@app.command()
def serve(
    config: ConfigFile = None,
    target: Targets = None,
    listen: Annotated[str | None, typer.Option(help="Address of the exporter's pages.")] = None,
    shard: Annotated[
        str | None, typer.Option(help="Watch one part of the servers, such as 0/3.")
    ] = None,
    log_level: LogLevel = "info",
) -> None:
    """Watch servers and serve /metrics and the status page."""
    _log(log_level)

    def read() -> Config:
        found = load(config) if config else Config()
        data = found.model_dump(exclude_unset=True)
        if target:
            data["targets"] = [*data.get("targets", []), *target]
        if listen:
            data["web"] = {**data.get("web", {}), "listen": listen}
        if shard:
            index, _, total = shard.partition("/")
            data["shard"] = {"index": index, "total": total}
        return parse(data, str(config) if config else "the command line")

    from .service import serve as run

    try:
        found = read()
        if not found.targets and found.discovery == Config().discovery:
            typer.echo("inferfleet: nothing to watch: give --target URL or --config F", err=True)
            raise typer.Exit(2)
        run(found, read)
    except InferfleetError as error:
        _fail(error)


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="Base address of the server.")],
    for_: Annotated[str, typer.Option("--for", help="How long to look.")] = "30s",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at one server: what it is, what it delivers per GPU, how full it is."""
    _log("error")
    from rich.console import Console
    from rich.progress import Progress

    from . import probe as one

    duration = _duration(for_)
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"sampling {url}", total=1.0)
            answer = one.probe(url, duration, lambda done: bar.update(task, completed=done))
    except InferfleetError as error:
        _fail(error)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        one.show(answer, Console())


@app.command("check-config")
def check_config(
    config: Annotated[Path, typer.Argument(help="Configuration file to check.")],
) -> None:
    """Check a configuration file and say what is wrong with it."""
    try:
        found = load(config)
    except InferfleetError as error:
        _fail(error)
    typer.echo(f"{config} is good: {len(found.targets)} listed targets")


@app.command()
def replay(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings to play as servers.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the first server.")] = 8100,
    speed: Annotated[float, typer.Option(help="How many times as fast.")] = 1.0,
    loop: Annotated[bool, typer.Option(help="Begin again at the end.")] = False,
) -> None:
    """Play recordings back as live servers."""
    from .replay.server import replay as run

    _until_interrupted(lambda: run(recordings, host, port, speed, loop))


@app.command()
def demo(
    listen: Annotated[str, typer.Option(help="Address of the status page.")] = "127.0.0.1:10190",
    for_: Annotated[
        str | None, typer.Option("--for", help="Stop by itself after this long.")
    ] = None,
) -> None:
    """Watch a small replayed fleet while it is upgraded."""
    _log("error")
    from .demo import run

    _until_interrupted(lambda: run(listen, _duration(for_) if for_ else None))


@app.command()
def dashboards(
    out: Annotated[Path, typer.Option(help="Folder to write them into.")],
) -> None:
    """Write the Grafana dashboards as JSON files."""
    from dashboards.build import write

    try:
        written = write(out)
    except OSError as error:
        typer.echo(f"inferfleet: {out} cannot be written to: {error.strerror}", err=True)
        raise typer.Exit(2) from None
    for path in written:
        typer.echo(path)


@app.command()
def rules(
    out: Annotated[Path, typer.Option(help="Folder to write the rules into.")],
    values: Annotated[
        Path | None, typer.Option(help="What differs from the shipped values, as YAML.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="prometheus (rule files) or operator (PrometheusRule).")
    ] = "prometheus",
) -> None:
    """Write recording rules and alerts for Prometheus."""
    from alerts.build import FORMATS, write

    form = FORMATS.get(format_)
    if form is None:
        known = " or ".join(FORMATS)
        raise typer.BadParameter(f"{format_!r} is no format; use {known}")
    try:
        for path in write(values, out, form):
            typer.echo(path)
    except InferfleetError as error:
        _fail(error)


def _duration(text: str) -> float:
    try:
        return float(str(seconds(text)))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _until_interrupted(run: Callable[[], None]) -> None:
    try:
        run()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except InferfleetError as error:
        _fail(error)
