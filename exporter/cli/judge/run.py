"""One run of the judge as a process of its own: its order on standard input, its outcome on output.

It gives way to the process that samples: lower priority, a limit of memory, and the first to go
where the machine has none left.
"""

import logging
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from ...base.errors import InferfleetError
from ...compare import extra
from ...compare.verdicts import Verdicts
from ...config import JudgeSettings

_NICENESS: Final = 10


class Order(BaseModel):
    """What a run is given: its settings, and the verdicts of the one before, if there was one."""

    settings: JudgeSettings
    verdicts: Verdicts = Verdicts()


class Outcome(BaseModel):
    """What a run tells: whether it reached its verdicts, else the last ones, and what it logged."""

    succeeded: bool
    verdicts: Verdicts = Verdicts()
    log: tuple[str, ...] = ()


class _Lines(logging.Handler):
    """Keeps what is logged, for the process that writes the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, its traceback with it."""
        self.lines.append(self.format(record))


def lower_priority(memory: int) -> None:
    """Lower this process's priority, and limit its memory to so many bytes."""
    with suppress(OSError):
        os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def judge(order: Order) -> Outcome:
    """Judge once; raises `InferfleetError` where that cannot even begin."""
    extra.require("numpy")
    from alerts.values import load

    from ...compare.judge import Judge
    from ...compare.options import Options

    settings, shipped = order.settings, load().matched
    options = Options(
        prometheus=settings.prometheus,
        margin=settings.margin or shipped.margin,
        warm_up=shipped.warm_up,
        window=settings.window,
        timeout=settings.timeout,
        http=settings.http,
        headers=settings.headers,
        keep_labels=settings.keep_labels,
    )
    judge = Judge(options, settings.state)
    if order.verdicts.succeeded_at:
        # what was decided stays, also where no file keeps it
        judge.verdicts = order.verdicts
    return Outcome(succeeded=judge.run(), verdicts=judge.verdicts)


def main() -> None:
    """Read the order, judge, and write the outcome as JSON."""
    handler = _Lines()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    order = Order.model_validate_json(sys.stdin.buffer.read())
    lower_priority(order.settings.memory)
    try:
        outcome = judge(order)
    except InferfleetError as error:
        outcome = Outcome(succeeded=False, log=(str(error),))
    except MemoryError:
        outcome = Outcome(succeeded=False, log=("judge.memory: it was not enough",))
    lines = (*handler.lines, *outcome.log)
    sys.stdout.write(outcome.model_copy(update={"log": lines}).model_dump_json())


if __name__ == "__main__":
    main()
