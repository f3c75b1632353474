"""Users of Redis for our processes: each may do what its process does in its namespace, and nothing else.

`etalage items` has none: it never speaks to Redis.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from schemas.errors import EtalageError, InvalidSetting
from streams.stores.keys import Keys
from streams.stores.redis.endpoint.address import RedisAddress, read_password

CONNECT = ("ping", "select", "client|setname", "role", "info")
"""What every connection of ours may ask; `auth` is free to all."""

DEFAULT_OFF = "user default off resetpass resetkeys resetchannels -@all"
PASSWORD_BYTES = 32


class RedisUser(Struct, frozen=True):
    """One user: commands, and patterns of keys and channels.

    `reads` are patterns of keys that it may only read, `keys` those that it may write, too.
    """

    name: str
    commands: tuple[str, ...]
    keys: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def line(self, password: str) -> str:
        """As it stands in a file for `aclfile` or behind `ACL SETUSER`; holds a hash of the password."""
        digest = sha256(password.encode()).hexdigest()
        words = ["user", self.name, "reset", "on", f"#{digest}"]
        words += [f"~{pattern}" for pattern in self.keys] + [f"%R~{pattern}" for pattern in self.reads]
        words += [f"&{pattern}" for pattern in self.channels]
        return " ".join([*words, "-@all", *(f"+{command}" for command in self.commands)])


def redis_users(namespace: str) -> tuple[RedisUser, ...]:
    """Users for workers, gateways, whoever repairs visitors, makes topics or keys, and monitoring."""
    keys = Keys(namespace)
    states, layouts, owners = (_all_partitions(namespace, kind) for kind in ("s:{}:*", "l:{}:*", "own:{}"))
    windows = _all_partitions(namespace, "m:{}:*")
    set_aside = tuple(_all_partitions(namespace, kind) for kind in ("q:{}:*", "quarantine:{}"))
    notices = (_all_partitions(namespace, "n:{}"),)
    worker = (
        *CONNECT, "get", "mget", "set", "hget", "hmget", "hset", "hdel", "hexists", "hlen",
        "expire", "exists", "del", "getrange", "setrange", "strlen", "type", "rename", "time",
        "evalsha", "eval", "script|load", "spublish",
    )  # fmt: skip
    return (
        RedisUser(
            f"{namespace}-worker",
            worker,
            keys=(owners, states, windows, layouts, *set_aside, keys.meta), channels=notices,
        ),
        RedisUser(
            f"{namespace}-repair",
            (*worker, "hvals"),
            keys=(owners, states, windows, layouts, *set_aside, keys.meta), channels=notices,
        ),
        RedisUser(
            f"{namespace}-gateway",
            (*CONNECT, "get", "hmget", "hvals", "time", "multi", "exec", "ssubscribe", "sunsubscribe",
             "incrby", "pexpire"),
            keys=(f"{namespace}:spent:*",),
            reads=(owners, states, layouts, keys.meta, keys.api_keys), channels=notices,
        ),
        RedisUser(
            f"{namespace}-admin",
            (*CONNECT, "get", "set", "hvals", "hset", "hdel"),
            keys=(keys.meta, keys.api_keys),
        ),
        RedisUser(
            f"{namespace}-monitor",
            ("ping", "info", "client|setname", "dbsize", "latency|latest", "slowlog|len"),
        ),
    )  # fmt: skip


def acl_lines(namespace: str, passwords: Mapping[str, str]) -> list[str]:
    """The lines of an ACL file; the first one turns the user off that everybody is without a password.

    Args:
        namespace: whose keys and channels the users may touch.
        passwords: by name of the user, for each of `redis_users`.
    """
    return [DEFAULT_OFF, *(entry.line(passwords[entry.name]) for entry in redis_users(namespace))]


def missing_right_text(exc: EtalageError, address: RedisAddress, namespace: str, role: str, what: str) -> str:
    """What a refused command means for an operator: who may not do what, and who may.

    Args:
        exc: what Redis answered.
        address: as whom the connection introduced itself.
        namespace: whose users are meant.
        role: the user of ours that may.
        what: that this user may not do, as an infinitive.
    """
    login, able = address.login.username or "default", f"{namespace}-{role}"
    return (
        f"user {login} of Redis may not {what} ({exc}): connect as {able}, with "
        f"ETALAGE_REDIS=redis://{able}@… and ETALAGE_REDIS_PASSWORD_FILE; "
        f"`etalage redis-acl --passwords DIR` prints what it is allowed"
    )


def keep_passwords(namespace: str, folder: Path) -> dict[str, str]:
    """A password for each user, kept in `<folder>/<user>`; what is there already stays.

    Files are made for their owner alone, to be named by ETALAGE_REDIS_PASSWORD_FILE.

    Raises:
        InvalidSetting: the folder cannot be written, or a file in it is empty.
        StoreUnavailable: a file in it cannot be read.
    """
    passwords = {}
    for entry in redis_users(namespace):
        file = folder / entry.name
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(secrets.token_hex(PASSWORD_BYTES) + "\n")
        except OSError as exc:
            raise InvalidSetting(f"passwords cannot be kept in {folder}: {exc.strerror}") from exc
        passwords[entry.name] = read_password(str(file))
        if not passwords[entry.name]:
            raise InvalidSetting(f"{file} is empty: remove it, or write a password into it")
    return passwords


def _all_partitions(namespace: str, pattern: str) -> str:
    """The pattern of a kind of key in all partitions; braces are no part of Redis' patterns."""
    return pattern.replace("{}", f"{{{namespace}.*}}")
