"""Real archives load whole; bad ones are refused with a sentence."""

import io
import json
import re
import tarfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exporter.base.errors import RecordingError
from exporter.exposition import Reader
from exporter.replay.gpu_page import GpuTracks
from exporter.replay.playback import Track
from exporter.replay.recording import RecordedAnswer, Recording, bundled_recordings, load_recording
from exporter.replay.snapshots import snapshots

from .conftest import archives

MANIFEST: dict[str, Any] = {
    "name": "made",
    "engine": "vllm",
    "engine_version": "1.0",
    "model": "tiny",
    "scrapes": [{"i": 0, "t": 10.0}, {"i": 1, "t": 12.0}],
}
FILES = {
    "manifest.json": json.dumps(MANIFEST),
    "pages/0000.prom": "work_total 1\n",
    "pages/0001.prom": "work_total 2\n",
}


def test_every_recording_is_described_and_no_other() -> None:
    folder = Path(__file__).parents[1] / "recordings"
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| `([\w.-]+)` \|", text, re.M)
    assert sorted(names) == sorted(archives())


def _unpacked(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def _manifest(folder: Path, **changes: object) -> Path:
    return _unpacked(folder, {**FILES, "manifest.json": json.dumps(MANIFEST | changes)})


def test_bundled_names_the_gpu_recordings() -> None:
    names = bundled_recordings()
    assert {"vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0", "vllm-moe-0.20.2-mrv2"} <= names.keys()
    assert all(load_recording(path).gpu == "NVIDIA H200" for path in names.values())


def test_real_recording_is_complete(real: Recording) -> None:
    assert real.engine in ("vllm", "sglang")
    assert all(a.time < b.time for a, b in pairwise(real.pages))
    assert real.answers["/health"] == RecordedAnswer(200, "")
    assert real.answers["/v1/models"].status == 200
    if real.engine == "vllm":
        assert json.loads(real.answers["/version"].body) == {"version": real.engine_version}
    assert {page.path for page in real.pages} == {"/metrics"}
    assert not any("openmetrics" in page.content_type for page in real.pages)


def test_real_pages_are_readable_and_carry_no_help(real: Recording) -> None:
    reader = Reader(lambda name: True)
    for page in (real.pages[0], real.pages[-1]):
        assert page.text is not None
        assert "# HELP" not in page.text
        assert reader.read(page.text).values


def test_gpu_recordings_carry_phases_and_gpu_samples() -> None:
    dense = load_recording(bundled_recordings()["vllm-dense-0.26.0"])
    assert [phase["name"] for phase in dense.phases][:3] == ["single", "small", "medium"]
    assert dense.nvml[0]["meta"]["name"] == "NVIDIA H200"
    assert dense.nvml[1]["energy_mj"] > 0
    cpu = load_recording(archives()["vllm-0.32.0-basic-cpu"])
    assert (cpu.gpu, cpu.phases, cpu.nvml) == (None, (), ())
    assert cpu.manifest["load"]["load_0"][0]["concurrency"] == 1


def test_other_formats_and_paths_are_variants() -> None:
    moe = load_recording(archives()["vllm-0.20.2-moe-mixtral-cpu"])
    assert {page.tag for page in moe.variants} >= {
        "pre-openmetrics-accept",
        "post-gzip-accept",
        "slash-openmetrics-utf8",
        "name-filter",
    }
    assert {page.tag for page in moe.pages} == {"pre", "pre-after-side", "load-0", "post"}


def test_a_stop_before_the_end_is_a_page_without_answer(restarted: Recording) -> None:
    assert [page.tag for page in restarted.pages if page.text is None] == ["stop"]


def test_answers_before_the_load_win_and_keep_their_status() -> None:
    sglang = load_recording(archives()["sglang-0.5.23-basic-cpu"])
    assert sglang.answers["/version"].status == 404
    before = sglang.manifest["http"]["pre /v1/loads"]["body"]
    assert sglang.answers["/v1/loads"].body == before


def test_answers_may_be_plain_bodies(tmp_path: Path) -> None:
    http = {"/version": '{"version":"1.0"}', "/load": "error: HTTP Error 404: Not Found"}
    answers = load_recording(_manifest(tmp_path, http=http)).answers
    assert answers["/version"] == RecordedAnswer(200, '{"version":"1.0"}')
    assert answers["/version"].content_type == "application/json"
    assert answers["/load"].status == 404
    assert answers["/load"].content_type.startswith("text/plain")


@pytest.mark.parametrize("failed", ["", "# scrape failed: timed out\n"])
def test_failed_scrapes_are_kept_as_no_answer(tmp_path: Path, failed: str) -> None:
    pages = load_recording(_unpacked(tmp_path, FILES | {"pages/0001.prom": failed})).pages
    assert [page.text for page in pages] == ["work_total 1\n", None]


def test_archive_and_folder_are_the_same(tmp_path: Path) -> None:
    archive = tmp_path / "made.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for name, content in FILES.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    packed, unpacked = load_recording(archive), load_recording(_unpacked(tmp_path / "made", FILES))
    assert packed.pages == unpacked.pages
    assert packed.manifest == unpacked.manifest


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no manifest.json"),
        ({**FILES, "manifest.json": "{"}, "manifest.json: it is no JSON"),
        ({**FILES, "nvml.jsonl": "nothing"}, "nvml.jsonl: line 1: it is no JSON"),
        ({**FILES, "manifest.json": "{}"}, "manifest.json: name: this key is needed"),
        (
            {**FILES, "manifest.json": json.dumps(MANIFEST | {"scrapes": []})},
            "scrapes: must not be empty",
        ),
        (
            {name: text for name, text in FILES.items() if "0001" not in name},
            "lacks pages/0001.prom",
        ),
        ({**FILES, "pages/0001.prom": b"\xff"}, "pages/0001.prom is not UTF-8"),
        (
            {**FILES, "pages/0000.prom": "", "pages/0001.prom": ""},
            "no scrape of /metrics that was answered",
        ),
        (
            {
                **FILES,
                "manifest.json": json.dumps(
                    MANIFEST | {"scrapes": [{"i": 0, "t": 12.0}, {"i": 1, "t": 10.0}]}
                ),
            },
            "not in order of time",
        ),
    ],
)
def test_bad_recording_is_refused(
    tmp_path: Path, files: Mapping[str, str | bytes], message: str
) -> None:
    folder = _unpacked(tmp_path, files)
    with pytest.raises(RecordingError, match=message) as refusal:
        load_recording(folder)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def manifest_of(**changes: object) -> str:
    return json.dumps(MANIFEST | changes)


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        (b"\xff\xfe{\x00}\x00", "it is not UTF-8 text"),
        ("[" * 100_000, "it is nested too deep"),
        ("[" * 900 + "]" * 900, "the file: must be a mapping of keys"),
        ("[]", "the file: must be a mapping of keys"),
        ("[1," + "1," * 1_000_001, "it holds more than 1000000 values"),
        (manifest_of(name="\ud800"), "name: \\ud800 is no Unicode text"),
        (manifest_of(**{"\ud800": 1}), "a key of the file: \\ud800 is no Unicode text"),
        (manifest_of(name=""), "name: "),
        (
            manifest_of(scrapes=[{"i": 0, "t": float("nan")}]),
            "scrapes.0.t: nan is no finite number",
        ),
        (manifest_of(phases=[{"name": "a", "start": float("inf")}]), "phases.0.start: inf is no"),
        (manifest_of(scrapes=[{"i": 0, "t": 10**400}]), "scrapes.0.t: 1000"),
        (manifest_of(scrapes=[{"i": 0, "t": -5}]), "scrapes.0.t: "),
        (manifest_of(scrapes=[{"i": 0, "t": 1e300}]), "scrapes.0.t: "),
        (manifest_of(scrapes=[{"i": -1, "t": 5}]), "scrapes.0.i: "),
        (manifest_of(scrapes=[{"i": 0, "t": 5, "content_type": "a\r\nX: y"}]), "content_type: "),
        (manifest_of(http={"/a": {"status": 10**30, "body": ""}}), "http./a"),
        (manifest_of(phases=[{"start": 1}]), "phases.0.name: this key is needed"),
        (manifest_of(phases=None), "phases: "),
        (manifest_of(events=[{"t": "soon", "event": "stop"}]), "events.0.t: "),
        (manifest_of(scrapes=[{"i": 0, "t": 5}, {"i": 1, "t": 5}]), "not in order of time"),
    ],
)
def test_a_bad_manifest_is_one_sentence(tmp_path: Path, manifest: str | bytes, fault: str) -> None:
    folder = _unpacked(tmp_path, {**FILES, "manifest.json": manifest})
    with pytest.raises(RecordingError) as refusal:
        load_recording(folder)
    assert str(refusal.value).startswith(f"{folder}: manifest.json: ")
    assert fault in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("[1]", "line 1: "),
        ('{"t": 5}\n{"t": 4}', "line 2: its time lies before"),
        ('{"t": -5}', "line 1: t: "),
        ('{"t": 5, "energy_mj": NaN}', "line 1: energy_mj: nan is no finite number"),
        ('{"t": 5, "energy_mj": -1}', "line 1: energy_mj: "),
        ('{"t": 5, "power_mw": "high"}', "line 1: power_mw: "),
        ('{"t": 5, "reasons": 1e99}', "line 1: reasons: "),
        ('{"t": 5, "procs": 3}', "line 1: procs: "),
        ('{"meta": [], "t": 5}', "line 1: meta: "),
        ('{"meta": {"power_limit_mw": "x"}}', "line 1: meta.power_limit_mw: "),
        ("{}\n" * 200_001, "it has more than 200000 lines"),
    ],
)
def test_a_bad_sample_of_the_gpu_is_one_sentence(tmp_path: Path, lines: str, fault: str) -> None:
    folder = _unpacked(tmp_path, {**FILES, "nvml.jsonl": lines})
    with pytest.raises(RecordingError) as refusal:
        load_recording(folder)
    assert str(refusal.value).startswith(f"{folder}: nvml.jsonl: ")
    assert fault in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_a_gpu_may_lack_any_counter(tmp_path: Path) -> None:
    lines = '{"meta": {"name": "a \\"b\\""}}\n{"t": 9}\n\n{"t": 11, "energy_mj": null, "temp": 40}'
    recording = load_recording(_unpacked(tmp_path, {**FILES, "nvml.jsonl": lines}))
    page = GpuTracks(recording, 4.0).page(1, 1, "GPU-1", ())
    assert page is not None
    assert 'name="a \\"b\\""' in page.decode()
    assert "energy" not in page.decode()
    Reader(lambda name: True).read(page.decode())


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        ("# TYPE a counter\na_total many\n", "pages/0001.prom: a_total has the value 'many'"),
        ("# TYPE a counter\na_total 1e999999\n", "a_total has the value '1e999999'"),
        ("process_start_time_seconds 1.2.3\n", "pages/0001.prom: its process started at 1.2.3"),
        ("process_start_time_seconds 1e999\n", "its process started at 1e999, no time"),
    ],
)
def test_a_page_that_cannot_be_played_is_one_sentence(
    tmp_path: Path, page: str, fault: str
) -> None:
    files = {**FILES, "pages/0000.prom": "# TYPE a counter\na_total 1\n", "pages/0001.prom": page}
    recording = load_recording(_unpacked(tmp_path, files))
    with pytest.raises(RecordingError, match=r"^made: ") as refusal:
        Track(recording)
    assert fault in str(refusal.value)


def test_a_page_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    recording = load_recording(_unpacked(tmp_path, {**FILES, "pages/0001.prom": "a{ 1\n"}))
    with pytest.raises(RecordingError, match=r"^made: pages/000[01]\.prom: "):
        list(snapshots(recording))


def test_missing_file_and_wrong_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.tar\.xz cannot be read: No such file"):
        load_recording(tmp_path / "none.tar.xz")
    junk = tmp_path / "junk.tar.xz"
    junk.write_bytes(b"not an archive")
    with pytest.raises(RecordingError, match=r"junk\.tar\.xz is no \.tar\.xz archive"):
        load_recording(junk)


def test_archive_cut_short_is_refused(tmp_path: Path) -> None:
    cut = tmp_path / "cut.tar.xz"
    cut.write_bytes(bundled_recordings()["vllm-dense-0.26.0"].read_bytes()[:20_000])
    with pytest.raises(RecordingError, match=r"cut\.tar\.xz is no \.tar\.xz archive"):
        load_recording(cut)
