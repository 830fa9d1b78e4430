"""The effect of a release at equal load, and how sure it is. Pure arithmetic."""
