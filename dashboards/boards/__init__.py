"""One file a dashboard: its rows and panels, over the named queries."""
