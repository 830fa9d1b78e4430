"""From estimates to a verdict: checks, measures, causes, claim. Pure: no I/O, no clock."""
