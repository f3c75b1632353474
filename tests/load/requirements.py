"""What is asked of each figure of `make bench`: the musts and the aims, as values.

A bound is a number, or another figure's median times `times` plus a number, so that what is asked moves with
the control measured in the same run. Keys that nothing is asked of are controls and context: the list is
closed, a key that is not in it is no figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Verdict = Literal["met", "missed", ""]
"""Empty: nothing is asked, or what the bound is relative to was not measured."""


class Bound(Struct, frozen=True):
    """≤ or ≥ `plus + times · median of the figure named of`; without `of`, `plus` alone."""

    sign: Literal["≤", "≥"]
    plus: float = 0.0
    of: str = ""
    times: float = 1.0

    def limit(self, medians: Mapping[str, float]) -> float | None:
        """The number asked for; None while the figure it is relative to was not measured."""
        if not self.of:
            return self.plus
        return self.plus + self.times * medians[self.of] if self.of in medians else None

    def judge(self, value: float, medians: Mapping[str, float]) -> Verdict:
        limit = self.limit(medians)
        if limit is None:
            return ""
        return "met" if (value <= limit if self.sign == "≤" else value >= limit) else "missed"


class Requirement(Struct, frozen=True):
    """What must hold and what is aimed for; judged only on a machine with at least `cores` cores."""

    must: Bound | None = None
    aim: Bound | None = None
    cores: int = 1

    def bounds(self, cores: int) -> tuple[Bound | None, Bound | None]:
        return (self.must, self.aim) if cores >= self.cores else (None, None)


def most(plus: float = 0.0, of: str = "", times: float = 1.0) -> Bound:
    return Bound("≤", plus, of, times)


def least(plus: float = 0.0, of: str = "", times: float = 1.0) -> Bound:
    return Bound("≥", plus, of, times)


NOTHING = Requirement()

DECIDE = {
    f"decide.{size}.{name}": requirement
    for size, must, aim in ((1, 80, 45), (10, 45, 30), (64, 45, 35))
    for name, requirement in (
        ("cpu_us", Requirement(most(must), most(aim))),
        ("at_100000.cpu_us", NOTHING),
        ("items_ratio", Requirement(most(1.5))),
        ("floor_cpu_us", NOTHING),
    )
}
FOLD = {
    "fold.cpu_us": Requirement(most(20), most(12)),
    "fold.unpack_cpu_us": Requirement(most(3), most(1)),
    "fold.twin_cpu_us": NOTHING,
}
STREAM = {
    "stream.events_per_second": Requirement(least(5000), least(10_000)),
    "stream.events_per_second_lightgbm": NOTHING,
    "stream.backlog_events_per_second": Requirement(least(8000), least(12_000)),
    "stream.twin_backlog_events_per_second": NOTHING,
    "stream.cpu_us_per_event": Requirement(most(110), most(65)),
    "stream.control_ratio": NOTHING,
    "scale.one_worker_events_per_second": NOTHING,
    # Two workers beside Kafka, Redis and whatever reads the figure: four cores.
    "scale.two_workers_ratio": Requirement(least(1.6), cores=4),
}
FRESHNESS = {
    "freshness.p50_ms": Requirement(
        most(6, of="freshness.floor_p50_ms"), most(of="freshness.twin_p50_ms")
    ),
    "freshness.p99_ms": Requirement(
        most(of="freshness.floor_p99_ms", times=4), most(of="freshness.twin_p99_ms")
    ),
    "freshness.3000.p50_ms": Requirement(most(15), most(8)),
    "freshness.3000.p99_ms": NOTHING,
    "freshness.heads_behind_ratio": Requirement(most(0)),
    **{
        f"freshness.{rate}{who}_{q}_ms": NOTHING
        for rate in ("", "3000.") for who in ("floor", "twin") for q in ("p50", "p99")
    },
}  # fmt: skip
GATEWAY = {
    "push.p50_ms": Requirement(most(8), most(5)),
    "push.p99_ms": Requirement(most(20), most(12)),
    "push.floor_p50_ms": NOTHING,
    "push.floor_p99_ms": NOTHING,
    "push.changed_ratio": NOTHING,
    **{f"rank.{size}.{q}_ms": NOTHING for size in (25, 100, 200, 300) for q in ("p50", "p99")},
    "rank.100.p50_ms": Requirement(most(0.35, of="rank.floor_p50_ms"), most(of="rank.twin_100_p50_ms")),
    "rank.300.p99_ms": Requirement(most(5)),
    "rank.floor_p50_ms": NOTHING,
    "rank.twin_100_p50_ms": NOTHING,
    **{
        f"page_get.{page}.cpu_us": Requirement(most(200), most(120))
        for page in ("category", "product", "search")
    },
    **{f"page_get.{page}.busy_cpu_us": NOTHING for page in ("category", "product", "search")},
    "page_get.floor_cpu_us": NOTHING,
    "page_get.floor_busy_cpu_us": NOTHING,
    "layout_get.ceiling_ratio": Requirement(least(0.85), least(0.95)),
    "layout_get.requests_per_second": NOTHING,
    "layout_get.p99_ms": NOTHING,
    "fair.rank_1000_explain_delay_ms": Requirement(most(10)),
    "fair.rank_1000_explain_delay_one_ms": Requirement(most(10)),
    "fair.floor_p50_ms": NOTHING,
    "upload.floor_p99_ms": NOTHING,
    "upload.get_p99_ms": NOTHING,
    "upload.get_longest_ms": NOTHING,
}
INTAKE = {
    f"intake.{size}.{name}": requirement
    for size in (1, 100)
    for name, requirement in (
        (
            "events_per_second",
            Requirement(
                least(of=f"intake.{size}.twin_events_per_second", times=0.8),
                least(of=f"intake.{size}.twin_events_per_second"),
            ),
        ),
        ("twin_events_per_second", NOTHING),
    )
}
MEMORY = {
    "rebuild.events_per_second": Requirement(least(20_000), least(35_000)),
    "rebuild.twin_events_per_second": NOTHING,
    "memory.bytes_per_visitor": Requirement(most(600), most(446)),
    "memory.growth_bytes_per_visitor": Requirement(most(600)),
    "memory.worker_rss_mb": Requirement(most(300)),
    "memory.gateway_rss_mb": Requirement(most(250)),
    "memory.at_100000.worker_rss_mb": Requirement(most(250, of="memory.worker_rss_mb")),
    "memory.at_100000.gateway_rss_mb": Requirement(most(250, of="memory.gateway_rss_mb")),
}
KEYS = {
    "keys.layout_get.server_cpu_ratio": Requirement(most(1.1)),
    "keys.layout_get.publishable_cpu_ratio": Requirement(most(1.1)),
    "keys.rank.server_cpu_ratio": Requirement(most(1.1)),
    "keys.events.server_cpu_ratio": Requirement(most(1.1)),
}
RESTARTS = {
    "rolling.get_p999_ms": Requirement(most(250)),
    "rolling.calm_p999_ms": NOTHING,
    "rolling.failed": Requirement(most(0)),
    "failover.fresh_ms": Requirement(most(8000)),
}
OVERLOAD = {
    f"overload.{kind}.{name}": requirement
    for kind in ("rank", "page", "mix")
    for name, requirement in (
        ("goodput_ratio", Requirement(least(0.9))),
        ("served_p99_ms", Requirement(most(50))),
        ("once_goodput_ratio", NOTHING),
        ("crowd_goodput_ratio", NOTHING),
        ("client_cpu_ratio", NOTHING),
        ("floor_goodput_ratio", NOTHING),
        ("floor_p99_ms", NOTHING),
    )
}
REQUIREMENTS: dict[str, Requirement] = (
    DECIDE | FOLD | STREAM | FRESHNESS | GATEWAY | KEYS | INTAKE | MEMORY | RESTARTS | OVERLOAD
)
