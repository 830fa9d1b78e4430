"""Every query of the dashboards: named PromQL, as data, apart from the panels that draw it."""
