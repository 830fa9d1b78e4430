"""A comparison as a terminal, Markdown or HTML report."""
