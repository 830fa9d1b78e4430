"""What is one engine's own, as one record: everything else in this room is the same for all.

A package beside this file makes the record of one engine; `registry` lists them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from .catalog import PageContext
from .load_clients.client import LoadClient
from .sources.arguments import Syntax
from .sources.facts import SourceReport, Value

Ask = Callable[[str], object]
"""Returns the decoded JSON answer to a path of the server, None where there is none."""

PageSeries = Mapping[str, Sequence[tuple[int, Mapping[str, str]]]]
"""The series of a page by the name the catalog knows: where its value stands, and its labels."""

Labels = tuple[tuple[str, str], ...]
Compute = Callable[[Sequence[float]], float]
LabelSample = tuple[str, Labels, Compute]
"""A canonical family, its labels, and how its value follows from the page's values."""


class DecodeTime(Enum):
    """How the time sequences spent decoding follows from the inter-token latency of an engine.

    A decoding sequence accrues one second of it a second (Little's law), if every second is added.
    """

    SUM = "sum"
    """Every output of every sequence is timed, so the latency's sum is the time itself."""

    MEAN_TIMES_TOKENS = "mean times tokens"
    """Some outputs are left out of sum and count alike: the mean holds for all tokens made.

    It needs a live count of decoded tokens; without one, no law holds.
    """


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    `name` is its word in labels and the name of its catalog; `title` is for people; `images` are
    the repositories of its published container images, whose tags are its versions;
    `variable_prefixes` is how its environment variables begin; what begins with a later prefix is
    read as if it began with the first, too. `health_path` answers while the server is well and
    costs it no work. `metrics_hint` says what switches the metrics off. `runtime_settings` are
    names it lists among its settings though they are measured, counted or drawn at random at start.
    `load_client` is what its project measures servers with.

    `option_facts` reads its options by full name, `endpoint_reports` asks its own endpoints;
    `endpoints` are the paths it asks, those that answer the same question together, newest first.
    `page_settings` returns the labels in which a page carries configuration, `page_report` reads
    them. `label_samples` yields the samples that stand in label values, given the page's series,
    those settings, the model's name and what is known of the server; `page_notes` what label values
    do not say, for people.
    """

    name: str
    title: str
    images: tuple[str, ...]
    variable_prefixes: tuple[str, ...]
    health_path: str
    metrics_hint: str
    decode_time: DecodeTime
    syntax: Syntax
    runtime_settings: frozenset[str]
    option_facts: Callable[[Mapping[str, str]], dict[str, Value]]
    endpoints: tuple[tuple[str, ...], ...]
    endpoint_reports: Callable[[Ask], list[SourceReport]]
    load_client: LoadClient
    page_settings: Callable[[PageSeries], Mapping[str, str]] = lambda series: {}
    page_report: Callable[[Mapping[str, str]], SourceReport | None] = lambda settings: None
    label_samples: Callable[
        [PageSeries, Mapping[str, str], str, PageContext], Iterable[LabelSample]
    ] = lambda series, settings, model, context: ()
    page_notes: Callable[[PageSeries, Mapping[str, str], PageContext], Iterable[str]] = (
        lambda series, settings, context: ()
    )
