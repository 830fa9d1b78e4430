"""A Prometheus-compatible HTTP API (Prometheus, Thanos, Mimir, VictoriaMetrics), read carefully.

Owns retries, time limits and the size of answers. What an API refuses as too much is
told apart from a failure, so that the caller can ask for less.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from math import inf
from time import monotonic
from time import sleep as _sleep
from typing import Any, Final
from urllib.parse import urlsplit

from ...base.errors import CompareError, CredentialsError, FetchError
from ...base.untrusted import SHOWN_CHARACTERS, json_document, one_line
from ...config import HttpSettings
from ...fetch import BlockingClient, proxy_of
from .answer import AnswerError, Series, parse_label_sets, parse_matrix
from .arrays import Floats

# Prometheus refuses more than 11,000 points of one series in one answer
_MAX_POINTS: Final = 10_000
_MAX_VALUES: Final = 1_000_000
# an answer of as many samples has a time, a value and a list for each
_MAX_JSON_VALUES: Final = 8 * _MAX_VALUES
_MAX_ATTEMPTS: Final = 4
_MAX_BYTES: Final = 256 << 20
RUN_TIMEOUTS: Final = 30
"""A run's time limit, in time limits of one query."""
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "gzip"}
_IS_IT_PROMETHEUS: Final = "; is --prometheus the address of a Prometheus?"
_TOO_LARGE_WORDS: Final = (
    "too many samples",
    "maximum resolution",
    "exceeded maximum",
    "limit",
    "too many",
    "timed out",
    "timeout",
    "too large",
    "context deadline",
    "it holds more than",
)


class QueryError(CompareError):
    """The API did not answer a query."""


class QueryTooLarge(QueryError):
    """The API refused a query for the size of its answer or the time it takes."""


class QueryTimedOut(QueryTooLarge):
    """The API did not answer a query in time."""


class PrometheusApi:
    """A client of one API. `url` is what stands before /api/v1; `headers` go with every request."""

    def __init__(
        self,
        url: str,
        http: HttpSettings | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 120.0,
        sleep: Callable[[float], None] = _sleep,
    ) -> None:
        self.url = _base_address(url)
        self._timeout, self._sleep = timeout, sleep
        self._run_end = inf
        self._client = BlockingClient(
            http or HttpSettings(),
            _MAX_BYTES,
            headers={**_HEADERS, **(headers or {})},
            proxy=proxy_of(self.url),
        )

    def start_run(self) -> None:
        """Begin a run: from now on all queries together have a limit of `RUN_TIMEOUTS` of one."""
        self._run_end = monotonic() + RUN_TIMEOUTS * self._timeout

    def range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """Return the series of a range query; raise `QueryTooLarge` or `QueryError`."""
        data = self._post("query_range", {"query": query, "start": start, "end": end, "step": step})
        try:
            return parse_matrix(data, start, end)
        except AnswerError as error:
            raise QueryError(
                f"{self.url} {error}, to the query {one_line(query)}{_IS_IT_PROMETHEUS}"
            ) from None

    def range_in_chunks(
        self, query: str, times: Floats, step: float, series: int
    ) -> Iterator[Series]:
        """Yield the series of a query in chunks of time, halved where refused as too large.

        `times` are the evaluation times, `step` apart; `series` is about how many there will be.
        """
        size = int(min(max(_MAX_VALUES // max(series, 1), 1), _MAX_POINTS))
        start, timeouts = 0, 0
        while start < len(times):
            part = times[start : start + size]
            try:
                answer = self.range(query, float(part[0]), float(part[-1]), step)
            except QueryTooLarge as error:
                timeouts += isinstance(error, QueryTimedOut)
                # an API that hangs answers no smaller query either
                if size == 1 or timeouts >= _MAX_ATTEMPTS:
                    raise
                size = max(min(size, len(part)) // 2, 1)
                continue
            timeouts = 0
            yield from answer
            start += len(part)

    def series(self, match: str, start: float, end: float) -> list[dict[str, str]]:
        """Return the label sets of the series that match and have samples in a time."""
        data = self._post("series", {"match[]": match, "start": start, "end": end})
        try:
            return parse_label_sets(data)
        except AnswerError as error:
            raise QueryError(
                f"{self.url} {error}, to the series of {match}{_IS_IT_PROMETHEUS}"
            ) from None

    def _post(self, endpoint: str, form: Mapping[str, str | float]) -> Any:
        """Return `data` of an answer; try again what may pass, up to four times in all."""
        url, fault = f"{self.url}/api/v1/{endpoint}", ""
        for attempt in range(_MAX_ATTEMPTS):
            if attempt:
                # spread out, so that several clients do not come back together
                self._sleep(min(2.0**attempt, 10.0) * (0.5 + random.random() / 2))
            try:
                answer = self._client.post_form(url, form, self._time_left())
            except FetchError as error:
                fault = str(error)
                if error.reason == "timeout":
                    raise QueryTimedOut(fault) from error
                if error.reason == "too_large":
                    raise QueryTooLarge(fault) from error
                if isinstance(error.__cause__, CredentialsError):
                    raise QueryError(fault) from error
                continue
            data, fault = self._data(url, answer.status, answer.body)
            if not fault:
                return data
        raise QueryError(f"{fault}; given up after {_MAX_ATTEMPTS} tries")

    def _data(self, url: str, status: int, body: bytes) -> tuple[Any, str]:
        """Return `data` of an answer, or None and a fault that may pass; raise any other."""
        if 300 <= status < 400:
            raise QueryError(f"{url} answered {status}: give the address it sends to")
        if status in (401, 403):
            raise QueryError(f"{self.url} answered {status}: give credentials with --http-config")
        try:
            document, problem = json_document(body, _MAX_JSON_VALUES), "it is no object"
        except ValueError as error:
            document, problem = None, str(error)
        answer = document if isinstance(document, dict) else {}
        if status == 200 and answer.get("status") == "success":
            return answer.get("data"), ""
        message = str(
            answer.get("error") or body[: 2 * SHOWN_CHARACTERS].decode("utf-8", "replace")
        )
        fault = f"{url} answered {status}: {one_line(' '.join(message.split())) or 'nothing'}"
        if status in (200, 404) and not answer:
            fault += f"; {problem}{_IS_IT_PROMETHEUS}"
        if status != 429 and (
            status == 413 or any(word in fault.lower() for word in _TOO_LARGE_WORDS)
        ):
            raise QueryTooLarge(fault)
        if status in (200, 400, 404, 405, 422):
            raise QueryError(fault)
        return None, fault

    def _time_left(self) -> float:
        """Return the seconds that a query may take, or raise `QueryError` where the run is over."""
        remaining = self._run_end - monotonic()
        if remaining <= 0:
            raise QueryError(
                f"{self.url}: all queries together took longer than {RUN_TIMEOUTS} times --timeout "
                f"({self._timeout:g} s); ask for a shorter --window or a wider --step, or give more"
            )
        return min(self._timeout, remaining)


def _base_address(url: str) -> str:
    """Return what stands before /api/v1; what may be a secret in it is never shown."""
    if any(sign in url for sign in "@?#"):
        raise CompareError(
            "--prometheus: credentials and parameters do not belong in a URL; write "
            "http://HOST:9090, and give credentials in a file with --http-config"
        )
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise CompareError(f"--prometheus: {url!r} is no address; write http://HOST:9090")
    return url.rstrip("/").removesuffix("/api/v1")
