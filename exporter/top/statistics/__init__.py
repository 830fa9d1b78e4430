"""What the live view computes: quantiles, peaks, goodput, the load curve and sizing hints."""
