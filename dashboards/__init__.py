"""The Grafana dashboards: queries and panels as code, written out as JSON."""
