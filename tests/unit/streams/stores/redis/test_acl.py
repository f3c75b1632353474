"""Users for Redis: what their lines hold, and how their passwords are kept."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from schemas.errors import InvalidSetting
from schemas.ids import VisitorId
from streams.stores.keys import Keys
from streams.stores.redis.endpoint.acl import DEFAULT_OFF, acl_lines, keep_passwords, redis_users


def test_a_line_holds_a_hash_and_no_password(tmp_path: Path) -> None:
    passwords = keep_passwords("shop", tmp_path)
    first, *lines = acl_lines("shop", passwords)
    assert first == DEFAULT_OFF
    for line, (name, password) in zip(lines, passwords.items(), strict=True):
        assert line.startswith(f"user {name} reset on #{sha256(password.encode()).hexdigest()} ")
        assert password not in line
        assert " -@all " in line


def test_the_patterns_are_those_of_the_keys() -> None:
    worker = redis_users("shop")[0]
    keys, visitor = Keys("shop"), VisitorId("a:me")
    made = (
        keys.own(7),
        keys.state(7, visitor),
        keys.window(7, visitor),
        keys.layout(7, visitor),
        keys.quarantined_state(7, visitor, "nonce"),
        keys.quarantine(7),
        keys.meta,
    )
    patterns = [key.replace("7", "*", 1).replace(":nonce", "").replace(visitor, "*") for key in made]
    assert patterns == list(worker.keys)
    assert worker.channels == (keys.channel(7).replace("7", "*"),)


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    keep_passwords("shop", tmp_path)
    (tmp_path / "shop-worker").write_text("\n")
    with pytest.raises(InvalidSetting, match="shop-worker is empty"):
        keep_passwords("shop", tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidSetting, match="cannot be kept in"):
        keep_passwords("shop", tmp_path / "file")
