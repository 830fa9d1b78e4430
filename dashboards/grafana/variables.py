"""The variables at the top of the dashboards, as data; the names are the same on all of them."""

from dataclasses import dataclass
from typing import Final, Literal

from ..queries.base import EXPORTER

_INFO: Final = "inferfleet_server_info"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `query` is PromQL's label_values or, for a box of text, its first value."""

    name: str
    label: str
    query: str
    kind: Literal["datasource", "query", "textbox"] = "query"
    many: bool = True
    everything: str = ".*"
    first: str = ""


def _of_servers(name: str, label: str, matchers: str, many: bool = True) -> Variable:
    return Variable(name, label, f"label_values({_INFO}{{{matchers}}}, {name})", many=many)


DATASOURCE: Final = Variable("datasource", "Data source", "prometheus", kind="datasource")
JOB: Final = Variable("job", "Job", "label_values(inferfleet_build_info, job)", everything=".+")
INSTANCE: Final = Variable(
    "instance",
    "Instance",
    'label_values(inferfleet_build_info{job=~"$job"}, instance)',
    everything=".+",
)
MODEL: Final = _of_servers("model", "Model", EXPORTER)
RELEASE: Final = _of_servers("release", "Release", f'{EXPORTER},model=~"$model"')
TARGET: Final = Variable(
    "target",
    "Server",
    f"label_values(inferfleet_target_up{{{EXPORTER}}}, target)",
)
ONE_TARGET: Final = Variable(TARGET.name, TARGET.label, TARGET.query, many=False)

FLEET: Final = (DATASOURCE, JOB, INSTANCE, MODEL, RELEASE, TARGET)
SERVER: Final = (DATASOURCE, JOB, INSTANCE, MODEL, RELEASE, ONE_TARGET)

_VERDICT: Final = "release:inferfleet_matched_load:ratio"
_ALIKE: Final = 'model="$model",gpu_model="$gpu_model",class="$class"'
UPGRADE: Final = (
    DATASOURCE,
    JOB,
    INSTANCE,
    _of_servers("model", "Model", EXPORTER, many=False),
    _of_servers("gpu_model", "GPU type", f'{EXPORTER},model="$model"', many=False),
    Variable(
        "class",
        "Class",
        f'label_values({_VERDICT}{{model="$model",gpu_model="$gpu_model"}}, class)',
        many=False,
    ),
    Variable(
        "baseline",
        "Baseline release",
        f"label_values({_VERDICT}{{{_ALIKE}}}, baseline)",
        many=False,
    ),
    Variable(
        "release",
        "Candidate release",
        f'label_values({_VERDICT}{{{_ALIKE},baseline="$baseline"}}, release)',
        many=False,
    ),
    TARGET,
    Variable("claim", "Promised change, %", "0", kind="textbox", first="0"),
)
SLO: Final = (
    *FLEET,
    Variable("objective", "Latency objective, %", "99", kind="textbox", first="99"),
    Variable("error_objective", "Error objective, %", "99.9", kind="textbox", first="99.9"),
)
