"""Feed every reader of outside texts with mutated input, other with every round, until time is up.

The tests of tests/fuzz/ with more examples and another seed each round. The first fault ends it:
its smallest input is shown, and becomes an `@example` of the test when it is mended.
"""

import argparse
import random
import subprocess
import sys
from time import monotonic

_TESTS = "tests/fuzz"


def main() -> None:
    """Run rounds for as many minutes as the command line says; exit with 1 at a fault."""
    arguments = argparse.ArgumentParser(prog="python -m scripts.fuzz", description=__doc__)
    arguments.add_argument("--minutes", type=float, default=10.0)
    options = arguments.parse_args()
    end, rounds = monotonic() + 60.0 * options.minutes, 0
    while monotonic() < end:
        seed = random.randrange(2**32)
        pytest = [sys.executable, "-m", "pytest", "-q", "-x", _TESTS]
        profile = ["--hypothesis-profile=random", f"--hypothesis-seed={seed}"]
        rounds += 1
        print(f"round {rounds}, seed {seed}", flush=True)
        if subprocess.run([*pytest, *profile], check=False).returncode:
            sys.exit(1)
    print(f"no fault in {rounds} rounds")


if __name__ == "__main__":
    main()
