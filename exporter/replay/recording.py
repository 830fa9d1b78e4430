"""Recordings of real servers: the archive on disk becomes pages, HTTP answers and measurements.

An archive (`NAME.tar.xz`, or the same files unpacked in a folder) holds `manifest.json`,
`pages/NNNN.prom` and, where a GPU was under the server, `nvml.jsonl`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from ..base.errors import RecordingError
from .archive import SUFFIX, read_files
from .manifest import TEXT, Event, ManifestAnswer, Scrape, parse_manifest
from .nvml_samples import parse_nvml_samples

_FAILED: Final = "# scrape failed"
_VARIANTS: Final = ("openmetrics", "slash", "name-filter", "gzip")


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """One scrape at Unix time `time` in seconds; `text` is None where the server did not answer.

    `member` is the file it stands in, empty where it stands in none.
    """

    time: float
    text: str | None
    content_type: str = TEXT
    tag: str = ""
    path: str = "/metrics"
    member: str = ""


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The server's response to a GET of something other than its metrics."""

    status: int
    body: str

    @property
    def content_type(self) -> str:
        """JSON or plain text, as the body looks; the recordings do not hold this header."""
        json_like = self.body.startswith(("{", "[", '"'))
        return "application/json" if json_like else "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One recorded server.

    `pages` are the plain scrapes of /metrics in order of time, with a page of no answer where the
    server was stopped; `variants` are scrapes of another path or format. `answers`
    are keyed by path and query. `phases` hold the load client's own measurements and `nvml` the
    GPU's samples, both empty where there are none; `manifest` is the whole manifest.json.
    """

    name: str
    engine: str
    engine_version: str
    model: str
    gpu: str | None
    pages: tuple[RecordedPage, ...]
    variants: tuple[RecordedPage, ...]
    answers: Mapping[str, RecordedAnswer]
    phases: tuple[Mapping[str, Any], ...]
    nvml: tuple[Mapping[str, Any], ...]
    manifest: Mapping[str, Any]


def bundled_recordings() -> dict[str, Path]:
    """Return the recordings that ship with the package, one of each set-up, by name."""
    return _bundled("recordings")


def bundled_replicates() -> dict[str, Path]:
    """Return the runs that ship with the package, several of each of two set-ups, by name."""
    return _bundled("replicates")


def _bundled(room: str) -> dict[str, Path]:
    folder = Path(str(files(f"{__package__}.{room}")))
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def find_recording(name: str) -> Path:
    """Return where a recording is, by its path or by the name of one that ships with the package.

    Raises `RecordingError` where there is none.
    """
    bundled = {**bundled_recordings(), **bundled_replicates()}
    path = bundled.get(name, Path(name))
    if not path.exists():
        raise RecordingError(f"{name} is not there; give a path, or one of {', '.join(bundled)}")
    return path


def load_recording(path: Path) -> Recording:
    """Read an archive or an unpacked folder; raise `RecordingError` naming it and its fault."""
    contents = read_files(path)
    if "manifest.json" not in contents:
        folder = "the files must lie at its top, not in a folder within"
        raise RecordingError(f"{path} is no recording: it holds no manifest.json; {folder}")
    try:
        manifest, checked = parse_manifest(contents["manifest.json"])
    except ValueError as error:
        raise RecordingError(f"{path}: manifest.json: {error}") from error
    try:
        nvml = parse_nvml_samples(contents.get("nvml.jsonl", b""))
    except ValueError as error:
        raise RecordingError(f"{path}: nvml.jsonl: {error}") from error
    pages = [_page(path, contents, scrape) for scrape in checked.scrapes]
    plain = [page for page in pages if not _is_variant(page)]
    if all(page.text is None for page in plain):
        raise RecordingError(f"{path} has no scrape of /metrics that was answered")
    if any(a.time >= b.time for a, b in pairwise(plain)):
        raise RecordingError(f"{path}: manifest.json: the scrapes are not in order of time")
    return Recording(
        name=checked.name,
        engine=checked.engine,
        engine_version=checked.engine_version,
        model=checked.model,
        gpu=checked.gpu,
        pages=tuple(_with_stops(plain, checked.events)),
        variants=tuple(page for page in pages if _is_variant(page)),
        answers=_answers(checked.http),
        phases=tuple(manifest.get("phases", ())),
        nvml=nvml,
        manifest=manifest,
    )


def _page(path: Path, contents: Mapping[str, bytes], scrape: Scrape) -> RecordedPage:
    name = f"pages/{scrape.i:04d}.prom"
    try:
        text = contents[name].decode("utf-8")
    except KeyError:
        raise RecordingError(f"{path} lacks {name}, which its manifest.json lists") from None
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: {name} is not UTF-8 text: {error.reason}") from error
    return RecordedPage(
        time=scrape.t,
        text=None if not text or text.startswith(_FAILED) else text,
        content_type=scrape.content_type,
        tag=scrape.tag,
        path=scrape.path,
        member=name,
    )


def _is_variant(page: RecordedPage) -> bool:
    return page.path != "/metrics" or any(word in page.tag for word in _VARIANTS)


def _with_stops(pages: list[RecordedPage], events: list[Event]) -> list[RecordedPage]:
    """Add a page of no answer where the server was stopped before the recording's end."""
    stops = [RecordedPage(event.t, None, tag="stop") for event in events if event.event == "stop"]
    inside = [stop for stop in stops if pages[0].time < stop.time < pages[-1].time]
    return sorted([*pages, *inside], key=lambda page: page.time)


def _answers(http: Mapping[str, str | ManifestAnswer]) -> dict[str, RecordedAnswer]:
    """Return the answers by path; those given before the load win over those after it."""
    # Recording began when /health had answered 200, whether or not that answer was kept.
    answers = {"/health": RecordedAnswer(200, "")}
    for prefix in ("post ", "pre ", ""):
        for key, answer in http.items():
            path = key.removeprefix(prefix)
            if not path.startswith("/"):
                continue
            if isinstance(answer, str):
                status, body = 404 if answer.startswith("error:") else 200, answer
            else:
                status, body = answer.status, answer.body
            answers[path] = RecordedAnswer(status, body)
    return answers
