"""Recordings, whoever packed them: played whole, or refused in a sentence."""

import io
import json
import lzma
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.base.errors import RecordingError
from exporter.replay.playlist import Player, Playlist
from exporter.replay.recording import load_recording
from tests.fuzz.mutations import encoded, mutated_bytes, mutated_documents
from tests.fuzz.refusals import refusal

PAGE = """# TYPE process_start_time_seconds gauge
process_start_time_seconds 1700000000.5
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{engine="0",model_name="m"} %d
# TYPE vllm:e2e_request_latency_seconds histogram
vllm:e2e_request_latency_seconds_bucket{engine="0",le="+Inf",model_name="m"} %d
vllm:e2e_request_latency_seconds_sum{engine="0",model_name="m"} %d
vllm:e2e_request_latency_seconds_count{engine="0",model_name="m"} %d
"""
MANIFEST: dict[str, Any] = {
    "name": "a",
    "engine": "vllm",
    "engine_version": "0.20.2",
    "model": "m",
    "gpu": "NVIDIA H200",
    "http": {"/version": '{"version": "0.20.2"}', "/x": {"status": 404, "body": ""}},
    "scrapes": [{"i": i, "t": 1700000000.0 + 5 * i, "tag": ""} for i in range(3)],
    "events": [{"t": 1700000007.0, "event": "stop"}],
    "phases": [{"name": "load", "start": 1700000001.0, "end": 1700000009.0, "gen_tok_s": 10.0}],
}
NVML = b"".join(
    encoded(line) + b"\n"
    for line in (
        {"meta": {"name": "NVIDIA H200", "driver": "580", "power_limit_mw": 700000}},
        {"t": 1700000000.0, "energy_mj": 10, "power_mw": 1000, "mem_used": 5, "mem_total": 9},
        {"t": 1700000010.0, "energy_mj": 900, "power_mw": 9000, "util_gpu": 50, "reasons": 4},
    )
)
FILES = {
    "manifest.json": json.dumps(MANIFEST).encode(),
    "nvml.jsonl": NVML,
    **{f"pages/000{i}.prom": (PAGE % ((100 * i,) * 4)).encode() for i in range(3)},
}


def packed(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return memory.getvalue()


def play(content: bytes) -> None:
    """Load an archive and play it past its end, unless it is refused."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.tar.xz"
        path.write_bytes(content)
        if refusal(RecordingError, lambda: Player(Playlist((load_recording(path),)))):
            return
        player = Player(Playlist((load_recording(path),), plays=2))
    for elapsed in (0.0, 4.0, 8.0, 11.0, 25.0, 1e6):
        if state := player.state_at(elapsed):
            assert isinstance(state.metrics(1.7e9), bytes)
            state.gpu_metrics("GPU-a")


@st.composite
def changed_files(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw the files of a recording, one of them not as it was."""
    name = draw(st.sampled_from(sorted(FILES)))
    content = mutated_bytes(FILES[name])
    if name == "manifest.json":
        content |= mutated_documents(MANIFEST).map(encoded)
    return FILES | {name: draw(content)}


@given(changed_files())
def test_a_recording_is_played_or_refused(files: dict[str, bytes]) -> None:
    play(lzma.compress(packed(files), preset=0))


@given(mutated_bytes(packed(FILES)).map(lambda data: lzma.compress(data, preset=0)))
def test_an_archive_is_played_or_refused(content: bytes) -> None:
    play(content)
