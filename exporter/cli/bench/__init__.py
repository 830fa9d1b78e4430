"""The command that plans a benchmark: bench-plan."""
