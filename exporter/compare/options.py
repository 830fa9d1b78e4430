"""The options of `inferfleet compare` and `judge`, and what they name: an API and a question."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Final

from ..base.errors import CompareError, ConfigError
from ..base.units import parse_duration, parse_share
from ..base.untrusted import one_line
from ..config import HttpSettings, expand, load_http_settings
from .assess.claim import parse_claim
from .assess.comparison import Question
from .fleet.api import PrometheusApi
from .fleet.matchers import Matcher, parse_matchers
from .fleet.servers import DEFAULT_KEEP_LABELS

DEFAULT_WINDOW: Final = 7 * 86_400.0
_DEADLINES: Final = (1e9, 1e11)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line; times in Unix seconds, durations in seconds.

    `wait` is as written: a duration or a time. `keep_labels` are the external labels that set
    clusters apart.
    """

    baseline: str = ""
    candidate: str = ""
    prometheus: str = ""
    baseline_recordings: tuple[str, ...] = ()
    candidate_recordings: tuple[str, ...] = ()
    model: str = ""
    _: KW_ONLY
    margin: float
    warm_up: float
    window: float = DEFAULT_WINDOW
    start: float | None = None
    end: float | None = None
    step: float | None = None
    wait: str = ""
    claim: str = ""
    http: HttpSettings = field(default_factory=HttpSettings)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 120.0
    alpha: float = 0.05
    keep_labels: tuple[str, ...] = DEFAULT_KEEP_LABELS


def prometheus_api(
    url: str, http_config: Path | None, headers: Iterable[str], timeout: float
) -> PrometheusApi:
    """Return the API that options name as they are written; raise `InferfleetError` for a fault."""
    http = read_http_settings(http_config)
    return PrometheusApi(expand(url, "--prometheus"), http, parse_headers(headers, http), timeout)


def api_of(options: Options) -> PrometheusApi:
    """Return the API the options name."""
    return PrometheusApi(options.prometheus, options.http, options.headers, options.timeout)


def question_of(options: Options) -> Question:
    """Return the question of the options; a side they leave out has no matchers."""
    if not 0 < options.margin < 1:
        raise CompareError(f"--margin: {options.margin:.0%} is no margin; give 2% or so")
    for name in options.keep_labels:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
            raise CompareError(f"--keep-label: {name!r} is no label name; write cluster or so")

    def matchers(text: str, option: str) -> tuple[Matcher, ...]:
        return parse_matchers(text, option, options.keep_labels) if text else ()

    return Question(
        matchers(options.baseline, "--baseline"),
        matchers(options.candidate, "--candidate"),
        margin=options.margin,
        warm_up=options.warm_up,
        alpha=options.alpha,
        claim=parse_claim(options.claim) if options.claim else None,
        models=parse_models(options.model, options.keep_labels),
    )


def parse_models(text: str, keep_labels: Sequence[str] = ()) -> tuple[Matcher, ...]:
    """Return the matchers of `--model`, a model's name or matchers; none of an empty text."""
    if any(sign in text for sign in "=~"):
        return parse_matchers(text, "--model", keep_labels)
    return (Matcher("model", "=", text),) if text else ()


def read_http_settings(path: Path | None) -> HttpSettings:
    """Return the credentials and TLS settings of a file; raise `CompareError` for what is wrong."""
    try:
        return HttpSettings() if path is None else load_http_settings(path)
    except ConfigError as error:
        raise CompareError(f"--http-config: {error}") from error


def parse_headers(lines: Iterable[str], http: HttpSettings) -> Mapping[str, str]:
    """Return request headers from lines such as `X-Scope-OrgID: tenant`; raise `CompareError`."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            # not shown: it may be a secret
            raise CompareError("--header: without a colon; write 'X-Scope-OrgID: tenant'")
        name, value = name.strip(), value.strip()
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not value.isprintable():
            raise CompareError(f"--header: {one_line(name)} is no header that can be sent")
        if name.lower() in ("connection", "content-length", "content-type", "transfer-encoding"):
            raise CompareError(f"--header: {name} belongs to the request itself; leave it out")
        if name.lower() == "authorization" and (http.bearer_token_file or http.basic_auth):
            raise CompareError("--header: Authorization is in --http-config already; give one")
        headers[name] = value
    return headers


def parse_change(text: str, option: str) -> float:
    """Return a relative change such as 3%; raise `CompareError` naming the option."""
    try:
        return parse_share(text)
    except ValueError as error:
        raise CompareError(f"{option}: {error}") from None


def parse_time(text: str, option: str) -> float:
    """Return a time in Unix seconds, from those or an ISO date with or without a zone (UTC)."""
    try:
        if isfinite(unix := float(text)):
            return unix
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise CompareError(
            f"{option}: {text!r} is no time; write 2026-05-10T12:00 or Unix seconds"
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def parse_deadline(text: str, option: str, now: float) -> float:
    """Return a time in Unix seconds, from a duration that begins now or from a time."""
    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        # fewer seconds are hours or minutes without their unit, and more are milliseconds
        if _DEADLINES[0] < (until := parse_time(text, option)) < _DEADLINES[1]:
            return until
    except CompareError:
        pass
    raise CompareError(
        f"{option}: {text!r} is no duration and no time; write 8h or 2026-05-10T12:00"
    )
