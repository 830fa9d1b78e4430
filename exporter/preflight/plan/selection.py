"""Which servers the verdict is about, as the command and the gates name them. Pure."""

import shlex
from dataclasses import dataclass
from typing import Final

WAIT: Final = "8h"
"""For how long a verdict is waited for where both releases run side by side."""
_DAY_WAIT: Final = "48h"
"""The same where a day of the new release is set against the day before."""
_WINDOWS: Final = {WAIT: "1d", _DAY_WAIT: "4d"}
FAIL_ON: Final = "regression"


@dataclass(frozen=True, slots=True)
class Selection:
    """The two releases as their labels have them, at a Prometheus.

    `model` is a model's name, or matchers as they were typed, empty for all; `model_label` is the
    value of the one model's label, empty where there may be several. `cluster` are the labels that
    set a cluster apart.
    `margin` is as it was written, and `http_config` a file of credentials, empty where not given.
    `side_by_side` is whether there are servers enough for both releases at once.
    """

    prometheus: str
    old: str
    new: str
    model: str = ""
    model_label: str = ""
    cluster: tuple[tuple[str, str], ...] = ()
    margin: str = ""
    http_config: str = ""
    side_by_side: bool = True

    @property
    def wait(self) -> str:
        """For how long a verdict is waited for."""
        return WAIT if self.side_by_side else _DAY_WAIT

    @property
    def window(self) -> str:
        """How much of the past a gate compares with."""
        return _WINDOWS[self.wait]

    def matchers(self, release: str) -> str:
        """Return the PromQL matchers of a release's servers."""
        return ",".join(matcher(*label) for label in (*self.cluster, ("release", release)))

    def command(self) -> str:
        """Return the command that waits for the verdict."""
        words = ["inferfleet", "compare", "--prometheus", self.prometheus]
        if self.model:
            words += ["--model", self.model]
        words += ["--baseline", self.matchers(self.old), "--candidate", self.matchers(self.new)]
        words += ["--wait", self.wait, "--fail-on", FAIL_ON]
        words += ["--margin", self.margin] if self.margin else []
        words += ["--http-config", self.http_config] if self.http_config else []
        return shlex.join(words)


def model_option(name: str) -> str:
    """Return what `--model` takes for a model; a name that looks like matchers is made one."""
    is_plain = name.isprintable() and not any(sign in name for sign in "=~")
    return name if is_plain else matcher("model", name)


def matcher(label: str, value: str) -> str:
    """Return a PromQL matcher of one value."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}="{quoted}"'
