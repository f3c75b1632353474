"""I3 from outside: the versions that readers see never go backwards within one life of Redis."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import orjson
import redis

from schemas.ids import Version, VisitorId
from streams.kafka.partitioner import partition_of
from streams.stores.keys import Keys


class VersionWatch:
    """Reads some visitors' stored layouts all the time; `backwards` holds what went wrong.

    A Redis that is killed or restored begins a new life: what it forgot is folded again, and until then
    its readers see what it remembers.
    """

    def __init__(self, url: str, namespace: str, visitors: Sequence[VisitorId], partitions: int) -> None:
        keys = Keys(namespace)
        self.names = list(visitors)
        self.keys = [keys.layout(partition_of(v.encode(), partitions), v) for v in visitors]
        self.newest: dict[VisitorId, Version] = {}
        self.backwards: list[str] = []
        self.reads = 0
        self._client: Any = redis.Redis.from_url(url, socket_timeout=2)
        self._stop = threading.Event()
        self._life = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def pause(self) -> threading.Lock:
        """Held around the death of a Redis: `with watch.pause(): …` begins a new life."""
        return self._life

    def new_life(self) -> None:
        self.newest.clear()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            with self._life:
                self._read()

    def _read(self) -> None:
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for key in self.keys:
                    pipe.hget(key, "h")
                heads = pipe.execute()
        except redis.RedisError:
            return
        for visitor, head in zip(self.names, heads, strict=True):
            if head is not None:
                self._see(visitor, Version.parse(orjson.loads(head + b"}")["version"]))

    def _see(self, visitor: VisitorId, version: Version) -> None:
        self.reads += 1
        before = self.newest.get(visitor)
        if before is not None and version < before:
            self.backwards.append(f"{visitor}: {before.text()} then {version.text()}")
        self.newest[visitor] = version
