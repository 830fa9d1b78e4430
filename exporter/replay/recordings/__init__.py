"""Recordings that ship with the package, one of each set-up."""
