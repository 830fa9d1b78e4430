"""Load cells over one window each, as the matched-load rules see them.

A server's window in a cell is an observation: `y`, time (or energy) per unit of work; `z`, the
logarithm of the mean batch; `p` and `c`, what else it follows from (prefill, context); `w`, the
share of time; `g`, the work. Cells are set apart by `queue`: with requests waiting the batch
is full whatever the demand, and is compared with full batches only. A server's `warm_up` is
left out.

Prefill is looked at over all batches together, and its `z` is the logarithm of the prompt tokens
computed in a second: the batch follows from how long steps take, prefill's part included, so that
at one batch a faster decode would be set against moments of less prefill.
"""

from collections.abc import Mapping
from typing import Final

from exporter.vocabulary.verdict import Measure

from ..model import Record
from ..promql import series
from .settings import UNITS, Settings

RATE: Final = "target_batch:inferfleet_load_{}:rate"
OBSERVATION: Final = "target_batch:inferfleet_load_observation:mean"

_QUANTITIES: Final = (
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "context_token_seconds",
    "first_tokens",
    "first_token_seconds",
    "finished_prefill_tokens",
    "finished_prefill_seconds",
    "joules",
    "metered_decode_tokens",
)

# what the time follows from beside the batch, by measure: linear with slopes common to all cells
_PREFILL: Final[Mapping[Measure, str]] = {
    "decode": "{prefill_tokens} / {decode_tokens} * {decode_sequence_seconds} / {seconds}",
    "prefill": "{first_tokens} / {finished_prefill_tokens}",
    "time_to_first_token": "{finished_prefill_tokens} / {first_tokens}",
    "energy": "{prefill_tokens} / {decode_tokens}",
}
_CONTEXT: Final[Mapping[Measure, str]] = {
    "decode": "{context_token_seconds} / {seconds}",
    "prefill": "{prefill_tokens} / {seconds}",
    "time_to_first_token": "{prefill_tokens} / {seconds}",
    "energy": "{context_token_seconds} / {decode_sequence_seconds}",
}


def records(settings: Settings) -> list[Record]:
    """Return the rules that turn counters into observations."""
    target = settings.labels("target", "release", "batch")
    rules = [Record(record=RATE.format("seconds"), expr=_seconds(settings, target))]
    for quantity in _QUANTITIES:
        # seconds ^ 0 is 1 where the cell's time is known, and brings the label `queue`
        rate = f"sum by {target} ({_rate(settings, quantity)})"
        rules.append(
            Record(
                record=RATE.format(quantity),
                expr=f"{rate} * on {target} group_left (queue) ({RATE.format('seconds')} ^ 0)",
            )
        )
    cell = {quantity: RATE.format(quantity) for quantity in ("seconds", *_QUANTITIES)}
    whole = {
        quantity: f'label_replace(sum without (batch) ({name}), "batch", "all", "", "")'
        for quantity, name in cell.items()
    }
    full = series(cell["seconds"], 'queue="yes"')
    for measure, (time, work) in UNITS.items():
        names = whole if measure == "prefill" else cell
        load = "prefill_tokens" if measure == "prefill" else "decode_sequence_seconds"
        done = f"({names[work]} > 0)"
        y = f"{names[time]} / {done} > 0"
        if measure == "time_to_first_token":
            # with a queue the time to the first token follows from its length, not from the batch
            y += f" unless {full}"
        if measure == "prefill":
            y += f" and {names[load]} > 0"
        # what an engine does not count is taken as none: it gets the slope 0
        zero = f"({names['seconds']} * 0)"
        expressions = {
            "y": y,
            "z": f"ln({names[load]} / {names['seconds']})",
            "p": f"{_PREFILL[measure].format(**names)} or {zero}",
            "c": f"{_CONTEXT[measure].format(**names)} or {zero}",
            "w": names["seconds"],
            "g": names[work],
        }
        # an observation has all of its terms or none: only where there is a time is there one
        for term, expr in expressions.items():
            rules.append(
                Record(
                    record=OBSERVATION,
                    expr=expr if term == "y" else f"({expr}) and ({y})",
                    labels={"measure": measure, "term": term},
                )
            )
    return rules


def _rate(settings: Settings, quantity: str) -> str:
    counter = settings.metric(f"load_{quantity}_total", 'release!=""', 'batch!~"0|idle"')
    return f"rate({counter}[{settings.interval}])"


def _seconds(settings: Settings, target: str) -> str:
    """A tenth of a window at least: less says little of the cell's mean."""
    time = f"(sum by {target} ({_rate(settings, 'seconds')}) > 0.1)"
    queued = f"(sum by {target} ({_rate(settings, 'saturated_seconds')}) / {time} > 0.5)"
    young = f"time() - {settings.metric('server_start_time_seconds')} < {settings.warm_up:g}"
    return (
        f'(\n  label_replace({time} and {queued}, "queue", "yes", "", "")\n'
        f'or\n  label_replace({time} unless {queued}, "queue", "no", "", "")\n)\n'
        f"unless on {settings.target_labels()} ({young})"
    )
