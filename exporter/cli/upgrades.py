"""Commands that compare releases: compare and judge."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from ..base.errors import CompareError, InferfleetError
from ..compare.command import ERROR, FAILURES, Output, parse_verdicts
from .options import (
    AsJson,
    AsMarkdown,
    Headers,
    HttpConfigFile,
    KeepLabels,
    LogFormat,
    LogLevel,
    Margin,
    OnlyModel,
    Prometheus,
    QueryTimeout,
    Window,
    positive_duration,
)
from .process import configure_logging, run_until_interrupted

if TYPE_CHECKING:
    from alerts.values import Values


_RECORDINGS = "baseline_recording", "candidate_recording"
_HTML: Final = (".html", ".htm")
_NOT_OF_RECORDINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("prometheus", "baseline", "candidate", "model", "keep_label"),
        "the recordings are the sides; leave it out, or them",
    ),
    **dict.fromkeys(
        ("window", "from_", "to", "wait", "warm_up"),
        "a recording is compared whole; leave it out",
    ),
    **dict.fromkeys(
        ("http_config", "header", "timeout"),
        "recordings are files, nothing is asked for them; leave it out",
    ),
}
"""What recordings make of options that only the servers of a Prometheus need."""

WarmUp = Annotated[
    str,
    typer.Option(
        "--warm-up",
        help="How long after its start a server is not judged.",
    ),
]


class JudgeCommand(TyperCommand):
    """A command whose `--margin` and `--warm-up` are by default those of the rules.

    Their values are read only where such a command runs, since that takes a while.
    """

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)
        for param in params:
            if param.name == "margin" and not param.default:
                param.default = f"{100 * _shipped_values().matched.margin:g}%"
            if param.name == "warm_up" and not param.default:
                param.default = f"{_shipped_values().matched.warm_up / 60:g}m"
        return params


class CompareCommand(JudgeCommand):
    """Ends every fault with 4, its own too: 1, 2 and 3 are verdicts to `--gate`."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _faults_exit_with(ERROR):
            return super().make_context(*args, **kwargs)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        options = [
            text for param in self.params if param.name in _RECORDINGS for text in param.opts
        ]
        return super().parse_args(ctx, list(_one_value_an_option(args, options)))

    def invoke(self, ctx: Any) -> Any:
        with _faults_exit_with(ERROR):
            return super().invoke(ctx)


def _one_value_an_option(words: list[str], options: list[str]) -> Iterator[str]:
    """Yield the words of a command line with each of some options before each of its values.

    A shell puts all the names that a pattern stands for after the one option.
    """
    option, values = "", 0
    for word in words:
        if word.startswith("-"):
            option, values = word if word in options else "", 0
        elif option:
            values += 1
            if values > 1:
                yield option
        yield word


@contextmanager
def _faults_exit_with(code: int) -> Iterator[None]:
    try:
        yield
    except typer.Exit:
        raise
    except KeyboardInterrupt:
        raise typer.Exit(code) from None
    except InferfleetError as error:
        typer.echo(f"inferfleet: {error}", err=True)
        raise typer.Exit(code) from None
    except Exception as error:
        # all usage errors have this, those of click and of the copy within typer
        if hasattr(error, "format_message"):
            error.exit_code = code  # type: ignore[attr-defined]
            raise
        traceback.print_exc()
        typer.echo("inferfleet: a fault of inferfleet's own, please report it", err=True)
        raise typer.Exit(code) from None


