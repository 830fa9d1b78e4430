"""A live server recorded to a file, and what was recorded in a sentence."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ..base.errors import ConfigError, joined
from ..base.untrusted import one_line
from ..base.validation import validation_sentences
from ..config import Config, GpuSettings, HttpSettings, Target, expand, load_http_settings
from ..recorder.recorder import RecordingSummary
from ..recorder.recorder import record as run

_OPTIONS: Final = {"interval": "--every"}
"""Keys of a configuration, and the option that sets them here."""


def record(
    url: str,
    out: Path,
    seconds: float,
    interval: float,
    http_config: Path | None,
    progress: Callable[[float], None],
    results: Sequence[Path] = (),
) -> RecordingSummary:
    """Record a server for some seconds, a page each `interval` seconds; raises `InferfleetError`.

    The GPUs of this machine are recorded where the server is on it. `results` are files that load
    clients are to write: it ends once all have come.
    """
    try:
        http = HttpSettings() if http_config is None else load_http_settings(http_config)
    except ConfigError as error:
        raise ConfigError(f"--http-config: {error}") from error
    try:
        target = Target(url=expand(url, "the address"))
        config = Config(
            targets=[target],
            http=http,
            interval=interval,
            window=max(60.0, 4 * interval),
            gpu=GpuSettings(nvml=target.is_local, interval=max(interval, 0.5)),
        )
    except ValidationError as error:
        faults = [
            f"{_OPTIONS.get(place, place)}: {fault}"
            for place, fault in validation_sentences(error, Config)
        ]
        raise ConfigError(joined(faults)) from error
    return run(target, out, seconds, config, progress, results)


def summary(out: Path, recorded: RecordingSummary) -> str:
    """Return what was recorded, and what to look at before it is passed on."""
    pages = f"{recorded.answered} of {recorded.pages} pages"
    gpus = f"{recorded.gpus} GPU{'s' * (recorded.gpus != 1)}" if recorded.gpus else "no GPU"
    count = recorded.phases
    phases = f", {count} load phase{'s' * (count != 1)}" if count else ""
    return (
        f"{out}: {pages} of {recorded.engine} {one_line(recorded.version)} serving "
        f"{one_line(recorded.model)}, {gpus}{phases}. Texts, secrets, addresses and paths are left "
        "out; names of models, adapters and labels are in it: look before you pass it on."
    )
