"""The largest values of a server's gauges since it is watched, and for how long it had work."""

from dataclasses import dataclass, replace

from ...engines.plan import Snapshot


@dataclass(frozen=True, slots=True)
class Peaks:
    """Largest values in samples since the server is watched, or since it restarted.

    None where unknown. `busy_seconds` are those of `seconds` at whose end requests ran. Requests
    running are all of the server's, `engine_running` those of one engine; `token_budget` is that of
    a window.
    """

    seconds: float = 0.0
    busy_seconds: float = 0.0
    running: float | None = None
    engine_running: float | None = None
    waiting: float | None = None
    kv_usage: float | None = None
    token_budget: float | None = None

    def after(self, snapshot: Snapshot, seconds: float, token_budget: float | None) -> "Peaks":
        """Return the peaks with one more sample, taken `seconds` after the one before."""
        running = snapshot.total("requests_running")
        return replace(
            self,
            seconds=self.seconds + seconds,
            busy_seconds=self.busy_seconds + (seconds if running else 0.0),
            running=larger(self.running, running),
            engine_running=larger(self.engine_running, snapshot.largest("requests_running")),
            waiting=larger(self.waiting, snapshot.total("requests_waiting")),
            kv_usage=larger(self.kv_usage, snapshot.largest("kv_cache_usage_ratio")),
            token_budget=larger(self.token_budget, token_budget),
        )


def larger(first: float | None, second: float | None) -> float | None:
    """Return the larger of two numbers, of which either may be unknown."""
    return max((number for number in (first, second) if number is not None), default=None)
