"""The protocol alone, over a transport that only writes down what it is given."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.errors import StoreUnavailable
from streams.stores.redis.pipeline import CommandRefused, PipelinedConnection, raise_error, reply_error


def ignore_loss(why: str) -> None:
    """These tests do not ask for it."""


class RecordingTransport(asyncio.Transport):
    def __init__(self, protocol: PipelinedConnection) -> None:
        self.written: list[bytes] = []
        self._protocol = protocol
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self._protocol.connection_lost(None)


async def test_commands_of_one_turn_leave_in_one_write() -> None:
    connection = PipelinedConnection("h:1", ignore_loss)
    transport = RecordingTransport(connection)
    first, second = connection.ask("GET", "a"), connection.ask("SET", "b", b"\xff", "EX", 5)
    assert transport.written == []
    await asyncio.sleep(0)
    assert transport.written == [
        b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*5\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n\xff\r\n$2\r\nEX\r\n$1\r\n5\r\n"
    ]
    connection.data_received(b"$1\r\nx\r\n+O")
    connection.data_received(b"K\r\n")
    assert (await first, await second) == (b"x", b"OK")


async def test_an_error_reply_takes_the_place_of_its_answer() -> None:
    connection = PipelinedConnection("h:1", ignore_loss)
    RecordingTransport(connection)
    asked = [connection.ask("GET", str(n)) for n in range(3)]
    asked[0].cancel()
    connection.data_received(b":1\r\n-LOADING Redis is loading\r\n-WRONGTYPE Operation against a key\r\n")
    loading, wrong = await asked[1], await asked[2]
    assert (type(loading), str(loading)) == (StoreUnavailable, "Redis: LOADING Redis is loading")
    assert isinstance(wrong, CommandRefused)
    assert wrong.wrong_type
    with pytest.raises(CommandRefused, match="WRONGTYPE"):
        raise_error(wrong)


async def test_what_was_asked_fails_with_the_connection() -> None:
    lost: list[str] = []
    connection = PipelinedConnection("h:1", lost.append)
    RecordingTransport(connection)
    before = connection.ask("PING")
    connection.close("has not answered for 1 s")
    told = "Redis at h:1 has not answered for 1 s"
    assert lost == [told]
    assert [str(await before), str(await connection.ask("PING"))] == [told] * 2


async def test_an_answer_to_nothing_ends_the_connection() -> None:
    lost: list[str] = []
    connection = PipelinedConnection("h:1", lost.append)
    RecordingTransport(connection)
    connection.data_received(b"+OK\r\n")
    assert lost == ["Redis at h:1 ended a subscription"]


async def test_messages_reach_the_subscriber_between_answers() -> None:
    messages: list[tuple[bytes, bytes]] = []
    connection = PipelinedConnection("h:1", ignore_loss, lambda *message: messages.append(message))
    RecordingTransport(connection)
    answer = connection.ask("PING")
    connection.data_received(b"*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\np\r\n+PONG\r\n")
    assert (messages, await answer) == ([(b"c", b"p")], b"PONG")


async def test_silence_counts_only_while_an_answer_is_owed() -> None:
    connection = PipelinedConnection("h:1", ignore_loss)
    RecordingTransport(connection)
    assert connection.stuck_for == 0.0
    connection.ask("PING")
    connection._silent_since -= 5.0
    assert connection.stuck_for >= 5.0
    connection.data_received(b"+PONG\r\n")
    assert connection.stuck_for == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script.",
        "UNKILLABLE Sorry the script already executed write commands", "MISCONF Redis is configured to save",
        "NOREPLICAS Not enough good replicas to write.", "READONLY You can't write against a replica.",
        "MASTERDOWN Link with MASTER is down", "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys",
        "OOM command not allowed when used memory > 'maxmemory'.", "NOAUTH Authentication required.",
        "ERR max number of clients reached",
    ],
)  # fmt: skip
def test_an_error_that_may_pass_is_store_unavailable(text: str) -> None:
    error = reply_error(text)
    assert type(error) is StoreUnavailable
    assert str(error).startswith(f"Redis: {text}")


@pytest.mark.parametrize(
    "text",
    ["WRONGTYPE Operation against a key", "NOSCRIPT No matching script.", "NOPERM no permissions",
     "ERR unknown command", "BUSYGROUP Consumer Group name already exists", "MOVED 1 h:2"],
)  # fmt: skip
def test_any_other_error_is_a_refusal(text: str) -> None:
    error = reply_error(text)
    assert type(error) is CommandRefused
    assert str(error).startswith(f"Redis: {text}")
    assert isinstance(error, CommandRefused)
    assert error.wrong_type == text.startswith("WRONGTYPE")
    assert error.unknown_script == text.startswith("NOSCRIPT")


async def test_a_master_that_became_a_replica_is_left() -> None:
    lost: list[str] = []
    connection = PipelinedConnection("h:1", lost.append)
    RecordingTransport(connection)
    asked = connection.ask("SET", "a", "b")
    connection.data_received(b"-READONLY You can't write against a read only replica.\r\n")
    assert isinstance(await asked, StoreUnavailable)
    await asyncio.sleep(0)
    assert lost == ["Redis at h:1 is a replica now"]
