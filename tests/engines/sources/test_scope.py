"""What a server's word is worth where others share its page."""

from exporter.engines.sources.facts import SourceReport
from exporter.engines.sources.scope import reports_on_model, without_gpus

REPORTS = (
    SourceReport("metrics", {"model": "m"}),
    SourceReport("models", {"model": "m", "max_model_len": 4096}),
    SourceReport("version", {"version": "0.33.0"}),
    SourceReport("server_info", {"model": "other", "gpus": 4, "max_num_seqs": 8}),
    SourceReport("cache_config_info", {"kv_cache_dtype": "fp8"}),
    SourceReport("declared", {"gpus": 2, "max_num_seqs": 32, "data_parallel": 2}),
)


def test_only_sources_that_name_the_model_speak_of_it() -> None:
    kept = [report.source for report in reports_on_model(REPORTS, "m")]
    assert kept == ["metrics", "models", "cache_config_info", "declared"]
    assert [report.source for report in reports_on_model(REPORTS, None)] == [
        "metrics",
        "cache_config_info",
        "declared",
    ]


def test_gpus_of_one_engine_are_not_those_of_all() -> None:
    kept = {report.source: report.values for report in without_gpus(REPORTS, None)}
    assert all("gpus" not in values for values in kept.values())
    assert kept["server_info"]["max_num_seqs"] == 8
    declared = {report.source: report.values for report in without_gpus(REPORTS, 6)}
    assert declared["declared"] == {"gpus": 6, "max_num_seqs": 32, "data_parallel": 2}
    assert "gpus" not in declared["server_info"]
