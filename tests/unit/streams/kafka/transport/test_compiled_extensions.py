"""A worker without the compiled parts of its libraries does not start."""

from __future__ import annotations

import sys

import faust.streams
import pytest

from schemas.errors import ServiceMissing
from streams.kafka.transport.compiled_extensions import check_extensions


def test_here_all_parts_are_installed() -> None:
    check_extensions()


def test_aiokafka_without_them_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiokafka.record._crecords", None)
    with pytest.raises(ServiceMissing, match="aiokafka runs without its compiled parts"):
        check_extensions()


def test_faust_without_them_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust.streams, "_CStreamIterator", None)
    with pytest.raises(ServiceMissing, match="Faust runs without its compiled parts"):
        check_extensions()
