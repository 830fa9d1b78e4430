"""One server: loaded, hung up on, restarted, and loaded again."""

from time import monotonic, sleep, time

from . import history
from .checks import Check, between, equal, equal_text, near
from .client import Client, refused
from .engines.engine import SEQUENCES
from .exporter import WINDOW, Exporter, Page, parse, start_exporter
from .http_get import get
from .process import free_port
from .server import Server, wait_for
from .setting import Setting
from .tally import SHAPE, Tally

NAME = "single"
_REFUSED = 5
_ABORTED = 6


def run(setting: Setting) -> list[Check]:
    """Return every check of the round; raises `RuntimeError` where something does not start."""
    port = free_port()
    server = _serve(setting, port)
    exporter = start_exporter([server], free_port(), setting.out, setting.exporter_path)
    try:
        if not exporter.wait_until_identified(NAME):
            raise RuntimeError(f"the exporter does not know {NAME}:\n{exporter.child.log_end()}")
        exporter.watch()
        checks = _identity(setting, exporter)
        first = setting.tally(port)
        first.warm()
        checks += _load(setting, exporter, first)
        checks += _errors(setting, exporter, port)
        checks += _aborts(setting, exporter, first, server)
        before = exporter.page()
        server.child.end()
        checks.append(equal("restart: seen as up while it is down", 0, _down(exporter)))
        server = _serve(setting, port)
        checks += _second_life(setting, exporter, first, before)
        return checks + history.checks(NAME, exporter.pages, setting.concurrency, SEQUENCES)
    finally:
        exporter.stop(setting.out / f"{NAME}-pages")
        server.child.end()


def _serve(setting: Setting, port: int) -> Server:
    began = monotonic()
    server = setting.installation.serve(NAME, port, setting.model, setting.out)
    if not wait_for([server], setting.patience()):
        server.child.end()
        raise RuntimeError(f"{NAME} did not start:\n{server.child.log_end()}")
    print(f"{NAME} up after {monotonic() - began:.0f} s", flush=True)
    return server


def _identity(setting: Setting, exporter: Exporter, seconds: float = 60.0) -> list[Check]:
    """Check what the server is, as soon as it has said so: that may take it some seconds."""
    engine = setting.installation.engine
    expected = {
        "engine": engine.name,
        "version": setting.version,
        "release": setting.version,
        "model": setting.installation.model,
        **engine.identity,
    }
    end = monotonic() + seconds
    while True:
        page = exporter.page()
        reported = {label: _public(page.label("server_info", label)) for label in expected}
        most = page.total("max_running_requests")
        if (reported == expected and most) or monotonic() > end:
            break
        sleep(0.5)
    checks = [
        equal_text(f"identity: {label}", value, reported[label])
        for label, value in expected.items()
    ]
    return [*checks, equal("identity: most requests that run", SEQUENCES, most)]


def _public(word: str | None) -> str | None:
    """Return a version without what names the build."""
    return word and word.partition("+")[0]


def _load(setting: Setting, exporter: Exporter, tally: Tally) -> list[Check]:
    """Load the server; check the figures over the last window under way, and the counters after."""
    client = Client(tally.port, tally.model, setting.concurrency, SHAPE)
    client.start()
    sleep(max(setting.seconds, WINDOW + 3))
    page, report, now = exporter.page(), exporter.fleet()[NAME], time()
    client.stop()
    tally.add(client)
    end = now - report["age_seconds"]
    rates = client.rates(end - report["window_seconds"], end)
    generated = report["generation_tokens_per_second"]
    hits = page.total("prefix_cache_hit_ratio", cache="local")
    checks = [
        equal("load: errors of the client", 0, client.errors),
        between("load: tokens generated per second", *rates, generated),
        near("load: decode batch", setting.concurrency, page.total("decode_batch_size"), 0.25),
        near(
            "load: batch occupancy",
            setting.concurrency / SEQUENCES,
            page.total("batch_occupancy_ratio"),
            0.25,
        ),
        near("load: prefix-cache hit ratio", SHAPE.shared / SHAPE.prompt, hits, 0.001),
        *_gpus(setting, page, rates),
        *tally.counts("load", exporter.settled(NAME)),
    ]
    if client.first_error:
        print(f"first error of the client: {client.first_error}", flush=True)
    return checks


def _gpus(setting: Setting, page: Page, rates: tuple[float, float]) -> list[Check]:
    """Check what is shown for each GPU: nothing where the server has none."""
    per_gpu = page.total("generation_tokens_per_second_per_gpu")
    if setting.installation.device == "cpu":
        shown = "unknown" if per_gpu is None else str(per_gpu)
        return [equal_text("load: tokens per second and GPU, without a GPU", "unknown", shown)]
    return [
        equal("load: GPUs", 1, page.total("gpus")),
        between("load: tokens per second and GPU", *rates, per_gpu),
    ]


def _errors(setting: Setting, exporter: Exporter, port: int) -> list[Check]:
    """Check refusals: vLLM counts some as 5xx before 0.26, hence both."""
    long = {"model": setting.installation.model, "prompt": [400] * 5000, "max_tokens": 1}
    statuses = [refused(port, long) for _ in range(_REFUSED)]
    page = exporter.settled(NAME)
    counted = sum(page.total("http_responses_total", status=status) or 0 for status in _ERRORS)
    return [equal("errors: refused requests", sum(400 <= s < 500 for s in statuses), counted)]


_ERRORS = ("4xx", "5xx")


def _aborts(setting: Setting, exporter: Exporter, tally: Tally, server: Server) -> list[Check]:
    """Check requests that were given up, which each engine counts in its own way."""
    engine = setting.installation.engine
    tally.give_up(_ABORTED)
    page = exporter.settled(NAME)
    return [
        *engine.aborts(tally, page, parse(get(f"{server.url}/metrics"), time())),
        equal("aborts: engines called stalled", 0, page.total("engine_stalled")),
        *tally.counts("aborts", page),
    ]


def _down(exporter: Exporter, seconds: float = 15.0) -> float | None:
    """Wait until the server is not up; return whether it still is."""
    end = monotonic() + seconds
    while (up := exporter.page().total("target_up")) and monotonic() < end:
        sleep(0.5)
    return up


def _second_life(setting: Setting, exporter: Exporter, first: Tally, before: Page) -> list[Check]:
    exporter.wait_until_identified(NAME)
    tally = setting.tally(first.port)
    tally.warm()
    client = Client(tally.port, tally.model, setting.concurrency, SHAPE, seed=1)
    client.start()
    sleep(8)
    client.stop()
    tally.add(client)
    page = exporter.settled(NAME)
    decoded = first.generated + tally.generated - first.finished - tally.finished
    return [
        equal("restart: restarts", 1, page.total("server_restarts_total")),
        _start_times(setting, before, page),
        *tally.counts("restart", page),
        between(
            "both lives: decode tokens in load cells",
            0.9 * decoded,
            decoded + first.unread,
            history.increase([*exporter.pages, page], "load_decode_tokens_total"),
        ),
    ]


def _start_times(setting: Setting, before: Page, after: Page) -> Check:
    """Check when the server says that it started: nothing where it never says."""
    first, second = (each.total("server_start_time_seconds") for each in (before, after))
    if not setting.installation.engine.start_time:
        shown = "unknown" if second is None else str(second)
        return equal_text("restart: start time, which the engine does not tell", "unknown", shown)
    return equal("restart: moves of the start time", 1, int((second or 0) > (first or 0) > 0))
