"""Holds the exporter's joules against the boards' own counters, under several launchers.

    python -m scripts.gpu_fleet --out DIR

On a host with two GPUs it starts small vLLM servers with random weights, round by round: the
console script and `python -m`; a wrapper script and `python -c`; two GPUs with tensor parallelism;
two with data parallelism. Each is loaded by a closed loop while `inferfleet serve` watches it.
Printed are, for each: what tied GPUs to it, tokens per second and GPU, joules per generated token,
and its joules over those that the boards counted in the same time. A recording of each is written
to DIR with `results.json`. A round for which no time is left is not begun. Ends with 1 where a
server has no GPU, no joules, or joules more than 2 % off.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final

from scripts.live.client import Client
from scripts.live.exporter import Exporter, Page, start_exporter
from scripts.live.model import write_model
from scripts.live.process import free_port
from scripts.live.server import Server, wait_for

from .boards import Boards
from .recording import Recorder
from .servers import MODEL, PLANS, ROUNDS, launch

_RAMP: Final = 8.0
_ROUND: Final = 60.0
"""Seconds a round takes beside the start of its servers."""
_BOOT: Final = 180.0
_LEAST_BOOT: Final = 40.0
_AGREES: Final = 0.02


@dataclass(frozen=True, slots=True)
class Result:
    """What the exporter says of one server, and what the client and the boards say."""

    name: str
    launcher: str
    joined_by: str
    gpus: float | None
    gpus_source: str
    tokens_per_second_per_gpu: float | None
    joules_per_token: float | None
    joules: float
    board_joules: float
    seconds: float
    client_tokens: int
    client_errors: int
    notes: Sequence[str]

    @property
    def ratio(self) -> float:
        """The exporter's joules over the boards'."""
        return self.joules / self.board_joules if self.board_joules else 0.0

    @property
    def right(self) -> bool:
        """Whether every figure is there and the joules agree."""
        known = None not in (self.gpus, self.tokens_per_second_per_gpu, self.joules_per_token)
        return bool(self.joined_by) and known and abs(self.ratio - 1) <= _AGREES


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a run finds and leaves things. Paths of modules are as in PYTHONPATH."""

    out: Path
    folder: Path
    model: Path
    engine_path: str
    exporter_path: str
    seconds: float
    concurrency: int
    options: Sequence[str]


