"""Which number a key has, by open addressing: found without a Python object."""

from collections.abc import Mapping

import cython
import numpy as np

from models import use_compiled


@cython.final
@cython.cclass
class KeyIndex:
    """Numbers of 64-bit keys, made once and never changed.

    Keys are hashes already, so their low bits choose the place; at most half of the places are taken.
    """

    keys: cython.longlong[::1]
    numbers: cython.int[::1]
    mask: cython.longlong

    def __init__(self, numbers: Mapping[int, int]) -> None:
        """`numbers` maps signed 64-bit keys to numbers ≥ 0."""
        size = 16
        while size < 2 * len(numbers):
            size *= 2
        self.mask = size - 1
        self.keys = np.zeros(size, np.int64).data
        self.numbers = np.full(size, -1, np.int32).data
        for key, number in numbers.items():
            place: cython.longlong = key & self.mask
            while self.numbers[place] >= 0:
                place = (place + 1) & self.mask
            self.keys[place] = key
            self.numbers[place] = number

    @cython.ccall
    @cython.exceptval(check=False)
    def find(self, key: cython.longlong) -> cython.int:
        """The number of `key`, -1 for one that is not in the index."""
        place: cython.longlong = key & self.mask
        while self.numbers[place] >= 0:
            if self.keys[place] == key:
                return self.numbers[place]
            place = (place + 1) & self.mask
        return -1


if not cython.compiled:
    use_compiled(globals())
