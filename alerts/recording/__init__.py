"""Recording rules: figures by server, release, model and fleet, that alerts and dashboards read."""
