"""The variables at the top of the dashboards, as data; the names are the same on all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from ..queries.base import CLUSTER_MATCHER, EXPORTER_MATCHERS

_INFO: Final = "inferfleet_server_info"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `query` is PromQL's label_values or, for a box of text, its first value.

    Its values are in the order of their names, those of `descending` the other way round.
    """

    name: str
    label: str
    query: str
    kind: Literal["datasource", "query", "textbox"] = "query"
    multi: bool = True
    all_value: str = ".*"
    default: str = ""
    descending: bool = False


def _server_label(name: str, label: str, matchers: str, multi: bool = True) -> Variable:
    return Variable(name, label, f"label_values({_INFO}{{{matchers}}}, {name})", multi=multi)


DATASOURCE: Final = Variable("datasource", "Data source", "prometheus", kind="datasource")
# "all" includes series without the label; so does the empty value of a single choice without any
CLUSTER: Final = Variable("cluster", "Cluster", "label_values(inferfleet_build_info, cluster)")
SINGLE_CLUSTER: Final = replace(CLUSTER, multi=False)
JOB: Final = Variable(
    "job", "Job", f"label_values(inferfleet_build_info{{{CLUSTER_MATCHER}}}, job)", all_value=".+"
)
INSTANCE: Final = Variable(
    "instance",
    "Instance",
    f'label_values(inferfleet_build_info{{{CLUSTER_MATCHER},job=~"$job"}}, instance)',
    all_value=".+",
)
MODEL: Final = _server_label("model", "Model", EXPORTER_MATCHERS)
RELEASE: Final = _server_label("release", "Release", f'{EXPORTER_MATCHERS},model=~"$model"')
TARGET: Final = Variable(
    "target",
    "Server",
    f"label_values(inferfleet_target_up{{{EXPORTER_MATCHERS}}}, target)",
)
SINGLE_TARGET: Final = replace(TARGET, multi=False)

FLEET_VARIABLES: Final = (DATASOURCE, CLUSTER, JOB, INSTANCE, MODEL, RELEASE, TARGET)
SERVER_VARIABLES: Final = (
    DATASOURCE,
    SINGLE_CLUSTER,
    JOB,
    INSTANCE,
    MODEL,
    RELEASE,
    SINGLE_TARGET,
)

_GPU_MATCHERS: Final = f'{EXPORTER_MATCHERS},model="$model",gpu_model="$gpu_model"'
_CLASS_MATCHERS: Final = f'{_GPU_MATCHERS},class="$class"'
UPGRADE_VARIABLES: Final = (
    DATASOURCE,
    SINGLE_CLUSTER,
    JOB,
    INSTANCE,
    _server_label("model", "Model", EXPORTER_MATCHERS, multi=False),
    _server_label("gpu_model", "GPU type", f'{EXPORTER_MATCHERS},model="$model"', multi=False),
    _server_label("class", "Class", _GPU_MATCHERS, multi=False),
    # the oldest and the newest name to begin with; links say which two are meant
    Variable(
        "baseline",
        "Baseline release",
        f"label_values({_INFO}{{{_CLASS_MATCHERS}}}, release)",
        multi=False,
    ),
    Variable(
        "release",
        "Candidate release",
        f"label_values({_INFO}{{{_CLASS_MATCHERS}}}, release)",
        multi=False,
        descending=True,
    ),
    _server_label("namespace", "Namespace", f'{EXPORTER_MATCHERS},model="$model"'),
    _server_label(
        "workload", "Workload", f'{EXPORTER_MATCHERS},model="$model",namespace=~"$namespace"'
    ),
    TARGET,
    Variable("claim", "Promised change, %", "0", kind="textbox", default="0"),
)
_OBJECTIVE_LABELS: Final = {
    "time_to_first_token": "First-token objective, %",
    "inter_token_latency": "Gap objective, %",
    "errors": "Error objective, %",
}


def slo_variables(objectives: Mapping[str, float]) -> tuple[Variable, ...]:
    """Return the SLO dashboard's variables, with the rules' objectives as shares to begin with."""
    boxes = []
    for name, objective in objectives.items():
        percent = f"{100 * objective:.10g}"
        label = _OBJECTIVE_LABELS[name]
        boxes.append(Variable(f"{name}_objective", label, percent, "textbox", default=percent))
    return (*FLEET_VARIABLES, *boxes)
