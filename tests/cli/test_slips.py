"""Slips that people make at the command line, and what is said: the option, and how to mend it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exporter.cli.app import app

SIDES = '--baseline version="a" --candidate version="b"'
RUN, OTHER_RUN = "vllm-dense-0.26.0", "vllm-dense-0.20.2-mrv1"
ASK = f"compare --prometheus http://127.0.0.1:9 {SIDES}"
PLAN = "bench-plan --prometheus http://127.0.0.1:9 --model m"
UNIT = "'{0}' is no duration; it lacks a unit: write {0}s, {0}m or {0}h"


def run(*words: str) -> tuple[int, str]:
    """Return the exit code and what was said, without the frame around it."""
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "1000"}, prog_name="inferfleet")
    return result.exit_code, " ".join(re.sub("[─╭╮╰╯│]", " ", result.output).split())


# what is typed (a | where a word holds a space), the exit code, what is said
SLIPS = (
    ("probe", 2, "Missing argument 'url'"),
    ("prob http://host:8000", 2, "No such command 'prob'. Did you mean 'probe'?"),
    ("comapre", 2, "No such command 'comapre'. Did you mean 'compare'?"),
    ("probe http://host:8000 --for 30", 2, f"for --for: {UNIT.format(30)}"),
    ("probe http://host:8000 --for 0", 2, "--for: '0' is no duration; write it like 5s"),
    ("probe http://host:8000 --for 0s", 2, "--for: '0s' is not above 0; write it like 1s or 15m"),
    ("probe http://host:8000 --for 1|min", 2, "--for: '1 min' is no duration; write 1m"),
    ("probe http://host:8000 --fro 1s", 2, "No such option: --fro"),
    (
        "probe http//host",
        2,
        "url: 'http//host' is no server address; write it like http",
    ),
    ("probe http://127.0.0.1:9 --for 1s", 2, "connection refused"),
    ("top", 2, "nothing to watch: give the URL of a server, or --config FILE"),
    ("top http://host:8000", 2, "the live view needs a terminal: --once prints one snapshot"),
    ("top ftp://host --once", 2, "'ftp://host' is no server address; write it like http"),
    ("top --config /none.yaml", 2, "/none.yaml cannot be read: No such file"),
    ("top http://host:8000 --ttft 1", 2, f"for --ttft: {UNIT.format(1)}"),
    ("top http://host:8000 --itl 50|ms", 2, "--itl: '50 ms' is no duration; write 50ms"),
    ("top http://host:8000 --interval 0s", 2, "--interval: '0s' is not above 0"),
    (
        "top http://host:8000 --window 1s --interval 5s",
        2,
        "--window: 1 s is shorter than the interval of 5 s; give more",
    ),
    ("top http://127.0.0.1:9 --once --for 1s --interval 1s", 2, "connection refused"),
    (f"{ASK} --margin 3", 4, "--margin: '3' is no share; it lacks the %: write 3%, or 0.03"),
    (f"{ASK} --margin 300%", 4, "--margin: '300%' is no share; write it like 3% or 0.03"),
    (f"{ASK} --margin 1", 4, "--margin: 100% is no margin; give 2% or so"),
    (f"{ASK} --margin 0,03", 4, "--margin: '0,03' is no share; write it like 3% or 0.03"),
    (f"{ASK} --margin=-3%", 4, "--margin: '-3%' is no share; write it like 3% or 0.03"),
    (f"{ASK} --claim 56", 4, "--claim: '56' is no change; it lacks the %: write 56%, or 0.56"),
    (f"{ASK} --claim 1.56x", 4, "--claim: '1.56x' is no change; write it like +56% or +0.56"),
    (f"{ASK} --claim=-100%", 4, "--claim: '-100%' would leave nothing; give more than -100%"),
    (f"{ASK} --window 7", 4, f"--window: {UNIT.format(7)}"),
    (f"{ASK} --window 7|days", 4, "--window: '7 days' is no duration; write 7d"),
    (f"{ASK} --window 1d|2h", 4, "--window: '1d 2h' is no duration; write 1d2h"),
    (f"{ASK} --window 2H", 4, "--window: '2H' is no duration; write 2h"),
    (f"{ASK} --warm-up 10", 4, f"--warm-up: {UNIT.format(10)}"),
    (f"{ASK} --wait 8", 4, "--wait: '8' is no duration and no time; write 8h or 2026-05-10T12:00"),
    (
        f"{ASK} --wait 1778414400000",
        4,
        "--wait: '1778414400000' is no duration and no time; write 8h or 2026-05-10T12:00",
    ),
    (f"{ASK} --step 5", 4, f"--step: {UNIT.format(5)}"),
    (f"{ASK} --timeout 30", 4, f"--timeout: {UNIT.format(30)}"),
    (
        f"{ASK} --from yesterday",
        4,
        "--from: 'yesterday' is no time; write 2026-05-10T12:00",
    ),
    (f"{ASK} --from 2026-05-10 --to 2026-05-09", 4, "--from must be before --to"),
    (f"{ASK} --json --markdown", 4, "--markdown: standard output is --json already; give one of"),
    (f"{ASK} --report /", 4, "--report: / cannot be written: it is a folder"),
    (f"{ASK} --fail-on regresion", 4, "--fail-on: regresion is none of regression, inconclusive"),
    (f"{ASK} --header X", 4, "--header: without a colon; write 'X-Scope-OrgID: tenant'"),
    (f"compare {SIDES}", 4, "or --baseline-recording and --candidate-recording"),
    ("compare --prometheus http://127.0.0.1:9", 4, "give both --baseline and --candidate"),
    (f"compare --prometheus 127.0.0.1:9 {SIDES}", 4, "'127.0.0.1:9' is no address; write http://"),
    (f"compare --prometeus x {SIDES}", 4, "No such option: --prometeus"),
    ("compare --recording a", 4, "No such option: --recording"),
    (f"compare --baseline-recording {RUN}", 4, "--candidate-recording: no run is given; name one"),
    (
        f"compare --baseline-recording {RUN} --candidate-recording {RUN}",
        4,
        f"--candidate-recording: {RUN} is on the baseline's side as well; a run is on one side",
    ),
    (
        f"compare --baseline-recording {RUN} {RUN} --candidate-recording {OTHER_RUN}",
        4,
        f"--baseline-recording: {RUN} is given twice; a run counts once",
    ),
    (
        f"compare --baseline-recording {RUN} --candidate-recording vllm-moe-0.20.2-mrv1",
        4,
        "give runs of one model on one type of GPU",
    ),
    (
        'compare --prometheus http://127.0.0.1:9 --baseline 0.20.2 --candidate version="b"',
        4,
        "--baseline: '0.20.2' is no label matcher; write it as in PromQL",
    ),
    (
        'compare --prometheus http://127.0.0.1:9 --baseline vers="a" --candidate version="b"',
        4,
        "--baseline: no label 'vers'; there are target, engine, version, release",
    ),
    ("bench-plan --model m", 2, "Missing option '--prometheus'"),
    ("bench-plan --prometheus http://127.0.0.1:9", 2, "Missing option '--model'"),
    (f"{PLAN} --effect 3", 2, "--effect: '3' is no share; it lacks the %: write 3%, or 0.03"),
    (f"{PLAN} --effect 0%", 2, "--effect: '0%' is not above 0; write it like 3% or 0.03"),
    (f"{PLAN} --spread 1x", 2, "--spread: '1x' is no share; write it like 3% or 0.03"),
    (f"{PLAN} --point 3", 2, f"--point: {UNIT.format(3)}"),
    (f"{PLAN} --window 7|days", 2, "--window: '7 days' is no duration; write 7d"),
    (f"{PLAN} --input-tokens 0", 2, "for '--input-tokens': Input should be greater than or"),
    (f"{PLAN} --url 127.0.0.1|8000", 2, "--url"),
    (f"{PLAN} --servers H200", 2, "--servers: 'H200' is no label matcher; write it as in PromQL"),
    (f"{PLAN} --shell /nowhere/b.sh", 2, "--baseline-start: --shell needs it; give both sides'"),
    (
        f"{PLAN} --kubernetes b.yaml --baseline-image a",
        2,
        "--candidate-image: --kubernetes needs it; give both sides'",
    ),
    ("judge", 2, "Missing option '--prometheus'"),
    ("judge --prometheus http://127.0.0.1:9 --every 15", 2, f"--every: {UNIT.format(15)}"),
    ("serve --config /none.yaml", 2, "/none.yaml cannot be read: No such file"),
    ("serve --target a:1 --listen 99999", 2, "'99999' is no address to listen on; write it like :"),
    (
        "serve --target a:1 --log-level verbose",
        2,
        "--log-level: 'verbose' is no log level",
    ),
    (
        "rules --out /tmp --format yaml",
        2,
        "--format: 'yaml' is no format; use prometheus",
    ),
    ("check-config", 2, "Missing argument 'config'"),
    ("serve", 2, "nothing to watch: give --target URL or --config FILE"),
    ("record http://host:8000", 2, "Missing option '--out'"),
    ("record http://host:8000 --out a.tar.xz --every 1ms", 2, "--every: must be greater than"),
    ("record http://host:8000 --out a.tar.xz --every 2h", 2, "--every: must be less than"),
    ("record http://u:p@host --out a.tar.xz", 2, "do not belong in a url; use the http section"),
)


@pytest.mark.parametrize(("typed", "code", "text"), SLIPS, ids=[slip[0] for slip in SLIPS])
def test_slips(typed: str, code: int, text: str) -> None:
    words = [word.replace("|", " ") for word in typed.split(" ")]
    ended, output = run(*words)
    assert ended == code
    assert text in output
    assert "Traceback" not in output


@pytest.mark.parametrize("command", ["probe", "top", "compare", "judge", "bench-plan"])
def test_help_is_short_to_ask_for_and_has_examples(command: str) -> None:
    code, output = run(command, "-h")
    assert code == 0
    assert f"For example: inferfleet {command} " in output
    assert "[default:" in output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_words_are_completed(shell: str) -> None:
    def answered(**variables: str) -> str:
        environment = {**os.environ, **variables}
        done = subprocess.run(
            [Path(sys.executable).parent / "inferfleet"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert "inferfleet" in answered(_INFERFLEET_COMPLETE=f"source_{shell}")
    if shell == "bash":
        words = {"COMP_WORDS": "inferfleet comp", "COMP_CWORD": "1"}
        assert answered(_INFERFLEET_COMPLETE="complete_bash", **words).split() == ["compare"]