def compare(
    ctx: typer.Context,
    baseline: Annotated[str, typer.Option(help="Baseline servers, as PromQL label matchers.")] = "",
    candidate: Annotated[
        str, typer.Option(help="Candidate servers, as PromQL label matchers.")
    ] = "",
    prometheus: Prometheus = "",
    baseline_recording: Annotated[
        list[str] | None,
        typer.Option(help="Recorded runs of the baseline, instead of --prometheus: one or more."),
    ] = None,
    candidate_recording: Annotated[
        list[str] | None, typer.Option(help="Recorded runs of the candidate: one or more.")
    ] = None,
    model: OnlyModel = "",
    window: Window = "7d",
    from_: Annotated[
        str, typer.Option("--from", help="Start of the time range, instead of --window.")
    ] = "",
    to: Annotated[str, typer.Option(help="End of the time range; now by default.")] = "",
    step: Annotated[
        str, typer.Option(help="Width of a window; chosen by the size of the fleet by default.")
    ] = "",
    margin: Margin = "",
    warm_up: WarmUp = "",
    wait: Annotated[
        str,
        typer.Option(help="Ask again until there is a verdict, for so long or until then."),
    ] = "",
    keep_label: KeepLabels = None,
    claim: Annotated[
        str, typer.Option(help="Promised change to check against the fleet, such as +56%.")
    ] = "",
    http_config: HttpConfigFile = None,
    header: Headers = None,
    timeout: QueryTimeout = "2m",
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
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
    fail_on: Annotated[
        str,
        typer.Option(help="Which of these verdicts to exit with their code for."),
    ] = "",
) -> None:
    """Say whether a release made the fleet slower or faster at the same work."""
    configure_logging("error")
    from ..compare.command import main
    from ..config import expand

    if as_json and as_markdown:
        raise CompareError("--markdown: standard output is --json already; give one of the two")
    if report is not None and (report.is_dir() or not report.parent.is_dir()):
        # said before minutes of reading, not after them
        fault = "it is a folder" if report.is_dir() else "No such file or directory"
        raise CompareError(f"--report: {report} cannot be written: {fault}")
    if report is not None and report.suffix.lower() not in _HTML:
        raise CompareError(f"--report: {report}: the report is HTML; name it {report.stem}.html")
    if baseline_recording or candidate_recording:
        _refuse_options_of_servers(ctx)
    failures = FAILURES if gate else ()
    if fail_on:
        if gate:
            raise CompareError("--gate: is --fail-on with all verdicts; give one of the two")
        failures = parse_verdicts(fail_on, "--fail-on")
    code = main(
        {
            "baseline": baseline,
            "candidate": candidate,
            "prometheus": expand(prometheus, "--prometheus"),
            "baseline_recordings": tuple(baseline_recording or ()),
            "candidate_recordings": tuple(candidate_recording or ()),
            "model": model,
            "window": positive_duration(window, "--window"),
            "from": from_,
            "to": to,
            "step": positive_duration(step, "--step") if step else None,
            "margin": margin,
            "warm_up": positive_duration(warm_up, "--warm-up"),
            "wait": wait,
            "keep_labels": tuple(keep_label or _shipped_values().keep_labels),
            "claim": claim,
            "http_config": http_config,
            "headers": tuple(header or ()),
            "timeout": positive_duration(timeout, "--timeout"),
        },
        Output(as_json, as_markdown, report, failures),
    )
    raise typer.Exit(code)


def _refuse_options_of_servers(ctx: typer.Context) -> None:
    """Raise `CompareError` for the first option given that recordings leave without a meaning."""
    for param in ctx.command.params:
        remedy = _NOT_OF_RECORDINGS.get(param.name or "")
        source = ctx.get_parameter_source(param.name or "")
        if remedy and source is not None and source.name == "COMMANDLINE":
            raise CompareError(f"{param.opts[0]}: {remedy}")


def judge(
    prometheus: Prometheus,
    baseline: Annotated[
        str, typer.Option(help="As for compare; by default the release before the newest upgrade.")
    ] = "",
    candidate: Annotated[
        str, typer.Option(help="As for compare; by default the newest release.")
    ] = "",
    model: OnlyModel = "",
    window: Window = "7d",
    margin: Margin = "",
    keep_label: KeepLabels = None,
    every: Annotated[str, typer.Option(help="Interval between runs.")] = "5m",
    listen: Annotated[
        str,
        typer.Option("--listen", "--web.listen-address", help="Address of the metrics page."),
    ] = "127.0.0.1:10191",
    state: Annotated[
        Path | None, typer.Option(help="File that keeps the verdicts across restarts.")
    ] = None,
    http_config: HttpConfigFile = None,
    header: Headers = None,
    timeout: QueryTimeout = "2m",
    once: Annotated[
        bool, typer.Option("--once", help="Run once, print the metrics and exit.")
    ] = False,
    log_level: LogLevel = "info",
    log_format: LogFormat = "text",
) -> None:
    """Judge upgrades on a schedule and publish the verdicts as metrics."""
    configure_logging(log_level, log_format)
    from ..compare.command import judge as run
    from ..config import expand

    def run_forever() -> None:
        run(
            {
                "prometheus": expand(prometheus, "--prometheus"),
                "baseline": baseline,
                "candidate": candidate,
                "model": model,
                "window": positive_duration(window, "--window"),
                "margin": margin,
                "warm_up": _shipped_values().matched.warm_up,
                "keep_labels": tuple(keep_label or _shipped_values().keep_labels),
                "http_config": http_config,
                "headers": tuple(header or ()),
                "timeout": positive_duration(timeout, "--timeout"),
            },
            positive_duration(every, "--every"),
            expand(listen, "--listen"),
            state,
            once,
        )

    run_until_interrupted(run_forever)


def _shipped_values() -> "Values":
    """Return what the shipped rules are made from."""
    from alerts.values import load

    return load()
