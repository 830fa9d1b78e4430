"""A benchmark that matches a fleet's traffic, as commands."""