def main() -> None:
    """Run every round and print the table; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="folder for recordings and results")
    parser.add_argument("--budget", type=float, default=520.0, help="seconds for everything")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds that are measured")
    parser.add_argument("--concurrency", type=int, default=32, help="requests in flight a server")
    parser.add_argument("--engine-path", default=os.environ.get("PYTHONPATH", ""))
    parser.add_argument("--exporter-path", default=os.environ.get("PYTHONPATH", ""))
    parser.add_argument("--options", default="--enforce-eager", help="of every server")
    parser.add_argument("--only", help="run only the round with this server, such as dp2")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    end = monotonic() + given.budget
    boards, results, failures = Boards(), list[Result](), dict[str, str]()
    boards.start()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        setting = Setting(
            out=given.out,
            folder=folder,
            model=write_model(folder, MODEL),
            engine_path=given.engine_path,
            exporter_path=given.exporter_path,
            seconds=given.seconds,
            concurrency=given.concurrency,
            options=given.options.split(),
        )
        for number, plans in enumerate(ROUNDS):
            left = end - monotonic()
            names = ", ".join(plan.name for plan in plans)
            if given.only and given.only not in names.split(", "):
                continue
            if max(gpu for plan in plans for gpu in plan.gpus) >= len(boards.boards):
                print(f"{names}: not run, there are {len(boards.boards)} GPUs", flush=True)
            elif left < _ROUND + setting.seconds + _LEAST_BOOT:
                print(f"{names}: not run, {left:.0f} s are left", flush=True)
            else:
                boot = min(_BOOT, left - _ROUND - setting.seconds)
                results += run_round(number, setting, boards, boot, failures)
                write(setting.out, results, failures)
    boards.stop()
    for name, log in failures.items():
        print(f"--- {name} did not start:\n{log}", flush=True)
    print(table(results))
    sys.exit(0 if results and not failures and all(result.right for result in results) else 1)


def run_round(
    number: int, setting: Setting, boards: Boards, boot: float, failures: dict[str, str]
) -> list[Result]:
    """Run the servers of one round; those that do not start in `boot` seconds are failures."""
    began, servers = monotonic(), list[Server]()
    try:
        for plan in ROUNDS[number]:
            server = launch(
                plan,
                free_port(),
                setting.model,
                setting.folder,
                setting.engine_path,
                setting.options,
            )
            servers.append(server)
        ready = wait_for(servers, boot)
        failures |= {s.name: s.child.log_end() for s in servers if s not in ready}
        names = ", ".join(server.name for server in ready) or "no server"
        print(f"{names} up after {monotonic() - began:.0f} s", flush=True)
        if not ready:
            return []
        exporter = start_exporter(ready, free_port(), setting.folder, setting.exporter_path)
        try:
            return measure(ready, exporter, setting, boards)
        except OSError as error:
            failures["exporter"] = f"{error}\n{exporter.child.log_end()}"
            return []
        finally:
            exporter.child.end()
    finally:
        for server in reversed(servers):
            server.child.end()
        wait_until_free(boards)


def measure(
    ready: Sequence[Server], exporter: Exporter, setting: Setting, boards: Boards
) -> list[Result]:
    """Load the servers, and return what the exporter and the boards counted meanwhile."""
    wait_for_identity(exporter, len(ready))
    recorders = [Recorder(server.url) for server in ready]
    clients = [Client(server.port, MODEL, setting.concurrency) for server in ready]
    for recorder, client in zip(recorders, clients, strict=True):
        recorder.start()
        client.start()
    sleep(_RAMP)
    before = read_joules(exporter.page())
    sleep(setting.seconds)
    after = read_joules(exporter.page())
    fleet = exporter.fleet()
    for client in clients:
        client.stop()
    sleep(2)
    results = []
    for server, recorder, client in zip(ready, recorders, clients, strict=True):
        recorder.stop()
        name, plan, report = server.name, PLANS[server.name], fleet[server.name]
        used = [boards.boards[gpu] for gpu in plan.gpus]
        (start, first), (end, last) = before[name], after[name]
        results.append(
            Result(
                name=name,
                launcher=plan.launcher,
                joined_by=report.get("gpu_link") or "",
                gpus=report.get("gpus"),
                gpus_source=report.get("gpus_source") or "",
                tokens_per_second_per_gpu=report.get("generation_tokens_per_second_per_gpu"),
                joules_per_token=report.get("joules_per_token"),
                joules=last - first,
                board_joules=sum(board.joules(start, end) for board in used),
                seconds=end - start,
                client_tokens=client.generated,
                client_errors=client.errors,
                notes=[*report.get("notes", ()), *filter(None, [client.first_error])],
            )
        )
        version = report.get("version") or "unknown"
        description = {
            "name": f"{name}-{version}",
            "engine": report.get("engine") or "vllm",
            "engine_version": version,
            "model": MODEL,
            "env": [],
            "args": server.arguments,
            "launcher": plan.launcher,
            "phases": [client.phase()],
        }
        path = setting.out / f"vllm-{version}-{name}.tar.xz"
        size = recorder.save(path, description, used, setting.folder)
        print(f"{path.name}: {size / 1e3:.0f} kB", flush=True)
    return results


def wait_for_identity(exporter: Exporter, servers: int, seconds: float = 25.0) -> None:
    """Wait until the exporter has read every server's identity and had time to look for GPUs."""
    end = monotonic() + seconds
    while monotonic() < end:
        sleep(1)
        try:
            known = sum(bool(report.get("gpu_link")) for report in exporter.fleet().values())
        except OSError:
            continue
        if known == servers:
            return


def read_joules(page: Page) -> Mapping[str, tuple[float, float]]:
    """Return for each server the Unix time of its last sample and the joules of its load cells."""
    return {
        target: (page.time - age.value, page.total("load_joules_total", target=target) or 0.0)
        for age in page.matching("scrape_age_seconds")
        for target in [age.labels["target"]]
    }


def wait_until_free(boards: Boards, seconds: float = 20.0) -> None:
    """Wait until no process of this round is left on a GPU."""
    end = monotonic() + seconds
    while boards.processes() and monotonic() < end:
        sleep(0.5)


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    head = ["server", "launcher", "joined by", "GPUs", "tok/s per GPU", "J per token"]
    head += ["exporter, J", "boards, J", "ratio", "right"]
    lines = [head, ["---"] * len(head)]
    for result in results:
        gpus = "unknown" if result.gpus is None else f"{result.gpus:g} ({result.gpus_source})"
        lines.append(
            [
                result.name,
                result.launcher,
                result.joined_by or "none",
                gpus,
                _text(result.tokens_per_second_per_gpu, ",.1f"),
                _text(result.joules_per_token, ".4f"),
                f"{result.joules:,.0f}",
                f"{result.board_joules:,.0f}",
                f"{result.ratio:.4f}",
                "yes" if result.right else "NO",
            ]
        )
    notes = [f"{result.name}: {note}" for result in results for note in result.notes]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *notes])


def _text(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def write(out: Path, results: Sequence[Result], failures: Mapping[str, str]) -> None:
    """Write the results so far, so that a run that is cut short leaves them."""
    document = {"results": [asdict(result) for result in results], "failures": dict(failures)}
    (out / "results.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
