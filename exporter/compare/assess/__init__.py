"""From estimates to a verdict: gates, measures, causes, claim. Pure: no I/O, no clock."""
