"""From options to a plan, and from a plan to files."""

from dataclasses import dataclass
from pathlib import Path
from time import time
from urllib.parse import urlsplit

from pydantic import ValidationError

from ...base.atomic_write import write_atomically
from ...base.errors import CompareError
from ...base.validation import validation_message
from ...bench_plan.fleet_traffic import fetch_traffic
from ...bench_plan.kubernetes import jobs
from ...bench_plan.plan import Plan, Request, plan_of
from ...bench_plan.runs import SIDES
from ...bench_plan.shell import shell_script
from ...bench_plan.text import shell_line
from ...compare.fleet.matchers import parse_matchers
from ...compare.fleet.span import Span
from ...compare.options import parse_change, parse_models, prometheus_api
from ...compare.replicates.effect import RUN_STDDEV
from ...config import Target, expand


@dataclass(frozen=True, slots=True)
class Question:
    """The options as they are written; durations in seconds."""

    prometheus: str
    model: str
    servers: str
    window: float
    effect: str
    spread: str
    point_seconds: float
    input_tokens: int | None
    output_tokens: int | None
    tokenizer: str
    url: str
    http_config: Path | None
    headers: tuple[str, ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class Files:
    """Files to write, None for none, and what they need of the baseline and of the candidate."""

    shell: Path | None
    kubernetes: Path | None
    starts: tuple[str, str]
    images: tuple[str, str]
    gpus: int | None


def plan_for(question: Question) -> Plan:
    """Return the plan that answers a question; raise `InferfleetError` naming the fault."""
    url = _address(question.url)
    request = Request(
        effect=_share(question.effect, "--effect"),
        spread=_share(question.spread, "--spread") if question.spread else RUN_STDDEV,
        point_seconds=question.point_seconds,
        base_url=url,
        port=urlsplit(url).port or 80,
        input_tokens=question.input_tokens,
        output_tokens=question.output_tokens,
        tokenizer=question.tokenizer,
    )
    matchers = parse_models(question.model)
    if not matchers:
        raise CompareError("--model: is empty; write a model's name or label matchers")
    if question.servers:
        matchers += parse_matchers(question.servers, "--servers")
    api = prometheus_api(
        question.prometheus, question.http_config, question.headers, question.timeout
    )
    now = time()
    return plan_of(fetch_traffic(api, matchers, Span(now - question.window, now)), request)


def check_files(files: Files) -> None:
    """Raise `CompareError` where files that are asked for lack something."""
    if files.shell:
        _require(files.starts, "--shell", "start")
    if files.kubernetes:
        _require(files.images, "--kubernetes", "image")


def write(plan: Plan, files: Files) -> None:
    """Write the files that are asked for; raise `CompareError` where that cannot be."""
    if files.shell:
        starts = dict(zip(SIDES, files.starts, strict=True))
        _write_file(files.shell, shell_script(plan, starts), "--shell")
    if files.kubernetes:
        own = shell_line(plan.client.start(plan.traffic.model, plan.request.port))
        starts = {side: start or own for side, start in zip(SIDES, files.starts, strict=True)}
        images = dict(zip(SIDES, files.images, strict=True))
        gpus = files.gpus or round(plan.traffic.gpus or 0)
        if not gpus:
            raise CompareError(
                "--gpus: the fleet's series do not say how many GPUs a server has; give the number"
            )
        _write_file(files.kubernetes, jobs(plan, images, starts, gpus), "--kubernetes")


def _require(values: tuple[str, str], option: str, what: str) -> None:
    for side, value in zip(SIDES, values, strict=True):
        if not value.strip():
            raise CompareError(f"--{side}-{what}: {option} needs it; give both sides'")


def _write_file(path: Path, content: str, option: str) -> None:
    try:
        write_atomically({path: content})
    except OSError as error:
        raise CompareError(
            f"{option}: {path} cannot be written: {error.strerror or error}"
        ) from error


def _share(text: str, option: str) -> float:
    share = parse_change(text, option)
    if share <= 0:
        raise CompareError(f"{option}: {text!r} is not above 0; write it like 3% or 0.03")
    return share


def _address(url: str) -> str:
    try:
        return Target(url=expand(url, "--url")).url
    except ValidationError as error:
        raise CompareError(f"--url: {validation_message(error, Target)}") from None
