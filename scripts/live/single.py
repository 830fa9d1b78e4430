"""One server: loaded, hung up on, restarted, and loaded again."""

from time import monotonic, sleep, time

from prometheus_client.parser import text_string_to_metric_families

from . import history
from .checks import Check, between, equal, near, same
from .client import Client, refused
from .exporter import WINDOW, Exporter, Page, start_exporter
from .http_get import get
from .process import free_port
from .server import Server, wait_for
from .setting import Setting
from .tally import SHAPE, Tally
from .vllm import SEQUENCES

NAME = "single"
_REFUSED = 5
_ABORTED = 6


def run(setting: Setting) -> list[Check]:
    """Return every check of the round; raises `RuntimeError` where something does not start."""
    port = free_port()
    server = _serve(setting, port)
    exporter = start_exporter([server], free_port(), setting.out, setting.exporter_path)
    try:
        if not exporter.until_known(NAME):
            raise RuntimeError(f"the exporter does not know {NAME}:\n{exporter.child.log_end()}")
        exporter.watch()
        checks = _identity(setting, exporter)
        first = Tally(port, setting.engine.model)
        first.warm()
        checks += _load(setting, exporter, first)
        checks += _errors(setting, exporter, port)
        checks += _aborts(exporter, first, server)
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
    server = setting.engine.serve(NAME, port, setting.model, setting.out)
    if not wait_for([server], setting.patience()):
        server.child.end()
        raise RuntimeError(f"{NAME} did not start:\n{server.child.log_end()}")
    print(f"{NAME} up after {monotonic() - began:.0f} s", flush=True)
    return server


def _identity(setting: Setting, exporter: Exporter, seconds: float = 60.0) -> list[Check]:
    """Check what the server is, as soon as it has said so: that takes vLLM some seconds."""
    end = monotonic() + seconds
    while not (page := exporter.page()).label("server_info", "runner") and monotonic() < end:
        sleep(0.5)
    expected = {
        "engine": "vllm",
        "version": setting.version,
        "release": setting.version,
        "model": setting.engine.model,
        "runner": "v1",
    }
    checks = [
        same(f"identity: {label}", value, _public(page.label("server_info", label)))
        for label, value in expected.items()
    ]
    most = page.total("max_running_requests")
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
    rate = client.rate(end - report["window_seconds"], end)
    generated = report["generation_tokens_per_second"]
    hits = page.total("prefix_cache_hit_ratio", cache="local")
    checks = [
        equal("load: errors of the client", 0, client.errors),
        near("load: tokens generated per second", rate, generated, 0.1),
        near("load: decode batch", setting.concurrency, page.total("decode_batch_size"), 0.25),
        near(
            "load: batch occupancy",
            setting.concurrency / SEQUENCES,
            page.total("batch_occupancy_ratio"),
            0.25,
        ),
        near("load: prefix-cache hit ratio", SHAPE.shared / SHAPE.prompt, hits, 0.001),
        *_gpus(setting, page, rate),
        *tally.counts("load", exporter.settled(NAME)),
    ]
    if client.first_error:
        print(f"first error of the client: {client.first_error}", flush=True)
    return checks


def _gpus(setting: Setting, page: Page, rate: float) -> list[Check]:
    """Check what is shown for each GPU: nothing where the server has none."""
    per_gpu = page.total("generation_tokens_per_second_per_gpu")
    if setting.engine.device == "cpu":
        shown = "unknown" if per_gpu is None else str(per_gpu)
        return [same("load: tokens per second and GPU, without a GPU", "unknown", shown)]
    return [
        equal("load: GPUs", 1, page.total("gpus")),
        near("load: tokens per second and GPU", rate, per_gpu, 0.1),
    ]


def _errors(setting: Setting, exporter: Exporter, port: int) -> list[Check]:
    """Check refusals: vLLM counts some as 5xx in its older releases, hence both."""
    long = {"model": setting.engine.model, "prompt": [400] * 5000, "max_tokens": 1}
    statuses = [refused(port, long) for _ in range(_REFUSED)]
    page = exporter.settled(NAME)
    counted = sum(page.total("http_responses_total", status=status) or 0 for status in _ERRORS)
    return [equal("errors: refused requests", sum(400 <= s < 500 for s in statuses), counted)]


_ERRORS = ("4xx", "5xx")


def _aborts(exporter: Exporter, tally: Tally, server: Server) -> list[Check]:
    """Check requests that were given up: no counter of vLLM's holds all of them."""
    tally.give_up(_ABORTED)
    page = exporter.settled(NAME)
    begun = page.total("time_to_first_token_seconds_count") or 0
    finished = page.total("requests_finished_total") or 0
    aborted = sum(
        sample.value
        for family in text_string_to_metric_families(get(f"{server.url}/metrics"))
        for sample in family.samples
        if sample.name == "vllm:request_success_total"
        and sample.labels["finished_reason"] == "abort"
    )
    counted = page.total("requests_finished_total", reason="abort")
    return [
        equal("aborts: requests begun and not finished", tally.aborted, begun - finished),
        equal("aborts: as the engine counts them", aborted, counted),
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
    exporter.until_known(NAME)
    tally = Tally(first.port, first.model)
    tally.warm()
    client = Client(tally.port, tally.model, setting.concurrency, SHAPE, seed=1)
    client.start()
    sleep(8)
    client.stop()
    tally.add(client)
    page = exporter.settled(NAME)
    decoded = first.generated + tally.generated - first.finished - tally.finished
    began = [each.total("server_start_time_seconds") or 0 for each in (before, page)]
    return [
        equal("restart: restarts", 1, page.total("server_restarts_total")),
        equal("restart: moves of the start time", 1, int(began[1] > began[0] > 0)),
        *tally.counts("restart", page),
        between(
            "both lives: decode tokens in load cells",
            0.9 * decoded,
            decoded + first.unread,
            history.counted([*exporter.pages, page], "load_decode_tokens_total"),
        ),
    ]
