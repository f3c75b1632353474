"""The running sums of one partition of item deltas: deltas in, changed signals out. No I/O.

All deltas of an item are in one partition, in order. Every signal of a flush carries `done`: the offset up to
which the previous complete flush covers all deltas. After a crash, reading resumes at the largest `done`
written. Deltas read twice are ignored by the signal's `delta_offset` (`apply_delta`), so a half-written flush
loses nothing and counts nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from models.catalog.signals.aggregation import apply_delta, with_shared_ids
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.signals import Delta, Signal
from streams.kafka.compacted_reader import RawRecord

_decode_delta = msgspec.json.Decoder(Delta).decode
_decode_signal = msgspec.json.Decoder(Signal).decode


class PartitionSums:
    """Running sums of one partition.

    Call `load`, then `resume`, then `apply` for each chunk. To flush: `start_flush`, write what it returns,
    `finish_flush`; without the last the next flush returns the same signals again.
    """

    def __init__(self) -> None:
        self._signals: dict[ItemId, Signal] = {}
        self._changed: set[ItemId] = set()
        self._flushing: set[ItemId] = set()
        self._next_offset = self._flush_offset = self._done = 0
        self.skipped = 0
        """How many records could not be decoded; they are left out."""

    def load(self, records: Iterable[RawRecord]) -> None:
        """Loads the signals written to the partition, in the order of the log; a tombstone removes one.

        Of two signals for one item the one with the larger `delta_offset` is kept: a stalled former owner may
        have written an older signal last.
        """
        for record in records:
            if record.value is None or record.key is None:
                self._signals.pop(ItemId((record.key or b"").decode("ascii", "replace")), None)
                continue
            try:
                signal = _decode_signal(record.value)
            except DECODE_ERRORS:
                self.skipped += 1
                continue
            current = self._signals.get(signal.item_id)
            if current is None or signal.delta_offset >= current.delta_offset:
                self._signals[signal.item_id] = with_shared_ids(signal)

    def resume(self, deltas_end: int) -> int:
        """Sets the checkpoint from the loaded signals; returns the offset to read deltas from.

        If signals include offsets beyond `deltas_end`, the next offset of the deltas' partition, that topic
        was recreated or truncated. Then the sums stay, their offsets are reset, and reading starts at
        `deltas_end`: some deltas may be missed, none is counted twice.
        """
        last_offset = max((signal.delta_offset for signal in self._signals.values()), default=-1)
        self._done = max((signal.done for signal in self._signals.values()), default=0)
        if max(last_offset + 1, self._done) > deltas_end:
            self._signals = {key: replace(s, delta_offset=-1) for key, s in self._signals.items()}
            self._changed = set(self._signals)
            self._done = deltas_end
        self._next_offset = self._done
        return self._done

    def apply(self, records: Iterable[RawRecord]) -> int:
        """Adds deltas; returns how many were new. Those that cannot be decoded are counted in `skipped`."""
        new = 0
        for record in records:
            self._next_offset = record.offset + 1
            try:
                delta = _decode_delta(record.value or b"")
            except DECODE_ERRORS:
                self.skipped += 1
                continue
            old = self._signals.get(delta.item_id)
            signal = apply_delta(old, delta, record.offset)
            if signal is not old:
                self._signals[delta.item_id] = signal
                self._changed.add(delta.item_id)
                new += 1
        return new

    def start_flush(self) -> list[Signal]:
        """Starts a flush; returns the changed signals and those of an unfinished flush, by item id."""
        self._flushing |= self._changed
        self._changed, self._flush_offset = set(), self._next_offset
        return [replace(self._signals[item], done=self._done) for item in sorted(self._flushing)]

    def finish_flush(self) -> None:
        """Call when the signals of `start_flush` were acknowledged by Kafka.

        `done` advances to the offset at which that flush started.
        """
        self._flushing, self._done = set(), self._flush_offset
