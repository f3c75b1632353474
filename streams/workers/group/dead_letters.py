"""Burying records that can never be applied, with a limit: a stream gone bad halts the worker instead."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from schemas.codec import encode
from schemas.dead_letters import DeadLetter
from schemas.errors import DeadLetterLimit
from streams.kafka.producer import Publisher
from streams.runtime.telemetry.logs import logger
from streams.runtime.telemetry.metrics import Metrics

log = logger("dead-letters")


class BadRecordLimit:
    """How many of the last records may be bad.

    Args:
        share: the largest bearable share, 0 to 1 (ETALAGE_DEAD_LETTER_SHARE).
        last: of so many records at least, in whole chunks (ETALAGE_DEAD_LETTER_MIN).
    """

    def __init__(self, *, share: float, last: int) -> None:
        self._share, self._last = share, last
        self._window: deque[tuple[int, int]] = deque()
        self._seen = self._bad = 0

    def add(self, records: int, bad: int) -> None:
        """Count a chunk of `records`, `bad` of them bad; DeadLetterLimit when the share is exceeded."""
        self._window.append((records, bad))
        self._seen += records
        self._bad += bad
        while self._seen - self._window[0][0] >= self._last:
            oldest = self._window.popleft()
            self._seen -= oldest[0]
            self._bad -= oldest[1]
        # So many bad ones are too many whatever fills the window up: it need not be full to halt.
        if self._bad > self._share * max(self._seen, self._last):
            raise DeadLetterLimit(f"{self._bad} of the last {self._seen} records cannot be applied")


class DeadLetters:
    """Buries: writes records that can never be applied to the dead letters' topic, whole, with the reason.

    Args:
        before_misplaced: called before misplaced records are buried: a topic that was given more partitions
            misplaces good ones. What it raises is raised by `bury`, and nothing is buried.
    """

    def __init__(
        self,
        publisher: Publisher,
        topic: str,
        limit: BadRecordLimit,
        metrics: Metrics,
        before_misplaced: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._publisher, self._topic, self._limit, self._metrics = publisher, topic, limit, metrics
        self._before_misplaced = before_misplaced

    def check(self, letters: Sequence[DeadLetter], *, of: int) -> None:
        """Count `letters`, the bad ones of a chunk of `of` records; to be called for every chunk.

        Raises:
            DeadLetterLimit: too many of the last records were bad; they must not be buried.
        """
        try:
            self._limit.add(of, len(letters))
        except DeadLetterLimit as exc:
            raise _with_remedy(exc, letters) from None

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Bury `letters`, at least one; returns once Kafka acknowledged all of them.

        Raises:
            StreamUnavailable, StoreUnavailable: Kafka failed, or was silent, until patience ended.
        """
        if self._before_misplaced is not None and any(letter.reason == "misplaced" for letter in letters):
            await self._before_misplaced()
        for letter in letters:
            self._metrics.count("dead_letters_total", reason=letter.reason)
            log.warning("record buried", record=letter.record_id, reason=letter.reason)
        await self._publisher.publish(
            self._topic, [(letter.record_id.encode(), encode(letter)) for letter in letters]
        )


def _with_remedy(exc: DeadLetterLimit, letters: Sequence[DeadLetter]) -> DeadLetterLimit:
    """The same with the first bad record, which stands on no topic yet, and what to do."""
    example = f", as {letters[0].record_id} ({letters[0].reason})" if letters else ""
    return DeadLetterLimit(
        f"{exc}{example}; nothing more was buried. Stop what produces them, then let a worker with "
        "ETALAGE_DEAD_LETTER_SHARE=1 bury those that are there (`etalage dead-letters list` shows them)"
    )
