"""One server in full: panels of lines that fit any width."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from ..base.units import format_duration
from ..derive.figure import Figure
from ..derive.figures import BY_NAME, ENGINE_FIGURES, FIGURES
from ..publish.figures import UNKNOWN, Json, duration_text, number_text, texts_of
from .detail import Detail
from .gpu_lines import gpu_lines
from .statistics.event_counters import LATENCIES
from .text import (
    ABSENT,
    LABEL,
    beside,
    bound_text,
    cell,
    flow,
    grid,
    line,
    percent_text,
    quantile_text,
    share_text,
    sparkline,
    tokens_text,
    wrapped,
)

WIDE: Final = 118
"""Columns from which on two panels stand side by side."""
_BAR: Final = 24
_GUTTER: Final = 3
_IN_OTHER_PANELS: Final = frozenset(
    figure.name for figure in FIGURES if figure.unit == "s" or figure.name == "bound"
)
"""Figures that stand in the head or among the latencies."""
_LEAST_HISTORY: Final = 3
_MOST_HISTORY: Final = 60
_MOMENTS: Final[Mapping[str, str]] = {
    "requests_running_mean": "requests_running",
    "kv_cache_usage_mean_ratio": "kv_cache_usage_ratio",
}
"""Means over the window, each with its figure of the newest page."""
TITLES: Final[Mapping[str, str]] = {
    "time_to_first_token_seconds": "first token",
    "inter_token_latency_seconds": "between tokens",
    "queue_seconds": "queue",
    "request_latency_seconds": "end to end",
}
"""What the histograms of latency are called."""
_ENDINGS: Final[Mapping[str, str]] = {
    "requests_finished_total": "finished",
    "requests_aborted_total": "aborted",
    "requests_rejected_total": "rejected",
    "http_responses_total": "HTTP",
}


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server as a screen shows it: its last live report and detail, and how it is now.

    `status` is a sentence; where the server is not `live`, report and detail are those from before.
    """

    report: Json
    detail: Detail
    live: bool
    status: str


def server_head(state: ServerState, width: int) -> list[Text]:
    """Return what a server is and how it is now, in lines of at most `width` columns."""
    return [*wrapped(_title(state.report), width), *flow(_status(state), width)]


def server_lines(state: ServerState, width: int) -> list[Text]:
    """Return all panels of a server in lines of at most `width` columns."""
    if width < WIDE:
        lines = [*_left_column(state, width), *_right_column(state, width)]
    else:
        half = (width - _GUTTER) // 2
        right = _right_column(state, width - half - _GUTTER)
        lines = beside(_left_column(state, half), right, half + _GUTTER)
    if not state.live:
        for each in lines:
            each.stylize("dim")
    return lines


def _left_column(state: ServerState, width: int) -> list[Text]:
    return [
        *flow(_figures(state.report, state.detail), width),
        *_history(state.report, width),
        *_panel("latency", _latency(state.detail, width), width),
        *flow(_objectives(state.detail), width),
        *_panel("engines", _engines(state.report, width), width),
        *_panel("requests", flow(_requests(state.detail), width), width),
        *_panel("GPUs", gpu_lines(state.report, width), width),
    ]


def _right_column(state: ServerState, width: int) -> list[Text]:
    return [
        *_panel("load curve: time per token by decode batch", _curve(state.detail, width), width),
        *_panel("sizing", _hints(state.detail, width), width),
        *_panel("notes", _notes(state.report, width), width),
    ]


def _panel(title: str, lines: Sequence[Text], width: int) -> list[Text]:
    if not lines:
        return []
    name, *rest = wrapped(Text(title, "bold"), width)
    rule = "─" * (width - name.cell_len - 1)
    head = [name, *rest] if rest else [Text.assemble(name, " ", (rule, LABEL))]
    return [*head, *lines]


def _title(report: Json) -> Text:
    engine = report.get("engine_title")
    release = report.get("release") or report.get("version")
    gpus, gpu_model = report.get("gpus"), report.get("gpu_model")
    parts = [
        f"{engine} {release}" if engine and release else engine,
        report.get("model"),
        f"{gpus} x {gpu_model or 'GPU'}" if gpus else gpu_model,
    ]
    words = ", ".join(str(part) for part in parts if part)
    return Text.assemble(line(str(report["target"]), "bold"), ": " if words else "", line(words))


def _status(state: ServerState) -> Iterator[Text]:
    yield line(state.status, LABEL if state.live else "bold")
    if not state.live:
        return
    for key, text in (("stalled", "stalled"), ("no_progress", "no progress")):
        if state.report.get(key):
            yield line(text, "bold reverse")
    for title, text in texts_of(BY_NAME["bound"], state.report.get("bound")):
        if text != UNKNOWN:
            yield cell(title.lower(), text, "bold")


def _history(report: Json, width: int) -> list[Text]:
    points = report.get("history")
    rates = [float(rate) for _, rate in points] if isinstance(points, list) else []
    name = "tok/s/GPU"
    if len(rates) < _LEAST_HISTORY:
        return []
    return [cell(name, sparkline(rates, min(width - len(name) - 1, _MOST_HISTORY)))]


