"""Trials of the upgrade verdict on fleets of discrete-step engines whose truth is known."""
