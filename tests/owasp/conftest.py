"""Gateways with a key of each kind, in memory and in virtual time."""

from tests.unit.streams.gateway.access.conftest import keyed
from tests.unit.streams.gateway.conftest import _plain_logs, pytest_asyncio_loop_factories

__all__ = ["_plain_logs", "keyed", "pytest_asyncio_loop_factories"]
