"""Signals as bytes: what a process keeps of every item's crowd, each decoded only when it is read.

With full neighbour lists a signal takes 10 kB as objects, most of it 70 ids and weights, and 2 kB as bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, MutableMapping

import msgspec

from schemas.codec import encode
from schemas.ids import ItemId
from schemas.signals import Signal

_decode = msgspec.json.Decoder(Signal).decode


class PackedSignals(MutableMapping[ItemId, Signal]):
    """A mapping of signals by item id; a signal that was got is a fresh one each time.

    Complexity: about 15 µs to get or to set a signal with full neighbour lists.
    """

    def __init__(self) -> None:
        self._packed: dict[ItemId, bytes] = {}

    def __getitem__(self, item_id: ItemId) -> Signal:
        return _decode(self._packed[item_id])

    def __setitem__(self, item_id: ItemId, signal: Signal) -> None:
        # What the encoder gives has up to as much room again behind its end; the copy has none.
        self._packed[item_id] = bytes(memoryview(encode(signal)))

    def __delitem__(self, item_id: ItemId) -> None:
        del self._packed[item_id]

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._packed

    def __iter__(self) -> Iterator[ItemId]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def pack(self) -> list[bytes]:
        """The bytes of all, for `unpack`; nothing is decoded."""
        return list(self._packed.values())

    @classmethod
    def unpack(cls, packed: Iterable[bytes]) -> PackedSignals:
        """What `pack` gave, each looked at; raises one of `DECODE_ERRORS` when one is no signal."""
        signals = cls()
        for one in packed:
            signals._packed[_decode(one).item_id] = one
        return signals

    def select(self, item_ids: Collection[ItemId]) -> PackedSignals:
        """Those of `item_ids` that there are, sharing their bytes."""
        selected = PackedSignals()
        selected._packed = {item: self._packed[item] for item in item_ids if item in self._packed}
        return selected
