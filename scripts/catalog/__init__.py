"""What each release of an engine takes and shows, read out of its own packages."""