def _figures(report: Json, detail: Detail) -> Iterator[Text]:
    """Yield every known figure; behind those that have it the value now, and the largest seen."""
    peaks = {
        "requests_running": detail.peaks.running,
        "requests_waiting": detail.peaks.waiting,
        "kv_cache_usage_ratio": detail.peaks.kv_usage,
        "token_budget_ratio": detail.peaks.token_budget,
    }
    beside = {moment for mean, moment in _MOMENTS.items() if report.get(mean) is not None}
    for figure in FIGURES:
        if figure.name in _IN_OTHER_PANELS or figure.name in beside:
            continue
        moment = _MOMENTS.get(figure.name, "")
        remarks = [f"now {number_text(BY_NAME[moment], report.get(moment))}"] if moment else []
        peak = peaks.get(moment or figure.name)
        if peak is not None:
            remarks.append(f"peak {number_text(BY_NAME[moment or figure.name], peak)}")
        for title, text in texts_of(figure, report.get(figure.name)):
            if text != UNKNOWN:
                yield cell(title, f"{text} ({', '.join(remarks)})" if remarks else text)


def _latency(detail: Detail, width: int) -> list[Text]:
    rows = []
    for family in LATENCIES:
        distribution = detail.distributions.get(family)
        if distribution is not None:
            mean = ABSENT if distribution.mean is None else duration_text(distribution.mean)
            quantiles = (distribution.p50, distribution.p90, distribution.p99)
            rows.append([TITLES[family], mean, *map(quantile_text, quantiles)])
    return grid(["", "mean", "p50", "p90", "p99"], rows, width)


def _engines(report: Json, width: int) -> list[Text]:
    """Return the figures of each engine where a server has several."""
    engines = report.get("engines")
    if not isinstance(engines, dict):
        return []
    figures = list(ENGINE_FIGURES.values())
    rows = [
        [name, *(_local(figure, values.get(figure.name)) for figure in figures)]
        for name, values in engines.items()
    ]
    return grid(["", *(figure.title.lower() for figure in figures)], rows, width)


def _local(figure: Figure, value: object) -> str:
    """Return a figure's text; of a cache's ratios that of the local one."""
    text = number_text(figure, value.get("local") if isinstance(value, dict) else value)
    return ABSENT if text == UNKNOWN else text


def _objectives(detail: Detail) -> Iterator[Text]:
    for name, attainment in detail.objectives.items():
        if attainment.good is not None:
            objective = attainment.objective
            missed = attainment.good.high < objective.share
            yield cell(
                f"{TITLES[f'{name}_seconds']} within {bound_text(objective.threshold)}",
                f"{share_text(attainment.good)} ({100 * objective.share:g}% wanted)",
                "bold" if missed else "",
            )
    if good := detail.goodput_requests_per_second:
        low, high = f"{good.low:.3g}", f"{good.high:.3g}"
        yield cell("goodput", f"{low if low == high else f'{low} to {high}'} requests/s")


def _requests(detail: Detail) -> Iterator[Text]:
    for family, title in _ENDINGS.items():
        counts = detail.events.get(family)
        if counts is not None:
            texts = [f"{name} {count:,.0f}".strip() for name, count in counts.items() if count]
            yield cell(title, ", ".join(texts) or "0")
    finished = detail.events.get("requests_finished_total")
    if finished is not None and detail.window_seconds:
        yield cell("rate", f"{sum(finished.values()) / detail.window_seconds:.3g} requests/s")
    drafts = detail.events.get("spec_decode_draft_tokens_total")
    accepted = detail.events.get("spec_decode_accepted_tokens_total")
    if drafts and accepted and (drafted := sum(drafts.values())):
        yield cell("draft tokens accepted", percent_text(sum(accepted.values()) / drafted))
    for family, title in (
        ("request_prompt_tokens", "prompt"),
        ("request_completion_tokens", "completion"),
    ):
        distribution = detail.distributions.get(family)
        if distribution is not None and distribution.count:
            mean = ABSENT if distribution.mean is None else tokens_text(distribution.mean)
            largest = quantile_text(distribution.p99, tokens=True)
            yield cell(title, f"mean {mean}, p99 {largest} tokens")


def _curve(detail: Detail, width: int) -> list[Text]:
    if not detail.load_curve:
        return [*wrapped(Text("no decoding seen yet", LABEL), width)]
    slowest = max(point.seconds_per_token for point in detail.load_curve)
    rows = [
        (
            f"up to {point.batch:,.0f}",
            duration_text(point.seconds_per_token),
            f"in {format_duration(point.seconds)}",
        )
        for point in detail.load_curve
    ]
    names, times, spans = (max(map(len, column)) for column in zip(*rows, strict=True))
    room = min(width - names - times - spans - 4, _BAR)
    lines = list[Text]()
    for (name, time, span), point in zip(rows, detail.load_curve, strict=True):
        bar = "█" * max(round(room * (point.seconds_per_token / slowest)), 1) if room > 2 else ""
        point_line = Text.assemble(
            (name.rjust(names), LABEL),
            f" {time.rjust(times)} ",
            (span.ljust(spans), LABEL),
            f" {bar}".rstrip(),
        )
        lines += wrapped(point_line, width)
    return lines


def _hints(detail: Detail, width: int) -> list[Text]:
    lines = list[Text]()
    for hint in detail.hints:
        advice = f" {hint.advice}" if hint.advice else " It fits."
        style = "bold" if hint.state == "change" else LABEL
        lines += wrapped(
            Text.assemble((f"{hint.setting}: ", "bold"), hint.seen, (advice, style)), width
        )
    return lines


def _notes(report: Json, width: int) -> list[Text]:
    notes = [*_texts(report.get("conflicts")), *_texts(report.get("notes"))]
    return [each for note in notes for each in wrapped(line(f"! {note}"), width)]


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
