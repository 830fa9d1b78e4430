"""One server answers with what no server should; the other, and every page, goes on as if alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.cli.service import Service
from exporter.config import Config, Declaration, GpuSettings, Target, WebSettings
from exporter.exposition import Reader
from exporter.vocabulary.family import PREFIX
from tests.cli.test_service import get
from tests.fakes import Answer, FakeServer, page
from tests.pages import value_of
from tests.waiting import until

HEALTHY = {"metrics": (200, page(100)), "version": (200, b'{"version": "0.26.0"}')}
SGLANG = b"".join(
    f'sglang:{name}{{model_name="m"}} {number}\n'.encode()
    for name, number in (("num_running_reqs", 1), ("generation_tokens_total", 5))
)
HUGE = b"9" * 400


@contextmanager
def serving(*targets: Target) -> Iterator[Service]:
    """Serve targets with an interval that tests can wait for."""
    config = Config(
        targets=list(targets),
        interval=0.2,
        timeout=2.0,
        identity_refresh=0.5,
        web=WebSettings(listen="127.0.0.1:0"),
        gpu=GpuSettings(nvml=False),
    )
    service = Service(config, lambda: config)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def samples(service: Service, target: str, name: str) -> dict[str, float]:
    """Return a family's samples of a target by reason."""
    families = text_string_to_metric_families(get(f"{service.url}metrics").decode())
    return {
        sample.labels.get("reason", ""): sample.value
        for family in families
        for sample in family.samples
        if sample.name == PREFIX + name and sample.labels["target"] == target
    }


def vllm(**changes: str) -> bytes:
    """Return a page with the values of some raw names changed."""
    lines = page(100).decode().splitlines()
    for name, number in changes.items():
        lines = [f"{line.rpartition(' ')[0]} {number}" if name in line else line for line in lines]
    return "\n".join([*lines, ""]).encode()


def info(**labels: str) -> bytes:
    """Return a page with configuration in its labels."""
    text = ",".join(f'{name}="{content}"' for name, content in labels.items())
    return page(100) + f"vllm:cache_config_info{{{text}}} 1\n".encode()


def json_answer(**fields: bytes) -> Answer:
    """Return a JSON object written as it is."""
    pairs = b",".join(b'"%s":%s' % (name.encode(), text) for name, text in fields.items())
    return 200, b"{%s}" % pairs


