"""Commands that watch servers, record them or play them back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..base.errors import InferfleetError
from ..base.standard_output import output_console, write_output
from ..base.untrusted import one_line, printable
from .options import (
    AsJson,
    ConfigFile,
    HttpConfigFile,
    LogFormat,
    LogLevel,
    Targets,
    positive_duration,
)
from .process import (
    configure_logging,
    fail,
    interrupt_on_termination,
    run_until_interrupted,
)

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
    as_json: AsJson = False,
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
        if as_json:
            write_output(json.dumps(answer, indent=2) + "\n")
        else:
            # what a server calls itself is no markup
            with output_console(markup=False) as page:
                show(printable(answer), page)
    except InferfleetError as error:
        fail(error)


def top(
    urls: Annotated[
        list[str] | None, typer.Argument(help="Base addresses of servers.", metavar="URL")
    ] = None,
    config: ConfigFile = None,
    interval: Annotated[
        str | None, typer.Option(help="Time between two samples of a server [2s, once: 1s].")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Time that rates and quantiles cover [60s].")
    ] = None,
    ttft: Annotated[
        str | None, typer.Option(help="Objective of the time to the first token, such as 1s.")
    ] = None,
    itl: Annotated[
        str | None, typer.Option(help="Objective of the time between tokens, such as 50ms.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option(help="The rules' YAML file of values, for its objectives.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print one snapshot as JSON.")] = False,
    for_: Annotated[str, typer.Option("--for", help="With --once: how long to sample.")] = "10s",
) -> None:
    """Watch one server or a fleet live in the terminal.

    Concurrency, throughput, latency quantiles, caches, objectives, GPUs,
    what bounds each server, its load curve so far, and what it has needed of
    what it was given. Enter opens a server, Esc goes back, ? explains keys.

    Quantiles are no finer than the engine's buckets. What an engine does not
    tell is absent and never 0.
    """
    from alerts.values import load

    from ..config import Config
    from ..top.command import ONCE_INTERVAL, objectives_of, show, snapshot, top_config

    times = {
        flag: positive_duration(text, flag) if text else None
        for flag, text in (
            ("--interval", interval),
            ("--window", window),
            ("--ttft", ttft),
            ("--itl", itl),
        )
    }
    duration = positive_duration(for_, "--for")
    try:
        objectives = objectives_of(load(values), times["--ttft"], times["--itl"])
        if once and config is None:
            times["--interval"] = times["--interval"] or ONCE_INTERVAL
            times["--window"] = times["--window"] or max(duration, Config().window)
        watched = top_config(config, urls or (), times["--interval"], times["--window"])
        if once:
            configure_logging("error")
            write_output(json.dumps(snapshot(watched, objectives, duration), indent=2) + "\n")
        else:
            show(watched, objectives)
    except InferfleetError as error:
        fail(error)


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
    client_result: Annotated[
        list[Path] | None,
        typer.Option(
            help="Result that a load client is to write: becomes a load phase. It ends once all "
            "have come.",
        ),
    ] = None,
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
    interrupt_on_termination()
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
                client_result or (),
            )
    except InferfleetError as error:
        fail(error)
    typer.echo(summary(out, recorded))
    for fault in recorded.faults:
        text = one_line(fault, len(fault))
        typer.echo(f"--client-result: {text}; it gives no load phase", err=True)


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
