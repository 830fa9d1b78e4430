"""A configuration file checked as far as it can be without a start: every fault, not the first."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ..base.errors import ConfigError, CredentialsError
from ..config import Config, HttpSettings, load_config
from ..discovery.file_sd import FileSource
from ..fetch.credentials import authorization_header
from ..fetch.tls import tls_context
from ..web.access_control import AccessControl
from ..web.address import parse_listen


def check_config(path: Path) -> Config:
    """Return the configuration in a file; raise `ConfigError` with every fault of it.

    Files that it names are read, since a start without them fails, or no request succeeds.
    """
    config = load_config(path)
    faults = list(_faults(config))
    if faults:
        raise ConfigError(*(f"{path}: {fault}" for fault in faults))
    return config


def _faults(config: Config) -> Iterator[str]:
    if not config.targets and config.discovery == Config().discovery:
        yield "it names no server: list targets or a section of discovery"
    yield from _fault(partial(parse_listen, config.web.listen))
    if file := config.web.config_file:
        yield from _fault(partial(AccessControl, file), "web.config_file")
    for section in config.discovery.file_sd:
        yield from _fault(partial(FileSource, section.files))
    yield from _http_faults("http", config.http)
    yield from _http_faults("gpu.http", config.gpu.http)
    for number, pods in enumerate(config.discovery.kubernetes):
        yield from _http_faults(f"discovery.kubernetes.{number}.http", pods.http)


def _http_faults(place: str, http: HttpSettings) -> Iterator[str]:
    own = HttpSettings(cert_file=http.cert_file, key_file=http.key_file)
    yield from _fault(partial(authorization_header, http), place)
    yield from _fault(partial(tls_context, HttpSettings(ca_file=http.ca_file)), place)
    yield from _fault(partial(tls_context, own), place)


def _fault(use: Callable[[], object], place: str = "") -> Iterator[str]:
    """Yield why what a place of the file names cannot be used; `use` may say the place itself."""
    try:
        use()
    except (ConfigError, CredentialsError) as error:
        yield f"{place}: {error}" if place else str(error)
