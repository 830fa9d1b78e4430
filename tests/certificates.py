"""Certificates of this machine, made for one test."""

import shutil
import subprocess
from pathlib import Path

import pytest


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that vouches for itself; return it and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    subject = f"-subj /CN={name} -addext subjectAltName=IP:127.0.0.1 -days 2"
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc"
    arguments = [*kind.split(), *subject.split(), "-out", str(cert), "-keyout", str(key)]
    subprocess.run([openssl, "req", "-x509", *arguments], check=True, capture_output=True)
    return cert, key
