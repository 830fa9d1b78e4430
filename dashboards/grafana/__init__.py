"""What Grafana reads: panels, variables, settings and addresses, apart from what they show."""
