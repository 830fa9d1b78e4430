"""Which workload a server belongs to, and a release: what keeps its name while pods change theirs.

Alerts carry it for whoever routes by namespace, and rollouts are followed by it. Where nothing is
known of a server it has no series here, and is followed by its own name.
"""

from typing import Final

from ..model import Group, Record
from ..values import Values
from .levels import IDENTITY

WORKLOAD: Final = "target:inferfleet_workload:info"
RELEASE_WORKLOAD: Final = "release:inferfleet_workload:info"
FAMILIES: Final = "target_version:inferfleet_page_families:max"
LABELS: Final = ("namespace", "workload")
# a declared workload is a label of the server's identity, which is gone while the server is down
_DOWN_FOR: Final = "1h"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules; they stand on those of the levels."""
    rules = (
        Record(record=WORKLOAD, expr=_workload(values)),
        Record(record=RELEASE_WORKLOAD, expr=_workload_of_release(values)),
        Record(record=FAMILIES, expr=_families(values)),
    )
    return (Group(name="inferfleet-workloads", interval=values.interval, rules=rules),)


def with_workload(values: Values, expr: str) -> str:
    """Return an expression of servers with their namespace and workload, where these are known."""
    server = values.labels("target")
    return (
        f"(({expr}) * on {server} group_left ({', '.join(LABELS)}) {WORKLOAD})"
        f" or on {server} ({expr})"
    )


def _workload(values: Values) -> str:
    """A known workload before a known namespace alone, what is shown now before what was."""
    server, labels = values.labels("target"), values.labels("target", *LABELS)

    def own_info(source: str) -> str:
        # scraped without honor_labels, `namespace` is the exporter's and the server's is set aside
        own = f'label_replace({source}, "namespace", "$1", "exported_namespace", "(.+)")'
        # exporters that disagree would make the joins many to many
        return f"topk by {server} (1, max by {labels} ({own}))"

    known = 'workload!=""'
    pod, identity = (values.metric(name, known) for name in ("server_pod_info", "server_info"))
    earlier = f"last_over_time({identity}[{_DOWN_FOR}])"
    sources = (pod, identity, earlier, values.metric("server_pod_info"))
    return f" or on {server} ".join(own_info(source) for source in sources)


def _workload_of_release(values: Values) -> str:
    """The workload of a release that runs in one alone, else its namespace where that is one."""
    release = values.labels(*IDENTITY)
    servers = with_workload(values, "target:inferfleet_server:info")

    def single(*labels: str) -> str:
        places = f"group by {values.labels(*IDENTITY, *labels)} ({servers})"
        return f"({places} and on {release} (count by {release} ({places}) == 1))"

    return f"{single(*LABELS)}\nor on {release}\n{single('namespace')}"


def _families(values: Values) -> str:
    server = values.labels("target")
    version = values.labels("target", "model", "version", *LABELS)
    info = f"max by {values.labels('target', 'model', 'version')} ({values.metric('server_info')})"
    families = (
        f"max by {server} ({values.metric('page_families')})"
        f" * on {server} group_left (model, version) topk by {server} (1, {info})"
    )
    return f"max by {version} ({with_workload(values, families)})"
