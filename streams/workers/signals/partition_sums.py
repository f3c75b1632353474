"""The sums of one partition of item deltas: deltas in, changed signals out. No I/O.

Why nothing is lost or counted twice: all deltas of an item stand on one partition, in order, and each signal
names the last one it holds, so a delta that is read again changes nothing (`apply_delta`). A flush stamps its
signals with the checkpoint `done`, where the last *whole* flush ended: whatever part of it gets written,
reading on from the largest `done` meets every delta that is in no written signal.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from models.catalog.signal_aggregation import apply_delta
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.signals import Delta, Signal
from streams.kafka.compacted_reader import RawRecord

_decode_delta = msgspec.json.Decoder(Delta).decode
_decode_signal = msgspec.json.Decoder(Signal).decode


class PartitionSums:
    """`load` signals, `resume`, `apply` deltas; write what `start_flush` says, then `finish_flush`."""

    def __init__(self) -> None:
        self._signals: dict[ItemId, Signal] = {}
        self._changed: set[ItemId] = set()
        self._flushing: set[ItemId] = set()
        self._end = self._flushing_end = self._done = 0
        self.skipped = 0
        """Records that could not be decoded; such statistics are left out."""

    def load(self, records: Iterable[RawRecord]) -> None:
        """Read the partition of the signals' topic, in order.

        Of two signals for one item the one that holds more deltas counts: a process that slept through losing
        the partition may have written an old one last.
        """
        for record in records:
            signal = self._decode(record)
            if signal is None:
                continue
            held = self._signals.get(signal.item_id)
            if held is None or signal.delta_offset >= held.delta_offset:
                self._signals[signal.item_id] = signal

    def _decode(self, record: RawRecord) -> Signal | None:
        if record.value is None or record.key is None:
            self._signals.pop(ItemId((record.key or b"").decode("ascii", "replace")), None)
            return None
        try:
            return _decode_signal(record.value)
        except DECODE_ERRORS:
            self.skipped += 1
            return None

    def resume(self, deltas_end: int) -> int:
        """The offset to read deltas from, once signals are loaded; the deltas' topic ends at `deltas_end`.

        Signals that hold deltas from beyond that end: the topic was made anew, or lost its end. Then the sums
        stay, the offsets they name are forgotten, and reading begins at the end: some deltas may be missed,
        none is counted twice.
        """
        held = max((signal.delta_offset for signal in self._signals.values()), default=-1)
        self._done = max((signal.done for signal in self._signals.values()), default=0)
        if max(held + 1, self._done) > deltas_end:
            self._signals = {key: replace(s, delta_offset=-1) for key, s in self._signals.items()}
            self._changed = set(self._signals)
            self._done = deltas_end
        self._end = self._done
        return self._done

    def apply(self, records: Iterable[RawRecord]) -> int:
        """Sum deltas; returns how many were new. Those that cannot be decoded are left out and `skipped`."""
        new = 0
        for record in records:
            self._end = record.offset + 1
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
        """The signals to write now, by item: those that changed, and those of a flush that did not finish."""
        self._flushing |= self._changed
        self._changed, self._flushing_end = set(), self._end
        return [replace(self._signals[item], done=self._done) for item in sorted(self._flushing)]

    def finish_flush(self) -> None:
        """All signals of the last `start_flush` are in the log: `done` moves to where it began."""
        self._flushing, self._done = set(), self._flushing_end
