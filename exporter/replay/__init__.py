"""Recorded servers are played back as live ones, for demonstrations, tests and load."""
