"""The protocol of one open connection to Redis: commands of one turn of the event loop leave in one write.

Replies are matched in order (RESP2), so one connection serves hundreds of callers at once. A send costs 30
to 50 µs whatever it holds; a library that gives each call a connection of its own costs 60 to 120 µs a call,
this one 2 to 5 µs (measured).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from ssl import SSLError
from typing import Any, cast

import hiredis

from schemas.errors import EtalageError, StoreUnavailable

Host = tuple[str, int]
Reply = Any
RedisArgument = str | int | float | bytes | memoryview
OnMessage = Callable[[bytes, bytes], None]
"""Takes channel and payload of a published message."""

PASSING_WORDS = (
    "LOADING", "BUSY ", "UNKILLABLE", "MISCONF", "NOREPLICAS", "READONLY", "MASTERDOWN", "CLUSTERDOWN",
    "TRYAGAIN", "OOM", "NOAUTH", "ERR max number of clients",
)  # fmt: skip
"""First words of error replies that may pass without a change of ours."""


NOPERM_ADVICE = "; `etalage redis-acl` prints what each user of ours must be allowed"


class CommandRefused(EtalageError):
    """Redis refused a command and always will: a key of another type, a missing permission, a defect."""

    def __init__(self, reply: str) -> None:
        super().__init__(f"Redis: {reply}" + (NOPERM_ADVICE if reply.startswith("NOPERM") else ""))
        self.no_permission = reply.startswith("NOPERM")
        self.wrong_type = reply.startswith("WRONGTYPE")
        self.unknown_script = reply.startswith("NOSCRIPT")


def reply_error(text: str) -> EtalageError:
    """The error that an error reply stands for: StoreUnavailable when it may pass, else CommandRefused."""
    return StoreUnavailable(f"Redis: {text}") if text.startswith(PASSING_WORDS) else CommandRefused(text)


def raise_error(reply: Reply) -> Reply:
    """The reply itself, unless it is an error: that is raised."""
    if isinstance(reply, EtalageError):
        raise reply
    return reply


class PipelinedConnection(asyncio.Protocol):
    """One open connection.

    Args:
        address: where it leads, for error texts.
        on_lost: takes why, in one line, before those who wait for an answer get that error.
        on_message: takes published messages; makes this a connection for subscriptions.
    """

    def __init__(
        self, address: object, on_lost: Callable[[str], None], on_message: OnMessage | None = None
    ) -> None:
        self._address, self._on_lost, self._on_message = address, on_lost, on_message
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING, replyError=self._take_error)
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._silent_since = 0.0
        self._why_closed = "closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if isinstance(exc, SSLError):
            self._why_closed = f"refused the connection ({exc.reason or exc})"
        why = f"Redis at {self._address} {self._why_closed}"
        self._on_lost(why)
        for future in self._waiting:
            if not future.done():
                future.set_result(StoreUnavailable(why))
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._silent_since = self._loop.time()
        while (reply := self._reader.gets()) is not _NOTHING:
            if self._on_message and type(reply) is list and reply and reply[0] == b"smessage":
                self._on_message(reply[1], reply[2])
            elif self._waiting:
                future = self._waiting.popleft()
                if not future.done():  # its caller may have given up
                    future.set_result(reply)
            else:
                self.close("ended a subscription")  # as when its slot moves: begin anew
                return

    def _take_error(self, text: str) -> EtalageError:
        """The error of an error reply; a replica that was a master is left: the next one may be known."""
        if text.startswith("READONLY"):
            self._loop.call_soon(self.close, "is a replica now")
        return reply_error(text)

    def ask(self, *words: RedisArgument) -> asyncio.Future[Reply]:
        """Send one command with the others of this turn of the loop.

        Returns:
            Its reply; in place of one, StoreUnavailable or CommandRefused as a value.
        """
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self._transport is None:
            future.set_result(StoreUnavailable(f"Redis at {self._address} {self._why_closed}"))
            return future
        if not self._waiting:
            self._silent_since = self._loop.time()
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub names a 1-tuple
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    @property
    def stuck_for(self) -> float:
        """Seconds since Redis last said anything while something is asked of it; 0 when nothing is."""
        return self._loop.time() - self._silent_since if self._waiting else 0.0

    def close(self, why: str = "was left") -> None:
        """Drop the connection; `why` ends the sentence that begins with `Redis at <address>`."""
        if self._transport is not None:
            self._why_closed = why
            self._transport.abort()


_NOTHING = object()
