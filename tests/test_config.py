"""Configuration: durations, sizes, and a sentence for every fault."""

from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.config import load_config, parse_config


def test_durations_and_sizes() -> None:
    found = parse_config({"interval": "500ms", "window": "1m30s", "limits": {"page": "2MiB"}}, "x")
    assert (found.interval, found.window) == (0.5, 90)
    assert found.limits.parser_limits().page_bytes == 2 << 20


def test_addresses() -> None:
    found = parse_config(
        {"targets": ["host:8000", "https://h/p/metrics", {"url": "u:1", "name": "n"}]}, ""
    )
    assert [target.url for target in found.targets] == [
        "http://host:8000",
        "https://h/p",
        "http://u:1",
    ]
    assert [target.label for target in found.targets] == ["host:8000", "h/p", "n"]


def test_a_model_of_a_page_has_what_is_declared_for_it_and_no_gpus_of_all() -> None:
    found = parse_config(
        {
            "targets": [
                {
                    "url": "node:8080",
                    "name": "node",
                    "declare": {"version": "0.33.0", "gpus": 8, "tensor_parallel": 4},
                    "models": {"small": {"gpus": 1, "max_num_seqs": 64}},
                }
            ]
        },
        "",
    )
    (target,) = found.targets
    small, large = target.of_model("small"), target.of_model("org/large")
    assert (small.label, large.label) == ("node/small", "node/org/large")
    assert small.url == target.url
    assert (small.declare.version, small.declare.gpus) == ("0.33.0", 1)
    assert small.declare.max_num_seqs == 64
    assert large.declare.version == "0.33.0"
    assert (large.declare.gpus, large.declare.tensor_parallel) == (None, None)


def test_what_is_declared_of_another_model_is_not_this_ones() -> None:
    declared = {"model": "small", "release": "1", "max_num_seqs": 64, "workload": "ray"}
    found = parse_config({"targets": [{"url": "n:1", "declare": declared}]}, "")
    large = found.targets[0].of_model("large").declare
    assert (large.model, large.release, large.max_num_seqs) == (None, None, None)
    assert large.workload == "ray"
    assert found.targets[0].of_model("small").declare.max_num_seqs == 64


