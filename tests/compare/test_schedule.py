"""The judge's page over HTTP: which addresses it takes, and that it ends when stopped."""

import threading
import urllib.request
from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.compare.schedule import serve
from tests.compare.fake_api import FakeApi
from tests.compare.test_judge import FLEET, judge, samples
from tests.prometheus import free_port

NOBODY = "http://127.0.0.1:1"
HAS_IPV6 = Path("/proc/net/if_inet6").exists()


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        pytest.param("127.0.0.1", "127.0.0.1", id="IPv4"),
        pytest.param(
            "[::1]", "[::1]", id="IPv6", marks=pytest.mark.skipif(not HAS_IPV6, reason="no IPv6")
        ),
        pytest.param("", "127.0.0.1", id="every interface"),
    ],
)
def test_it_serves_until_stopped(listen: str, host: str) -> None:
    stop, judged = threading.Event(), threading.Event()
    with FakeApi(FLEET) as fake:
        judging = judge(fake.url)
        run = judging.run

        def run_and_report() -> bool:
            succeeded = run()
            judged.set()
            return succeeded

        judging.run = run_and_report  # type: ignore[method-assign]
        port = free_port()
        thread = threading.Thread(
            target=serve, args=(judging, f"{listen}:{port}", 3600.0, stop), daemon=True
        )
        thread.start()
        assert judged.wait(30)
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        stop.set()
        thread.join(10)
    assert samples(page, "inferfleet_upgrade_verdict")["decode,,regression"] == 1
    assert not thread.is_alive()


@pytest.mark.parametrize("listen", ["nowhere", "10191", "::1:10191", "127.0.0.1:99999"])
def test_what_is_no_address_is_named_with_its_option(listen: str) -> None:
    with pytest.raises(ConfigError, match=f"^--listen: '{listen}' is no address to listen on"):
        serve(judge(NOBODY), listen, 1.0, threading.Event())


def test_an_address_in_use_is_named_with_its_option() -> None:
    with FakeApi(FLEET) as fake:
        taken = fake.url.rpartition("//")[2]
        with pytest.raises(ConfigError, match=rf"^--listen: cannot listen on {taken}: .*in use"):
            serve(judge(NOBODY), taken, 1.0, threading.Event())
