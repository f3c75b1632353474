"""What several of these tests start from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.settings import Settings
from streams.stores.meta import Meta


@pytest.fixture
def settings(
    kafka: str, redis_url: str, namespace: str, create_topics: Callable[[str, int], Meta]
) -> Settings:
    """Of a namespace whose topics were just made, with three partitions."""
    create_topics(namespace, 3)
    return Settings(kafka=kafka, redis=redis_url, namespace=namespace, partitions=3)
