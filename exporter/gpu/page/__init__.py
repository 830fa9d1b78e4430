"""Metrics pages of GPU exporters: fetched and read GPU by GPU."""