FAULTS: dict[str, dict[str, Answer]] = {
    "400 digits of accelerators": {
        "metrics": (200, SGLANG),
        "v1__loads": json_answer(
            loads=b'[{"max_running_requests":%s}]' % HUGE,
            accelerator=b'"H100"',
            num_accelerators=HUGE,
        ),
    },
    "sizes whose product no float holds": {
        "metrics": (200, SGLANG),
        "server_info": json_answer(
            tp_size=b"9" * 300, pp_size=b"9" * 300, dp_size=b"1", max_total_num_tokens=HUGE
        ),
    },
    "digits beyond what Python reads": {
        "metrics": (200, page(100)),
        "v1__models": (200, b'{"data":[{"id":"m","max_model_len":%s}]}' % (b"9" * 5000)),
    },
    "half a character in every text": {
        "metrics": (200, SGLANG),
        "server_info": json_answer(
            **dict.fromkeys(
                ("version", "served_model_name", "quantization", "dtype", "kv_cache_dtype"),
                b'"a\\ud800b"',
            )
        ),
        "v1__loads": json_answer(loads=b"[{}]", accelerator=b'"\\udfff"', version=b'"\\ud800"'),
        "v1__models": (200, b'{"data":[{"id":"\\ud800","root":"\\ud800"}]}'),
    },
    "booleans for numbers": {
        "metrics": (200, SGLANG),
        "server_info": json_answer(tp_size=b"true", dp_size=b"false", max_running_requests=b"true"),
        "v1__loads": json_answer(loads=b"[true]", num_accelerators=b"true", accelerator=b"true"),
    },
    "nested for text": {
        "metrics": (200, page(100)),
        "version": json_answer(version=b'{"a":["b"]}'),
        "v1__models": (200, b'{"data":[{"id":{"a":1},"root":[[]]},[],7,null]}'),
        "server_info": json_answer(vllm_config=b'[{"a":{}}]'),
        "server_info?config_format=json": json_answer(vllm_config=b"[[]]"),
    },
    "nested ten thousand deep": {
        "metrics": (200, page(100)),
        "version": (200, b"[" * 10_000),
        "v1__models": (200, b'{"data":' * 10_000),
    },
    "infinite gauge": {"metrics": (200, vllm(num_requests_running="+Inf"))},
    "negative infinite counter": {"metrics": (200, vllm(generation_tokens="-Inf"))},
    "no number anywhere": {
        "metrics": (
            200,
            vllm(**dict.fromkeys(("num_requests", "tokens_total", "start_time"), "NaN")),
        )
    },
    "negative zero": {"metrics": (200, vllm(num_requests="-0.0", tokens_total="-0"))},
    "sums beyond a float": {
        "metrics": (
            200,
            b"".join(
                f'vllm:{name}{{engine="{engine}",model_name="m"}} 1e308\n'.encode()
                for engine in range(3)
                for name in (
                    "num_requests_running",
                    "num_requests_waiting",
                    "kv_cache_usage_perc",
                    "generation_tokens_total",
                    "prompt_tokens_total",
                )
            )
            + b'vllm:cache_config_info{engine="0",kv_cache_size_tokens="999999999999999"} 1\n',
        )
    },
    "labels of digits that are none": {
        "metrics": (200, info(engine="0", block_size="²", num_gpu_blocks="٣", max_lora="²"))
    },
    "labels of 5000 digits": {
        "metrics": (
            200,
            info(
                engine="0",
                block_size="9" * 4000,
                num_gpu_blocks="9" * 4000,
                num_gpu_blocks_override="9" * 4000,
            ),
        ),
        "version": (200, b'{"version": "0.20.0"}'),
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_answer_of_one_server_ends_a_page(fault: str) -> None:
    with FakeServer(**HEALTHY) as good, FakeServer(**FAULTS[fault]) as bad:
        targets = Target(url=good.url, name="good"), Target(url=bad.url, name="bad")
        with serving(*targets) as service:

            def read_again() -> bool:
                views = {view.server.target.label: view for view in service.server_views()}
                return all(
                    view.reading.identity and view.server.counts.scrapes > 4
                    for view in views.values()
                )

            until(read_again)
            text = get(f"{service.url}metrics").decode()
            Reader(lambda name: True).read(text)
            assert value_of(text, "inferfleet_target_up", target="good") == 1
            assert value_of(text, "inferfleet_target_up", target="bad") == 1
            assert value_of(text, "inferfleet_generation_tokens_total", target="good") == 100
            assert value_of(text, "inferfleet_server_info", target="good", release="0.26.0") == 1
            for line in text.splitlines():
                assert line.rpartition(" ")[2].lower().strip("+-") not in ("inf", "nan"), line
            fleet = json.loads(get(f"{service.url}api/v1/fleet"))
            shown = {server["target"]: server for server in fleet["servers"]}
            assert shown["good"]["release"] == "0.26.0"
            assert shown["bad"]["up"]
            assert shown["bad"]["error_reason"] is None
            assert get(service.url)


def test_values_that_are_no_number_are_counted_and_named() -> None:
    faulty = vllm(num_requests_running="+Inf", generation_tokens="NaN")
    with FakeServer(**HEALTHY) as good, FakeServer(metrics=(200, faulty)) as bad:
        targets = Target(url=good.url, name="good"), Target(url=bad.url, name="bad")
        with serving(*targets) as service:
            until(lambda: all(view.live for view in service.server_views()))
            assert samples(service, "good", "series_left_out") == {}
            assert samples(service, "bad", "series_left_out") == {"no_number": 2.0}
            fleet = json.loads(get(f"{service.url}api/v1/fleet"))
            (bad_server,) = [one for one in fleet["servers"] if one["target"] == "bad"]
            assert any("2 samples of the page hold no number" in n for n in bad_server["notes"])


HALF = Declaration().model_copy(update={"release": "a\ud800b"})


@pytest.mark.parametrize("name", ["bad", "b\udfffd"])
def test_names_and_declarations_that_are_no_text_are_left_out_and_counted(name: str) -> None:
    with FakeServer(**HEALTHY) as good, FakeServer(**HEALTHY) as bad:
        odd = Target(url=bad.url).model_copy(update={"name": name, "declare": HALF})
        with serving(Target(url=good.url, name="good"), odd) as service:
            until(lambda: all(view.reading.identity for view in service.server_views()))
            until(lambda: all(view.server.counts.scrapes > 3 for view in service.server_views()))
            text = get(f"{service.url}metrics").decode()
            assert value_of(text, "inferfleet_server_info", target="good", release="0.26.0") == 1
            shown = name.encode("ascii", "backslashreplace").decode()
            left_out = samples(service, shown, "series_left_out")
            assert left_out["no_text"] >= 1
            assert "internal" not in left_out
            assert (value_of(text, "inferfleet_target_up", target=name) == 1) is (name == "bad")
            fleet = json.loads(get(f"{service.url}api/v1/fleet"))
            assert {server["target"] for server in fleet["servers"]} == {"good", name}
            assert get(service.url)


BUCKETS = {
    "no number": ('le="abc"', 'le="+Inf"'),
    "no bound": ('model_name="m"', 'le="+Inf"'),
    "NaN": ('le="NaN"', 'le="+Inf"'),
    "minus infinity": ('le="-Inf"', 'le="+Inf"'),
    "digits of another script": ('le="٣"', 'le="+Inf"'),
    "one bound spelled twice": ('le="0.5"', 'le="0.50"', 'le="+Inf"'),
}


@pytest.mark.parametrize("fault", BUCKETS)
def test_a_histogram_with_bad_bounds_is_left_out_with_the_reason(fault: str) -> None:
    name = "vllm:time_to_first_token_seconds"
    lines = [
        *(f'{name}_bucket{{engine="0",{bound}}} 1' for bound in BUCKETS[fault]),
        f'{name}_sum{{engine="0",model_name="m"}} 1',
        f'{name}_count{{engine="0",model_name="m"}} 1',
    ]
    faulty = page(100) + "\n".join([*lines, ""]).encode()
    with FakeServer(metrics=(200, faulty)) as bad, serving(Target(url=bad.url, name="bad")) as s:
        until(lambda: all(view.live for view in s.server_views()))
        text = get(f"{s.url}metrics").decode()
        assert "time_to_first_token_seconds" not in text
        assert value_of(text, "inferfleet_generation_tokens_total", target="bad") == 100
        assert s.server_views()[0].server.counts.failures == {}
        (server,) = json.loads(get(f"{s.url}api/v1/fleet"))["servers"]
        (note,) = [one for one in server["notes"] if "time_to_first_token" in one]
        assert note.startswith("time_to_first_token_seconds is left out: the buckets of")


def test_the_order_of_buckets_does_not_matter() -> None:
    name = "vllm:time_to_first_token_seconds"
    lines = [
        *(f'{name}_bucket{{engine="0",le="{bound}"}} 1' for bound in ("+Inf", "5", "0.1")),
        f'{name}_sum{{engine="0"}} 1',
        f'{name}_count{{engine="0"}} 1',
    ]
    unsorted = page(100) + "\n".join([*lines, ""]).encode()
    with FakeServer(metrics=(200, unsorted)) as odd, serving(Target(url=odd.url, name="odd")) as s:
        until(lambda: all(view.live for view in s.server_views()))
        text = get(f"{s.url}metrics").decode()
        assert value_of(text, "inferfleet_time_to_first_token_seconds_bucket", le="5.0") == 1


def test_a_type_that_lies_harms_nothing() -> None:
    lies = b"# TYPE vllm:num_requests_running counter\n# TYPE vllm:generation_tokens_total gauge\n"
    with FakeServer(metrics=(200, lies + page(100))) as odd, serving(Target(url=odd.url)) as s:
        until(lambda: all(view.live for view in s.server_views()))
        text = get(f"{s.url}metrics").decode()
        assert value_of(text, "inferfleet_generation_tokens_total") == 100


def test_long_and_forged_names_are_one_short_sentence(caplog: pytest.LogCaptureFixture) -> None:
    name = "x" * 300_000
    long = page(100) + f"vllm:{name}_total 1\n".encode()
    bad = f'{name}{{a="b" "c"}} 1\n'.encode()
    refused = b'vllm:num_requests_running{a="\x1b[2K\\n2026-01-01 ERROR",a="b"} 1\n'
    with (
        FakeServer(metrics=(200, long)) as one,
        FakeServer(metrics=(200, bad)) as two,
        FakeServer(metrics=(200, refused)) as three,
    ):
        targets = [Target(url=s.url, name=n) for s, n in ((one, "1"), (two, "2"), (three, "3"))]
        with serving(*targets) as service:
            until(lambda: all(view.server.counts.scrapes > 2 for view in service.server_views()))
            fleet = json.loads(get(f"{service.url}api/v1/fleet"))
    for text in (caplog.text, *(server["error"] or "" for server in fleet["servers"])):
        assert "\x1b" not in text
        assert max(map(len, text.splitlines()), default=0) < 1500
