"""An upgrade's review as people and programs read it: terminal, Markdown, JSON, SARIF."""
