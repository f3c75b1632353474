"""The sums of one partition of item deltas: deltas in, changed signals out. No I/O.

Why nothing is lost or counted twice: a delta is read again until the signals that hold it are written (the
caller acknowledges after writing), and each signal names the last delta it holds, so a delta that is read
again changes nothing (`apply_delta`). All deltas of an item stand on one partition, in order.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from models.signals import apply_delta
from schemas.codec import DECODE_ERRORS
from schemas.ids import ItemId
from schemas.signals import Delta, Signal
from streams.compacted import RawRecord

_decode_delta = msgspec.json.Decoder(Delta).decode
_decode_signal = msgspec.json.Decoder(Signal).decode


class SignalSums:
    """`load` what was written before, then `apply` deltas and write what `take` gives."""

    def __init__(self) -> None:
        self._signals: dict[ItemId, Signal] = {}
        self._touched: set[ItemId] = set()
        self.skipped = 0
        """Records that could not be decoded; such statistics are left out."""

    def load(self, records: Iterable[RawRecord]) -> None:
        """Take in the signals topic. Of two for one item the one that holds more deltas counts: a process
        that slept through losing the partition may have written an old one last."""
        for record in records:
            signal = self._decoded(record)
            if signal is None:
                continue
            held = self._signals.get(signal.item_id)
            if held is None or signal.delta_offset >= held.delta_offset:
                self._signals[signal.item_id] = signal

    def _decoded(self, record: RawRecord) -> Signal | None:
        if record.value is None or record.key is None:
            self._signals.pop(ItemId((record.key or b"").decode("ascii", "replace")), None)
            return None
        try:
            return _decode_signal(record.value)
        except DECODE_ERRORS:
            self.skipped += 1
            return None

    @property
    def last_offset(self) -> int:
        """The last delta that any signal holds; -1 when there is none."""
        return max((signal.delta_offset for signal in self._signals.values()), default=-1)

    def begin_anew(self) -> None:
        """Keep the sums, forget which deltas they hold: the deltas' topic was made again, or lost its end."""
        self._signals = {key: replace(signal, delta_offset=-1) for key, signal in self._signals.items()}

    def apply(self, records: Iterable[RawRecord]) -> int:
        """Sum deltas; how many were new."""
        new = 0
        for record in records:
            try:
                delta = _decode_delta(record.value or b"")
            except DECODE_ERRORS:
                self.skipped += 1
                continue
            old = self._signals.get(delta.item_id)
            signal = apply_delta(old, delta, record.offset)
            if signal is not old:
                self._signals[delta.item_id] = signal
                self._touched.add(delta.item_id)
                new += 1
        return new

    def take(self) -> list[Signal]:
        """The signals that changed since the last call."""
        touched, self._touched = self._touched, set()
        return [self._signals[item] for item in sorted(touched)]
