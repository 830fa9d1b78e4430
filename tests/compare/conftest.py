"""Settings that must be made before numpy is loaded."""

from exporter.compare.extra import limit_threads

limit_threads()
