"""The exporter's own HTTP side: metrics, status page, fleet JSON, health, TLS and basic auth."""
