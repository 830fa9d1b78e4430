"""Credentials and TLS towards servers; secrets stand in files of their own."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from ..base.validation import StrictModel


class BasicAuth(StrictModel):
    """HTTP basic authentication against a server; the password is read from a file."""

    username: str
    password_file: Path


class HttpSettings(StrictModel):
    """How requests are sent: credentials and TLS. Secrets come from files of their own."""

    bearer_token_file: Path | None = None
    basic_auth: BasicAuth | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure_skip_verify: bool = False

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("give bearer_token_file or basic_auth, not both")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file beside it")
        return self
