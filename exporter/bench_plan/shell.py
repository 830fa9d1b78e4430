"""The plan as a POSIX shell script that starts, loads, records and stops servers. Pure.

Servers are process groups of their own (`setsid`), so that what is stopped is what was started.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from ..engines.load_clients.client import Command
from ..engines.registry import ENGINES
from .plan import FOLDER, Plan
from .runs import SIDES
from .text import shell_line

_RUN: Final = "unfinished/\0"
"""A run's name while it is under way; the shell puts its argument where no argument can be."""

_FRAME: Final = """\
#!/bin/sh
# @TITLE@
# Needs: @PROGRAM@ (one release for both sides), inferfleet[compare], python3, setsid.
set -eu

BASELINE=@BASELINE@
CANDIDATE=@CANDIDATE@
HEALTH=@HEALTH@
START_SECONDS=${START_SECONDS:-1800}  # until a server is healthy
STOP_SECONDS=${STOP_SECONDS:-60}      # until a server has ended

server= recorder= client=

healthy() {
    python3 -I -S -c 'import sys, urllib.request as r
r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=5)' "$HEALTH" 2>/dev/null
}

running() { kill -s 0 "$1" 2>/dev/null; }

stop_recorder() {
    [ -n "$recorder" ] || return 0
    kill -s TERM "$recorder" 2>/dev/null || :
    wait "$recorder" 2>/dev/null || :
    recorder=
}

stop_server() {
    [ -n "$server" ] || return 0
    kill -s TERM -- "-$server" 2>/dev/null || :
    left=$STOP_SECONDS
    while kill -s 0 -- "-$server" 2>/dev/null && [ "$left" -gt 0 ]; do
        sleep 1
        left=$((left - 1))
    done
    kill -s KILL -- "-$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    server=
}

# in the background, so that a signal is not kept waiting until it ends
load() {
    "$@" &
    client=$!
    wait "$client"
    client=
}

stop_all() {
    [ -z "$client" ] || kill -s TERM "$client" 2>/dev/null || :
    stop_recorder
    stop_server
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

start_server() {
    if healthy; then
        echo "something answers at $HEALTH already: stop it, or choose another --url" >&2
        exit 1
    fi
    setsid sh -c "$1" >"$2" 2>&1 &
    server=$!
    left=$START_SECONDS
    until healthy; do
        if ! running "$server"; then
            echo "the server ended before it was healthy; see $2" >&2
            exit 1
        fi
        if [ "$left" -le 0 ]; then
            echo "the server was not healthy after $START_SECONDS s; see $2" >&2
            exit 1
        fi
        sleep 1
        left=$((left - 1))
    done
}

run() {  # NAME COMMAND
    if [ -e @FOLDER@/"$1".tar.xz ]; then
        echo "$1: is recorded already"
        return 0
    fi
    rm -f @FOLDER@/unfinished/"$1"*
    echo "$1: starting"
    start_server "$2" @FOLDER@/"$1".log
    echo "$1: warming up"
@WARM_UP@
    echo "$1: measuring"
    @RECORD@ &
    recorder=$!
@MEASURE@
    # it ends once it has the results
    wait "$recorder"
    recorder=
    stop_server
    # only a run that came to its end has its name
    mv @FOLDER@/unfinished/"$1"-*.json @FOLDER@/unfinished/"$1".tar.xz @FOLDER@
}

mkdir -p @FOLDER@/unfinished
@RUNS@
@COMPARE@
"""


def shell_script(plan: Plan, starts: Mapping[str, str]) -> str:
    """Return the script; `starts` is the command that starts each side's server."""
    health = plan.request.base_url + ENGINES[plan.traffic.engine].health_path
    values = {
        "TITLE": f"Compares two set-ups of {_comment(plan.traffic.model)} under its fleet's load.",
        "PROGRAM": f"{plan.client.program} of {plan.client.since} or later",
        **{side.upper(): shlex.quote(starts[side]) for side in SIDES},
        "HEALTH": shlex.quote(health),
        "FOLDER": FOLDER,
        "WARM_UP": "\n".join(
            f"    load {shell_line(plan.warm_up(point))}" for point in plan.points
        ),
        "RECORD": _of_argument(plan.record(_RUN)),
        "MEASURE": "\n".join(
            f"    load {_of_argument(plan.measured(point, plan.result(_RUN, point)))}"
            for point in plan.points
        ),
        "RUNS": "\n".join(
            f'run {name} "${side.upper()}"'
            for name, side in zip(plan.names, plan.order, strict=True)
        ),
        "COMPARE": shell_line(plan.compare()),
    }
    # in one pass: what a name holds is no place of the frame
    return re.sub("@([A-Z_]+)@", lambda place: values[place[1]], _FRAME)


def _of_argument(command: Command) -> str:
    """Return a command as a shell reads it, its first argument wherever a run's name stands."""
    return " ".join('"$1"'.join(shlex.quote(part) for part in word.split("\0")) for word in command)


def _comment(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
