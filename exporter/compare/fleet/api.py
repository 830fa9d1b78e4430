"""A Prometheus-compatible HTTP API (Prometheus, Thanos, Mimir, VictoriaMetrics), read carefully.

Owns requests, credentials, retries and the size of answers. What an API refuses as too much is
told apart from a failure, so that the caller can ask for less.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from time import sleep as _sleep
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from ... import __version__
from ...base.errors import CompareError, CredentialsError
from ...base.untrusted import SHOWN_CHARACTERS, json_document, one_line
from ...config import HttpSettings
from ...fetch import authorization_header, root_cause
from .answer import AnswerError, Series, parse_label_sets, parse_matrix
from .arrays import Floats

# Prometheus refuses more than 11,000 points of one series in one answer
_MAX_POINTS: Final = 10_000
_MAX_VALUES: Final = 1_000_000
# an answer of as many samples has a time, a value and a list for each
_MAX_JSON_VALUES: Final = 8 * _MAX_VALUES
_MAX_ATTEMPTS: Final = 4
_MAX_BYTES: Final = 256 << 20
_CHUNK_BYTES: Final = 1 << 20
_WHICH: Final = "; is --prometheus the address of a Prometheus?"
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
        self._http = http or HttpSettings()
        self._timeout, self._sleep = timeout, sleep
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"inferfleet/{__version__}"
        self._session.headers.update(headers or {})
        # given with each request: a bundle named in the environment would win over the session's
        self._verify: bool | str = str(self._http.ca_file) if self._http.ca_file else True
        if self._http.insecure_skip_verify:
            self._verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if self._http.cert_file:
            key = str(self._http.key_file) if self._http.key_file else None
            self._session.cert = (
                (str(self._http.cert_file), key) if key else str(self._http.cert_file)
            )

    def range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """Return the series of a range query; raise `QueryTooLarge` or `QueryError`."""
        data = self._post("query_range", {"query": query, "start": start, "end": end, "step": step})
        try:
            return parse_matrix(data, start, end)
        except AnswerError as error:
            raise QueryError(f"{self.url} {error}, to the query {query}{_WHICH}") from None

    def range_in_chunks(
        self, query: str, times: Floats, step: float, series: int
    ) -> Iterator[Series]:
        """Yield the series of a query in chunks of time, halved where refused as too large.

        `times` are the evaluation times, `step` apart; `series` is about how many there will be.
        """
        size = int(min(max(_MAX_VALUES // max(series, 1), 1), _MAX_POINTS))
        start = 0
        while start < len(times):
            part = times[start : start + size]
            try:
                answer = self.range(query, float(part[0]), float(part[-1]), step)
            except QueryTooLarge:
                if size == 1:
                    raise
                size = max(min(size, len(part)) // 2, 1)
                continue
            yield from answer
            start += len(part)

    def series(self, match: str, start: float, end: float) -> list[dict[str, str]]:
        """Return the label sets of the series that match and have samples in a time."""
        data = self._post("series", {"match[]": match, "start": start, "end": end})
        try:
            return parse_label_sets(data)
        except AnswerError as error:
            raise QueryError(f"{self.url} {error}, to the series of {match}{_WHICH}") from None

    def _post(self, endpoint: str, form: Mapping[str, str | float]) -> Any:
        """Return `data` of an answer; try again what may pass, up to four times in all."""
        url, fault = f"{self.url}/api/v1/{endpoint}", ""
        for attempt in range(_MAX_ATTEMPTS):
            if attempt:
                # spread out, so that several clients do not come back together
                self._sleep(min(2.0**attempt, 10.0) * (0.5 + random.random() / 2))
            try:
                with self._session.post(
                    url,
                    data=form,
                    auth=self._sign,
                    timeout=(10.0, self._timeout),
                    stream=True,
                    verify=self._verify,
                ) as response:
                    body = _body(response)
                    status = response.status_code
            except requests.exceptions.SSLError as error:
                raise QueryError(f"{self.url}: TLS failed: {root_cause(error)}") from error
            except requests.exceptions.ReadTimeout:
                raise QueryTooLarge(f"{url} did not answer within {self._timeout:g} s") from None
            except (requests.exceptions.RequestException, OSError) as error:
                fault = f"{self.url} cannot be reached: {root_cause(error)}"
                continue
            data, fault = self._data(url, status, body)
            if not fault:
                return data
        raise QueryError(f"{fault}; given up after {_MAX_ATTEMPTS} tries")

    def _data(self, url: str, status: int, body: bytes) -> tuple[Any, str]:
        """Return `data` of an answer, or None and a fault that may pass; raise any other."""
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
            fault += f"; {problem}{_WHICH}"
        if status != 429 and (
            status == 413 or any(word in fault.lower() for word in _TOO_LARGE_WORDS)
        ):
            raise QueryTooLarge(fault)
        if status in (200, 400, 404, 405, 422):
            raise QueryError(fault)
        return None, fault

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add credentials; files are read each time, since secrets are rotated.

        Given as `auth`, so that no netrc file of the user's replaces them.
        """
        try:
            header = authorization_header(self._http)
        except CredentialsError as error:
            raise QueryError(str(error)) from error
        if header:
            request.headers["Authorization"] = header
        return request


def _body(response: requests.Response) -> bytes:
    chunks, size = list[bytes](), 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_BYTES:
            raise QueryTooLarge(f"{response.url} sent more than {_MAX_BYTES >> 20} MiB")
    return b"".join(chunks)


def _base_address(url: str) -> str:
    """Return what stands before /api/v1; what may be a secret in it is never shown."""
    if any(sign in url for sign in "@?#"):
        raise CompareError(
            "--prometheus: credentials and parameters do not belong in a URL; write "
            "http://HOST:9090, and give credentials in a file with --http-config"
        )
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise CompareError(f"--prometheus: {url!r} is no address; write http://HOST:9090")
    return url.rstrip("/").removesuffix("/api/v1")
