"""A fleet that is not of one piece: versions, settings, odd servers, lost names.

A rollout is followed by workload, whose pods get new names, and by model. Servers whose workload is
unknown are one pool for what compares servers, and each by itself for what compares with the past.
"""

from typing import Final

from ..model import Group
from ..promql import series, union
from ..recording import outliers
from ..recording.levels import IDENTITY
from ..recording.workloads import FAMILIES, LABELS, with_workload
from ..values import Values
from .family import Family

_PLACE: Final = "{{ with $labels.workload }} in {{ . }}{{ end }}"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on how a rollout goes."""
    family = Family("rollout", values)
    info = with_workload(values, "target:inferfleet_server:info")
    pool = values.labels("model", "gpu_model", "class", *LABELS)
    family.add(
        "InferfleetVersionsMixed",
        f"count by {pool} (group by {values.labels(*IDENTITY, *LABELS)} ({info})) > 1",
        f"{{{{ $labels.model }}}}{_PLACE} runs {{{{ $value }}}} releases at once",
        f"{{{{ $labels.model }}}} on {{{{ $labels.gpu_model }}}} (class {{{{ $labels.class }}}})"
        f"{_PLACE} has been served by {{{{ $value }}}} releases side by side for longer than a "
        "rollout takes: it stands still, or a server was left behind.",
        "upgrade",
    )
    server = values.labels("target", *IDENTITY, "config")
    configs = with_workload(values, f"group by {server} ({values.metric('server_info')})")
    family.add(
        "InferfleetConfigSkew",
        f"count by {values.labels(*IDENTITY, *LABELS)}"
        f" (group by {values.labels(*IDENTITY, 'config', *LABELS)} ({configs})) > 1",
        f"{{{{ $labels.model }}}} {{{{ $labels.release }}}}{_PLACE} runs with {{{{ $value }}}} "
        "different settings",
        f"Servers of {{{{ $labels.model }}}}{_PLACE} that run {{{{ $labels.release }}}} (class "
        "{{ $labels.class }}) have {{ $value }} different sets of settings; what one of them gains "
        "or loses may be laid at the release's door.",
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
    server = values.labels("target", *LABELS)
    # one that belongs to nothing is followed by its own name
    lost = union(
        (
            _lost(family, name, series(FAMILIES, 'workload!=""'), "model", *LABELS),
            _lost(family, name, series(FAMILIES, 'workload=""'), "target", "model"),
        )
    )
    family.add(
        name,
        f"max by {server} ({lost})",
        "{{ $labels.target }} lost metrics with its new version",
        "{{ $labels.target }} shows only {{ $value | humanizePercentage }} of the metric families "
        "{{ with $labels.workload }}servers of {{ . }}{{ else }}it{{ end }} had before "
        f"{{{{ with $labels.workload }}}}their{{{{ else }}}}its{{{{ end }}}} version changed "
        f"within the last {family.limit(name, 'window')}; what reads them sees nothing, or less "
        "than there is.",
        "server",
    )


def _lost(family: Family, name: str, families: str, *key: str) -> str:
    """Return servers with fewer families than others of their key had on another version.

    By the median server of each version: one that shows more than its peers is no measure of them.
    """
    of, version = family.values.labels(*key), family.values.labels(*key, "version")
    share = family.limit(name, "share")
    earlier = f"max_over_time({families}[{family.limit(name, 'window')}])"
    shown = f"quantile by {version} (0.5, {earlier})"
    most = f"(max by {of} ({shown}) and on {of} (count by {of} ({shown}) > 1))"
    fewer = f"quantile by {version} (0.5, {families}) / on {of} group_left () {most} < {share}"
    return f"({families} / on {of} group_left () {most} < {share} and on {version} ({fewer}))"
