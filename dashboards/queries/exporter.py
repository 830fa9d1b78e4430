"""The Exporter dashboard's queries: is what the other dashboards show true and whole?"""

from typing import Final

from .base import EXPORTER_MATCHERS, SERVER_LABELS, Query, rate, selector, sum_by


def _own(name: str) -> str:
    return selector(name, base=EXPORTER_MATCHERS)


VERSION: Final = Query(_own("build_info"), "{{version}}")
TARGETS: Final = Query(_own("targets"), "{{instance}} {{cluster}}")
DISCOVERED: Final = Query(_own("discovered_targets"), "{{source}} {{instance}} {{cluster}}")
# of exporters that share a fleet each tells how many there should be
SHARDS: Final = Query(f"count by (cluster) ({_own('shards')})", "running {{cluster}}")
SHARDS_TOTAL: Final = Query(f"max by (cluster) ({_own('shards')})", "of {{cluster}}")
LOADING: Final = Query(f"sum(max by ({SERVER_LABELS}) ({selector('target_loading')}))", "loading")
PROBLEMS: Final = Query(f"sum({_own('discovery_problems')})", "problems")
RELOADED: Final = Query(f"min({_own('config_last_reload_successful')})", "last reload")
UNKNOWN_NOW: Final = Query(f"max({selector('page_unknown_names')})", "unknown names")
OLDEST: Final = Query(f"max({selector('scrape_age_seconds')})", "oldest page")
CONFLICTS: Final = Query(f"sum({selector('identity_conflicts')})", "conflicts")

AGE: Final = Query(f"topk(10, {selector('scrape_age_seconds')})", "{{target}} {{cluster}}")
DURATION: Final = Query(
    f"topk(10, {selector('scrape_duration_seconds')})", "{{target}} {{cluster}}"
)
FAILURES: Final = Query(sum_by(rate("scrape_failures_total"), "reason"), "{{reason}}")
SKIPPED: Final = Query(sum_by(rate("scrapes_skipped_total")), "skipped")
SCRAPES: Final = Query(sum_by(rate("scrapes_total")), "tried")
EXCLUDED: Final = Query(f"sum by (reason) ({rate('load_excluded_seconds_total')})", "{{reason}}")
COUNTED: Final = Query(f"sum({rate('load_seconds_total')})", "counted")
CELLS: Final = Query(
    f"topk(10, count by (cluster, target) ({selector('load_seconds_total')}))",
    "{{target}} {{cluster}}",
)
UNKNOWN: Final = Query(f"topk(10, {selector('page_unknown_names')} > 0)", "{{target}} {{cluster}}")
FAMILIES: Final = Query(f"bottomk(10, {selector('page_families')})", "{{target}} {{cluster}}")
SAMPLES: Final = Query(f"topk(10, {selector('page_samples')})", "{{target}} {{cluster}}")
RESTARTS: Final = Query(
    "sum by (cluster, target) "
    f"(increase({selector('server_restarts_total')}[$__rate_interval])) > 0",
    "{{target}} {{cluster}}",
)
GPU_AGE: Final = Query(_own("gpu_reading_age_seconds"), "{{source}} {{cluster}}")
GPU_UP: Final = Query(_own("gpu_source_up"), "{{source}} {{cluster}}")

_UP: Final = f"max by ({SERVER_LABELS}) ({selector('target_up')})"
_LOADING: Final = f"max by ({SERVER_LABELS}) ({selector('target_loading')})"
ROW_STATE: Final = Query(f"{_UP} + 2 * {_LOADING} or {_UP}")
ROW_AGE: Final = Query(f"max by ({SERVER_LABELS}) ({selector('scrape_age_seconds')})")
ROW_DURATION: Final = Query(f"max by ({SERVER_LABELS}) ({selector('scrape_duration_seconds')})")
ROW_FAILED: Final = Query(
    f"sum by ({SERVER_LABELS}) (increase({selector('scrape_failures_total')}[$__range]))"
)
ROW_UNKNOWN: Final = Query(f"max by ({SERVER_LABELS}) ({selector('page_unknown_names')})")
ROW_FAMILIES: Final = Query(f"max by ({SERVER_LABELS}) ({selector('page_families')})")
ROW_SAMPLES: Final = Query(f"max by ({SERVER_LABELS}) ({selector('page_samples')})")
ROW_BYTES: Final = Query(f"max by ({SERVER_LABELS}) ({selector('page_bytes')})")
ROW_CONFLICTS: Final = Query(f"max by ({SERVER_LABELS}) ({selector('identity_conflicts')})")
ROW_RESTARTS: Final = Query(
    f"sum by ({SERVER_LABELS}) (increase({selector('server_restarts_total')}[$__range]))"
)
