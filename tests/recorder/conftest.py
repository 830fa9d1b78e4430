"""The real recordings, as the tests of playing them back have them."""

from tests.replay.conftest import archives, real

__all__ = ["archives", "real"]
