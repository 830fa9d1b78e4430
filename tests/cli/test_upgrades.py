"""Options of `compare` that recordings leave without a meaning."""

import typer
from typer.testing import CliRunner

from exporter.cli.app import app

RUNS = ["--baseline-recording", "a", "--candidate-recording", "b"]
OF_RECORDINGS = {
    *("baseline_recording", "candidate_recording", "step", "margin", "claim"),
    *("as_json", "as_markdown", "report", "gate", "fail_on", "help"),
}
"""What of compare has a meaning where recordings are compared."""


def test_an_option_without_a_meaning_for_recordings_is_refused_and_never_ignored() -> None:
    command = typer.main.get_command(app).commands["compare"]  # type: ignore[attr-defined]
    others = {param.name: param.opts[0] for param in command.params}.items()
    refused = dict[str, str]()
    for name, option in others:
        if name not in OF_RECORDINGS:
            result = CliRunner().invoke(app, ["compare", *RUNS, option, "7d"])
            assert result.exit_code == 4
            refused[option] = result.stderr
    assert {"--window", "--timeout", "--warm-up", "--http-config"} <= refused.keys()
    for option, error in refused.items():
        assert error.startswith(f"inferfleet: {option}: "), error
        assert "leave it out" in error
