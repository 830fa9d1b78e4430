"""Benches, trials and generators: `python -m scripts.NAME`."""

from exporter.compare.extra import limit_threads

limit_threads()
