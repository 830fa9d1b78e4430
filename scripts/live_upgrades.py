"""The recorded upgrades judged live, beside what the load client measured.

Needs prometheus and prometheus-alertmanager, and a minute and a half, most of it waiting. Servers
replay a phase's steady middle; `same` and `slower` are a release followed by itself, and by one
that does 90 % of its work in the same time.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.alerts.upgrade import play, recorded, same, slower, table

DENSE, MOE = "dense-0.20.2-mrv1", "moe-0.20.2-mrv1"


def main() -> None:
    """Print the table."""
    cases = (
        recorded(DENSE, "dense-0.26.0", "medium", versions=True),
        recorded(DENSE, "dense-0.20.2-mrv2", "medium"),
        *(recorded(MOE, "moe-0.20.2-mrv2", phase) for phase in ("medium", "full", "overload")),
        same(),
        slower(),
    )
    with TemporaryDirectory() as folder:
        print(table(cases, play(Path(folder), cases, frozenset({"slower"}))))


if __name__ == "__main__":
    main()
