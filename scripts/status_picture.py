"""Draws docs/status.png: the status page of `inferfleet demo` once its verdict is there.

    python -m scripts.status_picture

The demonstration runs as a user starts it, for about a minute; Chromium draws the page, grouped by
version. It ends with how long the verdict took.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from PIL import Image

OUT: Final = Path(__file__).parent.parent / "docs" / "status.png"
LISTEN: Final = "127.0.0.1:10192"
URL: Final = f"http://{LISTEN}/"
SIZE: Final = (1400, 1010)
LONGEST: Final = 180.0
SETTLED: Final = 15.0
COLORS: Final = 128
GROUPED: Final = (
    '<script type="module">document.querySelector("[data-group=version]").click();</script></body>'
)


def main() -> None:
    """Run the demonstration, wait for its verdict, and draw the page a little later."""
    began = monotonic()
    command = [sys.executable, "-m", "exporter", "demo", "--listen", LISTEN]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as demo:
        try:
            while not (verdicts := _fleet(demo).get("verdicts")):
                if monotonic() - began > LONGEST:
                    raise SystemExit(f"no verdict within {LONGEST:.0f} s")
                sleep(1.0)
            print(f"the verdict came after {monotonic() - began:.0f} s: {verdicts[0]['headline']}")
            sleep(SETTLED)
            with urllib.request.urlopen(URL, timeout=10) as answer:
                page = answer.read().decode()
        finally:
            demo.terminate()
    _draw(page.replace("</body>", GROUPED))


def _fleet(demo: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the fleet as the demonstration serves it, empty while it does not yet."""
    if demo.poll() is not None:
        raise SystemExit(f"the demonstration ended with {demo.returncode}")
    try:
        with urllib.request.urlopen(f"{URL}api/v1/fleet", timeout=10) as answer:
            fleet: dict[str, Any] = json.load(answer)
            return fleet
    except OSError:
        return {}


def _draw(page: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, picture = Path(folder) / "page.html", Path(folder) / "page.png"
        file.write_text(page, encoding="utf-8")
        flags = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--hide-scrollbars",
        )
        subprocess.run(
            [
                "chromium",
                *flags,
                f"--user-data-dir={folder}/profile",
                "--virtual-time-budget=2000",
                f"--window-size={SIZE[0]},{SIZE[1]}",
                f"--screenshot={picture}",
                file.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        with Image.open(picture) as drawn:
            drawn.convert("RGB").quantize(COLORS).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
