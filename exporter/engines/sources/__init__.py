"""Where facts about a server come from, and what of them may be told: one module a source."""
