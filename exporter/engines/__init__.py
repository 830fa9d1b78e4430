"""A raw engine page becomes one canonical Snapshot."""
