"""A fleet that is not of one piece: versions, settings, odd servers, lost names."""

from ..model import Group
from ..recording import outliers
from ..recording.levels import IDENTITY
from ..values import Values
from .family import Family


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on how a rollout goes."""
    family = Family("rollout", values)
    info = "target:inferfleet_server:info"
    pool = values.labels("model", "gpu_model", "class")
    family.add(
        "InferfleetVersionsMixed",
        f"count by {pool} (group by {values.labels(*IDENTITY)} ({info})) > 1",
        "{{ $labels.model }} runs {{ $value }} releases at once",
        "{{ $labels.model }} on {{ $labels.gpu_model }} (class {{ $labels.class }}) has been "
        "served by {{ $value }} releases side by side for longer than a rollout takes: it stands "
        "still, or a server was left behind.",
        "upgrade",
    )
    configs = f"group by {values.labels(*IDENTITY, 'config')} ({values.metric('server_info')})"
    family.add(
        "InferfleetConfigSkew",
        f"count by {values.labels(*IDENTITY)} ({configs}) > 1",
        "{{ $labels.model }} {{ $labels.release }} runs with {{ $value }} different settings",
        "Servers of {{ $labels.model }} that run {{ $labels.release }} (class {{ $labels.class }}) "
        "have {{ $value }} different sets of settings; what one of them gains or loses may be laid "
        "at the release's door.",
        "upgrade",
    )
    _outlier(family)
    _vocabulary(family)
    server = values.labels("target")
    family.add(
        "InferfleetUnknownNames",
        f"max by {server} ({values.metric('page_unknown_names')}) > 0",
        "{{ $labels.target }} shows {{ $value }} metrics that inferfleet does not know",
        "The page of {{ $labels.target }} has {{ $value }} names with the engine's prefix that "
        "this release of inferfleet does not know; nothing is lost, but something is new.",
        "server",
    )
    return family.groups()


def _outlier(family: Family) -> None:
    name = "InferfleetOutlierServer"
    server = family.values.labels("target", *IDENTITY)
    family.add(
        name,
        f"({outliers.RATIO} - 1 > {family.limit(name, 'loss')})"
        f" and on {server} ({outliers.TOKENS} >= {family.limit(name, 'tokens')})",
        "{{ $labels.target }} is {{ $value | humanizePercentage }} slower than its peers",
        "{{ $labels.target }} takes {{ $value | humanizePercentage }} more time for a decoded "
        "token than the median server of {{ $labels.model }} {{ $labels.release }} at the same "
        "batch, over the last hour.",
        "server",
    )


def _vocabulary(family: Family) -> None:
    name, values = "InferfleetVocabularyBroken", family.values
    server, window = values.labels("target"), family.limit(name, "window")
    families = values.metric("page_families")
    versions = values.labels("target", "version")
    recent = f"group by {versions} (last_over_time({values.metric('server_info')}[{window}]))"
    family.add(
        name,
        f"max by {server} ({families}) / max by {server} (max_over_time({families}[{window}]))"
        f" < {family.limit(name, 'share')} and on {server} count by {server} ({recent}) > 1",
        "{{ $labels.target }} lost metrics with its new version",
        "{{ $labels.target }} shows only {{ $value | humanizePercentage }} of the metric families "
        f"it had before its version changed within the last {window}; what reads them sees "
        "nothing, or less than there is.",
        "server",
    )
