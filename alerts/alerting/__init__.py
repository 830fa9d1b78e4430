"""Alerts, one file a family of symptoms; each family has a runbook page of the same name."""
