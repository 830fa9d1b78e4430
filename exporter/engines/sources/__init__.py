"""Where facts about a server come from and which may be shown, whatever the engine."""
