"""Layout queries: every parameter is known, every wrong one is named."""

from __future__ import annotations

import pytest

from schemas.ids import Version
from streams.gateway.http.parameters import parse_layout_query
from streams.gateway.http.problems import Problem


def test_all_that_a_caller_may_ask() -> None:
    raw = (
        b"visitor=u%3A47%2B11&after=7.3.42&deadline_ms=120&item=shoe-1&category=women%27s+shoes"
        b"&q=red&hydrate=1&explain=0"
    )
    query = parse_layout_query("category", raw)
    assert query.visitor == "u:47+11"
    assert query.after == Version(7, 3, 42)
    assert query.deadline_ms == 120
    assert (query.item, query.category, query.q) == ("shoe-1", "women's shoes", "red")
    assert (query.hydrate, query.explain) == (True, False)


def test_a_visitor_is_enough() -> None:
    query = parse_layout_query("home", b"visitor=a:b")
    assert (query.deadline_ms, query.after, query.hydrate, query.explain) == (50, None, False, False)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "visitor"),
        (b"visitor=", "visitor"),
        (b"visitor=x:1", "visitor"),
        (b"visitor=a:with%20blank", "visitor"),
        (b"visitor=a:" + b"x" * 127, "visitor"),
        (b"visitor=a:\xff", "visitor"),
        (b"visitor=a:1&visitor=a:2", "visitor"),
        (b"visitor=a:1&deadlin=50", "deadlin"),
        (b"visitor=a:1&deadline_ms=4", "deadline_ms"),
        (b"visitor=a:1&deadline_ms=1001", "deadline_ms"),
        (b"visitor=a:1&deadline_ms=5.0", "deadline_ms"),
        (b"visitor=a:1&deadline_ms=%D9%A5%D9%A5", "deadline_ms"),
        (b"visitor=a:1&after=1.2", "after"),
        (b"visitor=a:1&after=a.b.c", "after"),
        (b"visitor=a:1&hydrate=yes", "hydrate"),
        (b"visitor=a:1&q=", "q"),
        (b"visitor=a:1&q=" + b"x" * 201, "q"),
        (b"visitor=a:1&item=%00", "item"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, field: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_layout_query("home", raw)
    assert (refused.value.status, refused.value.field) == (400, field)


def test_an_unknown_page_is_not_found() -> None:
    with pytest.raises(Problem, match="no page") as refused:
        parse_layout_query("basement", b"visitor=a:1")
    assert refused.value.status == 404


def test_streams_take_a_journey_and_no_deadline() -> None:
    assert parse_layout_query("home", b"visitor=a:1&journey=1", streaming=True).journey
    for raw in (b"visitor=a:1&deadline_ms=50", b"visitor=a:1&after=1.2.3"):
        with pytest.raises(Problem, match="unknown parameter"):
            parse_layout_query("home", raw, streaming=True)
    with pytest.raises(Problem, match="unknown parameter"):
        parse_layout_query("home", b"visitor=a:1&journey=1")
