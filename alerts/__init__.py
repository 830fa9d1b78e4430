"""Recording rules and alerts as code; `generated/` holds what Prometheus loads."""
