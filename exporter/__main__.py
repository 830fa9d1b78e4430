"""`python -m exporter` is the `inferfleet` command."""

from typing import Final

_INTERRUPTED: Final = 130


def main() -> None:
    """Run the command; Ctrl-C ends it without a traceback, also while its modules load."""
    try:
        from .cli.app import app

        app()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


if __name__ == "__main__":
    main()
