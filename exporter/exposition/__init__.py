"""Prometheus exposition text becomes numbers: the hot path of the exporter."""

from .page import Layout, Page, ParserLimits, Series
from .reader import Reader

__all__ = ["Layout", "Page", "ParserLimits", "Reader", "Series"]
