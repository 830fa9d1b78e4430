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
    down = f"{up} == 0 unless on {server} max by {server} ({values.metric('target_loading')}) == 1"
    family.add(
        "InferfleetTargetDown",
        down,
        "{{ $labels.target }} does not answer",
        "No exporter has been able to read the metrics page of {{ $labels.target }}: it is down, "
        "out of reach, or hung.",
        "server",
    )
    _model_down(family, up, down)
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
    _watchers(family)
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


def _model_down(family: Family, up: str, down: str) -> None:
    name, values = "InferfleetModelDown", family.values
    model = values.labels("model")
    join = f"* on {values.labels('target')} group_left (model) target:inferfleet_model:info"
    family.add(
        name,
        f"count by {model} (({down}) {join}) / count by {model} ({up} {join})"
        f" >= {family.limit(name, 'share')}",
        "{{ $value | humanizePercentage }} of the servers of {{ $labels.model }} are down",
        "{{ $value | humanizePercentage }} of the servers of {{ $labels.model }} do not answer, "
        "servers that load for the first time left out: the rest carries its load, or nobody does.",
        "fleet",
    )


def _watchers(family: Family) -> None:
    """Exporters and judges that are gone while others of their kind, or their series, go on."""
    values, by = family.values, family.values.labels("job", "instance")
    name = "InferfleetExporterDown"
    known = f"last_over_time({values.metric('build_info')}[{family.limit(name, 'window')}])"
    family.add(
        name,
        f"max by {by} (up) == 0 and on {by} group by {by} ({known})",
        "The exporter {{ $labels.instance }} is down",
        "Prometheus cannot scrape the exporter {{ $labels.instance }}: the servers that it alone "
        "watches raise no alert.",
        "exporter",
    )
    job = values.labels("job")
    shards = values.metric("shards")
    family.add(
        "InferfleetShardsIncomplete",
        f"count by {job} (group by {values.labels('job', 'shard')} ({shards}))"
        f" < max by {job} ({shards})",
        "Only {{ $value }} of the shards of {{ $labels.job }} are watched",
        "Of the shards that {{ $labels.job }} splits its servers into only {{ $value }} have an "
        "exporter: the servers of the others are watched by nobody, and raise no alert.",
        "exporter",
    )
    family.add(
        "InferfleetNoTargets",
        f"sum by {job} ({values.metric('targets')}) == 0",
        "{{ with $labels.job }}{{ . }} watches{{ else }}The exporter watches{{ end }} no server",
        "No server is configured or discovered: the selector, the file or the name that servers "
        "come from matches nothing.",
        "exporter",
    )
    name = "InferfleetTargetsVanished"
    source = values.labels("job", "source")
    discovered = f"max by {source} ({values.metric('discovered_targets')})"
    family.add(
        name,
        f"{discovered} == 0 and on {source}"
        f" max_over_time({discovered}[{family.limit(name, 'window')}:1m]) > 0",
        "{{ $labels.source }} names no server any more",
        "The source {{ $labels.source }} of discovery named servers within the last "
        f"{family.limit(name, 'window')} and names none now; those that are gone raise no alert of "
        "their own.",
        "exporter",
    )
    name = "InferfleetJudgeStale"
    last = f"last_over_time({values.metric('judge_last_success_timestamp_seconds')}[1d])"
    family.add(
        name,
        f"time() - max by {values.labels()} ({last}) > {family.seconds(name, 'age')}",
        "The judge's verdicts are {{ $value | humanizeDuration }} old",
        "The judge of upgrades last succeeded {{ $value | humanizeDuration }} ago: its verdicts "
        "stay on the dashboards as they were, and no upgrade alert fires on them.",
        "exporter",
    )


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
