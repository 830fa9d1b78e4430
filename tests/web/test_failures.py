"""Failures are counted each and logged seldom."""

import logging

import pytest

from exporter.cli.log import BURST, RepeatLimit
from exporter.vocabulary.states import WEB_FAILURES
from exporter.web.failures import Failures


def test_a_storm_from_many_clients_is_few_lines_and_all_of_it_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = Failures()
    assert failures.counts == dict.fromkeys(WEB_FAILURES, 0)
    caplog.handler.addFilter(limit := RepeatLimit())
    try:
        for number in range(100):
            failures.add("tls", f"10.0.0.{number}: no TLS")
        failures.add("accept", "none")
    finally:
        caplog.handler.removeFilter(limit)
    assert (failures.counts["tls"], failures.counts["accept"]) == (100, 1)
    assert len(caplog.records) == BURST + 1
    assert all(record.levelno == logging.WARNING for record in caplog.records)
