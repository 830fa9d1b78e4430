"""The rules that count changes of meaning, by the real promtool: who is behind which."""

import shutil
from pathlib import Path

import pytest
import yaml

from alerts.model import as_dict
from alerts.recording.meanings import EPOCH, records
from alerts.values import load
from tests.prometheus import promtool

NEEDED = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
INFO = (
    'inferfleet_server_info{{engine="{engine}",model="m",gpu_model="H200",class="{role}",'
    'release="{version}",version="{version}",role="{role}"}}'
)

SAMPLE = (
    EPOCH + '{{measure="{measure}",engine="{engine}",model="m",gpu_model="H200",class="{role}",'
    'release="{version}"}}'
)


def check_epochs(folder: Path, measure: str, epochs: dict[tuple[str, str, str], int]) -> None:
    """Check the epochs of servers by engine, version and role."""
    rules = {
        "groups": [{"name": "meanings", "rules": [as_dict(r) for r in records(load().matched)]}]
    }
    (folder / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    servers = [dict(zip(("engine", "version", "role"), key, strict=True)) for key in epochs]
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": INFO.format(**server), "values": "1x3"} for server in servers
                ],
                "promql_expr_test": [
                    {
                        "expr": f'{EPOCH}{{measure="{measure}"}}',
                        "eval_time": "2m",
                        "exp_samples": [
                            {"labels": SAMPLE.format(measure=measure, **server), "value": epoch}
                            for server, epoch in zip(servers, epochs.values(), strict=True)
                        ],
                    }
                ],
            }
        ],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(test), encoding="utf-8")
    promtool("test", "rules", str(folder / "test.yml"))


@NEEDED
def test_a_change_for_decode_servers_counts_for_decode_servers(tmp_path: Path) -> None:
    check_epochs(
        tmp_path,
        "prefill",
        {
            ("vllm", "0.30.0", "decode"): 0,
            ("vllm", "0.31.0", "decode"): 1,
            ("vllm", "0.33.0", "both"): 0,
            ("vllm", "0.33.0", "prefill"): 0,
            ("vllm", "0.33.0", ""): 0,
        },
    )


@NEEDED
def test_a_change_for_all_roles_counts_for_every_server(tmp_path: Path) -> None:
    check_epochs(
        tmp_path,
        "time_to_first_token",
        {
            ("sglang", "0.5.21", "both"): 1,
            ("sglang", "0.5.22", "both"): 2,
            ("sglang", "0.5.22", "decode"): 2,
            ("sglang", "0.5.22", ""): 2,
        },
    )


@NEEDED
def test_time_between_tokens_of_sglang_prefill_servers(tmp_path: Path) -> None:
    check_epochs(
        tmp_path,
        "inter_token_latency",
        {
            ("sglang", "0.5.21", "prefill"): 1,
            ("sglang", "0.5.22", "prefill"): 2,
            ("sglang", "0.5.22", "decode"): 1,
        },
    )
