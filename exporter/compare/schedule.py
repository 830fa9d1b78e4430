"""The judge on its schedule, and its page of metrics over HTTP while it runs."""

import logging
import socket
import threading
from socketserver import ThreadingMixIn
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from ..web.address import ListenAddress, open_socket, parse_listen
from .judge import Judge

_log: Final = logging.getLogger(__name__)


def serve(judge: Judge, listen: str, interval: float, stop: threading.Event) -> None:
    """Publish on an address, and judge at once and then every `interval` seconds until stopped.

    Raises `ConfigError` where the address is none or cannot be listened on.
    """
    registry = CollectorRegistry()
    registry.register(judge)
    server = _MetricsServer(open_socket(parse_listen(listen, "--listen"), "--listen"), registry)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    address = ListenAddress(server.server_name, server.server_port).reachable
    _log.info("verdicts on http://%s/metrics", address)
    try:
        while True:
            judge.run()
            if stop.wait(interval):
                break
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _RequestHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log scrapes for those who debug, nobody else."""
        _log.debug("%s: %r", self.address_string(), format % args)


class _MetricsServer(ThreadingMixIn, WSGIServer):
    """Answers with the metrics of a registry on a socket that listens already.

    `prometheus_client.start_http_server` binds by itself, and an empty host to IPv4 alone.
    """

    daemon_threads = True

    def __init__(self, listening: socket.socket, registry: CollectorRegistry) -> None:
        address = listening.getsockname()[:2]
        super().__init__(address, _RequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        # what binding would have set
        self.server_name, self.server_port = address
        self.setup_environ()
        self.set_app(make_wsgi_app(registry))