def test_addresses_of_gpu_pages() -> None:
    found = parse_config(
        {"gpu": {"pages": ["n:9400", "http://n:1/gpu/metrics", "http://n:2/x"]}}, ""
    )
    pages = [(page.url, page.label) for page in found.gpu.pages]
    assert pages == [
        ("http://n:9400/metrics", "n:9400"),
        ("http://n:1/gpu/metrics", "n:1/gpu"),
        ("http://n:2/x", "n:2/x"),
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"intervall": 1}, "x.yaml: intervall: there is no such key"),
        ({"interval": "5x"}, "interval: '5x' is no duration; write it like 5s"),
        ({"interval": 0.1}, "interval: must be greater than or equal to 0.2, not 0.1"),
        ({"window": float("inf")}, "window: must be less than or equal to 3153600000, not inf"),
        ({"limits": {"samples": "many"}}, "limits.samples: must be a valid integer, not 'many'"),
        ({"targets": [{"name": "a"}]}, "targets.0.url: this key is needed"),
        ({"http": {"basic_auth": "secret"}}, "http.basic_auth: must be a mapping of keys"),
        ({"limits": {"page": 0}}, "limits.page: must be greater than or equal to 1, not 0"),
        ({"limits": {"page": "big"}}, "limits.page: 'big' is no size"),
        ({"window": 1, "interval": 5}, "window must be at least as long as interval"),
        ({"targets": ["a:1", "http://a:1"]}, "two targets are called 'a:1'"),
        ({"targets": ["http://u:p@h:1"]}, "credentials do not belong in a url"),
        ({"targets": ["http://u:p@h:99999"]}, "credentials do not belong in a url"),
        (
            {"discovery": {"kubernetes": [{"annotated": True, "api_server": "https://u:p@h"}]}},
            "credentials do not belong in a url",
        ),
        ({"targets": ["http://h:99999"]}, "no usable port"),
        ({"targets": ["http://@h:1"]}, "credentials do not belong in a url"),
        ({"targets": ["http://[::1"]}, "'http://[::1' is no server address"),
        ({"targets": ["http://h:1/a b"]}, "is no server address; write it like"),
        ({"targets": ["http://h:1/x?y=z"]}, "leave out ? and # and what follows"),
        ({"targets": ["h:1\n"]}, "targets.0.url: must be one line of printable text"),
        ({"targets": ["\ud800:1"]}, "targets.0.url: must be a valid string, not '\\ud800:1'"),
        ({"targets": ["h" * 5000]}, "must have at most 4096 characters, not 'hhh"),
        ({"targets": [{"url": "h:1", "name": "a\x1b[2J"}]}, "targets.0.name: must be one line"),
        ({"targets": [{"url": "h:1", "models": {"\n": {}}}]}, "must be one line of printable"),
        ({"targets": [{"url": "h:1", "declare": {"release": "\0"}}]}, "must be one line of prin"),
        ({"targets": [{"url": "h:1", "declare": {"gpus": 2**60}}]}, "must be less than"),
        *(
            ({"targets": [{"url": "h:1", "metrics_path": path}]}, f"{path!r} is no path of a page")
            for path in ("metrics", "@other/metrics", "//other/metrics", "/a b", "/a#b", "/a\\b")
        ),
        ({"window": 1e300}, "window: must be less than or equal to 3153600000, not 1e+300"),
        ({"limits": {"page": "9" * 5_000}}, "limits.page: '999"),
        ({"targets": [{"url": "h:1", "declare": {"gpus": 0}}]}, "targets.0.declare.gpus"),
        ({"discovery": {"dns_sd": [{"names": ["n"], "type": "A"}]}}, "add `port`"),
        (
            {
                "http": {
                    "bearer_token_file": "t",
                    "basic_auth": {"username": "u", "password_file": "p"},
                }
            },
            "not both",
        ),
        ({"http": {"key_file": "k"}}, "key_file needs cert_file"),
        ({"shard": {"index": 3, "total": 3}}, "there is no shard 3 of 3; the first is 0"),
        ({"discovery": {"kubernetes": [{}]}}, "give a selector, or annotated: true"),
        (
            {"discovery": {"kubernetes": [{"annotated": True, "labels": {"gpu": "x"}}]}},
            "'gpu' is no field of `declare`; there are release, version",
        ),
        (
            {
                "discovery": {
                    "kubernetes": [
                        {
                            "annotated": True,
                            "http": {"basic_auth": {"username": "u", "password_file": "p"}},
                        }
                    ]
                }
            },
            "takes no basic_auth: use bearer_token_file",
        ),
        ({"targets": [{"url": "h:1", "declare": {"pod": "vllm-0"}}]}, "write it like namespace/"),
        ({"gpu": {"pages": ["h:1", "http://h:1/metrics"]}}, "the page of 'h:1' is listed twice"),
    ],
)
def test_faults_name_key_and_remedy(data: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(data, "x.yaml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [", "no valid YAML: line 2: "),
        (b"- 1\n", "mapping of keys"),
        (b"\xff", "not UTF-8"),
        (b"interval: 1s\nwindow: 5s\ninterval: 2s\n", "line 3: the key 'interval' stands twice"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence):
        load_config(path)


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("")
    assert load_config(path).interval == 5.0


def test_buckets_are_those_of_histograms() -> None:
    assert parse_config({"publish": {"buckets": []}}, "").publish.buckets == ()
    chosen = parse_config({"publish": {"buckets": ["queue_seconds"]}}, "").publish
    assert chosen.buckets == ("queue_seconds",)
    with pytest.raises(ConfigError, match="'queue_second' is no histogram; use queue_seconds"):
        parse_config({"publish": {"buckets": ["queue_second"]}}, "f")
    with pytest.raises(ConfigError, match="'all' is no histogram; use decode_seconds or"):
        parse_config({"publish": {"buckets": ["all"]}}, "f")
