"""Runs as replicates: what two sides of recorded runs differ by, and what runs of one side do."""
