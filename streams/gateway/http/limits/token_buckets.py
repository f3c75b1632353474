"""Token buckets: who asks for more than its rate is refused until enough has come together again."""

from __future__ import annotations

from collections import OrderedDict
from heapq import nlargest
from operator import itemgetter

BURST_S = 5.0
"""A full bucket holds so many seconds' worth of its rate."""

BUCKETS_MAX = 100_000
"""Of one kind, some 20 MB; the bucket not asked for the longest is forgotten, that is, full again."""


class TokenBuckets:
    """Buckets of one kind, by the visitor, address or key that they belong to.

    Each is kept as one number, the moment when it is full again. Constant time and bounded memory; not to be
    shared by threads. Reference: the generic cell rate algorithm (GCRA).

    Args:
        buckets_max: how many are remembered.
    """

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._buckets_max = buckets_max
        self._spent: dict[str, float] | None = None

    def take(self, owner: str, price: float, rate: float, now: float) -> float:
        """Take units out of a bucket, unless they are not there.

        Args:
            owner: whose bucket.
            price: units; a price above what a bucket holds needs a full one, which owes the rest.
            rate: units that come in a second.
            now: monotonic time, s.

        Returns:
            0 when they were there, else the seconds until they will be.
        """
        buckets, filling_s = self._full_at, price / rate
        full_at = buckets.get(owner, now)
        full_at = full_at if full_at > now else now
        missing_s = full_at - now + (filling_s if filling_s < BURST_S else BURST_S) - BURST_S
        if missing_s > 1e-9:  # rounding of sums of prices is no reason to refuse
            return missing_s
        buckets[owner] = full_at + filling_s  # as `_keep`: a call less for each request
        buckets.move_to_end(owner)
        if len(buckets) > self._buckets_max:
            buckets.popitem(last=False)
        if self._spent is not None:
            self._spent[owner] = self._spent.get(owner, 0.0) + filling_s
        return 0.0

    def _keep(self, owner: str, full_at: float) -> None:
        buckets = self._full_at
        buckets[owner] = full_at
        buckets.move_to_end(owner)
        if len(buckets) > self._buckets_max:
            buckets.popitem(last=False)

    def record_spent(self) -> None:
        """From now on remember what is taken, for `take_spent`."""
        self._spent = {}

    def take_spent(self, owners_max: int) -> list[tuple[str, float]]:
        """Owners and what was taken since the last time, in seconds that it takes to fill again.

        The dearest, `owners_max` at most; what the others took is forgotten.
        """
        spent, self._spent = self._spent or {}, {}
        return nlargest(owners_max, spent.items(), key=itemgetter(1))

    def add(self, owner: str, filling_s: float, now: float) -> None:
        """Take out what was taken elsewhere; a bucket owes no more than it holds for that."""
        full_at = max(self._full_at.get(owner, now), now)
        self._keep(owner, max(full_at, min(full_at + filling_s, now + 2 * BURST_S)))

    def left(self, owner: str, rate: float, now: float) -> int:
        """Whole units in a bucket, 0 when it owes some."""
        return max(0, int((BURST_S - max(0.0, self._full_at.get(owner, now) - now)) * rate))

    def __len__(self) -> int:
        return len(self._full_at)
