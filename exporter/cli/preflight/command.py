"""The options of `preflight`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ...base.errors import InferfleetError, PreflightError
from ..options import (
    AsJson,
    AsMarkdown,
    Effect,
    Headers,
    HttpConfigFile,
    KeepLabels,
    Margin,
    OnlyModel,
    QueryTimeout,
    Window,
    positive_duration,
)
from ..process import configure_logging, fail
from .question import LiveQuestion

_FAIL_ON = ("error", "warning", "never")
_Paths = list[Path] | None


def preflight(
    old: Annotated[str, typer.Option("--from", help="Release in use, such as vllm==0.19.1.")],
    new: Annotated[str, typer.Option("--to", help="Release to upgrade to.")],
    dashboards: Annotated[
        _Paths, typer.Option(help="Grafana dashboards: a file or folder; may be repeated.")
    ] = None,
    rules: Annotated[
        _Paths, typer.Option(help="Prometheus rules: a file or folder; may be repeated.")
    ] = None,
    manifests: Annotated[
        _Paths,
        typer.Option(help="Manifests and compose files: a file or folder; may be repeated."),
    ] = None,
    args: Annotated[
        str | None, typer.Option(help="The server's command line, or its arguments.")
    ] = None,
    env: Annotated[
        Path | None, typer.Option(help="The server's variables, a file of lines NAME=VALUE.")
    ] = None,
    servers: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many servers there are, for the plan; else the manifests' replicas."
        ),
    ] = None,
    prometheus: Annotated[
        str,
        typer.Option(help="Base URL of a Prometheus-compatible API, to plan by the fleet's past."),
    ] = "",
    model: OnlyModel = "",
    window: Window = "3d",
    effect: Effect = "5%",
    margin: Margin = "",
    keep_label: KeepLabels = None,
    http_config: HttpConfigFile = None,
    header: Headers = None,
    timeout: QueryTimeout = "2m",
    gate: Annotated[
        str, typer.Option(help="Fill in a gate for the rollout: argo, flagger or job.")
    ] = "",
    diff: Annotated[bool, typer.Option("--diff", help="Print corrected files as a diff.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Write corrections into files.")] = False,
    details: Annotated[bool, typer.Option("--details", help="Print what weighs little.")] = False,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF to a file.")] = None,
    fail_on: Annotated[
        str, typer.Option(help="Exit with 1 on this or worse: error, warning or never.")
    ] = "error",
) -> None:
    """Say what an upgrade will break: dashboards, rules, autoscalers, arguments, comparisons."""
    configure_logging("error")
    from ...preflight.plan.gates import GATES

    if fail_on not in _FAIL_ON:
        raise typer.BadParameter(
            f"{fail_on!r} is none of {', '.join(_FAIL_ON)}", param_hint="--fail-on"
        )
    chosen = next((each for each in GATES if each == gate), None)
    if gate and chosen is None:
        raise typer.BadParameter(f"{gate!r} is none of {', '.join(GATES)}", param_hint="--gate")
    _refuse_two(("--json", as_json), ("--markdown", as_markdown), ("--diff", diff))
    _refuse_two(("--fix", fix), ("--diff", diff))
    asked = LiveQuestion(
        prometheus=prometheus,
        model=model,
        window=positive_duration(window, "--window"),
        effect=effect,
        margin=margin,
        http_config=http_config,
        headers=tuple(header or ()),
        keep_labels=tuple(keep_label or ()),
        timeout=positive_duration(timeout, "--timeout"),
    )
    try:
        _require_parser()
        from ...preflight.upgrade import parse_upgrade
        from . import run
        from .planning import plan_for

        upgrade = parse_upgrade(old, new)
        paths = [*(dashboards or ()), *(rules or ()), *(manifests or ())]
        reviewed = run.reviewed(upgrade, paths, args, env)
        if fix:
            run.correct(reviewed)
        if sarif is not None:
            run.write_sarif(sarif, reviewed, details)
        if diff:
            run.show_differences(reviewed)
        else:
            plan = plan_for(reviewed, servers or reviewed.servers, asked, chosen)
            form: run.Form = "json" if as_json else "markdown" if as_markdown else "text"
            run.show(reviewed, plan, form, details)
    except InferfleetError as error:
        fail(error)
    raise typer.Exit(run.exit_code(reviewed, fail_on))


def _refuse_two(*options: tuple[str, bool]) -> None:
    given = [name for name, is_given in options if is_given]
    if len(given) > 1:
        first, second, *_ = given
        raise typer.BadParameter(
            f"it is given with {first}, and the command does one of the two; leave one out",
            param_hint=second,
        )


def _require_parser() -> None:
    if find_spec("promql_parser") is None:
        raise PreflightError(
            "preflight needs promql-parser: run pip install 'inferfleet[preflight]'"
        )
