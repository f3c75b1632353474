"""Which field an error speaks of."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct

from streams.gateway.http.problems import Problem, error_field


class _Line(Struct):
    id: str
    price: Annotated[float, Meta(gt=0)] = 1.0


class _Body(Struct):
    lines: list[_Line]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "$"),
        (b"5", "$"),
        (b"{}", "$.lines"),
        (b'{"lines":[{"id":"a"},{}]}', "$.lines[1].id"),
        (b'{"lines":[{"id":"a","price":0}]}', "$.lines[0].price"),
    ],
)
def test_the_field_of_a_decode_error(body: bytes, field: str) -> None:
    with pytest.raises(msgspec.MsgspecError) as caught:
        msgspec.json.decode(body, type=_Body)
    assert error_field(str(caught.value)) == field


@pytest.mark.parametrize("more", [{}, {"field": "q"}])
def test_a_problem_is_a_document(more: dict[str, Any]) -> None:
    document = msgspec.json.decode(Problem(400, "q is 1-200 characters", **more).body())
    expected = {"title": "Bad Request", "status": 400, "detail": "q is 1-200 characters"}
    assert document == expected | more
