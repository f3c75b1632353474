"""Lua scripts: kept as files beside this one, called by their hash, sent whole to a Redis that lacks them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from streams.stores.redis.pipeline import CommandRefused, RedisArgument

Call = Callable[..., Awaitable[Any]]
"""Sends one command, given as words; returns the reply or raises what it stands for."""


class LuaScript:
    """A script that runs through `call`."""

    def __init__(self, call: Call, text: str) -> None:
        self._call = call
        self._text = text
        self._sha = sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[RedisArgument] = ()) -> Any:
        """Run it and return its reply. Raises what `call` raises."""
        try:
            return await self._call("EVALSHA", self._sha, len(keys), *keys, *arguments)
        except CommandRefused as exc:
            if not exc.unknown_script:
                raise
            return await self._call("EVAL", self._text, len(keys), *keys, *arguments)


def script_text(name: str) -> str:
    """The text of `scripts/<name>.lua`."""
    return files("streams.stores.redis").joinpath("scripts", f"{name}.lua").read_text()
