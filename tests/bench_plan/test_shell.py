"""The shell script, run for real with stubs: a server that answers, a client, a recorder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.bench_plan.shell import shell_script
from tests.bench_plan.plans import TRAFFIC, plan
from tests.prometheus import free_port
from tests.waiting import until

SERVER = """\
import http.server, os, sys, subprocess
child = subprocess.Popen(["sleep", "1000"])
with open(sys.argv[2], "a") as file:
    print(os.getpid(), child.pid, *sys.argv[3:], file=file)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# each says what it was called with; a client's result is its last word, where it saves one
VLLM = """\
#!/bin/sh
echo "vllm $*" >>calls
case "$*" in *--save-result*) for result; do :; done; echo "{}" >"$result"; esac
"""
# a recording is there when all the results are
INFERFLEET = """\
#!/bin/sh
echo "inferfleet $*" >>calls
[ "$1" = record ] || exit 0
recording=$4
shift 6
for word; do
    [ "$word" = --client-result ] || until [ -e "$word" ]; do sleep 0.1; done
done
echo pages >"$recording"
"""


class Bench:
    """A folder with the script and stubs on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "bin").mkdir()
        for name, content in (("vllm", VLLM), ("inferfleet", INFERFLEET)):
            program = folder / "bin" / name
            program.write_text(content)
            program.chmod(0o755)
        (folder / "server.py").write_text(SERVER)

    def start(self, side: str) -> str:
        return f"SIDE={side} {sys.executable} server.py {self.port} servers {side}"

    def command(
        self, baseline: str = "", candidate: str = "", **limits: str
    ) -> tuple[list[str], dict[str, str]]:
        """Write the script; return the command that runs it, and its environment."""
        url = f"http://127.0.0.1:{self.port}"
        traffic = replace(TRAFFIC, model="org/it's $HOME")
        starts = {
            "baseline": baseline or self.start("a"),
            "candidate": candidate or self.start("b"),
        }
        script = shell_script(plan(traffic, base_url=url, port=self.port), starts)
        (self.folder / "bench.sh").write_text(script)
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return ["sh", "bench.sh"], {**os.environ, "PATH": path, **limits}

    def run(self, baseline: str = "", candidate: str = "", **limits: str) -> tuple[int, str]:
        """Run the script; return its exit code and what it said."""
        command, environment = self.command(baseline, candidate, **limits)
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300
        )
        return done.returncode, done.stdout + done.stderr

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def processes(self) -> list[int]:
        """Return the processes of every server that was started, and of its child."""
        return [int(word) for line in self.lines("servers") for word in line.split()[:2]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    for process in made.processes():
        with suppress(ProcessLookupError):
            os.kill(process, 9)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_runs_in_their_order_each_on_a_server_of_its_own(bench: Bench) -> None:
    code, said = bench.run()
    assert code == 0, said
    assert [line.split()[2] for line in bench.lines("servers")] == ["a", "b", "b", "a"]
    assert len(set(bench.processes())) == 8
    until(lambda: not any(map(is_running, bench.processes())))
    calls = bench.lines("calls")
    # of a run: two warm-ups, the recording beside two measured points
    first, measured = calls[:2], [call for call in calls[2:5] if call.startswith("vllm")]
    assert all("--seed 100" in call for call in first)
    assert [call.rpartition(" ")[2] for call in measured] == [
        "runs/unfinished/01-baseline-quiet.json",
        "runs/unfinished/01-baseline-typical-busy.json",
    ]
    (recorded,) = (call for call in calls[2:5] if call.startswith("inferfleet"))
    assert recorded.endswith(
        "--client-result runs/unfinished/01-baseline-quiet.json "
        "--client-result runs/unfinished/01-baseline-typical-busy.json"
    )
    assert "--model org/it's $HOME --dataset-name random" in measured[0]
    assert calls[-1] == (
        "inferfleet compare --baseline-recording runs/01-baseline.tar.xz runs/04-baseline.tar.xz "
        "--candidate-recording runs/02-candidate.tar.xz runs/03-candidate.tar.xz --margin 2.5%"
    )
    assert not list((bench.folder / "runs" / "unfinished").iterdir())
    assert len(list((bench.folder / "runs").glob("*.json"))) == 8
    names = sorted(path.name for path in (bench.folder / "runs").glob("*.tar.xz"))
    assert names == [
        *("01-baseline.tar.xz", "02-candidate.tar.xz", "03-candidate.tar.xz"),
        "04-baseline.tar.xz",
    ]


def test_a_script_that_was_stopped_goes_on_with_the_runs_that_lack(bench: Bench) -> None:
    (bench.folder / "runs").mkdir()
    for name in ("01-baseline", "02-candidate", "03-candidate"):
        (bench.folder / "runs" / f"{name}.tar.xz").touch()
    code, said = bench.run()
    assert code == 0, said
    assert "02-candidate: is recorded already" in said
    assert [line.split()[2] for line in bench.lines("servers")] == ["a"]


def test_a_server_of_somebody_else_is_left_alone(bench: Bench) -> None:
    other = subprocess.Popen(
        [sys.executable, "server.py", str(bench.port), "others"], cwd=bench.folder
    )
    try:
        until(lambda: _answers(bench.port))
        code, said = bench.run()
        assert code == 1
        assert "already: stop it, or choose another --url" in said
        assert other.poll() is None
        assert bench.lines("servers") == bench.lines("calls") == []
    finally:
        other.kill()
        other.wait()
        for word in bench.lines("others")[0].split()[1:]:
            os.kill(int(word), 9)


def test_a_server_that_ends_is_not_waited_for(bench: Bench) -> None:
    code, said = bench.run(baseline="echo no weights; exit 3")
    assert code == 1
    assert "the server ended before it was healthy; see runs/01-baseline.log" in said
    assert bench.lines("runs/01-baseline.log") == ["no weights"]
    assert bench.lines("calls") == []


def test_a_server_that_never_is_healthy_is_stopped_at_the_deadline(bench: Bench) -> None:
    sleeper = "echo $$ 0 sleeper >>servers; while :; do sleep 0.1; done"
    code, said = bench.run(baseline=sleeper, START_SECONDS="1")
    assert code == 1
    assert "the server was not healthy after 1 s; see runs/01-baseline.log" in said
    (line,) = bench.lines("servers")
    until(lambda: not is_running(int(line.split()[0])))
    (bench.folder / "servers").unlink()


def test_a_client_that_fails_ends_the_script_and_the_server(bench: Bench) -> None:
    (bench.folder / "bin" / "vllm").write_text("#!/bin/sh\nexit 7\n")
    code, _ = bench.run()
    assert code == 7
    assert bench.processes()
    until(lambda: not any(map(is_running, bench.processes())))
    assert not list((bench.folder / "runs").glob("*.tar.xz"))


def test_a_server_that_does_not_end_is_killed(bench: Bench) -> None:
    stubborn = f"trap '' TERM; {bench.start('a')}"
    (bench.folder / "bin" / "vllm").write_text("#!/bin/sh\nexit 7\n")
    code, _ = bench.run(baseline=stubborn, STOP_SECONDS="1")
    assert code == 7
    until(lambda: not any(map(is_running, bench.processes())))


def _answers(port: int) -> bool:
    import socket

    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def test_a_signal_ends_client_and_server_at_once(bench: Bench) -> None:
    client = "#!/bin/sh\necho $$ 0 client >>servers\nwhile :; do sleep 0.2; done\n"
    (bench.folder / "bin" / "vllm").write_text(client)
    command, environment = bench.command()
    script = subprocess.Popen(command, cwd=bench.folder, env=environment, stdout=subprocess.DEVNULL)
    until(lambda: any(line.endswith("client") for line in bench.lines("servers")))
    script.terminate()
    assert script.wait(60) == 143
    processes = [process for process in bench.processes() if process]
    until(lambda: not any(map(is_running, processes)))
    (bench.folder / "servers").unlink()
