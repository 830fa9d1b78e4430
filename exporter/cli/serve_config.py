"""What `inferfleet serve` is to do: its configuration file with its flags put over it."""

from collections.abc import Sequence
from pathlib import Path

from ..base.errors import ConfigError
from ..config import Config, expand, load_config, parse_config


def serve_config(
    path: Path | None,
    targets: Sequence[str],
    listen: str | None,
    web_config_file: Path | None,
    shard: str | None,
) -> Config:
    """Return the configuration; targets of flags come behind those of the file.

    Raises `ConfigError` for what cannot be used, and where there is nothing to watch.
    """
    base = load_config(path) if path else Config()
    data = base.model_dump(exclude_unset=True)
    if targets:
        data["targets"] = [
            *data.get("targets", []),
            *(expand(url, "--target") for url in targets),
        ]
    if listen:
        data["web"] = {**data.get("web", {}), "listen": expand(listen, "--listen")}
    if web_config_file:
        data["web"] = {**data.get("web", {}), "config_file": web_config_file}
    if shard:
        index, _, total = shard.partition("/")
        if not (index.isdecimal() and total.isdecimal()):
            raise ConfigError(f"--shard: {shard!r} is no shard; write it like 0/3")
        data["shard"] = {"index": index, "total": total}
    config = parse_config(data, str(path) if path else "the command line")
    if not config.targets and config.discovery == Config().discovery:
        where = f"{path} names no server: list targets or a section of discovery"
        raise ConfigError(
            f"nothing to watch: {where if path else 'give --target URL or --config FILE'}"
        )
    return config
