"""One run of `inferfleet compare`: options in, a report out. Reads the fleet, decides nothing."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from time import time as _now
from typing import Final

from pydantic import ValidationError

from .. import __version__
from ..config import HttpSettings
from ..errors import CompareError
from ..validation import validation_message
from ..yaml_text import parse_yaml
from .assess import claim
from .assess.comparison import Question, compare
from .assess.headline import overall
from .assess.phases import with_phases
from .assess.result import Report
from .assess.verdict import worst
from .fleet import matchers
from .fleet.api import Api
from .fleet.matchers import Matcher
from .fleet.query import fetch
from .fleet.recordings import WIDTH, read
from .fleet.span import Span
from .fleet.windows import Fleet

Progress = Callable[[float, str], None]
WINDOW: Final = 7 * 86_400.0
_NONE: Final[Progress] = lambda share, text: None  # noqa: E731


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line; times in Unix seconds, durations in seconds."""

    baseline: str = ""
    candidate: str = ""
    prometheus: str = ""
    recordings: tuple[str, ...] = ()
    model: str = ""
    window: float = WINDOW
    start: float | None = None
    end: float | None = None
    step: float | None = None
    claim: str = ""
    http_config: Path | None = None
    headers: tuple[str, ...] = ()
    timeout: float = 120.0
    alpha: float = 0.05
    _: KW_ONLY
    margin: float
    warm_up: float


def run(options: Options, progress: Progress = _NONE, now: Callable[[], float] = _now) -> Report:
    """Return the report; raise `CompareError` or another `InferfleetError` naming the fault."""
    if options.recordings:
        return _of_recordings(options, now)
    if not options.prometheus:
        raise CompareError("give --prometheus URL, or --recording twice")
    question = question_of(options)
    if not (question.baseline and question.candidate):
        raise CompareError("give both --baseline and --candidate, such as 'version=\"0.20.2\"'")
    api = api_of(options)
    end = options.end if options.end is not None else now()
    begin = options.start if options.start is not None else end - options.window
    if begin >= end:
        raise CompareError("--from must be before --to")
    span = Span(begin, end, options.step)
    fleet = fetch(api, (question.baseline, question.candidate), question.models, span, progress)
    return report_of(fleet, question, now(), (begin, end))


def api_of(options: Options) -> Api:
    """Return the API the options name."""
    return Api(
        options.prometheus, _http(options.http_config), _headers(options.headers), options.timeout
    )


def question_of(options: Options) -> Question:
    """Return what the options ask; a side they leave out has no matchers."""
    if not 0 < options.margin < 1:
        raise CompareError(f"--margin: {options.margin:.0%} is no margin; give 2% or so")
    models = (
        matchers.read(options.model, "--model")
        if any(sign in options.model for sign in "=~")
        else (Matcher("model", "=", options.model),) * bool(options.model)
    )
    return Question(
        matchers.read(options.baseline, "--baseline") if options.baseline else (),
        matchers.read(options.candidate, "--candidate") if options.candidate else (),
        margin=options.margin,
        warm_up=options.warm_up,
        alpha=options.alpha,
        claim=claim.read(options.claim) if options.claim else None,
        models=models,
    )


def _of_recordings(options: Options, now: Callable[[], float]) -> Report:
    if len(options.recordings) != 2:
        raise CompareError("--recording: give it twice, the baseline first")
    if options.prometheus or options.baseline or options.candidate or options.model:
        raise CompareError(
            "--recording: the two recordings are the sides; leave out --prometheus, --baseline, "
            "--candidate and --model"
        )
    played = read((options.recordings[0], options.recordings[1]), options.step or WIDTH)
    sides = [f'release="{name}"' for name in played.releases]
    told = replace(options, baseline=sides[0], candidate=sides[1])
    question = replace(question_of(told), warm_up=0.0)
    report = report_of(played.fleet, question, now(), None)
    if not report.comparisons:
        raise CompareError("--recording: the two are not of one model and one type of GPU")
    return report.model_copy(update={"comparisons": (with_phases(report.comparisons[0], played),)})


def report_of(
    fleet: Fleet, question: Question, now: float, span: tuple[float, float] | None
) -> Report:
    """Return the report on a fleet."""
    comparisons = compare(fleet, question)
    return Report(
        inferfleet_version=__version__,
        generated_at=now,
        source=fleet.source,
        baseline=matchers.written(question.baseline),
        candidate=matchers.written(question.candidate),
        margin=question.margin,
        alpha=question.alpha,
        window_seconds=fleet.windows.width,
        start=span[0] if span else None,
        end=span[1] if span else None,
        headline=overall(comparisons),
        verdict=worst([one.verdict for one in comparisons]),
        comparisons=comparisons,
        notes=fleet.notes,
    )


def _http(path: Path | None) -> HttpSettings:
    if path is None:
        return HttpSettings()
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
        return HttpSettings.model_validate({} if data is None else data)
    except OSError as error:
        raise CompareError(
            f"--http-config: {path} cannot be read: {error.strerror or error}"
        ) from error
    except ValidationError as error:
        raise CompareError(f"--http-config: {path}: {validation_message(error)}") from error
    except ValueError as error:
        raise CompareError(f"--http-config: {path} is no YAML: {error}") from error


def _headers(lines: tuple[str, ...]) -> Mapping[str, str]:
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise CompareError(f"--header: {line!r} is no header; write 'X-Scope-OrgID: tenant'")
        found[name.strip()] = value.strip()
    return found


def moment(text: str, option: str) -> float:
    """Return a time in Unix seconds, from those or an ISO date with or without a zone (UTC)."""
    try:
        if isfinite(unix := float(text)):
            return unix
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CompareError(
            f"{option}: {text!r} is no time; write 2026-05-10T12:00 or Unix seconds"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
