"""How long a verdict takes on a fleet's own traffic: upgrades that are pretended in its past."""
