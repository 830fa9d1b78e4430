"""What a comparison is made from: windows of load cells, from Prometheus or from recordings."""
