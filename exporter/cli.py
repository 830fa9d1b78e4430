"""The command line: sub-commands only, no logic."""

import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from . import __version__
from .config import Config, load_config, parse_config
from .errors import ConfigError, InferfleetError
from .units import parse_duration

if TYPE_CHECKING:
    from alerts.recording.settings import Settings

app = typer.Typer(
    name="inferfleet",
    help="Throughput per GPU, batch occupancy and prefix-cache hit rate of vLLM and SGLang fleets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class _Judgement(TyperCommand):
    """A command that judges by the rules' own margin unless it is given another.

    The shipped values are read only here, so that no other command waits for them.
    """

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)
        for param in params:
            if param.name == "margin" and not param.default:
                param.default = f"{100 * _shipped().margin:g}%"
        return params


class _Comparison(_Judgement):
    """Ends a wrong option with 4, as every fault of compare: 2 would be a verdict to `--gate`."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _ending(4):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _ending(4):
            return super().invoke(ctx)


@contextmanager
def _ending(code: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # what all usage errors have, of click and of the one within typer
        if hasattr(error, "format_message"):
            error.exit_code = code  # type: ignore[attr-defined]
        raise


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
        found = load_config(config) if config else Config()
        data = found.model_dump(exclude_unset=True)
        if target:
            data["targets"] = [*data.get("targets", []), *target]
        if listen:
            data["web"] = {**data.get("web", {}), "listen": listen}
        if shard:
            index, _, total = shard.partition("/")
            if not (index.isdecimal() and total.isdecimal()):
                raise ConfigError(f"--shard: {shard!r} is no shard; write it like 0/3")
            data["shard"] = {"index": index, "total": total}
        taken = parse_config(data, str(config) if config else "the command line")
        if not taken.targets and taken.discovery == Config().discovery:
            where = f"{config} names no server: list targets or a section of discovery"
            raise ConfigError(
                f"nothing to watch: {where if config else 'give --target URL or --config F'}"
            )
        return taken

    from .service import serve as run

    try:
        run(read(), read)
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

    duration, console = _duration(for_, "--for"), Console(stderr=True)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(f"sampling {url}", total=1.0)
            answer = one.probe(url, duration, lambda done: bar.update(task, completed=done))
    except InferfleetError as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
    else:
        one.show(answer, Console())


@app.command("check-config")
def check_config(
    config: Annotated[Path, typer.Argument(help="Configuration file to check.")],
) -> None:
    """Check a configuration file and say what is wrong with it."""
    from .service import check

    try:
        found = load_config(config)
        check(found)
    except InferfleetError as error:
        _fail(error)
    count = len(found.targets)
    typer.echo(f"{config} is good: {count} listed target{'s' * (count != 1)}")


@app.command()
def replay(
    recordings: Annotated[
        list[str], typer.Argument(help="Recordings to play as servers: files, or names of ours.")
    ],
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

    _until_interrupted(lambda: run(listen, _duration(for_, "--for") if for_ else None))


@app.command(cls=_Comparison)
def compare(
    baseline: Annotated[str, typer.Option(help="Baseline servers, as PromQL label matchers.")] = "",
    candidate: Annotated[
        str, typer.Option(help="Candidate servers, as PromQL label matchers.")
    ] = "",
    prometheus: Annotated[str, typer.Option(help="Base URL of a Prometheus-compatible API.")] = "",
    recording: Annotated[
        list[str] | None, typer.Option(help="Recording to compare; give it twice, baseline first.")
    ] = None,
    model: Annotated[str, typer.Option(help="Only this model: a name or label matchers.")] = "",
    window: Annotated[str, typer.Option(help="Length of the time range, up to its end.")] = "7d",
    from_: Annotated[
        str, typer.Option("--from", help="Start of the time range, instead of --window.")
    ] = "",
    to: Annotated[str, typer.Option(help="End of the time range; now by default.")] = "",
    step: Annotated[
        str, typer.Option(help="Width of a window; chosen by the size of the fleet by default.")
    ] = "",
    margin: Annotated[str, typer.Option(help="Smallest relative change that counts.")] = "",
    claim: Annotated[
        str, typer.Option(help="Promised change to check against the fleet, such as +56%.")
    ] = "",
    http_config: Annotated[
        Path | None,
        typer.Option(help="YAML file with credentials and TLS settings, keys as in `http`."),
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="HTTP header; may be repeated.")] = None,
    timeout: Annotated[str, typer.Option(help="Time limit of one query.")] = "2m",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the report as Markdown.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="File to write the report to, as HTML.")
    ] = None,
    gate: Annotated[
        bool,
        typer.Option(
            "--gate",
            help="Exit with 1 for a regression, 2 if inconclusive, 3 if not comparable.",
        ),
    ] = False,
) -> None:
    """Say whether a release made the fleet slower or faster at the same work."""
    _log("error")
    from .compare.command import ERROR, Output, main

    try:
        code = main(
            {
                "baseline": baseline,
                "candidate": candidate,
                "prometheus": prometheus,
                "recordings": tuple(recording or ()),
                "model": model,
                "window": _duration(window, "--window"),
                "from": from_,
                "to": to,
                "step": _duration(step, "--step") if step else None,
                "margin": margin,
                "warm_up": _shipped().warm_up,
                "claim": claim,
                "http_config": http_config,
                "headers": tuple(header or ()),
                "timeout": _duration(timeout, "--timeout"),
            },
            Output(as_json, as_markdown, report, gate),
        )
    except InferfleetError as error:
        typer.echo(f"inferfleet: {error}", err=True)
        raise typer.Exit(ERROR) from None
    raise typer.Exit(code)


@app.command(cls=_Judgement)
def judge(
    prometheus: Annotated[str, typer.Option(help="Base URL of a Prometheus-compatible API.")],
    baseline: Annotated[
        str, typer.Option(help="As for compare; by default the release before the newest upgrade.")
    ] = "",
    candidate: Annotated[
        str, typer.Option(help="As for compare; by default the newest release.")
    ] = "",
    model: Annotated[str, typer.Option(help="Only this model: a name or label matchers.")] = "",
    window: Annotated[str, typer.Option(help="Length of the time range, up to its end.")] = "7d",
    margin: Annotated[str, typer.Option(help="Smallest relative change that counts.")] = "",
    every: Annotated[str, typer.Option(help="Interval between runs.")] = "15m",
    listen: Annotated[str, typer.Option(help="Address of the metrics page.")] = "127.0.0.1:10191",
    state: Annotated[
        Path | None, typer.Option(help="File that keeps the verdicts across restarts.")
    ] = None,
    http_config: Annotated[
        Path | None,
        typer.Option(help="YAML file with credentials and TLS settings, keys as in `http`."),
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="HTTP header; may be repeated.")] = None,
    timeout: Annotated[str, typer.Option(help="Time limit of one query.")] = "2m",
    once: Annotated[
        bool, typer.Option("--once", help="Run once, print the metrics and exit.")
    ] = False,
    log_level: LogLevel = "info",
) -> None:
    """Judge upgrades on a schedule and publish the verdicts as metrics."""
    _log(log_level)
    from .compare.command import judge as run

    flags = {
        "prometheus": prometheus,
        "baseline": baseline,
        "candidate": candidate,
        "model": model,
        "window": _duration(window, "--window"),
        "margin": margin,
        "warm_up": _shipped().warm_up,
        "http_config": http_config,
        "headers": tuple(header or ()),
        "timeout": _duration(timeout, "--timeout"),
    }
    _until_interrupted(lambda: run(flags, _duration(every, "--every"), listen, state, once))


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


def _shipped() -> "Settings":
    """Return how the shipped rules judge an upgrade."""
    from alerts.values import load

    return load().matched


def _duration(text: str, option: str) -> float:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    if length <= 0:
        raise typer.BadParameter(f"{text!r} is no time at all; give 1s or more", param_hint=option)
    return length


def _until_interrupted(run: Callable[[], None]) -> None:
    # the first process of a container is not ended by SIGTERM unless it asks to be
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except InferfleetError as error:
        _fail(error)
