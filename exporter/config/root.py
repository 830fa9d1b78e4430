"""The whole configuration file, and the sections that belong to the exporter itself."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator

from ..base.unit_fields import Count, Duration, Size
from ..base.validation import StrictModel, first_duplicate
from ..exposition import ParserLimits
from ..vocabulary.engine import BUCKETS, HISTOGRAMS
from .discovery import DiscoverySettings, ShardSettings
from .gpu import GpuSettings
from .http import HttpSettings
from .judge import JudgeSettings
from .targets import Target

DEFAULT_LISTEN: Final = ":10190"


class LimitSettings(StrictModel):
    """The largest page that is read; a larger one is refused whole.

    A series with a longer label is dropped alone.
    """

    page: Size = ParserLimits().page_bytes
    samples: Count = ParserLimits().samples
    label_length: Count = ParserLimits().label_length

    def parser_limits(self) -> ParserLimits:
        """Return the same limits as the reader takes them."""
        return ParserLimits(self.page, self.samples, self.label_length)


class LoadCellSettings(StrictModel):
    """What is counted into load cells: work from `warm_up` after a start on, in so many cells."""

    warm_up: Annotated[Duration, Field(ge=0)] = 600.0
    max_cells: Count = 256


class PublishSettings(StrictModel):
    """What the metrics page holds. `buckets` are the histograms that show theirs.

    Sums and counts are shown of all.
    """

    buckets: tuple[str, ...] = BUCKETS

    @field_validator("buckets")
    @classmethod
    def _check_histograms(cls, buckets: tuple[str, ...]) -> tuple[str, ...]:
        for name in buckets:
            if name not in HISTOGRAMS:
                near = get_close_matches(name, HISTOGRAMS, 1) or sorted(HISTOGRAMS)
                raise ValueError(f"{name!r} is no histogram; use {' or '.join(near)}")
        return buckets


class WebSettings(StrictModel):
    """The exporter's own pages. `config_file` is a Prometheus web configuration file."""

    listen: str = DEFAULT_LISTEN
    config_file: Path | None = None


class Config(StrictModel):
    """The whole file."""

    targets: list[Target] = Field(default_factory=list)
    discovery: DiscoverySettings = DiscoverySettings()
    shard: ShardSettings = ShardSettings()
    http: HttpSettings = HttpSettings()
    interval: Annotated[Duration, Field(ge=0.2, le=3600)] = 5.0
    timeout: Annotated[Duration, Field(gt=0)] = 4.0
    window: Annotated[Duration, Field(gt=0)] = 60.0
    loading_timeout: Annotated[Duration, Field(ge=0)] = 1800.0
    stall_after: Annotated[Duration, Field(gt=0)] = 30.0
    stall_probe: bool = False
    identity_refresh: Annotated[Duration, Field(gt=0)] = 300.0
    load: LoadCellSettings = LoadCellSettings()
    limits: LimitSettings = LimitSettings()
    gpu: GpuSettings = GpuSettings()
    publish: PublishSettings = PublishSettings()
    web: WebSettings = WebSettings()
    judge: JudgeSettings | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.window < self.interval:
            raise ValueError("window must be at least as long as interval")
        return self

    @field_validator("targets")
    @classmethod
    def _check_duplicates(cls, targets: list[Target]) -> list[Target]:
        if duplicate := first_duplicate(target.label for target in targets):
            raise ValueError(f"two targets are called {duplicate!r}: give one of them a name")
        return targets
