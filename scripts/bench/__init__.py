"""What the exporter costs beside Prometheus: both as whole processes, on the very same pages."""
