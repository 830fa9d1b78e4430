"""The Authorization header of a section, from files that hold the secrets."""

from base64 import b64encode
from pathlib import Path
from stat import S_ISREG

from ..base.errors import CredentialsError
from ..config import HttpSettings


def authorization_header(http: HttpSettings) -> str | None:
    """Return the Authorization header for a section, None where it has no credentials.

    Files are read each time, since secrets are rotated. Raises `CredentialsError`: what a library
    raises over a header it cannot send would put the secret itself into logs.
    """
    if http.bearer_token_file:
        token = _secret(http.bearer_token_file)
        if not token.isascii():
            raise CredentialsError(f"{http.bearer_token_file} holds no token: tokens are ASCII")
        return f"Bearer {token}"
    if http.basic_auth:
        password = _secret(http.basic_auth.password_file)
        pair = f"{http.basic_auth.username}:{password}"
        return f"Basic {b64encode(pair.encode()).decode()}"
    return None


def _secret(path: Path) -> str:
    try:
        # a pipe would hold every server's requests until somebody writes
        if not S_ISREG(path.stat().st_mode):
            raise CredentialsError(f"{path} with the credentials is no regular file")
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CredentialsError(
            f"{path} with the credentials cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        raise CredentialsError(f"{path} with the credentials is not UTF-8 text") from None
    if not secret.isprintable():
        raise CredentialsError(f"{path} must hold the credentials alone, on one line")
    return secret
