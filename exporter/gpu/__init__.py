"""GPU telemetry: sources of readings, and which GPUs belong to which server."""
