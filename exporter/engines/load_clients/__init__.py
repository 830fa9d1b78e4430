"""What an engine's own load client is asked for, the same for all engines."""
