"""`python -m exporter` is the `inferfleet` command."""

from .cli import app

app()
