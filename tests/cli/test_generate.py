"""Commands that write files: the old ones stay where the new ones cannot be written whole."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from exporter.cli.app import app
from tests.full_disk import full_disk


@pytest.mark.parametrize("command", ["rules", "dashboards"])
def test_a_full_disk_leaves_the_old_files(command: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("keep_labels: [region]\n")
    words = [command, "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with full_disk(32_768):
        failed = CliRunner().invoke(app, [*words, "--values", str(values)])
    assert failed.exit_code == 2
    assert failed.output == (
        f"inferfleet: cannot write {command} into {tmp_path / 'out'}: File too large\n"
    )
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert CliRunner().invoke(app, [*words, "--values", str(values)]).exit_code == 0
    after = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert after.keys() == before.keys()
    assert after != before
