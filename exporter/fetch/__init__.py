"""HTTP from servers: one deadline for the whole exchange, limits, credentials and TLS."""

from .blocking import BlockingClient
from .client import HttpClient
from .http_response import HttpResponse
from .problem import ExchangeError
from .proxy import proxy_of
from .tls import ClientTls

__all__ = [
    "BlockingClient",
    "ClientTls",
    "ExchangeError",
    "HttpClient",
    "HttpResponse",
    "proxy_of",
]
