"""The GPU catalogs as data: canonical, complete where a GPU tells it, and loud when wrong."""

import re
from pathlib import Path

import pytest
import yaml

from exporter.base.errors import CatalogError
from exporter.gpu import catalog as catalogs
from exporter.gpu.catalog import PAGES, GpuCatalog, gpu_catalog
from exporter.vocabulary.gpu import BY_NAME


@pytest.mark.parametrize("source", PAGES)
def test_a_catalog_is_of_its_own_source_and_reads_power_or_energy_and_memory(source: str) -> None:
    catalog = gpu_catalog(source)
    assert catalog.source == source
    assert {"gpu_energy_joules_total", "gpu_power_watts"} & catalog.families.keys()
    needed = {"gpu_memory_used_bytes", "gpu_memory_total_bytes"}
    assert needed <= catalog.families.keys() <= BY_NAME.keys()


@pytest.mark.parametrize("source", PAGES)
def test_energy_and_power_are_never_an_instances(source: str) -> None:
    assert not {
        name for name in gpu_catalog(source).instance if "energy" in name or "power" in name
    }


def test_a_name_says_its_unit() -> None:
    scales = {term.raw: term.scale for _, term in gpu_catalog("dcgm").terms()}
    for name, scale in scales.items():
        if name.endswith(("_HERTZ", "_JOULES_TOTAL", "_WATTS", "_BYTES", "_RATIO", "_CELSIUS")):
            assert scale == 1, name
        elif name.endswith(("_NS", "_VIOLATION")):
            assert scale == 1e-9, name
    for name in ("SM_CLOCK", "MEM_CLOCK", "MAX_SM_CLOCK", "MAX_MEM_CLOCK"):
        assert scales[f"DCGM_FI_DEV_{name}"] == 1e6
    for name in ("GPU_UTIL", "MEM_COPY_UTIL"):
        assert scales[f"DCGM_FI_DEV_{name}"] == 0.01


def test_raw_names_stand_in_the_catalog_alone() -> None:
    root = Path(__file__).parents[2]
    for package in ("exporter", "alerts", "dashboards", "deploy"):
        for path in (root / package).rglob("*.py"):
            assert not re.search(r"DCGM_\w*[A-Z]", path.read_text(encoding="utf-8")), path


def test_a_raw_name_has_one_unit() -> None:
    for source in PAGES:
        scales: dict[tuple[str, str], float] = {}
        for family, term in gpu_catalog(source).terms():
            assert scales.setdefault((family, term.raw), term.scale) == term.scale


def broken(**changes: object) -> dict[str, object]:
    path = Path(str(catalogs.__file__)).with_name("amd.yaml")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return {**data, **changes}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"families": {"gpu_colour": [{"raw": "x"}]}}, "no canonical GPU family"),
        ({"instance": ["gpu_colour"]}, "no canonical GPU family"),
        ({"families": {"gpu_throttled": [{"raw": "x"}]}}, "has the labels"),
        ({"families": {"gpu_power_watts": [{"raw": "x", "label": {"sensor": "y"}}]}}, "labels"),
        ({"families": {"gpu_power_watts": [{"raw": "x", "scale": 0}]}}, "greater than 0"),
        ({"families": {"gpu_power_watts": []}}, "at least 1"),
        ({"left_out": {"gpu_used_vram": "because"}}, "both read and left out"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_catalog_is_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        GpuCatalog.model_validate(broken(**changes))


def test_a_source_without_a_catalog() -> None:
    with pytest.raises(CatalogError, match=r"GPU catalog intel\.yaml"):
        gpu_catalog("intel")
