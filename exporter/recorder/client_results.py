"""What load clients measured while a server was recorded: their result files become load phases.

Keys are those that `vllm bench serve --save-result` and SGLang's `bench_serving --output-file` both
write: a JSON object, the newest one last where there are several lines.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..base.errors import RecordingError
from ..base.untrusted import finite, json_document, one_line

MAX_BYTES: Final = 64 * 1024**2
_MAX_VALUES: Final = 10_000_000
_COUNTS: Final = {
    "conc": "max_concurrency",
    "done": "completed",
    "errors": "failed",
    "prompt_tokens": "total_input_tokens",
    "gen_tokens": "total_output_tokens",
}
_LATENCIES: Final = {
    f"{latency}_{short}": f"{long}_{latency}_ms"
    for latency in ("ttft", "tpot", "itl")
    for short, long in (("mean", "mean"), ("p50", "median"), ("p99", "p99"))
}

Phase = dict[str, object]


class ClientResults:
    """Files that clients are to write while a server is recorded.

    A phase is named as its file, less the recording's name in front. Raises `RecordingError` where
    two have one name, and where a file is there already: its load was another one. `faults` holds
    by file why it has given no phase yet.
    """

    def __init__(self, paths: Sequence[Path], recording: str, now: float) -> None:
        self._names = {path: path.stem.removeprefix(f"{recording}-") for path in paths}
        for path, name in self._names.items():
            if list(self._names.values()).count(name) > 1:
                raise RecordingError(
                    f"{path}: another result gives the load phase {one_line(name)} as well; give "
                    "each file a name of its own"
                )
            if path.exists():
                raise RecordingError(
                    f"{path}: is there already, from before the recording; remove it, or name the "
                    "file that the client is going to write"
                )
        self._looked = now
        self._phases: dict[Path, Phase] = {}
        self.faults: dict[Path, str] = dict.fromkeys(paths, "it was not written")

    @property
    def complete(self) -> bool:
        """Whether there are results, and all of them have come."""
        return bool(self._phases) and not self.faults

    @property
    def phases(self) -> list[Phase]:
        """The phases that have come, in the order they ended."""
        return list(self._phases.values())

    def look(self, now: float) -> None:
        """Take what has been written by a Unix time in seconds."""
        for path in list(self.faults):
            try:
                written = path.stat().st_mtime
            except OSError:
                continue
            # of a file server with another clock it is known only that it came between two looks
            end = written if self._looked <= written <= now else now
            try:
                self._phases[path] = parse_result(_content(path), self._names[path], end)
            except ValueError as error:
                self.faults[path] = str(error)
            else:
                del self.faults[path]
        self._looked = now


def parse_result(content: bytes, name: str, end: float) -> Phase:
    """Return the phase of a client's result that ended at a Unix time; latencies in seconds.

    Raises `ValueError` with half a sentence where it is none.
    """
    lines = content.rstrip().splitlines()
    document = json_document(lines[-1], _MAX_VALUES) if lines else None
    if not isinstance(document, dict):
        raise ValueError("it is no result of a load client, which is a JSON object")
    duration, rate = (finite(document.get(key)) for key in ("duration", "output_throughput"))
    if duration is None or rate is None or not 0 < duration < end or rate < 0:
        raise ValueError(
            "it is no result of a load client: it lacks duration or output_throughput, in seconds "
            "and tokens a second"
        )
    phase: Phase = {"name": name, "start": end - duration, "end": end, "gen_tok_s": rate}
    phase |= _numbers(document, _COUNTS, 1.0)
    return phase | _numbers(document, _LATENCIES, 1e-3)


def _numbers(document: dict[str, Any], keys: dict[str, str], unit: float) -> Phase:
    values = {name: finite(document.get(key)) for name, key in keys.items()}
    return {
        name: value * unit for name, value in values.items() if value is not None and value >= 0
    }


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError("it is no plain file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 1024**2} MiB")
    return content
