"""Recording rules, each file one level or one question; made from values, written by the CLI."""
