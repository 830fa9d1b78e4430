"""The inferfleet exporter: engine pages in, one stable vocabulary of metrics out."""

__version__ = "0.1.0"
