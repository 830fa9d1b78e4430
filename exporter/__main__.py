"""`python -m exporter` is the `inferfleet` command."""

from .cli.app import app

app()
