"""The agent that keeps visitors' states: it takes chunks from the stream and hands them to their lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import faust

from streams.lanes import Lanes
from streams.transport.chunks import Chunk


class EventDelivery:
    """A chunk as a Faust event: acknowledged through it, or taken off the list of what is waited for."""

    __slots__ = ("_app", "_event", "chunk")

    def __init__(self, app: faust.App, event: Any) -> None:
        self._app = app
        self._event = event
        self.chunk: Chunk = event.value

    def ack(self) -> None:
        self._event.ack()

    def forget(self) -> None:
        consumer: Any = self._app.consumer
        consumer.forget(self._event.message)


def add_personalize(
    app: faust.App, topic: Any, lanes: Lanes, halt: Callable[[BaseException], NoReturn]
) -> None:
    """Add the agent to the app. Nothing is raised out of it: Faust would acknowledge and lose the chunk."""

    async def personalize(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await lanes.put(EventDelivery(app, event))
            except Exception as exc:
                halt(exc)

    app.agent(topic, name="personalize")(personalize)
