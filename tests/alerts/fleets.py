"""Replayed fleets that are upgraded when a test says so, each with an exporter of its own.

A server plays the steady middle of one recorded load phase over and over, at five times its pace:
the time a token takes is a sum over a count of the same pages and stays as recorded, while the
batch, work over wall time, reads fivefold on both sides of the upgrade.
"""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from exporter.cli.service import Service
from exporter.config import Config, Declaration, GpuSettings, LoadCellSettings, Target, WebSettings
from exporter.replay.recording import Recording
from exporter.replay.server import ReplayServer

SERVERS: Final = 4
_SPEED: Final = 5.0
# a page a sample, recorded 2 s apart: means over more would hide how time follows from prefill
_INTERVAL: Final = 2.0 / _SPEED
_STAGGER: Final = 0.3
# uptime of the first servers, in seconds
_UPTIME: Final = 7200.0
# seconds at the ends of a phase in which its clients come and go
_RAMP_UP, _RAMP_DOWN = 3.9, 1.9
_WORK: Final = re.compile(r"^(vllm:(?!\w+_seconds_sum)\w+_(?:total|count|bucket|sum)\{.*\}) (\S+)$")
_LATENCY: Final = re.compile(r"^vllm:inter_token_latency_seconds_(sum|count)\{.*\} (\S+)$", re.M)


def client_rate(recording: Recording, phase: str) -> float:
    """Return the tokens per second that the load client counted in a phase."""
    return float(_phase(recording, phase)["gen_tok_s"])


def steady(recording: Recording, phase: str) -> Recording:
    """Return a recording's pages of one load phase, without its ramps."""
    load = _phase(recording, phase)
    begin, end = load["start"] + _RAMP_UP, load["end"] - _RAMP_DOWN
    pages = tuple(page for page in recording.pages if begin <= page.time <= end)
    return replace(recording, pages=pages)


def token_seconds(recording: Recording) -> float:
    """Return the mean inter-token latency between a recording's first page and its last."""
    ends = [dict(_LATENCY.findall(recording.pages[end].text or "")) for end in (0, -1)]
    total, count = (float(ends[1][of]) - float(ends[0][of]) for of in ("sum", "count"))
    return total / count


def doing(recording: Recording, share: float) -> Recording:
    """Return a recording of a server that did only a share of the work in the same time.

    Tokens, requests and events are scaled; clocks, latency sums and gauges are not: every token
    takes 1 / share of its time at the same batch, prefill beside it and context.
    """

    def scaled(line: str) -> str:
        match = _WORK.match(line)
        return f"{match[1]} {float(match[2]) * share!r}" if match else line

    pages = tuple(
        replace(page, text="\n".join(map(scaled, page.text.split("\n")))) if page.text else page
        for page in recording.pages
    )
    return replace(recording, pages=pages)


class Fleet:
    """Servers that play `before` until `upgrade` and `after` from then on, and their exporter.

    `releases` are declared where the versions alike would hide the upgrade.
    """

    def __init__(
        self,
        name: str,
        before: Recording,
        after: Recording,
        releases: tuple[str, str] | tuple[None, None] = (None, None),
    ) -> None:
        self.name = name
        self._after = after
        self._old: str | None = releases[0]
        self._new: str | None = releases[1]
        self._before = _replay(before, _UPTIME)
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where the fleet's exporter is."""
        return self._exporter.url

    def upgrade(self) -> None:
        """End all servers and start the next release in their places."""
        port = int(self._urls[0].split(":")[2].partition("/")[0])
        self._before.stop()
        self._config = self._configured(self._new)
        self._exporter.request_reload().result(60)
        self._stack.enter_context(_replay(self._after, 0.0, port))

    def __enter__(self) -> Self:
        self._stack.enter_context(self._before)
        self._urls = self._before.urls
        self._config = self._configured(self._old)
        self._exporter = Service(self._config, lambda: self._config)
        self._exporter.start()
        self._stack.callback(self._exporter.stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _configured(self, release: str | None) -> Config:
        declared = Declaration(gpus=1, gpu_model="NVIDIA H200", release=release)
        return Config(
            targets=[
                Target(url=url, name=f"{self.name}-{number}", declare=declared)
                for number, url in enumerate(self._urls)
            ],
            interval=_INTERVAL,
            timeout=_INTERVAL,
            window=10 * _INTERVAL,
            gpu=GpuSettings(nvml=False),
            load=LoadCellSettings(warm_up=0.0),
            web=WebSettings(listen="127.0.0.1:0"),
        )


def _phase(recording: Recording, name: str) -> Mapping[str, Any]:
    return next(each for each in recording.phases if each["name"] == name)


def _replay(recording: Recording, age: float, port: int = 0) -> ReplayServer:
    # played faster it does more than its limits allow, which a server that says them may not
    answers = {
        path: answer
        for path, answer in recording.answers.items()
        if not path.startswith("/server_info")
    }
    recording = replace(recording, answers=answers)
    return ReplayServer(
        [recording], first_port=port, speed=_SPEED, uptime=age, copies=SERVERS, stagger=_STAGGER
    )
