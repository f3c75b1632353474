"""The inputs of a Shop survive on disk; a file that cannot be used is no failure."""

from __future__ import annotations

from pathlib import Path

from streams.shop.disk_cache import load_inputs, save_inputs
from tests.unit.streams.shop.example_inputs import NS, fill_inputs


def test_the_cache_gives_back_what_was_saved(tmp_path: Path) -> None:
    inputs = fill_inputs()
    path = tmp_path / "deep" / "shop.cache"
    save_inputs(path, inputs, NS)
    loaded = load_inputs(path, NS)
    assert loaded is not None
    assert (loaded.items, loaded.sections, loaded.signals) == (inputs.items, inputs.sections, inputs.signals)
    assert loaded.generation == inputs.generation
    assert list(path.parent.iterdir()) == [path], "no drafts are left behind"


def test_a_cache_that_cannot_be_used_is_none(tmp_path: Path) -> None:
    path = tmp_path / "shop.cache"
    assert load_inputs(path, NS) is None
    save_inputs(path, fill_inputs(), "other")
    assert load_inputs(path, NS) is None
    path.write_bytes(b"\x93half a fi")
    assert load_inputs(path, NS) is None


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    save_inputs(tmp_path / "file" / "shop.cache", fill_inputs(), NS)
    assert load_inputs(tmp_path / "file" / "shop.cache", NS) is None
