"""HTTP from servers: one deadline for the whole exchange, limits, credentials and TLS."""

from .blocking import BlockingClient
from .client import HttpClient
from .credentials import authorization_header
from .problem import root_cause
from .proxy import proxy_of
from .response import HttpResponse
from .tls import tls_context

__all__ = [
    "BlockingClient",
    "HttpClient",
    "HttpResponse",
    "authorization_header",
    "proxy_of",
    "root_cause",
    "tls_context",
]
