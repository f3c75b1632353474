"""Debian's redis-server and redis-sentinel with TLS, users and failover; the wheel's server has no TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from streams.local.servers.server import LocalServer
from streams.runtime.ports import HOST
from tests.verify.certificates import Authority, Certificate

ANSWERS = (b"+PONG", b"-NOAUTH", b"-MISCONF")


class SecureRedisRecipe:
    """A redis-server with further options; with `certificate` it speaks TLS and nothing else."""

    name = "redis"
    starts_within_s = 30.0
    stops_within_s = 10.0

    def __init__(
        self, options: Sequence[str | Path] = (), authority: Authority | None = None,
        certificate: Certificate | None = None,
    ) -> None:  # fmt: skip
        self._options, self._authority, self._certificate = list(options), authority, certificate

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        common: list[str | Path] = [
            program("redis-server"), "--bind", HOST, "--dir", data, "--daemonize", "no", "--save", "",
            "--appendonly", "no", "--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0",
        ]  # fmt: skip
        if self._certificate is None or self._authority is None:
            return [*common, "--port", str(port), *self._options]
        return [
            *common, "--port", "0", "--tls-port", str(port), "--tls-ca-cert-file", self._authority.ca,
            "--tls-cert-file", self._certificate.certificate, "--tls-key-file", self._certificate.key,
            "--tls-auth-clients", "no", *self._options,
        ]  # fmt: skip

    def answers(self, port: int) -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=1.0) as sock:
                if self._certificate is None or "--tls-auth-clients" in self._options:
                    sock.sendall(b"" if self._certificate else b"PING\r\n")
                    return self._certificate is not None or sock.recv(16).startswith(ANSWERS)
                with ssl._create_unverified_context().wrap_socket(sock) as secure:
                    secure.sendall(b"PING\r\n")
                    return secure.recv(16).startswith(ANSWERS)
        except OSError:
            return False

    def port_was_taken(self, log_text: str) -> bool:
        return "Address already in use" in log_text


class SentinelRecipe(SecureRedisRecipe):
    """A redis-sentinel that watches one master and replaces it within a second or two."""

    name = "sentinel"

    def __init__(self, service: str, master: LocalServer, quorum: int) -> None:
        super().__init__()
        self._service, self._master, self._quorum = service, master, quorum

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        config = data / "sentinel.conf"  # Sentinel writes into it what it learns
        if not config.exists():
            service = self._service
            config.write_text(
                f"port {port}\nbind {HOST}\ndir {data}\n"
                f"sentinel monitor {service} {HOST} {self._master.port} {self._quorum}\n"
                f"sentinel down-after-milliseconds {service} 500\n"
                f"sentinel failover-timeout {service} 2000\n"
            )
        return [program("redis-sentinel"), config]


def program(name: str) -> str:
    """Where Debian's program is; AssertionError when it is not installed, for nothing here is skipped."""
    found = shutil.which(name)
    assert found, f"no {name}: `make verify` installs it, or apt-get install {name}"
    return found


def command_line(server: LocalServer, *words: str) -> Any:
    """What an unencrypted server answers its operator."""
    with redis.Redis(port=server.port, socket_timeout=5, decode_responses=True) as client:
        return client.execute_command(*words)


def has_tls() -> bool:
    """Whether the installed redis-server was built with TLS."""
    done = subprocess.run(
        [program("redis-server"), "--tls-port", "0", "--port", "0", "--check-system"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "tls-port" not in done.stdout + done.stderr
