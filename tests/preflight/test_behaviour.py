"""What a server that is started as before does otherwise."""

import pytest

from exporter.engines.registry import ENGINES
from exporter.preflight.behaviour import launch_findings, release_findings
from exporter.preflight.catalog import release_catalog
from exporter.preflight.finding import Finding, Place
from exporter.preflight.sources.launches import launch

CATALOG = release_catalog("vllm")


def findings(
    line: str, old: str, new: str, environment: dict[str, str] | None = None
) -> dict[str, Finding]:
    started = launch(ENGINES["vllm"], line.split(), environment or {}, Place("--args"))
    return {each.subject: each for each in launch_findings(started, CATALOG, old, new)}


def test_an_argument_that_is_gone_is_an_error() -> None:
    found = findings("--calculate-kv-scales", "0.25.1", "0.29.0")
    assert found["--calculate-kv-scales"].kind == "argument-removed"
    assert found["--calculate-kv-scales"].severity == "error"
    assert "--calculate-kv-scales" not in findings("--calculate-kv-scales", "0.19.1", "0.20.2")


@pytest.mark.parametrize(
    "line",
    [
        "serve m --max-num-seqs 8 --max_model_len=1024 -tp 2 -O3 --enable-prefix-caching",
        "--no-enable-prefix-caching --tool-call-parser hermes --enable-auto-tool-choice",
        "--api-key x --host 0.0.0.0 --port 8000 --uvicorn-log-level warning --headless",
        "--compilation-config.mode 3 --served-model-name a b --api-server-c 2",
    ],
)
def test_arguments_of_both_releases_are_no_findings(line: str) -> None:
    found = findings(line, "0.20.2", "0.32.0").values()
    assert not [each for each in found if each.kind.startswith("argument")]


def test_a_slip_is_told_from_what_is_gone() -> None:
    found = findings("--max-num-seq-s 8", "0.19.1", "0.20.2")["--max-num-seq-s"]
    assert (found.kind, found.severity) == ("argument-unknown", "warning")
    assert found.remedy == "did you mean --max-num-seqs?"


def test_a_variable_that_is_not_read_any_more_is_an_error_with_what_takes_its_place() -> None:
    environment = {"VLLM_FLASHINFER_MOE_BACKEND": "latency", "VLLM_SERVICE_PORT": "1", "HOME": "/"}
    assert "VLLM_EC_SIDE_CHANNEL_PORT" in findings(
        "", "0.20.2", "0.20.2", {"VLLM_EC_SIDE_CHANNEL_PORT": "1"}
    )
    found = findings("", "0.23.0", "0.24.0", environment)
    assert found["VLLM_FLASHINFER_MOE_BACKEND"].severity == "error"
    assert "--moe-backend" in found["VLLM_FLASHINFER_MOE_BACKEND"].remedy
    assert not {"VLLM_SERVICE_PORT", "HOME"} & found.keys()


def test_a_variable_that_was_lost_before_is_a_warning_with_its_last_release() -> None:
    found = findings("", "0.19.1", "0.20.2", {"VLLM_ATTENTION_BACKEND": "FLASHINFER"})
    assert found["VLLM_ATTENTION_BACKEND"].severity == "warning"
    assert "0.14.1" in found["VLLM_ATTENTION_BACKEND"].text
    assert "--attention-backend" in found["VLLM_ATTENTION_BACKEND"].remedy


def test_what_comes_later_is_told_from_what_was_lost() -> None:
    line = "--data-parallel-multi-port-external-lb"
    assert "comes with 0.22.0" in findings(line, "0.19.1", "0.20.2")[line].text


def test_a_program_that_starts_the_engine_has_arguments_of_its_own() -> None:
    found = findings(
        "python3 -m dynamo.vllm --of-its-own x --calculate-kv-scales", "0.20.2", "0.33.0"
    )
    assert "--of-its-own" not in found
    assert found["--calculate-kv-scales"].kind == "argument-removed"


def test_a_default_that_changed_is_told_unless_it_is_given() -> None:
    assert "--gpu-memory-utilization" in findings("", "0.19.1", "0.20.2")
    given = findings("--gpu-memory-utilization 0.9", "0.19.1", "0.20.2")
    assert "--gpu-memory-utilization" not in given


def test_a_note_is_of_those_it_is_about() -> None:
    variable = "VLLM_ALLREDUCE_USE_FLASHINFER"
    assert variable in findings("--tensor-parallel-size 4", "0.28.0", "0.29.0")
    assert variable not in findings("--tensor-parallel-size 1", "0.28.0", "0.29.0")
    assert variable not in findings("-tp 4", "0.28.0", "0.29.0", {variable: "0"})
    assert variable not in findings("-tp 4", "0.29.0", "0.30.0")


def test_of_a_subject_that_changed_twice_the_last_holds() -> None:
    found = findings("", "0.21.0", "0.29.0")["model runner"]
    assert "0.29.0" in found.text
    assert "0.25.0" in findings("", "0.21.0", "0.28.0")["model runner"].text


def test_what_the_release_stands_on_warns_of_another_cuda() -> None:
    found = {each.subject: each for each in release_findings(CATALOG, "0.19.1", "0.20.2")}
    assert found["cuda"].severity == "warning"
    assert "driver from 580" in found["cuda"].remedy
    assert found["torch"].severity == "detail"
    assert list(release_findings(CATALOG, "0.20.1", "0.20.2")) == []


