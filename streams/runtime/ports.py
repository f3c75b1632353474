"""Ports and connections of this machine: free, taken, by whom; waiting for them; why TLS refuses one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from ssl import SSLCertVerificationError
from typing import Literal

import psutil

HOST = "127.0.0.1"
CONNECT_S = 3.0
BACKLOG = 2048
"""Connections that wait to be accepted; the kernel's own bound (net.core.somaxconn) is 4096."""

UNKNOWN_CA = "it was signed by none we trust: set ETALAGE_{service}_CA to the file of the CA that signed it"
OTHER_NAME = "write the host in ETALAGE_{service} as the certificate names it"
BAD_CERTIFICATE = {
    10: "it has expired", 18: UNKNOWN_CA, 19: UNKNOWN_CA, 20: UNKNOWN_CA, 21: UNKNOWN_CA,
    62: OTHER_NAME, 64: OTHER_NAME,
}  # fmt: skip
"""What to do about OpenSSL's X509_V_ERR_… numbers."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens at `host` and `port` (0: any free one); raises OSError when it cannot be had."""
    sock = _bound_socket(host, port, socket.SO_REUSEADDR)
    try:
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def shared_socket(host: str, port: int) -> socket.socket:
    """A socket at `host` and `port` that other processes of this account may have, too; raises OSError.

    Each connection comes to one that listens. This one does not yet: its server lets it, when it is able to
    answer, so that nobody waits for a process that boots.
    """
    return _bound_socket(host, port, socket.SO_REUSEADDR, socket.SO_REUSEPORT)


def _bound_socket(host: str, port: int, *options: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def free_port(host: str = HOST) -> int:
    """A port that is free now; another program may take it before we do, so starters try again."""
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def listens(port: int, host: str = HOST, *, within_s: float = 0.5) -> bool:
    """Whether connections are accepted at `host` and `port`."""
    try:
        with socket.create_connection((host, port), timeout=within_s):
            return True
    except OSError:
        return False


def answers(address: str, *, within_s: float = CONNECT_S) -> bool:
    """Whether connections are accepted at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        return listens(int(port), host.strip("[]"), within_s=within_s)
    except (ValueError, OverflowError):
        return False


def owns_port(pid: int, port: int) -> bool:
    """Whether process `pid` is the one that listens on `port`."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def bad_certificate_text(exc: SSLCertVerificationError, service: Literal["KAFKA", "REDIS"]) -> str:
    """Why the certificate of a service is refused, and what to do where that is known.

    Args:
        exc: as TLS raised it.
        service: as the names of its settings call it.
    """
    advice = BAD_CERTIFICATE.get(exc.verify_code, "").format(service=service)
    return f"its certificate is refused: {exc.verify_message}{advice and '; '}{advice}"


def wait_until(condition: Callable[[], bool], *, within_s: float, every_s: float = 0.05) -> bool:
    """Ask `condition` until it holds, or the time is over; whether it held. Blocks the thread."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
