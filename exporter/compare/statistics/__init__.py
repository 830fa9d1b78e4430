"""Statistics of a comparison: a regression, its effect and the interval. Pure arithmetic."""