def test_a_default_of_a_feature_that_is_not_in_use_weighs_little() -> None:
    catalog, name = release_catalog("sglang"), "--hicache-mem-layout"
    severities = []
    for line in ("--tp-size 2", "--hicache-size 10"):
        started = launch(ENGINES["sglang"], line.split(), {}, Place("--args"))
        found = {
            each.subject: each for each in launch_findings(started, catalog, "0.5.10", "0.5.23")
        }
        severities.append(found[name].severity)
    assert severities == ["detail", "note"]


def test_of_a_wrapper_only_what_was_once_the_engines_is_told() -> None:
    line = "python3 -m dynamo.vllm --swap-space 4 --num-scheduler-steps 8 --its-own x"
    found = findings(line, "0.20.2", "0.20.2")
    assert {each.subject for each in found.values() if each.kind == "argument-unknown"} == {
        "--swap-space",
        "--num-scheduler-steps",
    }
    assert found["--num-scheduler-steps"].remedy.startswith("take it out")


def test_a_variable_that_no_release_read_may_be_a_plugins() -> None:
    environment = {"VLLM_SPYRE_X": "1", "VLLM_LOGING_LEVEL": "INFO", "VLLM_USE_V1": "1"}
    found = findings("", "0.20.2", "0.20.2", environment)
    severities = {name: found[name].severity for name in environment}
    assert severities == {
        "VLLM_SPYRE_X": "detail",
        "VLLM_LOGING_LEVEL": "warning",
        "VLLM_USE_V1": "warning",
    }
    assert found["VLLM_LOGING_LEVEL"].remedy == "did you mean VLLM_LOGGING_LEVEL?"


def test_the_beginning_of_several_arguments_is_none() -> None:
    started = launch(ENGINES["sglang"], ["--cuda-graph-max-bs", "64"], {}, Place("--args"))
    found = {
        each.subject: each
        for each in launch_findings(started, release_catalog("sglang"), "0.5.9", "0.5.23")
    }
    assert found["--cuda-graph-max-bs"].kind == "argument-removed"


def test_a_floor_that_rises_is_a_note() -> None:
    found = {each.subject: each for each in release_findings(CATALOG, "0.20.2", "0.33.0")}
    assert (found["python"].severity, found["transformers"].severity) == ("note", "note")
    assert found["torch"].severity == "detail"
    back = {each.subject: each for each in release_findings(CATALOG, "0.33.0", "0.20.2")}
    assert back["python"].severity == "detail"
    same = {each.subject: each for each in release_findings(CATALOG, "0.19.1", "0.20.2")}
    assert same["python"].severity == "detail"


def of_sglang(line: str, old: str, new: str, environment: dict[str, str]) -> dict[str, Finding]:
    started = launch(ENGINES["sglang"], line.split(), environment, Place("--args"))
    catalog = release_catalog("sglang")
    return {each.subject: each for each in launch_findings(started, catalog, old, new)}


def test_a_variable_by_its_old_name_is_read_as_long_as_it_is_forwarded() -> None:
    environment = {
        "SGL_DISABLE_TP_MEMORY_INBALANCE_CHECK": "1",
        "SGLANG_NSA_FUSE_TOPK": "1",
        "SGL_CHUNKED_PREFIX_CACHE_THRESHOLD": "1",
    }
    assert not environment.keys() & of_sglang("", "0.5.9", "0.5.20", environment).keys()
    found = of_sglang("", "0.5.9", "0.5.23", environment)
    assert found["SGLANG_NSA_FUSE_TOPK"].remedy == "write DSA for NSA in its name"
    assert found["SGL_DISABLE_TP_MEMORY_INBALANCE_CHECK"].severity == "error"


@pytest.mark.parametrize(
    ("line", "old", "new", "subject", "severity"),
    [
        ("--enable-ep-moe", "0.5.2", "0.5.3", "back ends of MoE", "error"),
        ("--enable-lora", "0.5.4", "0.5.5", "--lora-backend", "note"),
        ("", "0.5.9", "0.5.10", "CUDA graphs of prefill", "note"),
        ("--speculative-algorithm EAGLE", "0.5.9", "0.5.10", "memory for drafts", "note"),
        ("--speculative-algorithm EAGLE", "0.5.10", "0.5.11", "overlap of speculation", "note"),
        ("", "0.5.17", "0.5.18", "SGLANG_AUTO_NUMA_BIND", "note"),
        ("", "0.5.18", "0.5.19", "prefix cache", "note"),
        ("", "0.5.19", "0.5.20", "--chunked-prefill-size", "note"),
        ("", "0.5.20", "0.5.21", "core of the prefix cache", "note"),
    ],
)
def test_what_sglang_does_otherwise_is_told_where_it_applies(
    line: str, old: str, new: str, subject: str, severity: str
) -> None:
    assert of_sglang(line, old, new, {})[subject].severity == severity
    moot = "--disable-cuda-graph --disable-radix-cache --chunked-prefill-size 4096"
    quiet = f"{moot} --lora-backend triton --disable-overlap-schedule --mem-fraction-static 0.8"
    assert subject not in of_sglang(quiet, old, new, {"SGLANG_AUTO_NUMA_BIND": "0"})
