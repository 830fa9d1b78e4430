"""What of a live server may stand in a recording, and what it must not lose by that."""

import json

import pytest

from exporter.base.errors import FetchError
from exporter.config import Declaration
from exporter.engines.identity import Identity, identify
from exporter.recorder.redaction import Redaction, answer_text
from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots

SECRETS = (
    "hf_AbCdEfGhIjKlMnOp",
    "10.20.30.40",
    "node-7.cluster.internal",
    "llm-5b9f7-x2x9z",
    "GPU-5f2b1c9e-1111-2222-3333-444455556666",
    "/home/anna",
    "sk-live-0123456789abcdef",
)
PAGE = f"""\
# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
# written by a proxy for {SECRETS[5]}
vllm:num_requests_running{{engine="0",model_name="{SECRETS[5]}/llama",pod="{SECRETS[3]}"}} 3.0
vllm:num_requests_running{{engine="0",model_name="meta/llama",pod="other"}} 4.0
vllm:num_requests_running{{engine="0",model_name="meta/llama",pod="{SECRETS[3]}"}} 5.0
http_requests_total{{handler="/v1/completions?key={SECRETS[6]}",instance="{SECRETS[1]}:8000"}} 7.0
ray_x{{NodeAddress="{SECRETS[2]}",uuid="{SECRETS[4]}",note="token {SECRETS[0]}"}} 1.0
plain 1.0
# EOF
"""


def test_nothing_secret_stays_on_a_page_and_every_sample_does() -> None:
    redacted = Redaction().page(PAGE)
    assert not [secret for secret in SECRETS if secret in redacted]
    samples = [line for line in redacted.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples)) == 6
    assert "HELP" not in redacted
    assert "# TYPE vllm:num_requests_running gauge" in redacted
    assert redacted.endswith("# EOF\n")
    assert 'model_name="PATH/llama"' in redacted
    assert 'model_name="meta/llama"' in redacted
    assert 'handler="/v1/completions"' in redacted


def test_one_value_has_one_word_through_a_recording() -> None:
    redaction = Redaction()
    assert redaction.page(PAGE) == redaction.page(PAGE)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({"version": "0.26.0"}, {"version": "0.26.0"}),
        ({"vllm_env": {"VLLM_API_KEY": "abc", "HF_TOKEN": "x"}}, {"vllm_env": {}}),
        ({"hf_token": SECRETS[0], "seed": 7, "max_num_seqs": 4}, {"max_num_seqs": 4}),
        ({"model": "/home/anna/llama"}, {"model": "llama"}),
        ({"note": "call Anna before you restart this"}, {"note": None}),
        ({"data": [{"id": "org/llama", "root": "/x/llama"}]}, None),
        ({"launch_command": "vllm serve --api-key abc"}, {}),
        ({"chat_template": "{% for m in messages %}"}, {"chat_template": None}),
        ([1, 2.5, True, None], [1, 2.5, True, None]),
    ],
)
def test_an_answer_keeps_its_shape_without_what_must_not_be_shown(
    answer: object, kept: object
) -> None:
    written = json.loads(answer_text(json.dumps(answer).encode()))
    if kept is not None:
        assert written == kept
    else:
        assert written == {"data": [{"id": "llama", "root": "llama"}]}


def test_what_is_no_json_is_left_out() -> None:
    assert answer_text(b"<html>intranet</html>") == ""


def test_a_server_is_the_same_after_redaction(real: Recording) -> None:
    answers = {path: answer.body.encode() for path, answer in real.answers.items()}
    redacted = {path: answer_text(body).encode() for path, body in answers.items()}
    old, new = (identity(real, bodies) for bodies in (answers, redacted))
    assert {name: new.text(name) for name in old.facts} == {
        name: old.text(name) for name in old.facts
    }
    assert (new.server_class, new.config) == (old.server_class, old.config)


def identity(recording: Recording, bodies: dict[str, bytes]) -> Identity:
    def get(path: str) -> bytes:
        answer = recording.answers.get(path)
        if answer is None or answer.status != 200:
            raise FetchError("http_status", "not recorded")
        return bodies[path]

    plan = next(iter(snapshots(recording))).plan
    declared = Declaration(gpu_model=recording.gpu) if recording.gpu else None
    return identify(plan.engine, get, plan.page_settings, None, declared, plan.model or None)
