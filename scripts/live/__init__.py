"""Real engines, served and loaded, and the exporter held against what the client knows."""
