"""What discovery on Kubernetes costs: memory and CPU of following pods, by their number.

A fake API server on loopback lists the pods, full-sized as a cluster's own, then changes some
of them every second. Discovery runs in a process of its own, with nothing sampled.
"""

import argparse
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from tests.discovery.fake_kube import FakeKube, Pod, pod

_WATCH = """
import resource, sys, time
from exporter.config import parse_config
from exporter.discovery import Discoverer
section = {"selector": "app=vllm", "api_server": sys.argv[1]}
data = {"discovery": {"kubernetes": [section]}} if sys.argv[1] else {}
discoverer = Discoverer(parse_config(data, ""))
start = time.monotonic()
discoverer.refresh(0.0, wait=60.0)
print(len(discoverer.targets()), time.monotonic() - start, time.process_time(), flush=True)
cpu_start, start = time.process_time(), time.monotonic()
while time.monotonic() - start < float(sys.argv[2]):
    time.sleep(1.0)
    discoverer.refresh(time.monotonic())
cpu = (time.process_time() - cpu_start) / (time.monotonic() - start)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(cpu, status["VmRSS"].split()[0], status["VmHWM"].split()[0], flush=True)
"""


def main() -> None:
    """Measure without pods, then with each number of them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pods", type=int, nargs="+", default=[0, 500, 2000])
    arguments.add_argument("--seconds", type=float, default=20.0)
    arguments.add_argument("--changes", type=int, default=20, help="pods that change each second")
    options = arguments.parse_args()
    base, _ = _measure("", 2.0)
    print(f"without: {base[1] / 1024:.1f} MB resident")
    for count in options.pods:
        with FakeKube().running() as kube:
            pods = [_full_pod(i) for i in range(count)]
            kube.put(*pods)
            with _changing(kube, pods, options.changes if count else 0):
                (cpu, rss, peak), (targets, elapsed, start_cpu) = _measure(
                    kube.url, options.seconds
                )
            print(
                f"{targets:.0f} pods: first list {elapsed:.2f} s "
                f"({start_cpu:.2f} s of CPU with the start), "
                f"then {100 * cpu:.2f} % of a core at {options.changes} changes a second; "
                f"{rss / 1024:.1f} MB resident, {peak / 1024:.1f} MB at most, "
                f"{(rss - base[1]) / 1024:.1f} MB more than without"
            )


def _measure(url: str, seconds: float) -> tuple[list[float], list[float]]:
    """Return what a process prints at its end (CPU, memory) and after its first list."""
    lines = subprocess.run(
        [sys.executable, "-c", _WATCH, url, str(seconds)],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 120,
    ).stdout.splitlines()
    return [float(word) for word in lines[1].split()], [float(word) for word in lines[0].split()]


def _full_pod(number: int) -> Pod:
    """Return a pod as large as real ones are: 8 kB with its managed fields."""
    full = pod(
        f"vllm-7d9c5b8f4-{number:05}",
        f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}",
    )
    env = [{"name": f"VLLM_SETTING_{i}", "value": f"value-{i}"} for i in range(20)]
    full["spec"]["containers"][0]["env"] = env
    field = {
        "manager": "kubelet",
        "operation": "Update",
        "fieldsV1": {f"f:{'x' * 40}{i}": {} for i in range(120)},
    }
    full["metadata"]["managedFields"] = [field]
    return full


@contextmanager
def _changing(kube: FakeKube, pods: list[Pod], each_second: int) -> Iterator[None]:
    stop = threading.Event()

    def change() -> None:
        number, started = 0, monotonic()
        while each_second and not stop.wait(1.0 / each_second):
            kube.put(pods[number % len(pods)])
            number += 1
            if monotonic() - started > 600:
                return

    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    sleep(0.1)
    try:
        yield
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()
