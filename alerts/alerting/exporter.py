"""What cannot be seen: servers down or refused, sources gone, the exporter itself."""

from ..model import Group
from ..values import Values
from .family import Family

_REFUSED = 'reason=~"page_refused|no_engine|too_large|protocol"'


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on the watching itself."""
    family = Family("exporter", values)
    server, keep = values.labels("target"), values.keep_labels
    up = f"max by {server} ({values.metric('target_up')})"
    family.add(
        "InferfleetTargetDown",
        f"{up} == 0",
        "{{ $labels.target }} does not answer",
        "No exporter has been able to read the metrics page of {{ $labels.target }}: it is down, "
        "out of reach, or hung.",
        "server",
    )
    # the one alert that must not depend on a series: no exporter, no other alert
    place = "".join(f"{{{{ with $labels.{name} }}}} of {{{{ . }}}}{{{{ end }}}}" for name in keep)
    family.add(
        "InferfleetExporterAbsent",
        _absent(values, family.limit("InferfleetExporterAbsent", "window")),
        f"No inferfleet exporter{place} is scraped",
        f"Prometheus has no series of any inferfleet exporter{place}: nothing about the fleet is "
        "seen, and every other alert is silent.",
        "exporter",
    )
    name = "InferfleetTargetsVanished"
    every, window = f"sum by {values.labels()} ({values.metric('targets')})", "window"
    most = f"max_over_time(sum by {values.labels()} ({values.metric('targets')})"
    most += f"[{family.limit(name, window)}:1m])"
    family.add(
        name,
        f"{every} / ({most} > 0) < {family.limit(name, 'share')}",
        "Only {{ $value | humanizePercentage }} of the servers are still watched",
        "Discovery finds {{ $value | humanizePercentage }} of the servers it found within the last "
        f"{family.limit(name, window)}; those that are gone raise no alert of their own.",
        "exporter",
    )
    name = "InferfleetTargetStale"
    family.add(
        name,
        f"min by {server} ({values.metric('scrape_age_seconds')}) > {family.seconds(name, 'age')}"
        f" and on {server} {up} == 1",
        "{{ $labels.target }}'s figures are {{ $value | humanizeDuration }} old",
        "The newest page of {{ $labels.target }} is {{ $value | humanizeDuration }} old although "
        "it counts as up: the exporter cannot keep its pace.",
        "server",
    )
    _refused(family)
    _uncounted(family)
    by = values.labels("instance")
    family.add(
        "InferfleetConfigReloadFailed",
        f"max by {by} ({values.metric('config_last_reload_successful')}) == 0",
        "The exporter {{ $labels.instance }} refused its new configuration",
        "The exporter {{ $labels.instance }} runs on the configuration it had before, because the "
        "new one has a fault.",
        "exporter",
    )
    family.add(
        "InferfleetDiscoveryProblems",
        f"max by {by} ({values.metric('discovery_problems')}) > 0",
        "Discovery of {{ $labels.instance }} has {{ $value }} faults",
        "{{ $value }} sources of discovery fail on the exporter {{ $labels.instance }}; servers "
        "they would name may be missing, and gone ones may be kept.",
        "exporter",
    )
    source = values.labels("instance", "source")
    family.add(
        "InferfleetGpuSourceDown",
        f"max by {source} ({values.metric('gpu_source_up')}) == 0",
        "GPU telemetry from {{ $labels.source }} is gone",
        "The exporter {{ $labels.instance }} gets no GPU telemetry from {{ $labels.source }}: "
        "energy, throttling and GPU health of the servers under it are unknown.",
        "gpu",
    )
    family.add(
        "InferfleetIdentityConflict",
        f"max by {server} ({values.metric('identity_conflicts')}) > 0",
        "Sources disagree on {{ $value }} facts about {{ $labels.target }}",
        "Two sources tell {{ $value }} facts about {{ $labels.target }} differently (declared "
        "against read, say); the status page names them and which one is believed.",
        "server",
    )
    return family.groups()


def _absent(values: Values, window: str) -> str:
    """Return what holds where no exporter is scraped, or none of a cluster any more."""
    info = values.metric("build_info")
    if not values.keep_labels:
        return f"absent({info})"
    cluster, named = values.labels(), f'{values.keep_labels[0]}!=""'
    earlier = f"last_over_time({values.metric('build_info', named)}[{window}])"
    gone = f"group by {cluster} ({earlier}) unless on {cluster} group by {cluster} ({info})"
    # of a single cluster the second names it, and the first would report it twice
    return f"({gone}) or (absent({info}) unless on () ({gone}))"


def _refused(family: Family) -> None:
    name, values = "InferfleetPageRefused", family.values
    by, window = values.labels("target", "reason"), family.limit(name, "window")
    failures = values.metric("scrape_failures_total", _REFUSED)
    family.add(
        name,
        f"round(max by {by} (increase({failures}[{window}]))) >= {family.limit(name, 'failures')}",
        "{{ $labels.target }}'s page is refused: {{ $labels.reason }}",
        f"{{{{ $labels.target }}}} answers, but {{{{ $value }}}} of its pages were refused within "
        f"{window} ({{{{ $labels.reason }}}}); its figures are missing as if it were down.",
        "server",
    )


def _uncounted(family: Family) -> None:
    name, values = "InferfleetLoadNotCounted", family.values
    server, by = values.labels("target"), values.labels("target", "reason")
    excluded, counted = (
        # time whose latency alone is left out is in its cell
        values.metric("load_excluded_seconds_total", 'reason!="implausible_latency"'),
        values.metric("load_seconds_total"),
    )
    # restarts and warm-ups end by themselves; these do not
    lasting = values.metric("load_excluded_seconds_total", 'reason=~"cap|unknown|gap|implausible"')
    left_out = f"sum by {server} (rate({excluded}[1h]))"
    in_cells = f"(sum by {server} (rate({counted}[1h])) or {left_out} * 0)"
    family.add(
        name,
        f"sum by {by} (rate({lasting}[1h])) / on {server} group_left ()"
        f" (({left_out} + {in_cells}) > 0) > {family.limit(name, 'share')}",
        "{{ $value | humanizePercentage }} of {{ $labels.target }}'s time is in no load cell",
        "{{ $value | humanizePercentage }} of the last hour of {{ $labels.target }} was left out "
        "of the load cells ({{ $labels.reason }}); comparisons of its release rest on the rest, or "
        "on nothing.",
        "server",
    )
