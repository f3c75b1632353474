"""Lua scripts: kept as files beside this one, called by their hash, sent whole to a Redis that lacks them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from streams.stores.redis.connection import ReconnectingConnection
from streams.stores.redis.pipeline import CommandRefused, RedisArgument, Reply

KeysAndArguments = tuple[Sequence[str], Sequence[RedisArgument]]


class LuaScript:
    """A script that runs through `connection`."""

    def __init__(self, connection: ReconnectingConnection, text: str) -> None:
        self._connection = connection
        self._text = text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[RedisArgument] = ()) -> Any:
        """Run it and return its reply. Raises what `ReconnectingConnection.call` raises."""
        try:
            return await self._connection.call("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except CommandRefused as exc:
            if not exc.unknown_script:
                raise
            return await self._connection.call("EVAL", self._text, len(keys), *keys, *arguments)

    async def run_all(self, calls: Sequence[KeysAndArguments]) -> list[Reply]:
        """Run it once for each of `calls`, in their order, in one round trip.

        All of them run again when Redis lacked the script for one: a repeated call must change nothing.

        Returns, raises:
            As `ReconnectingConnection.call_all`.
        """
        commands = [("EVALSHA", self._sha, len(keys), *keys, *arguments) for keys, arguments in calls]
        replies = await self._connection.call_all(commands)
        if any(isinstance(reply, CommandRefused) and reply.unknown_script for reply in replies):
            await self._connection.call("SCRIPT", "LOAD", self._text)
            replies = await self._connection.call_all(commands)
        return replies


def script_text(name: str) -> str:
    """The text of `scripts/<name>.lua`."""
    return files("streams.stores.redis").joinpath("scripts", f"{name}.lua").read_text()
