"""How the requests of a process share its event loop."""

from __future__ import annotations

from msgspec import Struct

from streams.gateway.http.limits.admission import Admission
from streams.gateway.http.limits.load_shedding import LoadShedding
from streams.gateway.http.limits.loop_turns import LoopTurns


class SharedLoop(Struct, frozen=True):
    """Dear work is let in by `admission` then takes `turns`; `shedding`: not even stored pages are read."""

    admission: Admission
    turns: LoopTurns
    shedding: LoadShedding
