"""However many reloads are asked for, one runs and one waits."""

from threading import Event, Semaphore

import pytest

from exporter.base.errors import ConfigError
from exporter.cli.reload_worker import ReloadWorker


def test_who_asks_while_one_runs_shares_the_next() -> None:
    inside, leave = Semaphore(0), Event()
    runs = []

    def reload() -> None:
        runs.append(1)
        inside.release()
        assert leave.wait(10)

    worker = ReloadWorker(reload)
    worker.start()
    first = worker.request()
    assert inside.acquire(timeout=10)
    others = [worker.request() for _ in range(200)]
    assert not first.done()
    leave.set()
    for future in [first, *others]:
        future.result(10)
    assert len(runs) == 2
    worker.stop()


def test_a_refusal_reaches_all_who_asked_and_ends_nothing() -> None:
    faults: list[Exception] = [ConfigError("no"), ValueError("worse")]

    def reload() -> None:
        if faults:
            raise faults.pop(0)

    worker = ReloadWorker(reload)
    worker.start()
    with pytest.raises(ConfigError, match="no"):
        worker.request().result(10)
    with pytest.raises(ValueError, match="worse"):
        worker.request().result(10)
    worker.request().result(10)
    worker.stop()
