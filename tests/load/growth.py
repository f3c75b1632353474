"""Whether a worker's memory stays flat: `python -m tests.load.growth --minutes 60 --rate 500`.

A worker, a gateway and the items process serve a stream of events of many visitors; the resident memory of
each is told every minute. Caches fill at first, so only the second half counts: the slope of the least
squares line through it must be at most SLOPE_MAX megabytes a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from tests.load.bed import bed, finish, generate
from tests.stack import Running, Stack

SLOPE_MAX = 0.1
"""MB a minute: 6 MB an hour, within what an allocator moves by itself. Own choice."""
SAMPLE_EVERY_S = 10.0


def slope_per_minute(at_s: list[float], megabytes: list[float]) -> float:
    """MB a minute of the second half of the samples, by least squares."""
    half = len(at_s) // 2
    return float(np.polyfit(np.array(at_s[half:]) / 60, megabytes[half:], 1)[0])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _start(stack: Stack) -> list[Running]:
    running = [stack.start("worker"), stack.start("items"), stack.start("gateway")]
    for one in running:
        one.wait_ready(120)
    return running


def measure(minutes: float, rate: int, visitors: int) -> bool:
    """Print a line each minute and the slopes; returns whether all are flat."""
    with bed() as servers, servers.stack() as stack:
        running = _start(stack)
        processes = {one.kind: psutil.Process(one.pid) for one in running}
        sent, count = Path(stack.folder) / "sent.npz", int(minutes * 60 * rate)
        sending = generate(stack, sent, count=count, rate=rate, visitors=visitors)
        began, at_s = time.monotonic(), list[float]()
        megabytes: dict[str, list[float]] = {kind: [] for kind in processes}
        while sending.poll() is None:
            time.sleep(SAMPLE_EVERY_S)
            at_s.append(time.monotonic() - began)
            for kind, process in processes.items():
                megabytes[kind].append(process.memory_info().rss / 1e6)
            if len(at_s) % 6 == 0:
                told = ", ".join(f"{kind} {values[-1]:.1f}" for kind, values in megabytes.items())
                _say(f"{at_s[-1] / 60:5.1f} min  {told} MB")
        finish(sending)
    slopes = {kind: slope_per_minute(at_s, values) for kind, values in megabytes.items()}
    for kind, slope in slopes.items():
        _say(f"{kind}: {slope:+.3f} MB a minute in the second half (at most {SLOPE_MAX})")
    return all(slope <= SLOPE_MAX for slope in slopes.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=500, help="events a second")
    parser.add_argument("--visitors", type=int, default=100_000)
    options = parser.parse_args()
    sys.exit(0 if measure(options.minutes, options.rate, options.visitors) else 1)


if __name__ == "__main__":
    main()
