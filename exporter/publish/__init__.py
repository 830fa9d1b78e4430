"""Readings become what others read: the metrics page and the fleet as JSON."""
