"""Small engine pages in a test's own words, the steps from page to snapshot, and samples."""

from prometheus_client.parser import text_string_to_metric_families

from exporter.engines import detect
from exporter.engines.catalog import PageContext
from exporter.engines.page_plans import page_plan
from exporter.engines.plan import Snapshot
from exporter.exposition import Reader


def snapshot(
    text: str,
    version: str = "",
    time: float = 0.0,
    openmetrics: bool = False,
    role: str = "",
    front_end: str = "",
    kv_cache_capacity_tokens: float | None = None,
    context_parallel: float | None = None,
) -> Snapshot:
    page = Reader(detect.is_in_catalog).read(text, openmetrics)
    context = PageContext(version, role, front_end, kv_cache_capacity_tokens, context_parallel)
    return page_plan(page.layout, detect.detect(page.layout), context).apply(page, time)


def values(found: Snapshot, family: str, suffix: str = "") -> dict[str, float]:
    """Return a family's samples as `label=value,...` (model left out) -> number."""
    return {
        ",".join(f"{k}={v}" for k, v in sample.labels if k != "model"): value
        for sample, value in zip(found.plan.samples, found.values, strict=True)
        if sample.family == family and sample.suffix == suffix
    }


def value_of(page: str, name: str, **labels: str) -> float | None:
    """Return the first sample of a name that has these labels, None where there is none."""
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    return None


def decode_verdicts(page: str, label: str, **labels: str) -> dict[str, str]:
    """Return the judge's verdicts on decoding, of series with these labels, by another label."""
    required = {"measure": "decode", **labels}
    return {
        sample.labels[label]: sample.labels["verdict"]
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "inferfleet_upgrade_verdict"
        and required.items() <= sample.labels.items()
        and sample.value == 1
    }
