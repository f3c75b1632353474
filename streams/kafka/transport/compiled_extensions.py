"""Whether Faust and aiokafka run with their compiled parts."""

from __future__ import annotations

from importlib import import_module

from faust import streams

from schemas.errors import ServiceMissing


def check_extensions() -> None:
    """Refuse to run without the compiled parts: their pure-Python twins are slower and acknowledge more.

    Raises:
        ServiceMissing: A part is missing; the text says what to install or unset.
    """
    try:
        import_module("aiokafka.record._crecords")
    except ImportError as exc:
        raise ServiceMissing("aiokafka runs without its compiled parts; install its wheel") from exc
    if getattr(streams, "_CStreamIterator", None) is None:
        raise ServiceMissing("Faust runs without its compiled parts; unset NO_CYTHON, install its wheel")
