"""The command and its options."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ...base.errors import InferfleetError
from ...base.standard_output import write_output
from ..options import (
    AsJson,
    Effect,
    Headers,
    HttpConfigFile,
    Prometheus,
    QueryTimeout,
    Window,
    positive_duration,
)
from ..process import configure_logging, fail


def bench_plan(
    prometheus: Prometheus,
    model: Annotated[str, typer.Option(help="The model: a name or label matchers.")],
    servers: Annotated[
        str, typer.Option(help="Only these servers of it, as PromQL label matchers.")
    ] = "",
    window: Window = "7d",
    effect: Effect = "5%",
    spread: Annotated[
        str,
        typer.Option(
            help="Standard deviation of runs of one set-up; by default what servers set up alike "
            "had.",
        ),
    ] = "",
    point: Annotated[str, typer.Option(help="About how long each load point lasts.")] = "3m",
    input_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a prompt, instead of the fleet's.")
    ] = None,
    output_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of an output, instead of the fleet's.")
    ] = None,
    tokenizer: Annotated[
        str, typer.Option(help="Tokenizer for the client, where the model's name is none.")
    ] = "",
    url: Annotated[
        str, typer.Option(help="Address of the server that is measured.")
    ] = "http://127.0.0.1:8000",
    baseline_start: Annotated[
        str, typer.Option(help="Command that starts the baseline's server.")
    ] = "",
    candidate_start: Annotated[
        str, typer.Option(help="Command that starts the candidate's server.")
    ] = "",
    baseline_image: Annotated[str, typer.Option(help="Image of the baseline.")] = "",
    candidate_image: Annotated[str, typer.Option(help="Image of the candidate.")] = "",
    gpus: Annotated[
        int | None, typer.Option(min=1, help="GPUs of a server, instead of the fleet's.")
    ] = None,
    http_config: HttpConfigFile = None,
    header: Headers = None,
    timeout: QueryTimeout = "2m",
    as_json: AsJson = False,
    shell: Annotated[
        Path | None, typer.Option(help="File to write the plan to, as a shell script.")
    ] = None,
    kubernetes: Annotated[
        Path | None, typer.Option(help="File to write the plan to, as Kubernetes Jobs.")
    ] = None,
) -> None:
    """Plan a benchmark of two set-ups under the load that a fleet has, as commands to run."""
    configure_logging("error")
    from ...compare import extra

    try:
        extra.require("numpy")
        from ...bench_plan.text import text
        from .planning import Files, Question, check_files, plan_for, write

        starts, images = (baseline_start, candidate_start), (baseline_image, candidate_image)
        files = Files(shell, kubernetes, starts, images, gpus)
        check_files(files)

        plan = plan_for(
            Question(
                prometheus=prometheus,
                model=model,
                servers=servers,
                window=positive_duration(window, "--window"),
                effect=effect,
                spread=spread,
                point_seconds=positive_duration(point, "--point"),
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                tokenizer=tokenizer,
                url=url,
                http_config=http_config,
                headers=tuple(header or ()),
                timeout=positive_duration(timeout, "--timeout"),
            )
        )
        write(plan, files)
        write_output(json.dumps(plan.document(), indent=2) + "\n" if as_json else text(plan))
    except InferfleetError as error:
        fail(error)
