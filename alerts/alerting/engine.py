"""One engine in trouble: no progress, no room, failed work."""

from typing import Final

from ..model import Group
from ..values import Values
from .family import Family
from .growth import appearance, growth

# what every page that was read shows
_READ: Final = "target:inferfleet_requests_running:mean5m"
_RATE: Final = '{{ $value | printf "%.2f" }}'


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on engines."""
    family = Family("engine", values)
    server = values.labels("target")
    engines = values.labels("target", "engine_index")
    family.add(
        "InferfleetEngineStalled",
        f"max by {engines} ({values.metric('engine_stalled')}) == 1",
        "{{ $labels.target }} has work and makes no progress",
        "{{ $labels.target }}{{ with $labels.engine_index }} (engine {{ . }}){{ end }} holds "
        "requests and gets more but has produced no token and computed no prompt, while its health "
        "answer is good: a router keeps sending it requests that will not be answered.",
        "server",
    )
    stalled = values.metric("engine_stalled")
    family.add(
        "InferfleetEngineNoProgress",
        f"max by {engines} ({values.metric('engine_no_progress')}) == 1"
        f" unless on {engines} max by {engines} ({stalled}) == 1",
        "{{ $labels.target }} shows requests and makes no progress",
        "{{ $labels.target }}{{ with $labels.engine_index }} (engine {{ . }}){{ end }} shows "
        "requests but has produced no token and computed no prompt. Either it is stalled, or its "
        "requests were cancelled and its gauges are stale: one request to it tells which.",
        "server",
    )
    _preemptions(family)
    _queue(family)
    _cache(family)
    _aborts(family)
    _transfers(family)
    _adapters(family)
    _corrupted(family)
    name = "InferfleetRestartLoop"
    window = family.limit(name, "window")
    restarts = f"increase({values.metric('server_restarts_total')}[{window}])"
    family.add(
        name,
        f"round(max by {server} ({restarts})) >= {family.limit(name, 'restarts')}",
        "{{ $labels.target }} restarted {{ $value }} times",
        f"{{{{ $labels.target }}}} began anew {{{{ $value }}}} times within {window}; each time "
        "its requests were lost and its caches are cold.",
        "server",
    )
    return family.groups()


def _adapters(family: Family) -> None:
    values = family.values
    server = values.labels("target")
    # vLLM does not say which adapters wait; it defers the requests of those that find no slot
    waiting = values.metric("requests_waiting", 'reason="deferred"')
    deferred = f"max by {server} (sum without (engine_index, model, reason) ({waiting}))"
    running, most = values.metric("lora_running_adapters"), values.metric("lora_max_adapters")
    family.add(
        "InferfleetLoraThrash",
        f"{deferred} > 0 and on {server}"
        f" max by {server} ({running}) >= on {server} max by {server} ({most})",
        "{{ $labels.target }} defers {{ $value }} requests with every LoRA slot taken",
        "On {{ $labels.target }} {{ $value }} requests are deferred while every adapter slot of a "
        "batch is taken: requests of other adapters wait until one of these has none left.",
        "server",
    )


def _preemptions(family: Family) -> None:
    name = "InferfleetPreemptionStorm"
    preempted = "target:inferfleet_preemptions:rate5m"
    family.add(
        name,
        f"{preempted} / (target:inferfleet_requests_finished:rate5m > 0)"
        f" > {family.limit(name, 'per_request')}"
        f" and {preempted} > {family.limit(name, 'rate')}",
        f"{{{{ $labels.target }}}} throws out {_RATE} requests for each it finishes",
        f"{{{{ $labels.target }}}} preempts {_RATE} requests for each one it finishes, because "
        "its KV cache is full: their prompts are computed again and their streams stand "
        "still meanwhile.",
        "server",
    )


def _queue(family: Family) -> None:
    name, values = "InferfleetQueueGrowing", family.values
    server, window = values.labels("target"), family.limit(name, "window")
    queue = f"max by {server} (sum without (engine_index, model, reason) "
    queue += f"({values.metric('requests_waiting')}))"
    # the mean of a whole window against now, so that one burst is not growth
    before = f"max by {server} (sum without (engine_index, model, reason) "
    before += f"(avg_over_time({values.metric('requests_waiting')}[{window}])))"
    by = values.labels("target", "by")
    bound = f"group by {by} ({values.metric('bound')} == 1)"
    grown = f"({queue} >= {family.limit(name, 'requests')}) and on {server} ({queue} > {before})"
    unknown = f'label_replace(({grown}) unless on {server} ({bound}), "by", "unknown", "", "")'
    family.add(
        name,
        f"(({grown}) * on {server} group_left (by) topk by {server} (1, {bound})) or {unknown}",
        "{{ $value }} requests wait at {{ $labels.target }} and more come",
        "{{ $labels.target }} has {{ $value }} requests waiting, more than its mean over the last "
        f"{window}. What bounds it: {{{{ $labels.by }}}}.",
        "server",
    )


def _cache(family: Family) -> None:
    name, values = "InferfleetKvCacheFull", family.values
    server = values.labels("target")
    family.add(
        name,
        f"max by {server} ({values.metric('kv_cache_usage_ratio')})"
        f" > {family.limit(name, 'usage')} and on {server}"
        f" target:inferfleet_preemptions:rate5m > {family.limit(name, 'rate')}",
        "{{ $labels.target }}'s KV cache is full and requests are thrown out",
        "The KV cache of {{ $labels.target }} is {{ $value | humanizePercentage }} full and "
        "running requests are preempted for lack of room.",
        "server",
    )


def _aborts(family: Family) -> None:
    name, values = "InferfleetAborts", family.values
    server = values.labels("target")
    drop = "sum without (engine_index, model, reason)"
    by_reason = values.metric("requests_finished_total", 'reason="abort"')
    counted = values.metric("requests_aborted_total")
    aborted = f"(max by {server} ({drop} (rate({counted}[5m])))"
    aborted += f" or max by {server} ({drop} (rate({by_reason}[5m]))))"
    finished = "target:inferfleet_requests_finished:rate5m"
    family.add(
        name,
        f"{aborted} / on {server} ({finished} > {family.limit(name, 'requests')})"
        f" > {family.limit(name, 'share')}",
        "Clients give up {{ $value | humanizePercentage }} of {{ $labels.target }}'s requests",
        "{{ $value | humanizePercentage }} of the requests that end on {{ $labels.target }} are "
        "aborted by their client: deadlines pass, or users stop waiting.",
        "server",
    )


def _transfers(family: Family) -> None:
    name, values = "InferfleetKvTransferFailures", family.values
    by, window = values.labels("target", "connector"), family.limit(name, "window")
    failures, expired = (
        f"max by {by} (sum without (engine_index, model) "
        f"(increase({values.metric(f'kv_transfer_{kind}_total')}[{window}])))"
        for kind in ("failures", "expired")
    )
    family.add(
        name,
        f"round(({failures}) + ({expired} or {failures} * 0) or {expired})"
        f" >= {family.limit(name, 'failures')}",
        "{{ $value }} KV transfers of {{ $labels.target }} failed",
        f"{{{{ $value }}}} KV transfers of {{{{ $labels.target }}}} ({{{{ $labels.connector }}}}) "
        f"failed or expired within {window}; each one's prompt is computed again, or its request "
        "fails.",
        "server",
    )


def _corrupted(family: Family) -> None:
    name, values = "InferfleetCorruptedRequests", family.values
    server, window = values.labels("target"), family.limit(name, "window")
    count = "target:inferfleet_corrupted_requests:max"
    family.add(
        name,
        f"{growth(count, window)} or {appearance(count, window, server, _READ, server)}",
        "{{ $labels.target }} made {{ $value }} answers of invalid numbers",
        f"{{{{ $value }}}} requests on {{{{ $labels.target }}}}, first seen within the last "
        f"{window}, had NaN in their logits: what users were sent is not what the model says.",
        "server",
    )
