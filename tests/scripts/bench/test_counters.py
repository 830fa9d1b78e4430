"""Counters of a process are those it sees itself."""

import os
import threading
from time import process_time

from scripts.bench.counters import cpu_seconds, resident_mb, threads


def test_cpu_is_that_of_all_threads_even_of_ended_ones() -> None:
    def work() -> None:
        sum(range(100_000))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = process_time()
    counted = cpu_seconds(os.getpid())
    assert before <= counted <= process_time()


def test_threads_are_counted_each() -> None:
    counted = threads(os.getpid())
    assert {os.getpid(), threading.get_native_id()} <= set(counted)
    assert sum(thread.cpu for thread in counted.values()) <= process_time() + 0.01
    assert resident_mb(os.getpid()) > 1
