"""The command line: sub-commands only, no logic."""

import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from .bench.command import bench_plan
from .generate import dashboards, rules
from .preflight.command import preflight
from .servers import check_config, demo, probe, record, replay, serve, top
from .upgrades import CompareCommand, JudgeCommand, compare, judge


class Commands(TyperGroup):
    """The commands, on terminals of any encoding: what it lacks is written as `\\xb0`."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)


app = typer.Typer(
    name="inferfleet",
    cls=Commands,
    help="Throughput per GPU, batch occupancy and prefix-cache hit rate of vLLM and SGLang fleets.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(enabled: bool) -> None:
    if enabled:
        typer.echo(f"inferfleet {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Watch fleets of vLLM and SGLang servers."""


def _examples(*lines: str) -> str:
    """Return examples as they stand below a command's help, each in a line of its own."""
    return "\n\n".join(("For example:", *(f"inferfleet {line}" for line in lines)))


app.command(epilog=_examples("serve --config config.yaml", "serve -t host-a:8000 -t host-b:8000"))(
    serve
)
app.command(epilog=_examples("probe http://host:8000", "probe host:8000 --for 2m --json"))(probe)
app.command(
    epilog=_examples(
        "top http://host:8000",
        "top host-a:8000 host-b:8000 --ttft 1s --itl 50ms",
        "top --config config.yaml --once --for 30s",
    )
)(top)
app.command("check-config", epilog=_examples("check-config config.yaml"))(check_config)
app.command(epilog=_examples("record http://host:8000 --out vllm-0.26.0.tar.xz --for 5m"))(record)
app.command(epilog=_examples("replay vllm-dense-0.26.0 --loop"))(replay)
app.command(epilog=_examples("demo", "demo --for 10m"))(demo)
app.command(
    cls=CompareCommand,
    epilog=_examples(
        "compare --prometheus http://prometheus:9090 --baseline 'version=\"0.20.2\"' --candidate "
        "'version=\"0.26.0\"'",
        "compare --prometheus http://prometheus:9090 --baseline 'release=\"a\"' --candidate "
        "'release=\"b\"' --wait 8h --fail-on regression",
        "compare --baseline-recording old-*.tar.xz --candidate-recording new-*.tar.xz "
        "--report out.html",
    ),
)(compare)
app.command(
    cls=JudgeCommand,
    epilog=_examples("judge --prometheus http://prometheus:9090 --every 5m --listen :10191"),
)(judge)
app.command(
    epilog=_examples(
        "preflight --from vllm==0.19.1 --to vllm==0.20.2 --dashboards dashboards --rules rules",
        "preflight --from vllm==0.20.2 --to vllm==0.33.0 --manifests k8s --sarif preflight.sarif",
        "preflight --from vllm==0.20.2 --to vllm==0.33.0 --args 'serve MODEL --max-num-seqs 64'",
    )
)(preflight)
app.command(
    "bench-plan",
    epilog=_examples(
        "bench-plan --prometheus http://prometheus:9090 --model llama-70b --effect 3%",
        "bench-plan --prometheus http://prometheus:9090 --model llama-70b --shell bench.sh "
        "--baseline-start 'vllm serve llama-70b' --candidate-start 'vllm serve llama-70b "
        "--enforce-eager'",
    ),
)(bench_plan)
app.command(epilog=_examples("dashboards --out dashboards"))(dashboards)
app.command(
    epilog=_examples("rules --out rules --values values.yaml", "rules --out k8s --format operator")
)(rules)
