"""Recorded runs of two set-ups, several of each, that ship with the package."""
