"""The judge beside the sampling: its process, and one run in it."""
