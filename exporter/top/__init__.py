"""The live view in the terminal: one server or a fleet, over a rolling window."""
