"""Why an exchange failed: a bounded reason, and the end of a sentence that begins with the URL."""

import ssl
from typing import Final

from ..base.errors import FetchReason
from ..base.untrusted import one_line

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
"""What OpenSSL makes of an answer that is no TLS."""


class ExchangeError(Exception):
    """One exchange failed; `problem` goes on from the URL: `cannot be reached: ...`."""

    def __init__(self, reason: FetchReason, problem: str) -> None:
        super().__init__(problem)
        self.reason: FetchReason = reason
        self.problem = problem


def unreachable(cause: str | BaseException) -> ExchangeError:
    """Return the failure of a connection that could not be made."""
    if isinstance(cause, str):
        text = cause
    elif isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS:
        text = "it speaks no TLS: write http:// where https:// stands"
    elif isinstance(cause, ssl.SSLCertVerificationError):
        text = f"its certificate is not trusted: {cause.verify_message.lower()}"
    else:
        text = root_cause(cause)
    return ExchangeError("connect", f"cannot be reached: {text}")


def broken_off(cause: str | BaseException) -> ExchangeError:
    """Return the failure of an answer that is no HTTP, or not all of it."""
    if isinstance(cause, ssl.SSLError):
        return unreachable(cause)
    text = root_cause(cause) if isinstance(cause, BaseException) else one_line(cause)
    return ExchangeError("protocol", f"broke off its answer: {text}")


def root_cause(error: BaseException) -> str:
    """Return the innermost reason of a nested network error in plain words."""
    reason: BaseException = error
    while True:
        inner = getattr(reason, "reason", None) or reason.__cause__ or reason.__context__
        if not isinstance(inner, BaseException):
            break
        reason = inner
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return one_line(str(reason)) or type(reason).__name__
