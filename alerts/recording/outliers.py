"""How slow a server is beside its peers: same release, same class, same batch.

Within a load cell the release's median server says what a decoded token should take. A server's
seconds per token, summed over its cells by the tokens it made there, over what the median would
have taken for them, is 1 for a server like the others whatever load each of them gets.
"""

from typing import Final

from ..model import Group, Record
from ..values import Values
from .levels import IDENTITY

# long enough that a cell's visits overlap between servers under an uneven router
_WINDOW: Final = "1h"
_SECONDS: Final = "target_batch:inferfleet_decode_sequence_seconds:rate1h"
_TOKENS: Final = "target_batch:inferfleet_decode_tokens:rate1h"
RATIO: Final = "target:inferfleet_decode_time_to_peers:ratio_rate1h"
TOKENS: Final = "target:inferfleet_decode_tokens_with_peers:rate1h"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules that compare servers of one release."""
    peers = values.labels(*IDENTITY, "batch")
    server = values.labels("target", *IDENTITY)
    least = values.alerts["InferfleetOutlierServer"].limits["peers"]
    median = f"quantile by {peers} (0.5, {_SECONDS} / ({_TOKENS} > 0))"
    enough = f"count by {peers} ({_TOKENS} > 0) >= {least:g}"
    expected = f"{_TOKENS} * on {peers} group_left () ({median} and {enough})"
    rules = (
        Record(record=_SECONDS, expr=_cells(values, "load_decode_sequence_seconds_total")),
        Record(record=_TOKENS, expr=_cells(values, "load_decode_tokens_total")),
        Record(
            record=RATIO,
            expr=f"sum by {server} ({_SECONDS} and ({expected}))"
            f" / (sum by {server} ({expected}) > 0)",
        ),
        Record(record=TOKENS, expr=f"sum by {server} ({_TOKENS} and ({expected}))"),
    )
    return (Group(name="inferfleet-outliers", interval=values.interval, rules=rules),)


def _cells(values: Values, name: str) -> str:
    kept = values.labels("target", *IDENTITY, "batch")
    busy = values.metric(name, 'batch!="idle"')
    return f"max by {kept} (sum without (engine_index) (rate({busy}[{_WINDOW}])))"
