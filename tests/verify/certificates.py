"""A certificate authority of its own, made by `openssl` when a test asks for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from msgspec import Struct

DAYS = "2"


class Certificate(Struct, frozen=True):
    """Files in PEM; `both` holds key and certificate."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """A CA whose certificate is `ca`; it signs for servers and clients alike."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self._key, self._folder = folder / f"{name}.pem", folder / f"{name}.key", folder
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", f"/CN={name}",
            "-keyout", self._key, "-out", self.ca,
        )  # fmt: skip

    def sign(self, name: str, *hosts: str) -> Certificate:
        """A certificate for these host names and addresses, as `DNS:localhost` and `IP:127.0.0.1`."""
        made = Certificate(*(self._folder / f"{name}.{kind}" for kind in ("pem", "key", "both.pem")))
        request, names = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        names.write_text(f"subjectAltName={','.join(hosts)}\n" if hosts else "")
        _openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            made.key,
            "-out",
            request,
        )
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial",
            "-days", DAYS, "-extfile", names, "-out", made.certificate,
        )  # fmt: skip
        made.both.write_text(made.key.read_text() + made.certificate.read_text())
        return made


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
