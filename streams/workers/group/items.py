"""The agent that sums the crowd: it takes chunks of item deltas and hands them to their lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import faust

from streams.workers.group.agents import hand_over
from streams.workers.group.partition_lanes import PartitionLanes


def add_items(
    app: faust.App, topic: Any, lanes: PartitionLanes, halt: Callable[[BaseException], NoReturn]
) -> None:
    """Add the agent to the app. Nothing is raised out of it: Faust would acknowledge and lose the chunk."""

    async def items(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await hand_over(app, event, lanes)
            except Exception as exc:
                halt(exc)

    app.agent(topic, name="items")(items)
