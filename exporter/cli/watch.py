"""Commands that watch servers, record them or play them back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..base.errors import InferfleetError
from ..base.untrusted import printable
from .options import ConfigFile, HttpConfigFile, LogFormat, LogLevel, Targets, positive_duration
from .process import configure_logging, fail, run_until_interrupted

if TYPE_CHECKING:
    from ..config import Config


def serve(
    config: ConfigFile = None,
    target: Targets = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", "--web.listen-address", help="Address of the exporter's pages."),
    ] = None,
    web_config_file: Annotated[
        Path | None,
        typer.Option("--web.config.file", help="TLS and authentication of the exporter's pages."),
    ] = None,
    shard: Annotated[
        str | None, typer.Option(help="Watch one part of the servers, such as 0/3.")
    ] = None,
    log_level: LogLevel = "info",
    log_format: LogFormat = "text",
) -> None:
    """Watch servers and serve /metrics and the status page."""
    configure_logging(log_level, log_format)

    from .serve_config import serve_config
    from .service import serve as run

    def read_config() -> "Config":
        return serve_config(config, target or (), listen, web_config_file, shard)

    try:
        run(read_config(), read_config)
    except InferfleetError as error:
        fail(error)


def probe(
    url: Annotated[str, typer.Argument(help="Base address of the server.")],
    for_: Annotated[str, typer.Option("--for", help="How long to sample.")] = "30s",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sample one server: what it is, what it delivers per GPU, how full it is."""
    configure_logging("error")
    from rich.console import Console
    from rich.progress import Progress

    from ..config import expand
    from .probe import probe as run
    from .probe import show

    duration, console = positive_duration(for_, "--for"), Console(stderr=True)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(f"sampling {url}", total=1.0)
            answer = run(
                expand(url, "the address"),
                duration,
                lambda share: bar.update(task, completed=share),
            )
    except InferfleetError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        # what a server calls itself is no markup
        show(printable(answer), Console(markup=False, emoji=False))


def check_config(
    config: Annotated[Path, typer.Argument(help="Configuration file to check.")],
) -> None:
    """Check a configuration file and say all that is wrong with it."""
    from .check_config import check_config as check

    try:
        checked = check(config)
    except InferfleetError as error:
        fail(error)
    count = len(checked.targets)
    typer.echo(f"{config} is good: {count} listed target{'s' * (count != 1)}")


def record(
    url: Annotated[str, typer.Argument(help="Base address of the server.")],
    out: Annotated[Path, typer.Option(help="File to write, NAME.tar.xz.")],
    for_: Annotated[str, typer.Option("--for", help="How long to record.")] = "10m",
    every: Annotated[str, typer.Option(help="Time between two pages.")] = "2s",
    http_config: HttpConfigFile = None,
) -> None:
    """Record a live server: its pages, what it says of itself, its GPUs; secrets are left out."""
    configure_logging("error")
    from rich.console import Console
    from rich.progress import Progress

    from .record import record as run
    from .record import summary

    duration, console = positive_duration(for_, "--for"), Console(stderr=True)
    interval = positive_duration(every, "--every")
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(f"recording {url}", total=1.0)
            recorded = run(
                url,
                out,
                duration,
                interval,
                http_config,
                lambda share: bar.update(task, completed=share),
            )
    except InferfleetError as error:
        fail(error)
    typer.echo(summary(out, recorded))


def replay(
    recordings: Annotated[
        list[str], typer.Argument(help="Recordings to play: files, or names of bundled ones.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the first server.")] = 8100,
    speed: Annotated[
        float,
        typer.Option(
            help="Playback speed: 2 is twice as fast, and shows work that no engine could do."
        ),
    ] = 1.0,
    loop: Annotated[bool, typer.Option(help="Start over at the end.")] = False,
) -> None:
    """Play recordings back as live servers."""
    from ..replay.server import replay as run

    run_until_interrupted(lambda: run(recordings, host, port, speed, loop))


def demo(
    listen: Annotated[str, typer.Option(help="Address of the status page.")] = "127.0.0.1:10190",
    for_: Annotated[str | None, typer.Option("--for", help="Stop after this time.")] = None,
) -> None:
    """Watch a small replayed fleet while it is upgraded."""
    configure_logging("error")
    from .demo.run import run

    run_until_interrupted(lambda: run(listen, positive_duration(for_, "--for") if for_ else None))
