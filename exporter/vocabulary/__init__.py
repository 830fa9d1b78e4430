"""Every name and word the product publishes: families of metrics, and the words of a verdict."""
